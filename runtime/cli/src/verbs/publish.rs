//! `publish`: events into a topic, from JSON lines or from flags.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use rdkafka::ClientContext;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use serde_json::json;
use veltrix_host::jsonl::{self, Event};
use veltrix_host::kafka::headers;
use veltrix_host::lines::{LineError, Lines};

use crate::args::{Format, KafkaArg, Output, topic};
use crate::failure::{Failure, Outcome};
use crate::out::{self, Out};
use crate::{clients, servers};

/// How many problems are told; the rest is counted.
const MOST_TOLD: u64 = 20;
/// How long an event may take to be acknowledged.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
#[command(after_help = "Without --value or --tombstone, events are read as JSON lines from --file or stdin:
  {\"key\": …, \"value\": …, \"headers\": [[\"name\", …]], \"timestamp\": ms, \"partition\": n}
A string is its text, {\"base64\": \"…\"} is bytes, null is null, any other JSON is sent as JSON.")]
pub(crate) struct Publish {
    /// Where to
    #[arg(value_parser = topic)]
    topic: String,
    /// JSON lines to publish; `-` and nothing mean stdin
    #[arg(long, conflicts_with_all = ["value", "tombstone"])]
    file: Option<PathBuf>,
    /// Publish one event with this value
    #[arg(long, conflicts_with = "tombstone")]
    value: Option<String>,
    /// Publish one event with a null value
    #[arg(long)]
    tombstone: bool,
    /// Key of the one event
    #[arg(long)]
    key: Option<String>,
    /// Header of the one event; NAME alone has a null value
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, Option<String>)>,
    /// Partition of events that name none; default: by key, as Java's clients do
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Create the topic first if it is missing, with the broker's default number of partitions
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    servers: KafkaArg,
    #[command(flatten)]
    output: Output,
}

fn header(text: &str) -> Result<(String, Option<String>), String> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.to_owned())));
    if name.contains('\0') {
        return Err("a header's name can't have a zero byte".to_owned());
    }
    Ok((name.to_owned(), value))
}

pub(crate) fn run(args: &Publish) -> Outcome {
    let single = args.value.is_some() || args.tombstone;
    if !single && (args.key.is_some() || !args.headers.is_empty()) {
        return Err(Failure::usage("--key and --header go with --value or --tombstone; JSON lines have their own"));
    }
    let input = if single { None } else { Some(open(args.file.as_deref())?) };
    let publisher = Publisher::new(args)?;
    match input {
        Some(input) => publisher.lines(Lines::new(input))?,
        None => publisher.send(0, args.event())?,
    }
    publisher.finish()
}

impl Publish {
    fn event(&self) -> Event {
        let bytes = |text: &String| text.as_bytes().to_vec();
        let headers = self.headers.iter().map(|(name, value)| (bytes(name), value.as_ref().map(bytes)));
        Event {
            key: self.key.as_ref().map(bytes),
            value: self.value.as_ref().map(bytes),
            headers: headers.collect(),
            ..Event::default()
        }
    }
}

fn open(file: Option<&Path>) -> Result<Box<dyn BufRead>, Failure> {
    match file.filter(|file| *file != Path::new("-")) {
        None => Ok(Box::new(stdin().lock())),
        Some(path) => match File::open(path) {
            Ok(file) => Ok(Box::new(BufReader::with_capacity(1 << 20, file))),
            Err(error) => Err(Failure::usage(format!("{} can't be opened: {error}", path.display()))),
        },
    }
}

/// What became of the events; told by the producer as answers come in.
#[derive(Default)]
struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    published: u64,
    failed: u64,
}

impl Tally {
    /// An event that won't be published, and the line it came from; 0: from flags.
    fn problem(&self, line: u64, problem: &str) {
        let mut counts = self.counts.lock().expect("no holder of the lock panics");
        counts.failed += 1;
        if counts.failed <= MOST_TOLD {
            let place = if line == 0 { String::new() } else { format!("line {line}: ") };
            out::error(&format!("{place}{problem}"));
        }
    }
}

impl ClientContext for Tally {
    // What matters is told with the event that it befalls.
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Tally {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, line: Box<u64>) {
        match result {
            Ok(_) => self.counts.lock().expect("no holder of the lock panics").published += 1,
            Err((error, _)) => self.problem(*line, &format!("not published: {}", describe(error))),
        }
    }
}

fn describe(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

struct Publisher<'a> {
    args: &'a Publish,
    producer: BaseProducer<Tally>,
}

impl<'a> Publisher<'a> {
    fn new(args: &'a Publish) -> Result<Self, Failure> {
        let servers = servers::kafka(&args.servers, Path::new("."))?;
        let failed = |error: KafkaError| Failure::usage(format!("the Kafka client can't be set up: {error}"));
        let mut config = clients::kafka(&servers);
        let admin: AdminClient<DefaultClientContext> = config.create().map_err(failed)?;
        clients::topic(admin.inner(), &args.topic, args.create, &servers)?;
        config.set("partitioner", "murmur2_random");
        config.set("enable.idempotence", "true");
        config.set("message.timeout.ms", TIMEOUT.as_millis().to_string());
        config.set("linger.ms", "5");
        // What is too large is then refused by itself, not by the broker together with its neighbours in a batch.
        if !servers.embedded
            && let Some(largest) = clients::largest_batch(&admin, &args.topic)?
        {
            config.set("message.max.bytes", largest);
        }
        let producer = config.create_with_context(Tally::default()).map_err(failed)?;
        Ok(Self { args, producer })
    }

    fn lines(&self, lines: Lines<impl BufRead>) -> Outcome {
        for (number, line) in lines {
            match line {
                Ok(line) => match jsonl::decode(&line) {
                    Ok(event) => self.send(number, event)?,
                    Err(problem) => self.producer.context().problem(number, &problem),
                },
                Err(LineError::Line(problem)) => self.producer.context().problem(number, &problem),
                Err(LineError::Input(problem)) => {
                    self.producer.context().problem(number, &problem);
                    break;
                }
            }
        }
        Ok(())
    }

    fn send(&self, line: u64, event: Event) -> Outcome {
        let mut names = OwnedHeaders::new_with_capacity(event.headers.len());
        for (name, value) in &event.headers {
            headers::push(&mut names, name, value.as_deref());
        }
        let mut record = BaseRecord::<[u8], [u8], Box<u64>>::with_opaque_to(&self.args.topic, Box::new(line));
        record.key = event.key.as_deref();
        record.payload = event.value.as_deref();
        record.partition = event.partition.or(self.args.partition);
        record.timestamp = event.timestamp;
        if !event.headers.is_empty() {
            record.headers = Some(names);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                    self.producer.poll(Duration::from_millis(100));
                    record = returned;
                }
                Err((error, _)) => {
                    self.producer.context().problem(line, &format!("not published: {}", describe(&error)));
                    break;
                }
            }
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Waits for the last answers, and says how many events went where.
    fn finish(self) -> Outcome {
        // Every event is answered for within its own timeout.
        let flushed = self.producer.flush(TIMEOUT + Duration::from_secs(5));
        let counts = *self.producer.context().counts.lock().expect("no holder of the lock panics");
        let Counts { published, failed } = counts;
        let mut out = Out::new();
        match self.args.output.format {
            Format::Json => out.json(&json!({"topic": self.args.topic, "published": published, "failed": failed}))?,
            Format::Text if failed == 0 => out.line(&format!("published {published} to {}", self.args.topic))?,
            Format::Text => out.line(&format!("published {published} to {}, {failed} failed", self.args.topic))?,
        }
        out.flush()?;
        if failed > MOST_TOLD {
            out::error(&format!("and {} more problems", failed - MOST_TOLD));
        }
        flushed.map_err(|error| Failure::run(format!("events were left unanswered: {}", describe(&error))))?;
        if failed > 0 { Err(Failure::Said) } else { Ok(()) }
    }
}
