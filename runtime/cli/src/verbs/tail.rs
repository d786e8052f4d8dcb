//! `tail`: prints the events of a topic as they are, and as they come.

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use veltrix_host::jsonl::{self, Event, Place};
use veltrix_host::kafka::headers;
use veltrix_manifest::parse_duration;

use crate::args::{Format, KafkaArg, Output, topic};
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::{clients, servers};

const TICK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// Which one
    #[arg(value_parser = topic)]
    topic: String,
    /// Where to begin: `earliest`, `latest` or an offset, in each partition
    #[arg(long, default_value = "latest", value_name = "PLACE")]
    from: From,
    /// Only this partition
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// End after this many events
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End when no event came for this long, such as `5s`; with --count, too few events are a failure
    #[arg(long, value_parser = parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    servers: KafkaArg,
    /// `json` adds topic and offset to each line
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Earliest,
    Latest,
    Offset(i64),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            number => match number.parse() {
                Ok(offset) if offset >= 0 => Ok(Self::Offset(offset)),
                _ => Err("write earliest, latest or an offset".to_owned()),
            },
        }
    }
}

/// Silent: a connection that is lost comes back, or the reader ends the verb.
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ConsumerContext for Quiet {}

pub(crate) fn run(args: &Tail) -> Outcome {
    let servers = servers::kafka(&args.servers, Path::new("."))?;
    let mut config = clients::kafka(&servers);
    // Partitions are assigned by hand and nothing is committed: no group ever hears of this.
    config.set("group.id", "veltrix-tail");
    config.set("enable.auto.commit", "false");
    config.set("enable.partition.eof", "false");
    config.set("auto.offset.reset", "earliest");
    config.set("allow.auto.create.topics", "false");
    let consumer: BaseConsumer<Quiet> = config
        .create_with_context(Quiet)
        .map_err(|error| Failure::usage(format!("the Kafka client can't be set up: {error}")))?;
    let partitions = clients::topic(consumer.client(), &args.topic, false, &servers)?;
    assign(args, &consumer, &partitions)?;
    follow(args, &consumer)
}

fn assign(args: &Tail, consumer: &BaseConsumer<Quiet>, partitions: &[i32]) -> Outcome {
    let failed = |error: KafkaError| Failure::run(format!("topic {} can't be read: {error}", args.topic));
    let mut list = TopicPartitionList::new();
    for partition in partitions.iter().filter(|partition| args.partition.is_none_or(|only| only == **partition)) {
        let offset = match args.from {
            From::Earliest => Offset::Beginning,
            // Asked for now: what is published from here on is not missed, however long the first fetch takes.
            From::Latest => {
                let ends = consumer.fetch_watermarks(&args.topic, *partition, PATIENCE);
                Offset::Offset(ends.map_err(failed)?.1)
            }
            From::Offset(offset) => Offset::Offset(offset),
        };
        list.add_partition_offset(&args.topic, *partition, offset).map_err(failed)?;
    }
    if list.count() == 0 {
        let (topic, count) = (&args.topic, partitions.len());
        return Err(Failure::run(format!("topic {topic} has no such partition; it has {count}, from 0")));
    }
    consumer.assign(&list).map_err(failed)
}

fn follow(args: &Tail, consumer: &BaseConsumer<Quiet>) -> Outcome {
    let mut out = Out::new();
    let mut seen = 0;
    let mut last = Instant::now();
    while args.count.is_none_or(|count| seen < count) {
        let next = match consumer.poll(Duration::ZERO) {
            Some(next) => Some(next),
            None => {
                // Nothing at hand: show what there is before waiting.
                out.flush()?;
                consumer.poll(TICK)
            }
        };
        match next {
            Some(Ok(message)) => {
                out.line(&line(&message, args.output.format))?;
                seen += 1;
                last = Instant::now();
            }
            Some(Err(error)) => tracing::debug!(%error, "poll"),
            None => {}
        }
        if args.timeout.is_some_and(|timeout| last.elapsed() >= timeout) {
            out.flush()?;
            return match args.count {
                Some(count) => Err(Failure::run(format!("{seen} of {count} events came"))),
                None => Ok(()),
            };
        }
    }
    out.flush()
}

fn line(message: &BorrowedMessage<'_>, format: Format) -> String {
    let mut event = Event {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: Vec::new(),
        timestamp: message.timestamp().to_millis().filter(|time| *time >= 0),
        partition: Some(message.partition()),
    };
    if let Some(found) = message.headers() {
        headers::each(found, |name, value| event.headers.push((name.to_vec(), value.map(<[u8]>::to_vec))));
    }
    let place = Place { topic: message.topic(), offset: message.offset() };
    jsonl::encode(&event, (format == Format::Json).then_some(place))
}
