//! Filter and forward in transactions: by hand, by Veltrix and by Kafka Streams, at the same intervals.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use veltrix_tests::{Kafka, Topic, build, unique};

use crate::fill::{self, PARTITIONS};
use crate::forward;
use crate::native_transactions;
use crate::peers::{self, Built};
use crate::process::{Measured, cpu};
use crate::streams::Streams;
use crate::watch::Work;

/// Kafka Streams is measured at its default for exactly-once alone.
const STREAMS: Duration = Duration::from_millis(100);
const INTERVALS: [Duration; 3] = [STREAMS, Duration::from_millis(300), Duration::from_secs(1)];
/// Time between looks at the group's offsets.
const LOOK: Duration = Duration::from_millis(20);
/// Longest time without progress.
const STALL: Duration = Duration::from_secs(60);

/// Rounds at every interval.
///
/// # Errors
/// One of them loses or repeats events, or fails.
pub(crate) fn measure(kafka: &str, module: &Path, events: usize, rounds: usize, with_peers: bool) -> Result<()> {
    build::veltrix();
    let built = with_peers.then(|| peers::build("streams")).transpose()?;
    eprintln!("filling a topic with {events} events");
    let bench = Bench { kafka, module, events, input: fill::topic(kafka, "bench_in", events)? };
    println!("\nexactly-once: {events} events, {} of them forwarded\n", fill::kept(events));
    println!(
        "| interval | native, events/s | veltrix, events/s | to native | kafka streams, events/s | to streams | CPU µs/event: native, veltrix, streams |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for interval in INTERVALS {
        for _ in 0..rounds {
            let native = bench.native(interval)?;
            let veltrix = bench.veltrix(interval)?;
            let streams = match &built {
                Some(built) if interval == STREAMS => Some(bench.streams(built, interval)?),
                _ => None,
            };
            print!(
                "| {interval:?} | {:.0} | {:.0} | {:.2} ",
                native.speed,
                veltrix.speed,
                veltrix.speed / native.speed
            );
            match streams {
                Some(streams) => println!(
                    "| {:.0} | {:.2} | {:.2}, {:.2}, {:.2} |",
                    streams.speed,
                    veltrix.speed / streams.speed,
                    native.cpu,
                    veltrix.cpu,
                    streams.cpu
                ),
                None => println!("| | | {:.2}, {:.2} |", native.cpu, veltrix.cpu),
            }
        }
    }
    Ok(())
}

struct Bench<'a> {
    kafka: &'a str,
    module: &'a Path,
    events: usize,
    input: Topic,
}

impl Bench<'_> {
    fn native(&self, interval: Duration) -> Result<Work> {
        let (group, output) = (unique("bench_native"), Kafka::new(self.kafka).topic("bench_native", PARTITIONS));
        let stop = AtomicBool::new(false);
        let input = (&*self.input.name, PARTITIONS);
        let work = std::thread::scope(|scope| {
            let run =
                || native_transactions::forward(self.kafka, &group, input, &output.name, self.events, interval, &stop);
            let running = scope.spawn(run);
            let work = self.progress(&group, std::process::id(), || {
                // Its last commit may be on its way to the looker.
                if running.is_finished() {
                    std::thread::sleep(LOOK);
                }
                Ok(())
            });
            stop.store(true, Ordering::Relaxed);
            running.join().map_err(|_| anyhow!("the native loop panicked"))??;
            work
        })?;
        self.check(&output)?;
        Ok(work)
    }

    fn veltrix(&self, interval: Duration) -> Result<Work> {
        let (group, output) = (unique("bench_veltrix"), Kafka::new(self.kafka).topic("bench_veltrix", PARTITIONS));
        let delivery = format!("delivery = \"exactly-once\"\ntransaction = \"{}ms\"", interval.as_millis());
        let app = forward::app(self.kafka, &self.input.name, &group, &output.name, self.module, &delivery);
        let mut worker = Measured::new(app.start());
        let work = self.progress(&group, worker.id(), || worker.look())?;
        worker.finish()?;
        self.check(&output)?;
        Ok(work)
    }

    fn streams(&self, built: &Built, interval: Duration) -> Result<Work> {
        let (group, output) = (unique("bench_streams"), Kafka::new(self.kafka).topic("bench_streams", PARTITIONS));
        let topics = (&*self.input.name, &*output.name);
        let mut peer = Streams::start(built, self.kafka, &group, topics, interval)?;
        let work = self.progress(&group, peer.id(), || peer.look())?;
        drop(peer);
        self.check(&output)?;
        Ok(work)
    }

    /// Measures from the first commit seen to that of the last event. Offsets are in the transactions, so that what they
    /// say is done is seen by readers of committed events.
    fn progress(&self, group: &str, process: u32, mut check: impl FnMut() -> Result<()>) -> Result<Work> {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.kafka)
            .set("group.id", group)
            // Or each look would wait until no transaction is open.
            .set("isolation.level", "read_uncommitted")
            .create()?;
        let mut wanted = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            wanted.add_partition(&self.input.name, partition);
        }
        let mut first = None;
        let (mut seen, mut grown) = (0, Instant::now());
        loop {
            let offset = |offset| if let Offset::Offset(offset) = offset { offset as usize } else { 0 };
            let committed = client.committed_offsets(wanted.clone(), STALL)?;
            let now: usize = committed.elements().iter().map(|element| offset(element.offset())).sum();
            let at = Instant::now();
            if now > seen {
                (seen, grown) = (now, at);
                let (since, there, spent) = *first.get_or_insert((at, now, cpu(process)?));
                if now >= self.events {
                    let events = (now - there) as f64;
                    let speed = events / at.duration_since(since).as_secs_f64();
                    return Ok(Work { speed, cpu: (cpu(process)? - spent) * 1e6 / events });
                }
            }
            if grown.elapsed() > STALL {
                bail!("{group} has committed {now} of {} events and nothing more for {STALL:?}", self.events);
            }
            check()?;
            std::thread::sleep(LOOK);
        }
    }

    /// Counts what readers of committed events see.
    fn check(&self, output: &Topic) -> Result<()> {
        let reader: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.kafka)
            .set("group.id", unique("bench_reader"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("queued.min.messages", "1000000")
            .create()?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            assignment.add_partition_offset(&output.name, partition, Offset::Beginning)?;
        }
        reader.assign(&assignment)?;
        let (mut count, mut left) = (0, PARTITIONS);
        while left > 0 {
            match reader.poll(STALL) {
                Some(Ok(_)) => count += 1,
                Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
                Some(Err(error)) => return Err(error.into()),
                None => bail!("reading {} takes too long", output.name),
            }
        }
        let expected = fill::kept(self.events);
        if count != expected {
            bail!("{} holds {count} committed records, {expected} were expected", output.name);
        }
        Ok(())
    }
}
