//! A feed against the embedded Kafka, which keeps 5 MiB or 100,000 batches of a partition.

use std::io::Cursor;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use veltrix_host::kafka::Embedded;

use super::*;
use crate::report::Lines as Said;

const EVENTS: i64 = 110_000;

#[test]
fn more_tiny_events_than_a_partition_keeps_are_fed_and_none_is_lost() {
    let embedded = Embedded::start().unwrap();
    embedded.create("t", 1).unwrap();
    let kafka = KafkaConfig { brokers: vec![embedded.address().to_owned()], properties: Default::default() };
    let (window, counters) = (Arc::<Mutex<Window>>::default(), Arc::<Counters>::default());
    let reader = Cursor::new("{\"value\":\"\"}\n".repeat(EVENTS as usize));
    let feed = Feed {
        inputs: vec![Opened { topic: "t".to_owned(), name: "-".to_owned(), size: None, reader: Box::new(reader) }],
        kafka: kafka.clone(),
        window: Some(window.clone()),
        counters: counters.clone(),
        report: Arc::<Said>::default(),
        strict: true,
    };
    let feed = std::thread::spawn(move || feed.run());

    let mut config = kafka.client();
    config.set("group.id", "reads").set("enable.auto.commit", "false").set("auto.offset.reset", "error");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("t", 0, Offset::Beginning).unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut next = 0;
    while next < EVENTS {
        assert!(Instant::now() < deadline, "read {next} of {EVENTS}");
        // It reads nothing before the feed has to wait: then there is as much as ever will be.
        let fullest = window.lock().unwrap().fullest("t");
        if fullest + FRAMING <= MOST_WAITING && !counters.ended.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        if next == 0 {
            consumer.assign(&list).unwrap();
        }
        let until = next + (EVENTS / 8);
        while next < until.min(EVENTS) {
            let Some(message) = consumer.poll(Duration::from_secs(1)) else { break };
            assert_eq!(message.expect("nothing was overrun").offset(), next, "none is lost");
            next += 1;
        }
        window.lock().unwrap().done("t", 0, next);
    }
    assert_eq!(feed.join().unwrap().unwrap()[0].events, EVENTS as u64);
}
