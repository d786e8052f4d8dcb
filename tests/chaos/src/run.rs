//! A run: servers, workers and workload up, fault after fault, then what is left is judged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use veltrix_tests::{Server, Worker};

use crate::application::Application;
use crate::check::{self, Kind as Wrong, Violation};
use crate::cluster::Cluster;
use crate::fault::{Fault, Kind, schedule};
use crate::fleet::{Fleet, ask_to_end};
use crate::observe;
use crate::producer::{Sends, Workload};
use crate::report::{Report, Struck, clock};
use crate::settings::{DRAIN, PARTITIONS, PROGRESS, SESSION, STUCK, Settings, WORKERS};
use crate::watch::Watch;

/// After so many stalls there is nothing to be learnt any more.
const MOST_STALLS: usize = 3;
/// Longest pause between a fault and the next: short, so that it hits the recovery of the one before.
const GAP: u64 = 500;

/// Does the run. Violations are in the report; evidence is kept if there are any.
///
/// # Errors
/// The run itself failed: servers can't be started, or what they hold can't be read.
pub fn run(settings: &Settings) -> Result<Report> {
    let begun = Instant::now();
    let mut cluster = Cluster::start()?;
    let interrupted = cluster.interruption();
    let application = Application::create(&cluster)?;
    let mut fleet = Fleet::start(application.app(&cluster), &cluster);
    let sends = Arc::new(Sends::default());
    let broker = cluster.servers.kafka_address().to_owned();
    let watch = Watch::start(&broker, &application.input, &application.groups(), sends.clone());
    let workload =
        Workload::start(&cluster.producer.address(), &application.input, settings.seed, settings.rate, sends.clone());

    let mut run = Run {
        cluster: &mut cluster,
        fleet: &mut fleet,
        watch: &watch,
        random: SmallRng::seed_from_u64(settings.seed),
        struck: Vec::new(),
        violations: Vec::new(),
    };
    run.progress("the start");
    let faults_begun = Instant::now();
    for fault in schedule(settings.seed, settings.faults, &settings.kinds, WORKERS, SESSION) {
        if run.violations.len() >= MOST_STALLS || begun.elapsed() > settings.limit || interrupted.is_set() {
            break;
        }
        run.strike(fault);
    }
    let faults_took = faults_begun.elapsed();
    workload.end();
    // Also what nobody knows to be there has to be handled.
    sends.reach(&observe::ends(&broker, &application.input, PARTITIONS)?);
    run.drain();
    let Run { struck, mut violations, .. } = run;

    fleet.look();
    fleet.terminate_all();
    fleet.find_panics();
    let groups = watch.groups();
    drop(watch);
    let history = application.observe(&cluster, &sends).context("what the servers hold at the end")?;
    let mut verdict = check::check(&history);
    violations.append(&mut fleet.violations);
    violations.append(&mut verdict.violations);
    verdict.violations = violations;
    let pauses: BTreeMap<String, Duration> = application
        .bindings
        .iter()
        .zip(&groups)
        .map(|(binding, group)| (binding.name.to_owned(), group.longest))
        .collect();
    let mut report =
        Report { seed: settings.seed, took: begun.elapsed(), faults_took, struck, verdict, pauses, evidence: None };
    if !report.verdict.violations.is_empty() {
        report.keep(fleet.directory(), &history)?;
    }
    Ok(report)
}

struct Run<'a> {
    cluster: &'a mut Cluster,
    fleet: &'a mut Fleet,
    watch: &'a Watch,
    random: SmallRng,
    struck: Vec<Struck>,
    violations: Vec<Violation>,
}

impl Run<'_> {
    /// One fault, from its begin until something moves again.
    fn strike(&mut self, fault: Fault) {
        let (begun, at) = (Instant::now(), clock());
        self.inflict(fault);
        self.fleet.look();
        let took = begun.elapsed();
        let recovered = self.progress(&fault.kind.to_string());
        self.struck.push(Struck { fault, at, took, recovered });
        for group in self.watch.groups() {
            if let Some((partition, committed, stuck)) = group.most_stuck().filter(|(_, _, stuck)| *stuck > STUCK) {
                self.stalled(format!(
                    "group {} has not moved partition {partition} from {committed} for {stuck:?}",
                    group.name
                ));
            }
        }
        std::thread::sleep(Duration::from_millis(self.random.random_range(0..GAP)));
    }

    fn inflict(&mut self, fault: Fault) {
        let Fault { kind, worker, lasts } = fault;
        let wait = || std::thread::sleep(lasts);
        match kind {
            Kind::Kill => {
                self.fleet.kill(worker);
                wait();
                self.fleet.start_again(worker);
            }
            Kind::FreezeShort | Kind::FreezeLong => {
                self.fleet.freeze(worker);
                wait();
                self.fleet.thaw(worker);
            }
            Kind::Terminate => {
                self.fleet.terminate(worker);
                wait();
                self.fleet.start_again(worker);
            }
            Kind::Storm => self.storm(lasts),
            Kind::StopKafka => {
                self.cluster.servers.stop(Server::Kafka);
                wait();
                self.cluster.servers.start(Server::Kafka);
            }
            Kind::KillKafka => {
                self.cluster.servers.kill(Server::Kafka);
                wait();
                self.cluster.servers.start(Server::Kafka);
            }
            Kind::KillCassandra => {
                self.cluster.servers.kill(Server::Cassandra);
                wait();
                self.cluster.servers.start(Server::Cassandra);
            }
            Kind::Kafka(trouble) => {
                self.cluster.kafka[worker].set(Some(trouble));
                wait();
                self.cluster.kafka[worker].set(None);
            }
            Kind::KillBehind(trouble) => {
                self.cluster.kafka[worker].set(Some(trouble));
                wait();
                self.fleet.kill(worker);
                self.cluster.kafka[worker].set(None);
                self.fleet.start_again(worker);
            }
            Kind::Cassandra(trouble) => {
                self.cluster.cassandra[worker].set(Some(trouble));
                wait();
                self.cluster.cassandra[worker].set(None);
            }
            Kind::Producer(trouble) => {
                self.cluster.producer.set(Some(trouble));
                wait();
                self.cluster.producer.set(None);
            }
        }
    }

    /// Workers join and leave, some of them in an orderly way.
    fn storm(&mut self, lasts: Duration) {
        let end = Instant::now() + lasts;
        let mut leaving: Vec<Worker> = Vec::new();
        while Instant::now() < end {
            let worker = self.fleet.one_more(self.random.random_range(0..WORKERS));
            std::thread::sleep(Duration::from_millis(self.random.random_range(600..1_800)));
            if self.random.random_bool(0.3) {
                worker.kill9();
            } else {
                ask_to_end(&worker);
                leaving.push(worker);
            }
        }
        for worker in leaving {
            self.fleet.ends(worker);
        }
    }

    /// Waits until every group has committed something more; says how long that took.
    fn progress(&mut self, after: &str) -> Option<Duration> {
        let begun = Instant::now();
        let before: Vec<i64> = self.watch.groups().iter().map(|group| group.total()).collect();
        loop {
            let now = self.watch.groups();
            if now.iter().zip(&before).all(|(group, before)| group.total() > *before) {
                return Some(begun.elapsed());
            }
            if begun.elapsed() > PROGRESS {
                let stuck = now.iter().zip(&before).filter(|(group, before)| group.total() <= **before);
                for (group, _) in stuck {
                    self.stalled(format!(
                        "group {} has committed nothing within {PROGRESS:?} after {after}, while {} events wait",
                        group.name,
                        group.waiting()
                    ));
                }
                return None;
            }
            self.fleet.look();
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until all that was acknowledged is committed.
    fn drain(&mut self) {
        let begun = Instant::now();
        while self.watch.groups().iter().any(|group| group.waiting() > 0) {
            if begun.elapsed() > DRAIN {
                for group in self.watch.groups().iter().filter(|group| group.waiting() > 0) {
                    let stuck = group.most_stuck();
                    self.stalled(format!(
                        "group {} has {} events left {DRAIN:?} after the last fault; (partition, committed, for): {stuck:?}",
                        group.name,
                        group.waiting()
                    ));
                }
                return;
            }
            self.fleet.look();
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn stalled(&mut self, text: String) {
        let text = format!("{text} ({})", clock());
        self.violations.push(Violation { kind: Wrong::Stalled, binding: None, place: None, text });
    }
}
