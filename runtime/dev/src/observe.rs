//! Follows topics that functions both write and read, so that it is known how many bytes wait in them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use veltrix_host::kafka::{KafkaConfig, embedded, headers};

use crate::error::DevError;
use crate::window::{FRAMING, Window};

/// A reader on a thread of its own, until dropped.
pub(crate) struct Observer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Observer {
    /// Follows these topics of the embedded Kafka from their beginning.
    ///
    /// # Errors
    /// The client, or its thread, can't be had.
    pub(crate) fn start(
        kafka: &KafkaConfig,
        topics: impl Iterator<Item = String>,
        window: Arc<Mutex<Window>>,
    ) -> Result<Self, DevError> {
        let mut config = kafka.client();
        config.set("group.id", "veltrix-dev-observer").set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "earliest").set("allow.auto.create.topics", "false");
        config.set("fetch.wait.max.ms", "10");
        let consumer: BaseConsumer = config.create()?;
        let mut list = TopicPartitionList::new();
        for topic in topics {
            for partition in 0..embedded::PARTITIONS {
                list.add_partition_offset(&topic, partition, Offset::Beginning)?;
            }
        }
        consumer.assign(&list)?;
        let stop = Arc::<AtomicBool>::default();
        let told = stop.clone();
        let thread = std::thread::Builder::new()
            .name("observer".into())
            .spawn(move || follow(&consumer, &window, &told))
            .map_err(|error| DevError::Internal(format!("the observer's thread can't start: {error}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn follow(consumer: &BaseConsumer, window: &Mutex<Window>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
        let mut size = message.key_len() + message.payload_len();
        if let Some(all) = message.headers() {
            headers::each(all, |name, value| size += name.len() + value.map_or(0, <[u8]>::len) + 10);
        }
        let bytes = size as u64 + FRAMING;
        let mut window = window.lock().expect("no panic while held");
        window.add(message.topic(), message.partition(), message.offset(), bytes);
    }
}
