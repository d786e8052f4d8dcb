//! Reads what is left at the end, from the servers themselves: the input, the outputs, the dead letters, the rows.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use veltrix_tests::Cassandra;

use crate::history::{Letter, Logged, Output, Place, Row};
use crate::settings::KEYS;
use crate::watch::Silent;

const LIMIT: Duration = Duration::from_secs(120);
const DEAD_LETTER: &str = "veltrix-dead-letter-";

/// A record as it is in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    place: Place,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: Option<i64>,
}

/// What a topic holds that is committed, by partition and offset.
pub(crate) fn read(address: &str, topic: &str, partitions: i32) -> Result<Vec<Raw>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", address)
        .set("group.id", veltrix_tests::unique("reader"))
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        // The position alone never gets past the marker of a transaction.
        .set("enable.partition.eof", "true");
    let consumer: BaseConsumer<Silent> = config.create_with_context(Silent)?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (mut records, mut ended) = (Vec::new(), vec![false; partitions as usize]);
    let deadline = Instant::now() + LIMIT;
    while ended.contains(&false) {
        if Instant::now() > deadline {
            bail!("reading {topic} takes longer than {LIMIT:?}; partitions read to the end: {ended:?}");
        }
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => records.push(raw(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => ended[partition as usize] = true,
            Some(Err(error)) => eprintln!("reading {topic}: {error}"),
            None => {}
        }
    }
    records.sort_by_key(|record| record.place);
    Ok(records)
}

/// The end of each partition.
pub(crate) fn ends(address: &str, topic: &str, partitions: i32) -> Result<Vec<i64>> {
    let consumer: BaseConsumer<Silent> =
        ClientConfig::new().set("bootstrap.servers", address).create_with_context(Silent)?;
    let end = |partition| Ok(consumer.fetch_watermarks(topic, partition, LIMIT)?.1);
    (0..partitions).map(end).collect()
}

fn raw(message: &BorrowedMessage<'_>) -> Raw {
    let header = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
    Raw {
        place: Place { partition: message.partition(), offset: message.offset() },
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message.headers().map(|headers| headers.iter().map(header).collect()).unwrap_or_default(),
        timestamp: message.timestamp().to_millis(),
    }
}

/// The input as events.
pub(crate) fn log(records: &[Raw]) -> Result<Vec<Logged>> {
    let event = |record: &Raw| Ok(Logged { place: record.place, order: json(record)? });
    records.iter().map(event).collect()
}

/// The output as what the function said.
pub(crate) fn outputs(records: &[Raw]) -> Result<Vec<Output>> {
    let output = |record: &Raw| Ok(Output { at: record.place, done: json(record)? });
    records.iter().map(output).collect()
}

fn json<T: serde::de::DeserializeOwned>(record: &Raw) -> Result<T> {
    serde_json::from_slice(record.value.as_deref().unwrap_or_default())
        .with_context(|| format!("record {}", record.place))
}

/// The dead letters, compared with the events that they say they are.
pub(crate) fn letters(records: &[Raw], input: &[Raw]) -> Result<Vec<Letter>> {
    let events: HashMap<Place, &Raw> = input.iter().map(|record| (record.place, record)).collect();
    records
        .iter()
        .map(|record| letter(record, &events).with_context(|| format!("dead letter {}", record.place)))
        .collect()
}

fn letter(record: &Raw, events: &HashMap<Place, &Raw>) -> Result<Letter> {
    let (own, rest): (Vec<_>, Vec<_>) =
        record.headers.iter().cloned().partition(|(name, _)| name.starts_with(DEAD_LETTER));
    let header = |name: &str| {
        let found = own.iter().find(|(known, _)| known.strip_prefix(DEAD_LETTER) == Some(name));
        let value = found.and_then(|(_, value)| value.clone()).with_context(|| format!("no header {name}"))?;
        Ok::<_, anyhow::Error>(String::from_utf8_lossy(&value).into_owned())
    };
    let source = Place { partition: header("partition")?.parse()?, offset: header("offset")?.parse()? };
    let altered = events.get(&source).and_then(|event| {
        let parts = [
            ("key", record.key == event.key),
            ("value", record.value == event.value),
            ("headers", rest == event.headers),
            // Its own time is that of its writing.
            ("timestamp", header("timestamp").ok().and_then(|time| time.parse().ok()) == event.timestamp),
        ];
        let different: Vec<&str> = parts.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
        (!different.is_empty()).then(|| format!("another {}", different.join(", ")))
    });
    Ok(Letter { at: record.place, source, reason: header("reason")?, attempts: header("attempts")?.parse()?, altered })
}

/// The log that the function appended to, key by key.
pub(crate) fn rows(cassandra: &Cassandra, table: &str) -> Vec<Row> {
    let of_key = |key: u64| {
        let query = format!("SELECT name, n, id, source, source_offset FROM {table} WHERE key = 'k{key}' AND kind = 0");
        let rows = cassandra.rows::<(String, i32, i64, i32, i64)>(&query);
        rows.into_iter().map(move |(place, n, id, partition, offset)| Row {
            key: format!("k{key}"),
            place: place.parse().expect("a place is a number"),
            n: n as u32,
            id: id as u64,
            source: Place { partition, offset },
        })
    };
    (0..KEYS).flat_map(of_key).collect()
}
