//! Runs batches: all of their statements are understood before the first is applied.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::plan::{Analysed, Plan};
use super::prepared::Statement;
use super::run::{self, seconds};
use super::{Engine, levels};
use crate::api::{Batch as Message, BatchKind, BatchStatement, Bound, Error, Parameters, Response};
use crate::query::{self, Batch, Context, Modify, Outcome, Part, applied, decide};
use crate::schema::Table;
use crate::storage::Key;

/// A statement of a batch, wherever it comes from.
enum Source {
    Text(Box<Analysed>),
    Prepared(Arc<Statement>),
}

impl Source {
    fn modify(&self) -> Result<&Modify, Error> {
        let plan = match self {
            Self::Text(analysed) => &analysed.plan,
            Self::Prepared(statement) => &statement.plan,
        };
        match plan {
            Plan::Modify(modify) => Ok(modify),
            Plan::Select(_)
            | Plan::Batch(_)
            | Plan::Schema(..)
            | Plan::Truncate(_)
            | Plan::Use(_)
            | Plan::Describe(..) => Err(Error::Invalid(
                "Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.".into(),
            )),
        }
    }

    fn markers(&self) -> &[crate::api::Column] {
        match self {
            Self::Text(analysed) => &analysed.markers,
            Self::Prepared(statement) => &statement.prepared.markers,
        }
    }
}

impl Engine {
    /// A batch that came as a message of its own.
    pub(super) fn run_message(&self, batch: &Message, parameters: &Parameters) -> Result<Response, Error> {
        let catalog = self.catalog();
        let mut sources = Vec::new();
        for (statement, _) in &batch.statements {
            sources.push(match statement {
                BatchStatement::Text(text) => {
                    Source::Text(Box::new(Analysed::new(&catalog, text, parameters.keyspace.as_deref())?))
                }
                BatchStatement::Prepared(id) => {
                    Source::Prepared(self.statements.get(*id).ok_or(Error::Unprepared(*id))?)
                }
            });
        }
        let mut bounds: Vec<Cow<'_, [Bound]>> = Vec::new();
        for (source, (_, values)) in sources.iter().zip(&batch.statements) {
            let bound = run::bound(source.markers(), values, None).map_err(|(wanted, given)| {
                Error::Invalid(format!("There were {wanted} markers(?) in CQL but {given} bound variables"))
            })?;
            bounds.push(bound);
        }
        let context = self.context(&[], parameters);
        let statements = sources
            .iter()
            .zip(&bounds)
            .map(|(source, bound)| Ok((source.modify()?, Context { bound, ..context })))
            .collect::<Result<Vec<_>, Error>>()?;
        self.run_batch(batch.kind, false, &statements, parameters)
    }

    /// A batch that came as text.
    pub(super) fn run_text(&self, batch: &Batch, bound: &[Bound], parameters: &Parameters) -> Result<Response, Error> {
        let mut context = self.context(bound, parameters);
        if let Some(timestamp) = batch.timestamp(&context)? {
            context.timestamp = timestamp;
        }
        let statements: Vec<_> = batch.statements.iter().map(|modify| (modify, context)).collect();
        self.run_batch(batch.kind, batch.is_timestamped(), &statements, parameters)
    }

    fn run_batch(
        &self,
        kind: BatchKind,
        timestamped: bool,
        statements: &[(&Modify, Context<'_>)],
        parameters: &Parameters,
    ) -> Result<Response, Error> {
        let all: Vec<&Modify> = statements.iter().map(|(modify, _)| *modify).collect();
        let conditional = query::check_batch(kind, timestamped, &all)?;
        match conditional {
            true => levels::check_conditional(parameters)?,
            false => {
                let counter = all.iter().find(|modify| modify.table.counter);
                levels::check_write(parameters, counter.map(|modify| &*modify.table.name))?;
            }
        }
        let decided = conditional.then(|| self.clock.timestamp(run::micros()));
        // Tables are always locked in the same order.
        let mut tables: Vec<Arc<Table>> = all.iter().map(|modify| modify.table.clone()).collect();
        tables.sort_by_key(|table| table.id);
        tables.dedup_by_key(|table| table.id);
        let data = tables.iter().map(|table| self.data(table)).collect::<Result<Vec<_>, _>>()?;
        let mut stores: Vec<_> = data.iter().map(|data| data.write()).collect();
        let store_of = |modify: &Modify| tables.iter().position(|table| table.id == modify.table.id).unwrap_or(0);
        let mut parts = Vec::new();
        for (modify, context) in statements {
            let target = modify.target(&stores[store_of(modify)], context)?;
            let timestamp = decided.unwrap_or(context.timestamp);
            parts.push(Part { modify, context: Context { timestamp, ..*context }, target });
        }
        if conditional {
            check_one_partition(&parts)?;
            let store = &mut stores[0];
            return match decide(&parts, store, &self.clock, true)? {
                Outcome::Refused(response) => Ok(response),
                Outcome::Applied(mutation) => {
                    store.apply(mutation, seconds());
                    Ok(applied(&parts[0].modify.table))
                }
            };
        }
        let mut mutations = Vec::new();
        for part in &parts {
            let store = store_of(part.modify);
            let made = part.modify.mutations(&part.target, &stores[store], &part.context, &self.clock, false)?;
            mutations.push((store, made));
        }
        for (store, made) in mutations {
            made.into_iter().for_each(|mutation| stores[store].apply(mutation, seconds()));
        }
        Ok(run::warned(Response::Void, warnings(kind, &parts)))
    }
}

/// More partitions than this make an unlogged batch slower than single writes on a cluster.
const PARTITIONS: usize = 10;

fn warnings(kind: BatchKind, parts: &[Part<'_>]) -> Vec<String> {
    let keys: HashSet<_> =
        parts.iter().flat_map(|part| part.target.keys.iter().map(|key| (part.modify.table.id, key))).collect();
    if kind != BatchKind::Unlogged || keys.len() <= PARTITIONS {
        return Vec::new();
    }
    let names: BTreeSet<_> =
        parts.iter().map(|part| format!("{}.{}", part.modify.table.keyspace, part.modify.table.name)).collect();
    vec![format!(
        "Unlogged batch covering {} partitions detected against table{} [{}]. You should use a logged batch for \
         atomicity, or asynchronous writes for performance.",
        keys.len(),
        if names.len() == 1 { "" } else { "s" },
        names.into_iter().collect::<Vec<_>>().join(", ")
    )]
}

/// Conditions are decided for one partition.
fn check_one_partition(parts: &[Part<'_>]) -> Result<(), Error> {
    let mut first: Option<&Key> = None;
    for part in parts {
        part.modify.refuse_clustering_in()?;
        let message = match &part.target.keys[..] {
            [key] if first.is_none_or(|first| first == key) => {
                first = Some(key);
                continue;
            }
            [_] => "Batch with conditions cannot span multiple partitions",
            _ => "Batch with conditions cannot span multiple partitions (you cannot use IN on the partition key)",
        };
        return Err(Error::Invalid(message.into()));
    }
    Ok(())
}
