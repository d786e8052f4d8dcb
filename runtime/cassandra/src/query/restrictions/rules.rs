//! What a kind of statement allows in `WHERE`, and when a `SELECT` needs `ALLOW FILTERING`.

use veltrix_cql::Relation;

use super::relation::{Understood, understand};
use super::{Contains, Restriction, Restrictions, Test, merge};
use crate::api::Error;
use crate::query::scope::{Scope, names};
use crate::schema::{IndexTarget, Kind, Table};
use crate::types::CqlType;

/// Kinds of statement, as refusals name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statement {
    Select,
    Insert,
    Update,
    Delete,
}

impl Statement {
    fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// What the rules depend on beside the relations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clauses {
    /// Which statement.
    pub(crate) statement: Statement,
    /// It selects, or writes, static columns alone.
    pub(crate) only_statics: bool,
    /// `ALLOW FILTERING`
    pub(crate) allow_filtering: bool,
}

const FILTERING: &str = "Cannot execute this query as it might involve data filtering and thus may have unpredictable \
    performance. If you want to execute this query despite the performance unpredictability, use ALLOW FILTERING";

impl Restrictions {
    /// Analyses the relations of a statement.
    pub(crate) fn new(scope: &mut Scope, relations: &[Relation], clauses: Clauses) -> Result<Self, Error> {
        let mut all = Self::default();
        for relation in relations {
            match understand(scope, relation)? {
                Understood::Token(slice) => {
                    let columns = names(scope.table.partition_key());
                    all.token = Some(match all.token.take() {
                        None => slice,
                        Some(old) if old.equal => {
                            return invalid(format!(
                                "{columns} cannot be restricted by more than one relation if it includes an Equal"
                            ));
                        }
                        Some(_) if slice.equal => {
                            return invalid(format!(
                                "Columns \"{columns}\" cannot be restricted by both an equality and an inequality relation"
                            ));
                        }
                        Some(old) => merge::slices(old, slice, &columns)?,
                    });
                }
                Understood::Restriction(restriction) => all.put(&scope.table, restriction, clauses)?,
            }
        }
        Self::check(all, &scope.table, clauses)
    }

    /// From restrictions that are known to be equalities: the key of an `INSERT`.
    pub(crate) fn of_insert(table: &Table, keys: Vec<Restriction>, only_statics: bool) -> Result<Self, Error> {
        let clauses = Clauses { statement: Statement::Insert, only_statics, allow_filtering: false };
        let mut all = Self::default();
        for restriction in keys {
            all.put(table, restriction, clauses)?;
        }
        Self::check(all, table, clauses)
    }

    fn put(&mut self, table: &Table, restriction: Restriction, clauses: Clauses) -> Result<(), Error> {
        match table.columns[restriction.columns[0]].kind {
            Kind::Partition(_) => merge::add(table, &mut self.partition, restriction),
            Kind::Static | Kind::Regular => merge::add(table, &mut self.others, restriction),
            Kind::Clustering { .. } => {
                let (first, is_slice) = (restriction.columns[0], restriction.is_slice());
                let last = self.clustering.last().map(|last| (last.columns[0], last.is_slice()));
                merge::add(table, &mut self.clustering, restriction)?;
                let name = |column: usize| &table.columns[column].name;
                match last {
                    _ if clauses.allow_filtering => Ok(()),
                    Some((before, true)) if first > before => invalid(format!(
                        "Clustering column \"{}\" cannot be restricted (preceding column \"{}\" is restricted by a \
                         non-EQ relation)",
                        name(first),
                        name(before)
                    )),
                    Some((before, _)) if first < before && is_slice => {
                        let next = self.clustering.iter().find(|later| later.columns[0] > first);
                        invalid(format!(
                            "PRIMARY KEY column \"{}\" cannot be restricted (preceding column \"{}\" is restricted by \
                             a non-EQ relation)",
                            name(next.map_or(before, |next| next.columns[0])),
                            name(first)
                        ))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    fn check(mut self, table: &Table, clauses: Clauses) -> Result<Self, Error> {
        let statement = clauses.statement;
        let has_index = statement == Statement::Select && self.all().any(|restriction| answers(table, restriction));
        if statement == Statement::Select {
            self.check_scan(table, has_index, clauses.allow_filtering)?;
        } else {
            self.check_key(table, statement)?;
        }
        let partition_filter = self.indexed || self.partition_filters(table);
        if clauses.only_statics && !self.clustering.is_empty() {
            match statement {
                Statement::Select => {
                    return invalid("Cannot restrict clustering columns when selecting only static columns".into());
                }
                Statement::Update | Statement::Delete => {
                    return invalid(format!(
                        "Invalid restrictions on clustering columns since the {} statement modifies only static columns",
                        statement.name()
                    ));
                }
                Statement::Insert => {}
            }
        }
        self.check_clustering(table, has_index, clauses)?;
        let clustering_index =
            statement == Statement::Select && self.clustering.iter().any(|restriction| answers(table, restriction));
        if self.scans && clustering_index {
            self.indexed = true;
        }
        let clustering_filter = self.indexed || self.clustering_filters(table);
        if !self.others.is_empty() {
            if statement != Statement::Select {
                let columns = self.others.iter().map(|restriction| &table.columns[restriction.columns[0]]);
                return invalid(format!("Non PRIMARY KEY columns found in where clause: {} ", names(columns)));
            }
            if has_index {
                self.indexed = true;
            } else if !clauses.allow_filtering {
                return invalid(FILTERING.into());
            }
        }
        if self.indexed && self.key_in() {
            let message = "Select on indexed columns and with IN clause for the PRIMARY KEY are not supported";
            return invalid(message.into());
        }
        if self.scans || self.indexed {
            let count =
                |used: bool, of: &[Restriction]| if used { of.iter().map(|r| r.columns.len()).sum() } else { 0 };
            let filters = count(partition_filter, &self.partition)
                + count(clustering_filter, &self.clustering)
                + count(true, &self.others);
            let several = self
                .others
                .iter()
                .any(|restriction| matches!(&restriction.test, Test::Contains(contains) if contains.len() > 1));
            self.needs_filtering = filters > 1 || (filters == 0 && !self.clustering.is_empty()) || several;
        }
        Ok(self)
    }

    /// Refuses a `SELECT` that may look at much more than it returns, unless it says that it means to.
    pub(crate) fn check_filtering(&self, allowed: bool) -> Result<(), Error> {
        if self.needs_filtering && !allowed { invalid(FILTERING.into()) } else { Ok(()) }
    }

    fn all(&self) -> impl Iterator<Item = &Restriction> {
        self.partition.iter().chain(&self.clustering).chain(&self.others)
    }

    fn check_scan(&mut self, table: &Table, has_index: bool, allow_filtering: bool) -> Result<(), Error> {
        if self.token.is_some() {
            self.scans = true;
        }
        if self.partition.is_empty() && self.token.is_none() {
            self.scans = true;
            self.indexed = has_index;
        }
        if self.partition_filters(table) {
            if !allow_filtering && !has_index {
                return invalid(FILTERING.into());
            }
            self.scans = true;
            self.indexed = has_index;
        }
        Ok(())
    }

    fn check_key(&self, table: &Table, statement: Statement) -> Result<(), Error> {
        if self.token.is_some() {
            return invalid(format!(
                "The token function cannot be used in WHERE clauses for {} statements",
                statement.name()
            ));
        }
        let restricted = |column: &usize| self.partition.iter().any(|restriction| restriction.columns[0] == *column);
        let missing: Vec<_> = (0..table.partition_keys).filter(|column| !restricted(column)).collect();
        if !missing.is_empty() {
            let missing = names(missing.into_iter().map(|column| &table.columns[column]));
            return invalid(format!("Some partition key parts are missing: {missing}"));
        }
        if self.partition.iter().any(|restriction| restriction.is_slice() || restriction.is_contains()) {
            return invalid(format!(
                "Only EQ and IN relation are supported on the partition key (unless you use the token() function) for \
                 {} statements",
                statement.name()
            ));
        }
        Ok(())
    }

    fn check_clustering(&mut self, table: &Table, has_index: bool, clauses: Clauses) -> Result<(), Error> {
        let slices = matches!(clauses.statement, Statement::Select | Statement::Delete);
        if !slices {
            if self.clustering.iter().any(Restriction::is_slice) {
                return invalid(format!(
                    "Slice restrictions are not supported on the clustering columns in {} statements",
                    clauses.statement.name()
                ));
            }
            let restricted = |column: &usize| self.clustering.iter().any(|r| r.columns.contains(column));
            let first = table.partition_keys;
            let missing: Vec<_> = (first..first + table.clustering_keys).filter(|column| !restricted(column)).collect();
            if !clauses.only_statics && !missing.is_empty() {
                let missing = names(missing.into_iter().map(|column| &table.columns[column]));
                return invalid(format!("Some clustering keys are missing: {missing}"));
            }
        }
        if self.clustering.iter().any(Restriction::is_contains) && !has_index && !clauses.allow_filtering {
            let message = "Clustering columns can only be restricted with CONTAINS with a secondary index or filtering";
            return invalid(message.into());
        }
        if self.clustering_filters(table) {
            if has_index {
                self.indexed = true;
            } else if !clauses.allow_filtering {
                let restricted = self.clustering.iter().flat_map(|restriction| &restriction.columns);
                let mut pairs = restricted.zip(table.partition_keys..);
                if let Some((column, expected)) = pairs.find(|(column, expected)| *column != expected) {
                    return invalid(format!(
                        "PRIMARY KEY column \"{}\" cannot be restricted as preceding column \"{}\" is not restricted",
                        table.columns[*column].name, table.columns[expected].name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether an index of the table answers the restriction.
fn answers(table: &Table, restriction: &Restriction) -> bool {
    let [column] = restriction.columns[..] else { return false };
    let column = &table.columns[column];
    table.indexes.values().filter(|index| index.column == column.id).any(|index| {
        match (&restriction.test, index.target) {
            (Test::Equal(_), IndexTarget::Values) => !is_collection(&column.of),
            (Test::Equal(_), IndexTarget::Full) => true,
            (Test::Contains(Contains { values, .. }), IndexTarget::Values) => !values.is_empty(),
            (Test::Contains(Contains { keys, .. }), IndexTarget::Keys) => !keys.is_empty(),
            (Test::Contains(Contains { entries, .. }), IndexTarget::Entries) => !entries.is_empty(),
            (Test::Equal(_), IndexTarget::Keys | IndexTarget::Entries)
            | (Test::Contains(_), IndexTarget::Full)
            | (Test::In(_) | Test::Slice(_), _) => false,
        }
    })
}

fn is_collection(of: &CqlType) -> bool {
    matches!(of, CqlType::List { .. } | CqlType::Set { .. } | CqlType::Map { .. })
}

fn invalid<T>(message: String) -> Result<T, Error> {
    Err(Error::Invalid(message))
}
