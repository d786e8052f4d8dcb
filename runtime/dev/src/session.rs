//! The application at work: its servers, its worker, and what takes the place of what.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use veltrix_host::kafka::KafkaConfig;
use veltrix_host::{Handle, Worker};
use veltrix_manifest::Manifest;

use crate::Options;
use crate::build::Build;
use crate::error::DevError;
use crate::folder::{Addresses, Folder};
use crate::graph;
use crate::monitor::Running;
use crate::observe::Observer;
use crate::plan;
use crate::report::Report;
use crate::servers::Here;
use crate::totals::Totals;
use crate::watch::Watch;
use crate::window::Window;

/// Events of a call whose emits feed other functions: what is on its way must fit into what the embedded Kafka keeps.
const MOST_AT_ONCE: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

/// All that lives as long as `dev` does.
pub(crate) struct Session {
    pub(crate) options: Options,
    pub(crate) file: PathBuf,
    pub(crate) here: Here,
    folder: Folder,
    pub(crate) live: watch::Sender<Option<Running>>,
    pub(crate) totals: Arc<Mutex<Totals>>,
    /// What the embedded Kafka has to keep; none with a real one.
    pub(crate) window: Option<Arc<Mutex<Window>>>,
    worker: Option<Worker>,
    observer: Option<Observer>,
    /// Stays the same when the worker is begun anew.
    admin: String,
}

impl Session {
    /// Takes the folder, and starts the servers.
    ///
    /// # Errors
    /// Another has the folder, or a server can't be had.
    pub(crate) fn open(options: Options) -> Result<Self, DevError> {
        let (file, dir) = plan::place(&options.file);
        if !file.is_file() {
            // Says what is asked for.
            let problems = veltrix_manifest::load(&file).map(|_| String::new()).unwrap_or_else(|all| all.to_string());
            return Err(DevError::Configuration(problems));
        }
        let folder = Folder::take(&dir)?;
        let here = Here::start(&options.kafka, &options.cassandra, options.cassandra_port)?;
        Ok(Self {
            window: here.servers.embedded.then(Arc::default),
            admin: options.admin.clone(),
            live: watch::channel(None).0,
            totals: Arc::default(),
            worker: None,
            observer: None,
            options,
            file,
            here,
            folder,
        })
    }

    pub(crate) fn report(&self) -> &Arc<dyn Report> {
        &self.options.report
    }

    /// The manifest as it would run; `files`: what it names has to be there.
    ///
    /// # Errors
    /// Its problems; or an input goes to a topic that nothing reads.
    pub(crate) fn load(&self, files: bool) -> Result<Manifest, DevError> {
        let manifest = plan::load(&self.file, &self.here.servers, files).map_err(DevError::Configuration)?;
        for input in &self.options.inputs {
            if !manifest.bindings.iter().any(|binding| binding.takes(&input.topic)) {
                let mut known: Vec<_> = manifest.bindings.iter().flat_map(|b| b.topics.clone()).collect();
                known.sort();
                known.dedup();
                return Err(DevError::Configuration(format!(
                    "--input {}: no binding reads that topic; there are: {}",
                    input.topic,
                    known.join(", ")
                )));
            }
        }
        Ok(manifest)
    }

    /// Kafka, as clients of ours need it.
    pub(crate) fn kafka(manifest: &Manifest) -> KafkaConfig {
        KafkaConfig { brokers: manifest.kafka.brokers.clone(), properties: manifest.kafka.properties.clone() }
    }

    pub(crate) fn topics_of_inputs(&self) -> Vec<String> {
        self.options.inputs.iter().map(|input| input.topic.clone()).collect()
    }

    /// Watches the manifest, from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn watch(&self) -> Result<Watch, DevError> {
        Watch::start(&self.file, self.report().clone()).map_err(DevError::Internal)
    }

    /// Has all watched that the application is made of: as it runs, and as its files would have it.
    pub(crate) fn follow(&self, watch: &Watch) {
        let (written, running) = (self.load(false).ok(), self.running());
        let all = written.iter().chain(running.iter().map(|running| &*running.manifest));
        watch.follow(&self.file, all);
    }

    /// Builds a function.
    ///
    /// # Errors
    /// The compiler's words.
    pub(crate) async fn build(&self, dir: &Path, name: &str, command: &str) -> Result<(), String> {
        self.report().say(&format!("building {name}: {command}"));
        let waits = |line: &str| self.report().say(&format!("building {name}: {line}"));
        let (limit, colour) = (self.options.build_limit, self.options.colour);
        let build = Build { command, dir, limit, colour, waits: Some(&waits) };
        let took = build.run().await.map_err(|error| error.to_string())?;
        self.report().say(&format!("built {name} in {:.1} s", took.as_secs_f64()));
        Ok(())
    }

    /// Builds everything and starts it.
    ///
    /// # Errors
    /// What has to be mended first.
    pub(crate) async fn begin(&mut self) -> Result<(), DevError> {
        let manifest = self.load(false)?;
        let mut built = Vec::new();
        for (name, command) in builds(&manifest) {
            if !built.contains(&command) {
                self.build(&manifest.dir, name, command).await.map_err(DevError::Build)?;
                built.push(command);
            }
        }
        let manifest = self.load(true)?;
        self.start(manifest).await
    }

    /// Starts a worker with that manifest, whose modules are there.
    ///
    /// # Errors
    /// It can't be run.
    pub(crate) async fn start(&mut self, mut manifest: Manifest) -> Result<(), DevError> {
        self.here.provide(&manifest, &self.topics_of_inputs()).await?;
        self.settle(&mut manifest);
        if let Some(window) = &self.window {
            self.observer = None;
            let holders = graph::holders(&manifest);
            if !holders.is_empty() {
                let topics = holders.into_keys();
                self.observer = Some(Observer::start(&Self::kafka(&manifest), topics, window.clone())?);
            }
        } else {
            let names: Vec<String> = plan::bound(&manifest, &self.topics_of_inputs()).into_iter().collect();
            veltrix_host::kafka::topics::ensure(&Self::kafka(&manifest), &names).await;
        }
        let worker = Worker::start(veltrix_host::Options {
            manifest: manifest.clone(),
            admin: self.admin.clone(),
            apply_schema: manifest.cassandra.is_some(),
            cache: self.options.cache.clone(),
            worker_id: None,
            slots: None,
            embedded: self.here.servers.embedded,
        })
        .await?;
        let handle = worker.handle();
        self.worker = Some(worker);
        self.admin = handle.admin().to_string();
        let addresses = self.addresses();
        self.folder.tell(&addresses)?;
        self.report().running(&handle, &addresses);
        self.live.send_replace(Some(Running { handle, manifest: Arc::new(manifest) }));
        Ok(())
    }

    /// Makes a manifest what a worker here is started from.
    pub(crate) fn settle(&self, manifest: &mut Manifest) {
        manifest.override_cassandra(&self.here.servers.cassandra);
        if self.window.is_some() {
            let holders = graph::holders(manifest);
            let feeds = |group: &String| holders.values().any(|groups| groups.contains(group));
            for binding in manifest.bindings.iter_mut().filter(|binding| feeds(&binding.group)) {
                binding.batch.events = binding.batch.events.min(MOST_AT_ONCE);
            }
        }
    }

    /// Where everything is.
    pub(crate) fn addresses(&self) -> Addresses {
        let cassandra = (!self.here.servers.cassandra.is_empty()).then(|| self.here.servers.cassandra.join(","));
        Addresses {
            kafka: self.here.servers.kafka.join(","),
            embedded: self.here.servers.embedded,
            cassandra,
            admin: self.admin.clone(),
            pid: std::process::id(),
        }
    }

    /// What runs.
    pub(crate) fn running(&self) -> Option<Running> {
        self.live.borrow().clone()
    }

    /// A hand on the worker that runs.
    pub(crate) fn handle(&self) -> Option<Handle> {
        self.worker.as_ref().map(Worker::handle)
    }

    /// Drains the worker, if one runs.
    ///
    /// # Errors
    /// Something of our own broke.
    pub(crate) async fn stop(&mut self) -> Result<(), DevError> {
        self.live.send_replace(None);
        let Some(worker) = self.worker.take() else { return Ok(()) };
        let handle = worker.handle();
        let stopped = worker.stop().await;
        self.totals.lock().expect("no panic while held").retire(&handle.snapshots());
        Ok(stopped?)
    }

    /// Says what runs where.
    pub(crate) fn announce(&self) {
        let Some(Running { manifest, .. }) = self.running() else { return };
        let addresses = self.addresses();
        let report = self.report();
        let embedded = "embedded: kept in memory, gone when this ends";
        report.say(&format!("{} runs", manifest.name));
        let kind = if self.here.servers.embedded { embedded } else { "yours" };
        report.say(&format!("  kafka      {}   ({kind})", addresses.kafka));
        if let Some(address) = addresses.cassandra.filter(|_| manifest.cassandra.is_some()) {
            let kind = if self.here.has_cassandra() { embedded } else { "yours" };
            let keyspace = manifest.cassandra.as_ref().map(|cassandra| cassandra.keyspace.as_str()).unwrap_or_default();
            report.say(&format!("  cassandra  {address}   ({kind}), keyspace {keyspace}"));
            if let Some(why) = self.here.why_moved() {
                report.say(&format!("             {why}"));
            }
        }
        report.say(&format!("  admin      http://{}", addresses.admin));
        plan::describe(&manifest).iter().for_each(|line| report.say(line));
    }
}

/// Functions that are bound and have a command that builds them.
pub(crate) fn builds(manifest: &Manifest) -> Vec<(&str, &str)> {
    let bound = manifest.functions.iter().filter(|(name, _)| manifest.bindings.iter().any(|b| b.function == **name));
    bound.filter_map(|(name, function)| Some((name.as_str(), function.build.as_deref()?))).collect()
}
