//! How fast an output topic grows, seen from outside: the same for whoever writes it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use veltrix_tests::Topic;

use crate::process::cpu;

/// Time between looks.
const LOOK: Duration = Duration::from_millis(50);
/// Longest time without growth.
const STALL: Duration = Duration::from_secs(60);

/// What a client of Kafka or Cassandra did in a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Events per second.
    pub(crate) speed: f64,
    /// What its process executed per event, µs; the servers' share is not in it.
    pub(crate) cpu: f64,
}

/// Measures a process from the first record seen to the last expected, which is acknowledged and visible by then.
///
/// # Errors
/// Kafka does not answer; the topic does not grow; it grows beyond what is expected; `check` says so.
pub(crate) fn growth(
    kafka: &str,
    topic: &Topic,
    expected: usize,
    process: u32,
    mut check: impl FnMut() -> Result<()>,
) -> Result<Work> {
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", kafka).create()?;
    let mut first = None;
    let (mut seen, mut grown) = (0, Instant::now());
    loop {
        let mut now = 0;
        for partition in 0..topic.partitions {
            now += client.fetch_watermarks(&topic.name, partition, STALL)?.1 as usize;
        }
        let at = Instant::now();
        if now > seen {
            (seen, grown) = (now, at);
        }
        if now > 0 {
            if first.is_none() {
                first = Some((at, now, cpu(process)?));
            }
            let Some((since, there, spent)) = first else { continue };
            if now > expected {
                bail!("{} holds {now} records, {expected} were expected", topic.name);
            }
            if now == expected {
                let events = (now - there) as f64;
                let speed = events / at.duration_since(since).as_secs_f64();
                return Ok(Work { speed, cpu: (cpu(process)? - spent) * 1e6 / events });
            }
        }
        if grown.elapsed() > STALL {
            bail!("{} holds {now} of {expected} records and has not grown for {STALL:?}", topic.name);
        }
        check()?;
        std::thread::sleep(LOOK);
    }
}
