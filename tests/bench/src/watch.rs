//! How fast an output topic grows, seen from outside: the same for whoever writes it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use veltrix_tests::Topic;

/// Time between looks.
const LOOK: Duration = Duration::from_millis(50);
/// Longest time without growth.
const STALL: Duration = Duration::from_secs(60);

/// Events per second from the first record seen to the last expected, which is acknowledged and visible by then.
///
/// # Errors
/// Kafka does not answer; the topic does not grow; it grows beyond what is expected; `check` says so.
pub(crate) fn growth(
    kafka: &str,
    topic: &Topic,
    expected: usize,
    mut check: impl FnMut() -> Result<()>,
) -> Result<f64> {
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
            let (since, there) = *first.get_or_insert((at, now));
            if now > expected {
                bail!("{} holds {now} records, {expected} were expected", topic.name);
            }
            if now == expected {
                return Ok((now - there) as f64 / at.duration_since(since).as_secs_f64());
            }
        }
        if grown.elapsed() > STALL {
            bail!("{} holds {now} of {expected} records and has not grown for {STALL:?}", topic.name);
        }
        check()?;
        std::thread::sleep(LOOK);
    }
}
