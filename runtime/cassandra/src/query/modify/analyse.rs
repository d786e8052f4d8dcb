//! Trees of statements that write to what they mean.

use veltrix_cql::{
    Condition as SaidCondition, Delete, Expr, Insert, InsertValues, JsonValue, Literal, Name, Statement as Said,
    Update, Using,
};

use super::Modify;
use super::insert::Json;
use super::operation::{Action, Operation, set};
use crate::api::Error;
use crate::query::condition::Condition;
use crate::query::restrictions::{Clauses, Restriction, Restrictions, Statement, Test, Tuple};
use crate::query::scope::Scope;
use crate::schema::Kind;
use crate::terms::Term;
use crate::types::CqlType;

impl Modify {
    /// Analyses a statement that writes; its table is the scope's.
    pub(crate) fn new(scope: &mut Scope, said: &Said) -> Result<Self, Error> {
        match said {
            Said::Insert(said) => Self::insert(scope, said),
            Said::Update(said) => Self::update(scope, said),
            Said::Delete(said) => Self::delete(scope, said),
            Said::Select(_) => {
                invalid("Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.")
            }
        }
    }

    /// `INSERT`
    fn insert(scope: &mut Scope, said: &Insert) -> Result<Self, Error> {
        if scope.table.counter {
            return invalid("INSERT statements are not allowed on counter tables, use UPDATE instead");
        }
        let mut keys = Vec::new();
        let mut operations = Vec::new();
        let mut json = None;
        match &said.values {
            InsertValues::Columns(columns) => {
                distinct(columns.iter().map(|(name, _)| name))?;
                for (name, value) in columns {
                    let column = scope.position(name)?;
                    match scope.column(column).kind {
                        Kind::Partition(_) | Kind::Clustering { .. } => {
                            let value = Tuple::Each(vec![scope.compile_for(column, value)?]);
                            keys.push(Restriction { columns: vec![column], test: Test::Equal(value) });
                        }
                        Kind::Static | Kind::Regular => {
                            operations.push(Operation { column, action: Action::Set(set(scope, column, value)?) });
                        }
                    }
                }
            }
            InsertValues::Json { value, default } => {
                let receiver = scope.receiver("[json]", CqlType::Text);
                let expr = match value {
                    JsonValue::Text(text) => Expr::Literal(Literal::String(text.clone())),
                    JsonValue::Marker(marker) => Expr::Marker(marker.clone()),
                };
                json = Some(Json { text: scope.compile(&expr, &receiver)?, default: *default });
            }
        }
        let (timestamp, ttl) = using(scope, &said.using)?;
        let restrictions = match json {
            Some(_) => Restrictions::default(),
            None => {
                let statics = |operation: &Operation| scope.column(operation.column).kind == Kind::Static;
                let only_statics = !operations.is_empty()
                    && operations.iter().all(statics)
                    && !keys.iter().any(|key| matches!(scope.column(key.columns[0]).kind, Kind::Clustering { .. }));
                Restrictions::of_insert(&scope.table, keys, only_statics)?
            }
        };
        let condition = said.if_not_exists.then_some(Condition::NotExists);
        Self {
            statement: Statement::Insert,
            table: scope.table.clone(),
            condition,
            timestamp,
            ttl,
            restrictions,
            operations,
            json,
        }
        .checked()
    }

    /// `UPDATE`
    fn update(scope: &mut Scope, said: &Update) -> Result<Self, Error> {
        let (timestamp, ttl) = using(scope, &said.using)?;
        let mut operations = Vec::new();
        for assignment in &said.assignments {
            operations.push(Operation::assignment(scope, assignment, said.condition.is_some())?);
        }
        compatible(scope, &operations)?;
        let only_statics = only_statics(scope, &operations, said.condition.as_ref())?;
        let clauses = Clauses { statement: Statement::Update, only_statics, allow_filtering: false };
        let restrictions = Restrictions::new(scope, &said.filter, clauses)?;
        let condition = said.condition.as_ref().map(|said| Condition::new(scope, said)).transpose()?;
        Self {
            statement: Statement::Update,
            table: scope.table.clone(),
            condition,
            timestamp,
            ttl,
            restrictions,
            operations,
            json: None,
        }
        .checked()
    }

    /// `DELETE`
    fn delete(scope: &mut Scope, said: &Delete) -> Result<Self, Error> {
        let mut operations = Vec::new();
        for target in &said.targets {
            operations.push(Operation::target(scope, target)?);
        }
        let (timestamp, ttl) = using(scope, &said.using)?;
        // Without targets whole rows are meant.
        let only_statics = only_statics(scope, &operations, said.condition.as_ref())? && !operations.is_empty();
        let clauses = Clauses { statement: Statement::Delete, only_statics, allow_filtering: false };
        let restrictions = Restrictions::new(scope, &said.filter, clauses)?;
        let condition = said.condition.as_ref().map(|said| Condition::new(scope, said)).transpose()?;
        if let Some(condition) = &condition
            && !restrictions.is_whole_row(&scope.table)
        {
            let regular = |operation: &Operation| scope.column(operation.column).kind == Kind::Regular;
            let of = if operations.is_empty() || operations.iter().any(regular) {
                Some("delete non static columns")
            } else if condition.columns().any(|column| scope.column(column).kind == Kind::Regular) {
                Some("use IF condition on non static columns")
            } else {
                None
            };
            if let Some(of) = of {
                return invalid(&format!(
                    "DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to {of}"
                ));
            }
        }
        Self {
            statement: Statement::Delete,
            table: scope.table.clone(),
            condition,
            timestamp,
            ttl,
            restrictions,
            operations,
            json: None,
        }
        .checked()
    }

    /// Refuses what can't go together.
    fn checked(self) -> Result<Self, Error> {
        if self.condition.is_some() {
            if self.table.counter {
                return invalid("Conditional updates are not supported on counter tables");
            }
            if self.timestamp.is_some() {
                return invalid("Cannot provide custom timestamp for conditional updates");
            }
        }
        if self.table.counter {
            if self.timestamp.is_some() {
                return invalid("Cannot provide custom timestamp for counter updates");
            }
            if self.ttl.is_some() {
                return invalid("Cannot provide custom TTL for counter updates");
            }
        }
        Ok(self)
    }

    /// `IN` on the partition key, where a conditional statement can't have it.
    pub(crate) fn refuse_in(&self) -> Result<(), Error> {
        if self.restrictions.key_in() {
            return invalid(&format!("IN on the partition key is not supported with conditional {}", self.verb()));
        }
        self.refuse_clustering_in()
    }

    /// `IN` on clustering columns, where a conditional statement can't have it.
    pub(crate) fn refuse_clustering_in(&self) -> Result<(), Error> {
        if self.restrictions.clustering.iter().any(Restriction::is_in) {
            let verb = self.verb();
            return invalid(&format!("IN on the clustering key columns is not supported with conditional {verb}"));
        }
        Ok(())
    }

    fn verb(&self) -> &'static str {
        match self.statement {
            Statement::Delete => "deletions",
            Statement::Insert | Statement::Update | Statement::Select => "updates",
        }
    }
}

/// `USING`: timestamp and time to live.
pub(crate) fn using(scope: &mut Scope, said: &[Using]) -> Result<(Option<Term>, Option<Term>), Error> {
    let (mut timestamp, mut ttl) = (None, None);
    for option in said {
        match option {
            Using::Timestamp(value) => {
                let receiver = scope.receiver("[timestamp]", CqlType::Bigint);
                timestamp = Some(scope.compile(value, &receiver)?);
            }
            Using::Ttl(value) => {
                let receiver = scope.receiver("[ttl]", CqlType::Int);
                ttl = Some(scope.compile(value, &receiver)?);
            }
        }
    }
    Ok((timestamp, ttl))
}

/// Whether what is set or deleted, and what the condition is about, are static columns alone.
fn only_statics(scope: &Scope, operations: &[Operation], said: Option<&SaidCondition>) -> Result<bool, Error> {
    let columns = match said {
        Some(SaidCondition::If(relations)) => {
            relations.iter().map(|relation| Condition::column(scope, relation)).collect::<Result<Vec<_>, _>>()?
        }
        Some(SaidCondition::Exists) | None => Vec::new(),
    };
    let mut all = operations.iter().map(|operation| operation.column).chain(columns);
    Ok(all.all(|column| scope.column(column).kind == Kind::Static))
}

fn distinct<'a>(names: impl Iterator<Item = &'a Name>) -> Result<(), Error> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return invalid("The column names contains duplicates");
        }
    }
    Ok(())
}

/// A column can't be set twice in a statement, unless by elements, fields or additions.
fn compatible(scope: &Scope, operations: &[Operation]) -> Result<(), Error> {
    let several = |action: &Action| {
        matches!(
            action,
            Action::Element(..) | Action::Field(..) | Action::Append(_) | Action::Prepend(_) | Action::Remove(_)
        )
    };
    for (i, one) in operations.iter().enumerate() {
        let clash = |other: &Operation| other.column == one.column && !(several(&one.action) && several(&other.action));
        if operations[..i].iter().any(clash) {
            let name = &scope.column(one.column).name;
            return Err(Error::Syntax(format!("Multiple incompatible setting of column {name}")));
        }
    }
    Ok(())
}

fn invalid<T>(message: &str) -> Result<T, Error> {
    Err(Error::Invalid(message.to_owned()))
}
