//! A client of Kafka that blocks: topics, records in and out byte for byte, committed offsets.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

const TIMEOUT: Duration = Duration::from_secs(30);

/// One record, in or out.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Where it goes; none: by key. Always there when read.
    pub partition: Option<i32>,
    /// Where it was; none in records to produce.
    pub offset: Option<i64>,
    /// None is null, not empty.
    pub key: Option<Vec<u8>>,
    /// None is null, not empty.
    pub value: Option<Vec<u8>>,
    /// In order; names may repeat, values may be null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; none: now.
    pub timestamp: Option<i64>,
}

impl Record {
    /// A record with a key and a value.
    pub fn new(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        Self { key: Some(key.as_ref().to_vec()), value: Some(value.as_ref().to_vec()), ..Self::default() }
    }

    /// The same for one partition.
    pub fn to(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The same with one more header.
    pub fn with_header(mut self, name: &str, value: Option<&[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.map(<[u8]>::to_vec)));
        self
    }

    /// The same with all these headers more.
    pub fn with_headers(mut self, headers: impl IntoIterator<Item = (String, Option<Vec<u8>>)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The value of the last header of that name, as text; empty if there is none or it is null.
    pub fn header(&self, name: &str) -> String {
        let found = self.headers.iter().rev().find(|(known, _)| known == name);
        let bytes = found.and_then(|(_, value)| value.as_deref()).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The value as text; empty if null.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }

    /// The key as text; empty if null.
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }
}

/// A topic's name and size.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
}

/// A broker's address.
#[derive(Debug, Clone)]
pub struct Kafka {
    address: String,
}

/// Collects delivery failures of one `produce`.
#[derive(Default, Clone)]
struct Deliveries {
    failures: Arc<Mutex<Vec<KafkaError>>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failures.lock().expect("no test panics in a delivery").push(error.clone());
        }
    }
}

impl Kafka {
    /// A client of the broker at `host:port`.
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned() }
    }

    /// Creates a topic of this test's own.
    pub fn topic(&self, prefix: &str, partitions: i32) -> Topic {
        self.create(&crate::unique(prefix), partitions, &[])
    }

    /// Creates a topic with settings such as `("retention.ms", "1000")`.
    pub fn create(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Topic {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client starts");
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        let results = blocking(admin.create_topics([&topic], &options)).expect("the broker answers");
        for result in results {
            if let Err((name, code)) = result {
                panic!("creating topic {name}: {code}");
            }
        }
        let topic = Topic { name: name.to_owned(), partitions };
        // Created is not yet known to every part of the broker.
        crate::eventually("a new topic shows in the metadata", TIMEOUT, || {
            (self.partitions(name) == Some(partitions)).then_some(())
        });
        topic
    }

    /// Adds partitions to a topic until it has `partitions`.
    pub fn grow(&self, topic: &Topic, partitions: i32) -> Topic {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client starts");
        let count = usize::try_from(partitions).expect("a count of partitions is positive");
        let wanted = rdkafka::admin::NewPartitions::new(&topic.name, count);
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        for result in blocking(admin.create_partitions([&wanted], &options)).expect("the broker answers") {
            result.unwrap_or_else(|(name, code)| panic!("growing topic {name}: {code}"));
        }
        Topic { name: topic.name.clone(), partitions }
    }

    /// Deletes a topic and waits until the broker knows it no more.
    pub fn delete(&self, topic: &str) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client starts");
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        for result in blocking(admin.delete_topics(&[topic], &options)).expect("the broker answers") {
            result.unwrap_or_else(|(name, code)| panic!("deleting topic {name}: {code}"));
        }
        crate::eventually("a deleted topic is gone from the metadata", TIMEOUT, || {
            self.partitions(topic).is_none().then_some(())
        });
    }

    /// Deletes what a partition holds before `offset`, as retention does.
    pub fn delete_before(&self, topic: &Topic, partition: i32, offset: i64) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client starts");
        let mut until = TopicPartitionList::new();
        until.add_partition_offset(&topic.name, partition, Offset::Offset(offset)).expect("an offset is set");
        blocking(admin.delete_records(&until, &AdminOptions::new())).expect("the broker deletes records");
    }

    /// How many partitions a topic has; none if there is no such topic.
    pub fn partitions(&self, topic: &str) -> Option<i32> {
        let consumer = self.consumer(&crate::unique("probe"));
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).expect("the broker answers");
        let count = metadata.topics().first().map_or(0, |found| found.partitions().len());
        (count > 0).then(|| i32::try_from(count).expect("a topic has few partitions"))
    }

    /// Produces records in order and returns once the broker acknowledged all.
    #[track_caller]
    pub fn produce(&self, topic: &str, records: impl IntoIterator<Item = Record>) {
        let deliveries = Deliveries::default();
        let mut config = self.config();
        config
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "4000000")
            .set("linger.ms", "1");
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(deliveries.clone()).expect("a producer starts");
        for record in records {
            send(&producer, topic, &record);
        }
        producer.flush(TIMEOUT).expect("the broker takes the records");
        let failures = deliveries.failures.lock().expect("no test panics in a delivery");
        assert!(failures.is_empty(), "producing to {topic}: {:?}", failures[0]);
    }

    /// Produces records in a transaction that is aborted: their offsets are gaps to readers of committed records.
    #[track_caller]
    pub fn aborted(&self, topic: &str, records: impl IntoIterator<Item = Record>) {
        let mut config = self.config();
        config.set("transactional.id", crate::unique("aborted")).set("linger.ms", "1");
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(Deliveries::default()).expect("a producer starts");
        producer.init_transactions(TIMEOUT).expect("transactions begin");
        producer.begin_transaction().expect("a transaction begins");
        for record in records {
            send(&producer, topic, &record);
        }
        producer.flush(TIMEOUT).expect("the broker takes the records");
        producer.abort_transaction(TIMEOUT).expect("a transaction is aborted");
    }

    /// Every record that the topic holds now, by partition and offset; of transactions, those that are committed.
    pub fn read(&self, topic: &str) -> Vec<Record> {
        let Some(partitions) = self.partitions(topic) else { return Vec::new() };
        let mut config = self.consumer_config(&crate::unique("reader"));
        // The end as the broker tells it: the last record may be a transaction's marker, which no reader sees.
        config.set("enable.partition.eof", "true").set("isolation.level", "read_committed");
        let consumer: BaseConsumer = config.create().expect("a consumer starts");
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset is set");
        }
        consumer.assign(&assignment).expect("partitions are assigned");
        let (mut records, mut unread): (_, HashSet<i32>) = (Vec::new(), (0..partitions).collect());
        let deadline = Instant::now() + TIMEOUT;
        while !unread.is_empty() {
            assert!(Instant::now() < deadline, "reading {topic} takes longer than {TIMEOUT:?}");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => records.push(record_of(&message)),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    unread.remove(&partition);
                }
                Some(Err(error)) => panic!("reading {topic}: {error}"),
                None => {}
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// Waits until the topic holds at least `count` records; returns all.
    #[track_caller]
    pub fn read_at_least(&self, topic: &str, count: usize, timeout: Duration) -> Vec<Record> {
        let mut seen = 0;
        let deadline = Instant::now() + timeout;
        loop {
            if self.count(topic) >= count {
                let records = self.read(topic);
                seen = records.len();
                if seen >= count {
                    return records;
                }
            }
            assert!(Instant::now() < deadline, "{topic} holds {seen} of {count} records after {timeout:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The committed offset of each partition; none where the group has none.
    pub fn committed(&self, group: &str, topic: &Topic) -> Vec<Option<i64>> {
        let consumer = self.consumer(group);
        let mut wanted = TopicPartitionList::new();
        for partition in 0..topic.partitions {
            wanted.add_partition(&topic.name, partition);
        }
        // A broker that has just come back may not know yet that it coordinates the group.
        let found = crate::eventually("the broker tells the group's offsets", TIMEOUT, || {
            consumer.committed_offsets(wanted.clone(), TIMEOUT).ok()
        });
        let offset = |partition| match found.find_partition(&topic.name, partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        (0..topic.partitions).map(offset).collect()
    }

    /// The sum of committed offsets: how many records of a fresh topic the group is done with.
    pub fn committed_total(&self, group: &str, topic: &Topic) -> i64 {
        self.committed(group, topic).into_iter().flatten().sum()
    }

    /// How many records a topic holds now.
    pub fn count(&self, topic: &str) -> usize {
        let Some(partitions) = self.partitions(topic) else { return 0 };
        let consumer = self.consumer(&crate::unique("probe"));
        let count = |partition| {
            let (low, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT).expect("the broker answers");
            usize::try_from(high - low).expect("a log ends after its start")
        };
        (0..partitions).map(count).sum()
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        self.consumer_config(group).create().expect("a consumer starts")
    }

    fn consumer_config(&self, group: &str) -> ClientConfig {
        let mut config = self.config();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("fetch.message.max.bytes", "4194304")
            .set("fetch.wait.max.ms", "20");
        config
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        config
    }
}

fn send(producer: &BaseProducer<Deliveries>, topic: &str, record: &Record) {
    let mut headers = OwnedHeaders::new();
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: value.as_deref() });
    }
    let mut outgoing: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).headers(headers);
    outgoing.partition = record.partition;
    outgoing.key = record.key.as_deref();
    outgoing.payload = record.value.as_deref();
    outgoing.timestamp = record.timestamp;
    while let Err((error, back)) = producer.send(outgoing) {
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "producing to {topic}: {error}");
        producer.poll(Duration::from_millis(10));
        outgoing = back;
    }
}

fn record_of(message: &impl Message) -> Record {
    let header = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
    Record {
        partition: Some(message.partition()),
        offset: Some(message.offset()),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message.headers().map(|headers| headers.iter().map(header).collect()).unwrap_or_default(),
        timestamp: message.timestamp().to_millis(),
    }
}

fn blocking<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts").block_on(future)
}
