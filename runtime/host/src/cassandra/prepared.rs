//! A prepared statement with what is known of it.

use scylla::client::session::Session;
use scylla::frame::response::result::{ColumnSpec, ColumnType, NativeType};
use scylla::statement::prepared::PreparedStatement;
use veltrix_cql::Access;
use veltrix_wasm::Statement;

use super::error::Effect;
use super::options::Traits;
use super::paging::Fingerprint;
use super::types;

/// A statement as the server prepared it; shared by all functions of the worker that were granted it.
#[derive(Debug)]
pub struct Prepared {
    pub(super) statement: PreparedStatement,
    pub(super) fingerprint: Fingerprint,
    pub(super) traits: Traits,
    /// Number of bind markers.
    pub(super) params: usize,
    /// Columns of its rows; none for writes, as those of a conditional one depend on its outcome.
    pub(super) results: Vec<ColumnSpec<'static>>,
    /// `KEYSPACE.TABLE`, for messages.
    pub(super) table: String,
    /// What the guest is told; its number is the instance's to give.
    described: Statement,
}

impl Prepared {
    pub(super) fn new(statement: PreparedStatement, access: &Access, session: &Session) -> Self {
        let specs = statement.get_variable_col_specs();
        let params = specs.as_slice();
        let keyspace = access.keyspace.as_deref().unwrap_or_default();
        let counter =
            access.writes && (params.iter().any(is_counter) || has_counters(session, keyspace, &access.table));
        let results = match access.writes {
            true => Vec::new(),
            false => statement.get_current_result_set_col_specs().get().as_slice().to_vec(),
        };
        let mut key = statement.get_variable_pk_indexes().to_vec();
        key.sort_unstable_by_key(|param| param.sequence);
        let described = Statement {
            id: 0,
            params: types::columns(params),
            results: types::columns(&results),
            key: key.iter().map(|param| param.index).collect(),
            traits: u32::from(access.writes) | u32::from(access.conditional) << 1 | u32::from(counter) << 2,
        };
        Self {
            fingerprint: Fingerprint::of(statement.get_statement()),
            traits: Traits {
                writes: access.writes,
                conditional: access.conditional,
                counter,
                timestamped: access.timestamped,
            },
            params: params.len(),
            results,
            table: format!("{keyspace}.{}", access.table),
            described,
            statement,
        }
    }

    /// What the guest is told, under that number.
    pub(super) fn describe(&self, id: u32) -> Statement {
        Statement { id, ..self.described.clone() }
    }

    /// What its failure leaves open.
    pub(super) fn effect(&self) -> Effect {
        effect(self.traits)
    }
}

/// What the failure of a request with these traits leaves open.
pub(super) fn effect(traits: Traits) -> Effect {
    match (traits.writes, traits.conditional) {
        (false, _) => Effect::Read,
        (true, false) => Effect::Write,
        (true, true) => Effect::Conditional,
    }
}

fn is_counter(spec: &ColumnSpec<'_>) -> bool {
    matches!(spec.typ(), ColumnType::Native(NativeType::Counter))
}

/// Whether the table has counters, as far as the driver knows it: `n = n + 1` has no param that shows it.
fn has_counters(session: &Session, keyspace: &str, table: &str) -> bool {
    let cluster = session.get_cluster_state();
    let table = cluster.get_keyspace(keyspace).and_then(|keyspace| keyspace.tables.get(table));
    table.is_some_and(|table| {
        table.columns.values().any(|column| matches!(column.typ, ColumnType::Native(NativeType::Counter)))
    })
}
