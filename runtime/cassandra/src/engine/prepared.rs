//! Prepared statements, by id.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::plan::{Analysed, Plan};
use crate::api::Prepared;

/// So many statements are kept; then the oldest goes, and its clients are told to prepare again.
const MOST: usize = 10_000;

/// A prepared statement with what it means.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) prepared: Arc<Prepared>,
    pub(super) plan: Plan,
    /// Ids of its tables.
    tables: Vec<Uuid>,
}

/// All prepared statements.
#[derive(Debug, Default)]
pub(super) struct Statements(RwLock<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<[u8; 16], Arc<Statement>>,
    oldest: VecDeque<[u8; 16]>,
}

impl Statements {
    pub(super) fn get(&self, id: [u8; 16]) -> Option<Arc<Statement>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    pub(super) fn add(&self, text: &str, keyspace: Option<&str>, analysed: Analysed) -> Arc<Prepared> {
        let columns = analysed.plan.columns().to_vec();
        let prepared = Arc::new(Prepared {
            id: id(text, keyspace),
            text: text.to_owned(),
            keyspace: keyspace.map(ToOwned::to_owned),
            markers: analysed.markers,
            partition_key: analysed.partition_key,
            columns_id: crate::wire::columns_id(&columns),
            columns,
        });
        let statement = Statement { prepared: prepared.clone(), tables: analysed.plan.tables(), plan: analysed.plan };
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.by_id.insert(prepared.id, Arc::new(statement)).is_none() {
            kept.oldest.push_back(prepared.id);
        }
        if kept.by_id.len() > MOST
            && let Some(oldest) = kept.oldest.pop_front()
        {
            kept.by_id.remove(&oldest);
        }
        prepared
    }

    /// Forgets statements on tables that have changed.
    pub(super) fn forget(&self, tables: &[Uuid]) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Kept { by_id, oldest } = &mut *kept;
        by_id.retain(|_, statement| !statement.tables.iter().any(|table| tables.contains(table)));
        oldest.retain(|id| by_id.contains_key(id));
    }
}

fn id(text: &str, keyspace: Option<&str>) -> [u8; 16] {
    let mut digest = Sha256::new();
    digest.update(keyspace.unwrap_or_default());
    digest.update([0]);
    digest.update(text);
    let digest: [u8; 32] = digest.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}
