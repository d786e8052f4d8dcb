//! Looks at committed offsets all the time: who moves, who waits for how long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::producer::Sends;
use crate::settings::PARTITIONS;

const LOOK: Duration = Duration::from_millis(200);
const ANSWER: Duration = Duration::from_secs(2);
/// A client that hears nothing for so long may have let go of its broker for good (librdkafka#5301).
const DEAF: Duration = Duration::from_secs(5);

/// What is seen of a group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: String,
    /// Of each partition.
    partitions: Vec<Progress>,
    /// Longest time in which nothing of the group moved while events waited.
    pub(crate) longest: Duration,
    moved: Instant,
}

/// What is seen of a partition.
#[derive(Debug, Clone)]
struct Progress {
    committed: i64,
    end: i64,
    moved: Instant,
}

impl Group {
    /// Events that are committed.
    pub(crate) fn total(&self) -> i64 {
        self.partitions.iter().map(|partition| partition.committed).sum()
    }

    /// Events that wait, as far as was acknowledged.
    pub(crate) fn waiting(&self) -> i64 {
        self.partitions.iter().map(|partition| (partition.end - partition.committed).max(0)).sum()
    }

    /// The partition that has stood still for longest while events wait in it.
    pub(crate) fn most_stuck(&self) -> Option<(usize, i64, Duration)> {
        let stuck = self.partitions.iter().enumerate().filter(|(_, partition)| partition.committed < partition.end);
        stuck
            .map(|(index, partition)| (index, partition.committed, partition.moved.elapsed()))
            .max_by_key(|stuck| stuck.2)
    }

    fn take(&mut self, committed: &[i64], ends: &[i64]) {
        let waited = self.waiting() > 0;
        let mut moves = false;
        for ((partition, &committed), &end) in self.partitions.iter_mut().zip(committed).zip(ends) {
            let moved = committed != partition.committed;
            moves |= moved;
            // With nothing to do, standing still is no pause.
            if moved || partition.committed >= partition.end {
                partition.moved = Instant::now();
            }
            (partition.committed, partition.end) = (committed, end);
        }
        if waited {
            self.longest = self.longest.max(self.moved.elapsed());
        }
        if moves || !waited {
            self.moved = Instant::now();
        }
    }
}

/// A thread that looks.
#[derive(Debug)]
pub(crate) struct Watch {
    groups: Arc<Mutex<Vec<Group>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// `address` is the broker itself, behind no link.
    pub(crate) fn start(address: &str, topic: &str, groups: &[String], sends: Arc<Sends>) -> Self {
        let now = Instant::now();
        let fresh = |name: &String| Group {
            name: name.clone(),
            partitions: vec![Progress { committed: 0, end: 0, moved: now }; PARTITIONS as usize],
            longest: Duration::ZERO,
            moved: now,
        };
        let shared = Arc::new(Mutex::new(groups.iter().map(fresh).collect::<Vec<_>>()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut consumers: Vec<_> = groups.iter().map(|group| (consumer(address, group), Instant::now())).collect();
        let (seen, told) = (shared.clone(), stop.clone());
        let (address, topic, groups) = (address.to_owned(), topic.to_owned(), groups.to_owned());
        let look = move || {
            while !told.load(Ordering::Relaxed) {
                for (index, (client, heard)) in consumers.iter_mut().enumerate() {
                    // A broker that is bounced does not answer; what is not known changes nothing.
                    if let Some(committed) = committed(client, &topic) {
                        *heard = Instant::now();
                        seen.lock().expect("no panic while held")[index].take(&committed, &sends.ends());
                    } else if heard.elapsed() > DEAF {
                        (*client, *heard) = (consumer(&address, &groups[index]), Instant::now());
                    }
                }
                let most = seen.lock().expect("no panic while held").iter().map(Group::waiting).max();
                sends.waiting.store(most.unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        };
        let thread = std::thread::Builder::new().name("watch".into()).spawn(look).expect("a thread starts");
        Self { groups: shared, stop, thread: Some(thread) }
    }

    /// What is seen now.
    pub(crate) fn groups(&self) -> Vec<Group> {
        self.groups.lock().expect("no panic while held").clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A client that is silent about faults, which are made on purpose.
pub(crate) struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Silent {}

fn consumer(address: &str, group: &str) -> BaseConsumer<Silent> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("group.id", group).set("reconnect.backoff.max.ms", "500");
    // Else offsets in an open transaction would make it wait for the end of that.
    config.set("isolation.level", "read_uncommitted");
    config.create_with_context(Silent).expect("a consumer starts")
}

fn committed(consumer: &BaseConsumer<Silent>, topic: &str) -> Option<Vec<i64>> {
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_range(topic, 0, PARTITIONS - 1);
    let found = consumer.committed_offsets(wanted, ANSWER).ok()?;
    let offset = |partition| match found.find_partition(topic, partition).map(|found| found.offset()) {
        Some(Offset::Offset(offset)) => offset,
        _ => 0,
    };
    Some((0..PARTITIONS).map(offset).collect())
}
