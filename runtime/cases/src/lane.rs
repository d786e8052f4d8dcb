//! Where cases run one after another: tables of its own, and a way to feed a binding.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Map;
use veltrix_host::jsonl::Event;
use veltrix_host::stage::{self, End, Play, PlayError, Stage, Told};
use veltrix_manifest::Manifest;
use veltrix_wasm::{LEVEL_MISCONFIGURED, Module, Sandbox};

use crate::case::Case;
use crate::compare::{Actual, Table};
use crate::expected::LEVELS;
use crate::live::Live;
use crate::record::{Emit, Log, Verdict};
use crate::tables::Tables;

/// One lane.
pub(crate) struct Lane {
    manifest: Arc<Manifest>,
    tables: Option<Tables>,
    /// Real servers; `None`: nothing but a Cassandra in this process.
    live: Option<Live>,
}

/// What cases need to make instances.
pub(crate) struct Modules {
    pub(crate) sandbox: Sandbox,
    /// By function.
    pub(crate) modules: BTreeMap<String, Module>,
}

impl Lane {
    /// A lane with an embedded Cassandra of its own, if the application uses one.
    pub(crate) async fn embedded(manifest: &Arc<Manifest>) -> Result<Self, String> {
        let Some(settings) = &manifest.cassandra else {
            return Ok(Self { manifest: manifest.clone(), tables: None, live: None });
        };
        let server = veltrix_cassandra::Server::bind(([127, 0, 0, 1], 0).into()).await;
        let server = server.map_err(|error| format!("the embedded Cassandra can't start: {error}"))?;
        let settings = veltrix_manifest::Cassandra { nodes: vec![server.address().to_string()], ..settings.clone() };
        // It goes with the runtime: ended before its clients, it would have them complain.
        tokio::spawn(server.run(std::future::pending()));
        let tables = Some(Tables::open(&settings).await?);
        Ok(Self { manifest: manifest.clone(), tables, live: None })
    }

    /// A lane on real servers, with a keyspace of that name.
    pub(crate) async fn live(
        manifest: &Arc<Manifest>,
        kafka: &[String],
        cassandra: &[String],
        name: &str,
    ) -> Result<Self, String> {
        let live = Live::open(manifest, kafka, name).await?;
        let tables = match &manifest.cassandra {
            Some(settings) => {
                let (nodes, keyspace) = (cassandra.to_vec(), name.replace('-', "_"));
                let settings = veltrix_manifest::Cassandra { nodes, keyspace, ..settings.clone() };
                Some(Tables::open_beside(&settings).await?)
            }
            None => None,
        };
        Ok(Self { manifest: manifest.clone(), tables, live: Some(live) })
    }

    /// Leaves nothing behind.
    pub(crate) async fn close(self) -> Result<(), String> {
        match (self.live, self.tables) {
            (Some(_), Some(tables)) => tables.drop().await,
            _ => Ok(()),
        }
    }

    /// Runs a case. The error is why it has no result.
    pub(crate) async fn run(&self, case: &Case, modules: &Modules) -> Result<Actual, String> {
        let (ran, dirty) = self.run_dirty(case, modules).await;
        for table in dirty {
            if let Some(tables) = &self.tables {
                tables.clear(&table).await?;
            }
        }
        ran
    }

    /// The same; what has to be cleared is left to the caller.
    async fn run_dirty(&self, case: &Case, modules: &Modules) -> (Result<Actual, String>, BTreeSet<String>) {
        let binding = &self.manifest.bindings[case.binding];
        let grants = &self.manifest.functions[&binding.function].cassandra;
        let mut dirty: BTreeSet<String> =
            grants.iter().filter(|(_, grant)| grant.writes()).map(|(table, _)| table.clone()).collect();
        dirty.extend(case.rows.iter().map(|row| row.table.clone()));
        let mut watched = dirty.clone();
        watched.extend(case.expected.tables.keys().cloned());
        let mut result = BTreeMap::new();
        if let Some(tables) = &self.tables {
            match tables.seed(case).await {
                Ok(seeded) => {
                    dirty.extend(seeded.iter().cloned());
                    watched.extend(seeded);
                }
                // A table that does not exist can't be cleared either.
                Err(error) => return (Err(error), self.existing(dirty).await),
            }
            let seeded = !case.rows.is_empty() || !case.cql.is_empty();
            for name in &watched {
                let before = if seeded { tables.rows(name).await } else { Ok(Vec::new()) };
                match before {
                    Ok(before) => _ = result.insert(name.clone(), Table { before, after: Vec::new() }),
                    Err(error) => return (Err(error), self.existing(dirty).await),
                }
            }
        }
        let actual = self.feed(case, modules, result).await;
        let dirty = if actual.is_err() { self.existing(dirty).await } else { dirty };
        (actual, dirty)
    }

    async fn existing(&self, wanted: BTreeSet<String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        if let Some(tables) = &self.tables {
            for table in wanted {
                if tables.rows(&table).await.is_ok() {
                    found.insert(table);
                }
            }
        }
        found
    }

    async fn feed(
        &self,
        case: &Case,
        modules: &Modules,
        mut tables: BTreeMap<String, Table>,
    ) -> Result<Actual, String> {
        let binding = &self.manifest.bindings[case.binding];
        let function = &self.manifest.functions[&binding.function];
        let topics = self.live.as_ref().map(|live| live.topics(case, &self.manifest));
        let outside = topics.as_ref().map_or_else(BTreeMap::new, |topics| topics.outside());
        let stage = Stage::new(case.setting(&self.manifest, outside));
        let module = (&modules.sandbox, &modules.modules[&binding.function]);
        let cassandra = self.tables.as_ref().map(|tables| &tables.cassandra);
        let on_stage = stage.function(module, (&binding.function, function), cassandra);
        let on_stage = on_stage.map_err(|error| format!("function {}: {}", binding.function, error.told()))?;
        let mut emits = Vec::new();
        match (&self.live, &topics) {
            (Some(live), Some(topics)) => emits = live.feed(case, topics, &stage, &on_stage).await?,
            _ => {
                for topic in case.topics() {
                    let play = Play {
                        manifest: &self.manifest,
                        binding,
                        function: on_stage.clone(),
                        stage: stage.clone(),
                        events: case.chunks(&topic, binding),
                    };
                    match stage::play(play).await {
                        Ok(()) => {}
                        // That is a result too.
                        Err(PlayError::Refused) => break,
                        Err(error @ (PlayError::Endless | PlayError::Lost)) => return Err(error.to_string()),
                    }
                }
            }
        }
        let mut told = stage.take();
        if let Some(missing) = Case::missing(&told) {
            return Err(missing);
        }
        if let Some(there) = &self.tables {
            for (name, table) in &mut tables {
                table.after = there.rows(name).await?;
            }
        }
        emits.extend(std::mem::take(&mut told.emits).into_iter().map(emit));
        Ok(Actual { emits, tables, ..verdicts_and_logs(case, &told) })
    }
}

fn emit(stage::Emit { topic, partition, key, value, headers, timestamp }: stage::Emit) -> Emit {
    Emit { topic, event: Event { key, value, headers, timestamp, partition } }
}

fn verdicts_and_logs(case: &Case, told: &Told) -> Actual {
    let mut verdicts = Vec::new();
    for input in &case.events {
        let end = told.ends.get(&(input.topic.to_string(), input.partition, input.offset));
        let (word, attempts, message) = match end {
            Some(End::Ack { attempts }) => ("ack".to_owned(), Some(*attempts), ""),
            Some(End::Skip { attempts }) => ("skip".to_owned(), Some(*attempts), ""),
            Some(End::DeadLetter { reason, message, attempts }) => {
                (format!("dead-letter: {reason}"), Some(*attempts), message.as_str())
            }
            Some(End::Stopped { reason, message, attempts }) => {
                (format!("stopped: {reason}"), Some(*attempts), message.as_str())
            }
            Some(End::Copy) => ("copy".to_owned(), None, ""),
            None if told.refused.is_some() => {
                ("misconfigured".to_owned(), None, told.refused.as_deref().unwrap_or_default())
            }
            None => ("waiting".to_owned(), None, ""),
        };
        let message = (!message.is_empty()).then(|| message.to_owned());
        verdicts.push(Verdict { word, attempts, message });
    }
    let logs = told.logs.iter().map(|log| {
        let event = log.event.as_ref();
        let event = event.and_then(|(topic, partition, offset)| case.index_of(topic, *partition, *offset));
        // The function says that it is misconfigured; what is unknown counts as info.
        let unknown = if log.level == LEVEL_MISCONFIGURED { "error" } else { "info" };
        let level =
            usize::from(log.level).checked_sub(1).and_then(|level| LEVELS.get(level)).copied().unwrap_or(unknown);
        let fields: Map<_, _> = log.fields.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        Log { event: event.map(|event| event + 1), level: level.to_owned(), message: log.message.clone(), fields }
    });
    Actual { verdicts, logs: logs.collect(), ..Actual::default() }
}
