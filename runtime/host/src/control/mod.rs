//! What operators want of a running application: a compacted topic that all its workers follow, so that it holds for
//! all of them and across restarts.

mod follow;
mod record;
mod state;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::sync::watch;

use crate::kafka::KafkaConfig;

pub use record::{Board, Record, Seek, Wish, topic};
pub(crate) use state::resume_command;
pub use state::{Lane, Shown};

/// Follows an application's control topic on a thread of its own until dropped.
#[derive(Debug)]
pub(crate) struct Follower {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What a binding hears of its operators.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    group: Arc<str>,
    shared: Arc<Shared>,
    orders: watch::Receiver<Orders>,
}

/// What a binding's pipeline has to heed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// The topic was read to its end, or can't be read. Until then nothing begins.
    pub(crate) known: bool,
    /// Nothing begins until this changes.
    pub(crate) paused: bool,
    /// Nothing begins until this changes, and nobody need be told: this process holds the binding back.
    pub(crate) held: bool,
    /// Lanes that stopped before then go on; milliseconds since the epoch.
    pub(crate) resumed_at: Option<u64>,
    /// Changes when the binding has to look at its function, and to say how it is.
    pub(crate) looks: u64,
}

/// What this process wants of a binding, beside what its operators want of it in all workers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Local {
    pub(crate) paused: bool,
    pub(crate) held: bool,
    pub(crate) resumed_at: Option<u64>,
    pub(crate) looks: u64,
}

/// Where this process gives its own bindings orders.
#[derive(Debug, Clone)]
pub(crate) struct Desk(Arc<Shared>);

impl Desk {
    /// Changes what is wanted of a binding.
    pub(crate) fn order(&self, group: &str, change: impl FnOnce(&mut Local)) {
        let mut read = self.0.read();
        change(read.local.entry(group.into()).or_default());
        if read.known
            && let Some((group, sender)) = read.bindings.get_key_value(group)
        {
            let orders = orders(&read, group);
            sender.send_if_modified(|known| std::mem::replace(known, orders) != orders);
        }
    }
}

impl Desk {
    /// Sends a partition of a binding back, as an operator does: whichever worker has it.
    ///
    /// # Errors
    /// Kafka does not take the order in time.
    pub(crate) fn seek(&self, group: &str, seek: Seek) -> Result<(), String> {
        let mut wish = {
            let read = self.0.read();
            // What is done need not be kept.
            Wish { seeks: read.board.pending(group).cloned().collect(), ..read.board.wish(group) }
        };
        wish.seeks.retain(|other| (&other.topic, other.partition) != (&seek.topic, seek.partition));
        wish.seeks.push(seek);
        write(&self.0.kafka, &self.0.topic, &Record::wish(group, &wish), Duration::from_secs(5))
    }
}

/// What the follower and the bindings share.
#[derive(Debug)]
struct Shared {
    kafka: KafkaConfig,
    topic: String,
    stop: AtomicBool,
    read: Mutex<Read>,
    progress: Condvar,
    /// Changes with every record.
    version: AtomicU64,
}

#[derive(Debug, Default)]
struct Read {
    board: Board,
    known: bool,
    /// One past the last record.
    position: i64,
    bindings: HashMap<Arc<str>, watch::Sender<Orders>>,
    local: HashMap<Arc<str>, Local>,
}

impl Follower {
    /// Begins to read. Kafka may be absent: it keeps trying.
    pub(crate) fn start(application: &str, kafka: &KafkaConfig) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            kafka: kafka.clone(),
            topic: topic(application),
            stop: AtomicBool::new(false),
            read: Mutex::default(),
            progress: Condvar::new(),
            version: AtomicU64::new(0),
        });
        let reader = shared.clone();
        let thread = std::thread::Builder::new().name("control".into()).spawn(move || follow::run(&reader))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Where this process gives orders of its own.
    pub(crate) fn desk(&self) -> Desk {
        Desk(self.shared.clone())
    }

    /// What the binding with that group hears.
    pub(crate) fn binding(&self, group: &str) -> Handle {
        let group: Arc<str> = group.into();
        let mut read = self.shared.read();
        let orders = orders(&read, &group);
        let sender = read.bindings.entry(group.clone()).or_insert_with(|| watch::Sender::new(orders));
        Handle { group, orders: sender.subscribe(), shared: self.shared.clone() }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Handle {
    /// What to heed now; [`changed`] tells when that changes.
    pub(crate) fn orders(&self) -> Orders {
        *self.orders.borrow()
    }

    /// Changes whenever something was read.
    pub(crate) fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Relaxed)
    }

    /// Seeks of the binding that nobody has done yet.
    pub(crate) fn pending(&self) -> Vec<Seek> {
        self.shared.read().board.pending(&self.group).cloned().collect()
    }

    /// Blocks until the topic was read to its end once.
    pub(crate) fn wait_known(&self, limit: Duration) -> bool {
        self.shared.wait(limit, |read| read.known)
    }

    /// Blocks until all before that offset was read.
    pub(crate) fn wait_position(&self, offset: i64, limit: Duration) -> bool {
        self.shared.wait(limit, |read| read.position >= offset)
    }

    /// Name of the control topic.
    pub(crate) fn topic(&self) -> &str {
        &self.shared.topic
    }

    /// Tells all workers that a seek is done.
    ///
    /// # Errors
    /// Kafka does not take it in time.
    pub(crate) fn done(&self, seek: &Seek) -> Result<(), String> {
        write(&self.shared.kafka, &self.shared.topic, &Record::done(&self.group, seek), Duration::from_secs(5))?;
        // Known here at once, or the same seek would be done again before the record comes back.
        let record = Record::done(&self.group, seek);
        self.shared.read().board.take(record.key.as_bytes(), Some(record.value.as_bytes()))
    }
}

/// Waits until the orders of a binding change; for ever when nobody asks, or nobody follows any more.
pub(crate) async fn changed(handle: &mut Option<Handle>) {
    if let Some(handle) = handle
        && handle.orders.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

impl Shared {
    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().expect("no panic while held")
    }

    fn take(&self, key: &[u8], value: Option<&[u8]>, offset: i64) -> Result<(), String> {
        let mut read = self.read();
        let taken = read.board.take(key, value);
        read.position = offset + 1;
        self.tell(&read);
        taken
    }

    fn read_to_end(&self) {
        let mut read = self.read();
        read.known = true;
        self.tell(&read);
    }

    fn tell(&self, read: &Read) {
        if read.known {
            for (group, sender) in &read.bindings {
                let orders = orders(read, group);
                sender.send_if_modified(|known| std::mem::replace(known, orders) != orders);
            }
            self.version.fetch_add(1, Ordering::Relaxed);
        }
        self.progress.notify_all();
    }

    fn wait(&self, limit: Duration, reached: impl Fn(&Read) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        let mut read = self.read();
        while !reached(&read) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            read = self.progress.wait_timeout(read, left).expect("no panic while held").0;
        }
        true
    }
}

fn orders(read: &Read, group: &str) -> Orders {
    let Wish { paused, resumed_at, .. } = read.board.wish(group);
    let local = read.local.get(group).copied().unwrap_or_default();
    Orders {
        known: read.known,
        paused: paused || local.paused,
        held: local.held,
        resumed_at: resumed_at.max(local.resumed_at),
        looks: local.looks,
    }
}

/// Writes a record to a control topic, which must be there.
///
/// # Errors
/// Why it was not taken within the limit.
pub fn write(kafka: &KafkaConfig, topic: &str, record: &Record, limit: Duration) -> Result<(), String> {
    let mut config = kafka.client();
    config.set("acks", "all");
    config.set("message.timeout.ms", limit.as_millis().to_string());
    let told = Arc::new(Mutex::new(None));
    let producer: BaseProducer<Told> =
        config.create_with_context(Told(told.clone())).map_err(|error| error.to_string())?;
    let record = BaseRecord::to(topic).partition(0).key(&record.key).payload(&record.value);
    producer.send(record).map_err(|(error, _)| error.to_string())?;
    producer.flush(limit + Duration::from_secs(1)).map_err(|error| error.to_string())?;
    let answer = told.lock().expect("no panic while held").take();
    answer.unwrap_or_else(|| Err("no answer".to_owned()))
}

/// The answer to the one record.
struct Told(Arc<Mutex<Option<Result<(), String>>>>);

impl rdkafka::ClientContext for Told {
    fn error(&self, _error: rdkafka::error::KafkaError, _reason: &str) {}
}

impl rdkafka::producer::ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &rdkafka::producer::DeliveryResult<'_>, _opaque: ()) {
        let result = result.as_ref().map(|_| ()).map_err(|(error, _)| error.to_string());
        *self.0.lock().expect("no panic while held") = Some(result);
    }
}
