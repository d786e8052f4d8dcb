//! Text of a `SELECT`, as a tree, to what it means.

use std::hash::{DefaultHasher, Hash, Hasher};

use veltrix_cql::{Expr, Name, Select as Said, Selected as Chosen, Selection as List};

use super::selection::{Computed, Selection, columns};
use super::{Select, group, order};
use crate::api::{Column as Named, Error};
use crate::query::restrictions::{Clauses, Restrictions, Statement};
use crate::query::scope::Scope;
use crate::schema::Kind;
use crate::terms::{self, Term};
use crate::types::CqlType;

impl Select {
    /// Analyses a statement; its table is the scope's.
    pub(crate) fn new(scope: &mut Scope, said: &Said) -> Result<Self, Error> {
        let used = used(scope, said)?;
        let (names, selection) = select(scope, said)?;
        let only_statics = used.iter().any(|column| scope.column(*column).kind == Kind::Static)
            && used.iter().all(|column| matches!(scope.column(*column).kind, Kind::Static | Kind::Partition(_)));
        let clauses = Clauses { statement: Statement::Select, only_statics, allow_filtering: said.allow_filtering };
        let restrictions = Restrictions::new(scope, &said.filter, clauses)?;
        let selection = grouped(scope, said, selection, &restrictions)?;
        let limit = |scope: &mut Scope, name: &str, expr: &Option<Expr>| {
            let receiver = scope.receiver(name, CqlType::Int);
            expr.as_ref().map(|expr| scope.compile(expr, &receiver)).transpose()
        };
        let per_partition_limit = limit(scope, "[per_partition_limit]", &said.per_partition_limit)?;
        let limit = limit(scope, "[limit]", &said.limit)?;
        if said.distinct {
            check_distinct(scope, said, &used, &restrictions)?;
        }
        if let Selection::Computed(computed) = &selection
            && !computed.aggregates.is_empty()
            && computed.group_by.is_empty()
            && per_partition_limit.is_some()
        {
            return invalid("PER PARTITION LIMIT is not allowed with aggregate queries.".into());
        }
        let (reversed, sort) = order::understand(scope, &said.order_by, &restrictions)?;
        restrictions.check_filtering(said.allow_filtering)?;
        let json = said.json.then(|| names.clone());
        let columns = match json {
            Some(_) => vec![scope.receiver("[json]", CqlType::Text)],
            None => names,
        };
        Ok(Self {
            table: scope.table.clone(),
            columns: columns.into(),
            selection,
            restrictions,
            json,
            distinct: said.distinct,
            reversed,
            sort,
            per_partition_limit,
            limit,
            digest: digest(scope, said),
        })
    }
}

/// The same for the same statement on the same table.
fn digest(scope: &Scope, said: &Said) -> u64 {
    let mut hasher = DefaultHasher::new();
    scope.table.id.hash(&mut hasher);
    format!("{said:?}").hash(&mut hasher);
    hasher.finish()
}

/// Positions of the columns that are selected; empty for `*`.
fn used(scope: &Scope, said: &Said) -> Result<Vec<usize>, Error> {
    let mut found = Vec::new();
    if let List::List(list) = &said.selection {
        list.iter().for_each(|chosen| columns(&chosen.value, &mut found));
    }
    found.into_iter().map(|name| scope.position(name)).collect()
}

/// The select list, without `GROUP BY`, and the columns it gives.
fn select(scope: &mut Scope, said: &Said) -> Result<(Vec<Named>, Selection), Error> {
    let all;
    let list = match &said.selection {
        List::List(list) => list,
        List::All => {
            let column = |name: &str| Chosen { value: Expr::Column(Name(name.to_owned())), alias: None };
            all = scope.table.columns.iter().map(|chosen| column(&chosen.name)).collect();
            &all
        }
    };
    let plain = said.group_by.is_empty() && list.iter().all(|chosen| matches!(chosen.value, Expr::Column(_)));
    if plain {
        let mut names = Vec::new();
        let mut positions = Vec::new();
        for chosen in list {
            let Expr::Column(name) = &chosen.value else { continue };
            let position = scope.position(name)?;
            let mut receiver = scope.receiver_of(position);
            if let Some(alias) = &chosen.alias {
                receiver.name = alias.0.clone();
            }
            names.push(receiver);
            positions.push(position);
        }
        return Ok((names, Selection::Columns(positions)));
    }
    let (selected, inputs, aggregates) = scope.with_selectors(Vec::new(), Vec::new(), |selectors| {
        list.iter().map(|chosen| terms::select(&chosen.value, selectors)).collect::<Result<Vec<_>, _>>()
    })?;
    let mut names = Vec::new();
    let mut terms = Vec::new();
    for (selected, chosen) in selected.into_iter().zip(list) {
        let name = chosen.alias.as_ref().map_or(selected.name, |alias| alias.0.clone());
        names.push(scope.receiver(name, selected.of));
        terms.push(selected.term);
    }
    Ok((names, Selection::Computed(Computed { terms, inputs, aggregates, group_by: Vec::new() })))
}

/// The select list with `GROUP BY`.
fn grouped(
    scope: &mut Scope,
    said: &Said,
    selection: Selection,
    restrictions: &Restrictions,
) -> Result<Selection, Error> {
    let computed = match selection {
        Selection::Computed(computed) if !said.group_by.is_empty() => computed,
        selection => return Ok(selection),
    };
    group::check(scope, &said.group_by, |column| restrictions.is_equal(column), said.distinct)?;
    let known = computed.aggregates.len();
    let (by, inputs, aggregates) = scope.with_selectors(computed.inputs, computed.aggregates, |selectors| {
        said.group_by.iter().map(|expr| terms::select(expr, selectors)).collect::<Result<Vec<_>, _>>()
    })?;
    if aggregates.len() > known {
        return invalid("Aggregate functions are not supported within the GROUP BY clause".into());
    }
    let group_by: Vec<Term> = by.into_iter().map(|selected| selected.term).collect();
    Ok(Selection::Computed(Computed { terms: computed.terms, inputs, aggregates, group_by }))
}

fn check_distinct(scope: &Scope, said: &Said, used: &[usize], restrictions: &Restrictions) -> Result<(), Error> {
    if said.per_partition_limit.is_some() {
        return invalid("PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries".into());
    }
    let is_static = |column: usize| scope.column(column).kind == Kind::Static;
    if !restrictions.clustering.is_empty()
        || restrictions.others.iter().any(|restriction| !is_static(restriction.columns[0]))
    {
        return invalid(
            "SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns."
                .into(),
        );
    }
    let all: Vec<usize>;
    let used = match &said.selection {
        List::All => {
            all = (0..scope.table.columns.len()).collect();
            &all[..]
        }
        List::List(_) => used,
    };
    for column in used {
        let column = scope.column(*column);
        if !matches!(column.kind, Kind::Partition(_) | Kind::Static) {
            return invalid(format!(
                "SELECT DISTINCT queries must only request partition key columns and/or static columns (not {})",
                column.name
            ));
        }
    }
    let missing = (0..scope.table.partition_keys).find(|column| !used.contains(column));
    match missing {
        Some(column) if restrictions.scans => invalid(format!(
            "SELECT DISTINCT queries must request all the partition key columns (missing {})",
            scope.column(column).name
        )),
        Some(_) | None => Ok(()),
    }
}

fn invalid<T>(message: String) -> Result<T, Error> {
    Err(Error::Invalid(message))
}
