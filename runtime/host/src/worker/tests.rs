//! A worker under the hand of its process, on the embedded Kafka.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::time::Instant;
use veltrix_tests::build;

use super::*;
use crate::kafka::Embedded;

const GROUP: &str = "swap.relay";

fn options(kafka: &Embedded, binding: &str) -> Options {
    let text = format!(
        "name = 'swap'\n[kafka]\nbrokers = ['{}']\n[[binding]]\n\
         topics = ['in']\nfunction = 'relay'\ndead_letter = 'dead'\n{binding}\n[function.relay]\nmodule = '{}'\n",
        kafka.address(),
        build::guest("relay").display()
    );
    Options {
        manifest: veltrix_manifest::parse(&text, Path::new(".")).unwrap(),
        admin: "127.0.0.1:0".to_owned(),
        apply_schema: false,
        cache: None,
        worker_id: None,
        slots: None,
        embedded: true,
    }
}

/// The same component with another digest: a custom section says nothing to anybody.
fn revised(module: &Path, folder: &Path) -> PathBuf {
    let mut bytes = std::fs::read(module).unwrap();
    bytes.extend_from_slice(&[0, 5, 4, b'n', b'e', b'w', b'!']);
    let path = folder.join("revised.wasm");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn produce(
    kafka: &Embedded,
    records: impl IntoIterator<Item = (&'static str, &'static [(&'static str, &'static str)])>,
) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", kafka.address()).create().unwrap();
    for (key, headers) in records {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value.as_bytes()) }));
        let record = BaseRecord::to("in").key(key).payload("v").headers(headers);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// Keys and revisions of dead letters, in the order in which they came.
fn letters(kafka: &Embedded, count: usize) -> Vec<(String, String)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.address()).set("group.id", "letters").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&["dead"]).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut found = Vec::new();
    let end = Instant::now() + Duration::from_secs(60);
    while found.len() < count {
        assert!(Instant::now() < end, "in time: {found:?}");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let headers = message.headers().unwrap();
        let revision = headers.iter().find(|header| header.key == "veltrix-dead-letter-revision").unwrap();
        found.push((text(message.key().unwrap()), text(revision.value.unwrap())));
    }
    found
}

async fn until(handle: &Handle, what: &str, holds: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        handle.refresh();
        let snapshot = handle.snapshots().remove(0);
        if holds(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < end, "{what}: {snapshot:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_leaves_calls_under_way_to_the_old_revision_and_begins_all_others_in_the_new_one() {
    let kafka = Embedded::start().unwrap();
    kafka.create("in", 1).unwrap();
    kafka.create("dead", 1).unwrap();
    let options = options(&kafka, "retry = { attempts = 1 }\ndead_letter_limit = { percent = 100 }");
    let module = options.manifest.functions["relay"].module.clone();
    let worker = Worker::start(options).await.unwrap();
    let handle = worker.handle();
    let old = handle.running("relay");
    let folder = std::env::temp_dir().join(format!("veltrix-swap-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();

    produce(&kafka, [("slow", &[("sleep", "8000"), ("fail", "9")][..])]);
    until(&handle, "it is under way", |s| s.in_flight == 1).await;
    let broken = folder.join("broken.wasm");
    std::fs::write(&broken, &std::fs::read(&module).unwrap()[..1_000]).unwrap();
    let refused = handle.swap("relay", &broken).await.unwrap_err();
    assert!(refused.to_string().contains("broken.wasm") && refused.is_configuration(), "{refused}");
    assert!(!handle.swap("relay", &module).await.unwrap().changed, "it is there already");
    assert!(handle.swap("other", &module).await.is_err());
    let new = handle.swap("relay", &revised(&module, &folder)).await.unwrap();
    assert!(new.changed);

    produce(&kafka, [("quick", &[("dead", "asked")][..])]);
    let letters = letters(&kafka, 2);
    let of = |name: &str| letters.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!(of("slow"), *old.revision);
    assert_eq!(of("quick"), *new.revision);
    assert_eq!(letters[0].0, "quick", "the slow one was still under way when it was handled");
    let after = until(&handle, "both are done", |s| s.dead_lettered == 2 && s.idle && s.lag() == Some(0)).await;
    assert_eq!((after.swaps, after.revision, after.lost), (1, Some(new.revision), 0));
    assert_eq!(after.reasons.into_iter().collect::<Vec<_>>(), [("asked".into(), 1), ("attempts-exhausted".into(), 1)]);
    assert!(after.latency.quantile(1.0).unwrap() >= Duration::from_secs(1), "{:?}", after.latency);
    assert_eq!(old.idle(), 0, "what the old one had at work is not kept");
    worker.stop().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_and_paused_bindings_begin_nothing_until_they_may() {
    let kafka = Embedded::start().unwrap();
    kafka.create("in", 1).unwrap();
    kafka.create("dead", 1).unwrap();
    let worker = Worker::start(options(&kafka, "")).await.unwrap();
    let handle = worker.handle();
    assert_eq!(handle.snapshots()[0].lag(), None, "nothing is known yet, which is not 0");
    produce(&kafka, [("a", &[][..])]);
    until(&handle, "it runs", |s| s.ack == 1).await;

    assert!(handle.hold(GROUP, true) && !handle.hold("nobody", true));
    produce(&kafka, [("b", &[][..])]);
    let held = until(&handle, "it is fetched", |s| s.consumed == 2).await;
    assert!(!held.paused);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(until(&handle, "it is looked at", |_| true).await.ack, 1, "nothing begins");
    handle.hold(GROUP, false);
    until(&handle, "it goes on", |s| s.ack == 2).await;

    handle.pause(GROUP);
    until(&handle, "it is paused", |s| s.paused).await;
    produce(&kafka, [("c", &[][..])]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(handle.snapshots()[0].ack, 2, "nothing begins");
    handle.resume(GROUP);
    until(&handle, "it goes on", |s| s.ack == 3 && !s.paused).await;
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_overrun_are_counted() {
    let kafka = Embedded::start().unwrap();
    kafka.create("in", 1).unwrap();
    kafka.create("dead", 1).unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.address()).set("batch.size", "100000");
    let producer: BaseProducer = config.create().unwrap();
    let payload = vec![b'x'; 50_000];
    for _ in 0..150 {
        producer.send(BaseRecord::<(), _>::to("in").payload(&payload)).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
    }
    let worker = Worker::start(options(&kafka, "")).await.unwrap();
    let after = until(&worker.handle(), "the rest is handled", |s| s.ack > 0 && s.idle && s.lag() == Some(0)).await;
    assert!(after.lost > 20, "{after:?}");
    assert_eq!(after.lost + after.ack, 150);
    worker.stop().await.unwrap();
}
