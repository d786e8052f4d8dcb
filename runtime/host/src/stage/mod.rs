//! A binding tried out on events of somebody's choice: what its function is given and sees, and what became of each event.
//!
//! [`play`] does so without Kafka, by the worker's own decisions and calls; `live` through the pipeline itself.

mod play;
mod timers;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use veltrix_manifest as manifest;
use veltrix_wasm::{LoadError, Module, Sandbox, Services};

use crate::cassandra::{Access, Cassandra};
use crate::function::{Config, Function, Secrets};
use crate::source::TopicPartition;

pub use play::{Play, PlayError, play};
pub(crate) use timers::Timers;
pub use told::{Emit, End, Log, Place, Told};

/// Random numbers of functions are the same each time.
const SEED: u64 = 0x5eed;

/// What surrounds a binding that is tried out.
#[derive(Debug, Default)]
pub struct Setting {
    /// What the function sees as now, since 1970, before it sleeps.
    pub clock: Duration,
    /// Its variables.
    pub vars: BTreeMap<String, String>,
    /// Its secrets; none comes from elsewhere.
    pub secrets: BTreeMap<String, String>,
    /// Topics that it may emit to.
    pub emits: Vec<String>,
    /// Names of secrets that the manifest promises it: one that is asked for and not among `secrets` is told.
    pub promised: BTreeSet<String>,
    /// The binding's consumer group, whatever group it is fed by.
    pub group: String,
    /// Topics that have another name outside, by the name that the function knows.
    pub outside: HashMap<String, String>,
}

/// One trial: its setting, the time of its function, and what it has told.
#[derive(Debug)]
pub struct Stage {
    config: Config,
    promised: BTreeSet<String>,
    clock: Duration,
    group: String,
    /// Time that the function has slept.
    passed: Mutex<Duration>,
    outside: HashMap<String, String>,
    inside: HashMap<String, Arc<str>>,
    told: Mutex<Told>,
    refusal: Notify,
}

impl Stage {
    /// A stage on which nothing has happened.
    pub fn new(setting: Setting) -> Arc<Self> {
        let Setting { clock, vars, secrets, emits, promised, group, outside } = setting;
        let config = Config { vars, secrets: Secrets(secrets), emits };
        let inside = outside.iter().map(|(inside, outside)| (outside.clone(), inside.as_str().into())).collect();
        let (passed, told) = (Mutex::default(), Mutex::default());
        Arc::new(Self { config, promised, clock, group, passed, outside, inside, told, refusal: Notify::new() })
    }

    /// A function of the manifest on this stage.
    ///
    /// # Errors
    /// Its memory limit does not suit the module.
    pub fn function(
        self: &Arc<Self>,
        (sandbox, module): (&Sandbox, &Module),
        (name, function): (&str, &manifest::Function),
        cassandra: Option<&Arc<Cassandra>>,
    ) -> Result<Arc<Function>, LoadError> {
        let manifest::Limits { memory, cpu, deadline } = function.limits;
        let linked = sandbox.function(module, veltrix_wasm::Limits { memory, cpu, deadline }, self.clone())?;
        let access = cassandra.map(|cassandra| {
            Access::new(cassandra.clone(), function.cassandra.clone()).named(name).within(function.limits.deadline)
        });
        Ok(Arc::new(Function::new(name, (linked, &Arc::default()), &function.emits, function.instances, access)))
    }

    /// All that has been told so far; what comes is told anew.
    pub fn take(&self) -> Told {
        std::mem::take(&mut *self.told())
    }

    /// The function can't be started, or says that it is misconfigured: no event is to blame.
    pub(crate) fn refuse(&self, why: &str) {
        self.told().refused = Some(why.to_owned());
        self.refusal.notify_one();
    }

    /// Waits until the function can't be started.
    pub async fn refused(&self) {
        self.refusal.notified().await;
    }

    /// What the function calls a topic.
    pub(crate) fn inside(&self, topic: &Arc<str>) -> Arc<str> {
        self.inside.get(&**topic).unwrap_or(topic).clone()
    }

    /// What everybody else calls it.
    pub(crate) fn outside<'a>(&'a self, topic: &'a str) -> &'a str {
        self.outside.get(topic).map_or(topic, String::as_str)
    }

    /// What names the events of a topic for ever: here always the same.
    pub(crate) fn source(&self, topic: &str) -> String {
        format!("case/{topic}/{}", self.group)
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line of log of an event, or of a whole batch.
    pub(crate) fn log(
        &self,
        source: &TopicPartition,
        offset: Option<i64>,
        level: u8,
        text: &str,
        fields: &[(String, String)],
    ) {
        let event = offset.map(|offset| (source.0.to_string(), source.1, offset));
        self.told().logs.push(Log { event, level, message: text.to_owned(), fields: fields.to_vec() });
    }

    fn passed(&self) -> MutexGuard<'_, Duration> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services for Stage {
    fn var(&self, name: &str) -> Option<String> {
        self.config.var(name)
    }

    fn secret(&self, name: &str) -> Option<String> {
        let secret = self.config.secret(name);
        if secret.is_none() && self.promised.contains(name) {
            self.told().missing.insert(name.to_owned());
        }
        secret
    }

    fn random_seed(&self) -> Option<u64> {
        Some(SEED)
    }

    fn now(&self) -> Option<Duration> {
        Some(self.clock + *self.passed())
    }
}
