//! The loop by hand for ordered work: a queue per key, so many keys at work, commits of what is done without a gap.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::sync::mpsc;

const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Events between the consumer and the loop.
const AHEAD: usize = 10_000;

/// What is at work and what waits.
struct Lanes {
    keys: HashMap<Vec<u8>, VecDeque<i64>>,
    /// Keys with events, none of which is at work.
    ready: VecDeque<Vec<u8>>,
}

/// Waits for `wait` per event of a topic of one partition, the events of a key in order; gives back the events per second.
///
/// # Errors
/// The client refuses or fails.
pub(crate) async fn run(
    kafka: &str,
    group: &str,
    topic: &str,
    events: usize,
    concurrency: usize,
    wait: Duration,
) -> Result<f64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("queued.min.messages", "20000")
        .create()?;
    consumer.subscribe(&[topic])?;
    let consumer = Arc::new(consumer);
    let stop = Arc::new(AtomicBool::new(false));
    let (send, mut received) = mpsc::channel(AHEAD);
    let poller = std::thread::spawn({
        let (consumer, stop) = (consumer.clone(), stop.clone());
        move || -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                let Some(message) = consumer.poll(Duration::from_millis(50)) else { continue };
                let message = message.context("the native consumer")?;
                if send.blocking_send((message.key().unwrap_or_default().to_vec(), message.offset())).is_err() {
                    break;
                }
            }
            Ok(())
        }
    });

    let (tell, mut done) = mpsc::unbounded_channel();
    let mut lanes = Lanes { keys: HashMap::new(), ready: VecDeque::new() };
    let (mut at_work, mut finished, mut since) = (0, 0, None);
    // Done beyond the gap, and the next to be done.
    let (mut beyond, mut next) = (BTreeSet::new(), 0);
    let mut committed = Instant::now();
    while finished < events {
        tokio::select! {
            Some((key, offset)) = done.recv() => {
                finished += 1;
                at_work -= 1;
                beyond.insert(offset);
                while beyond.remove(&next) {
                    next += 1;
                }
                let waiting = lanes.keys.get_mut(&key).is_some_and(|queue| !queue.is_empty());
                if waiting { lanes.ready.push_back(key) } else { drop(lanes.keys.remove(&key)) }
            }
            Some((key, offset)) = received.recv(), if beyond.len() < AHEAD => {
                match lanes.keys.get_mut(&key) {
                    Some(queue) => queue.push_back(offset),
                    None => {
                        lanes.keys.insert(key.clone(), VecDeque::from([offset]));
                        lanes.ready.push_back(key);
                    }
                }
            }
        }
        while at_work < concurrency
            && let Some(key) = lanes.ready.pop_front()
            && let Some(offset) = lanes.keys.get_mut(&key).and_then(VecDeque::pop_front)
        {
            since.get_or_insert_with(Instant::now);
            at_work += 1;
            let tell = tell.clone();
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                let _ = tell.send((key, offset));
            });
        }
        if committed.elapsed() >= COMMIT_EVERY {
            committed = Instant::now();
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, 0, Offset::Offset(next))?;
            consumer.commit(&list, CommitMode::Async)?;
        }
    }
    let speed = events as f64 / since.context("nothing was done")?.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    drop(received);
    poller.join().map_err(|_| anyhow::anyhow!("the native consumer panicked"))??;
    Ok(speed)
}
