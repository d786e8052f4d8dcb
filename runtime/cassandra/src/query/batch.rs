//! Batches: which statements may go together.

use veltrix_cql::{BatchKind as SaidKind, BatchText, Using};

use super::context::Context;
use super::modify::{self, Modify};
use super::scope::Scope;
use crate::api::{BatchKind, Bound, Column, Error};
use crate::schema::Catalog;
use crate::terms::Term;

/// A batch that came as text.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Its kind.
    pub(crate) kind: BatchKind,
    /// Its statements.
    pub(crate) statements: Vec<Modify>,
    timestamp: Option<Term>,
}

impl Batch {
    /// Analyses a batch; returns its bind markers with it.
    pub(crate) fn new(
        catalog: &Catalog,
        said: &BatchText,
        keyspace: Option<&str>,
    ) -> Result<(Self, Vec<Column>), Error> {
        if said.using.iter().any(|option| matches!(option, Using::Ttl(_))) {
            return invalid("Global TTL on the BATCH statement is not supported.");
        }
        let mut markers = Vec::new();
        let mut statements = Vec::new();
        let mut timestamp = None;
        for (i, statement) in said.statements.iter().enumerate() {
            let mut scope = Scope::new(catalog, keyspace, statement.table(), markers)?;
            if scope.keyspace.system {
                return invalid("Modification is not supported by system tables");
            }
            if i == 0 {
                timestamp = using(&mut scope, &said.using)?;
            }
            statements.push(Modify::new(&mut scope, statement)?);
            markers = scope.markers;
        }
        let kind = match said.kind {
            SaidKind::Logged => BatchKind::Logged,
            SaidKind::Unlogged => BatchKind::Unlogged,
            SaidKind::Counter => BatchKind::Counter,
        };
        let batch = Self { kind, statements, timestamp };
        check(kind, batch.is_timestamped(), &batch.statements.iter().collect::<Vec<_>>())?;
        Ok((batch, markers))
    }

    /// It says `USING TIMESTAMP`.
    pub(crate) fn is_timestamped(&self) -> bool {
        self.timestamp.is_some()
    }

    /// The timestamp of all its statements, if it says one.
    pub(crate) fn timestamp(&self, context: &Context<'_>) -> Result<Option<i64>, Error> {
        let Some(term) = &self.timestamp else { return Ok(None) };
        match context.value(term)? {
            Bound::Unset => Ok(None),
            Bound::Null => invalid("Invalid null value of timestamp"),
            Bound::Value(value) => match value.first_chunk().map(|bytes| i64::from_be_bytes(*bytes)) {
                Some(i64::MIN) | None => Err(modify::out_of_bound()),
                timestamp => Ok(timestamp),
            },
        }
    }
}

/// `USING TIMESTAMP` of the whole batch, which is of no table.
fn using(scope: &mut Scope, said: &[Using]) -> Result<Option<Term>, Error> {
    let first = scope.markers.len();
    let (timestamp, _) = modify::using(scope, said)?;
    for marker in &mut scope.markers[first..] {
        marker.keyspace = "[batch]".into();
        marker.table = "[batch]".into();
    }
    Ok(timestamp)
}

/// Refuses statements that can't go together; says whether the batch is conditional.
pub(crate) fn check(kind: BatchKind, timestamped: bool, statements: &[&Modify]) -> Result<bool, Error> {
    let conditional = statements.iter().any(|modify| modify.condition.is_some());
    let counters = statements.iter().any(|modify| modify.table.counter);
    let others = statements.iter().any(|modify| !modify.table.counter);
    if timestamped {
        if conditional {
            return invalid("Cannot provide custom timestamp for conditional BATCH");
        }
        if kind == BatchKind::Counter {
            return invalid("Cannot provide custom timestamp for counter BATCH");
        }
        if statements.iter().any(|modify| modify.timestamp.is_some()) {
            return invalid("Timestamp must be set either on BATCH or individual statements");
        }
        if counters {
            return invalid("Cannot provide custom timestamp for a BATCH containing counters");
        }
    }
    if kind == BatchKind::Counter && others {
        return invalid("Cannot include non-counter statement in a counter batch");
    }
    if counters && others {
        return invalid("Counter and non-counter mutations cannot exist in the same batch");
    }
    if kind == BatchKind::Logged && counters {
        return invalid("Cannot include a counter statement in a logged batch");
    }
    if conditional && statements.iter().any(|modify| modify.table.id != statements[0].table.id) {
        return invalid("Batch with conditions cannot span multiple tables");
    }
    Ok(conditional)
}

fn invalid<T>(message: &str) -> Result<T, Error> {
    Err(Error::Invalid(message.to_owned()))
}
