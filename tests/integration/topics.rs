//! Logs that are not what one expects: made again, with gaps, with marks, with notes of strangers and odd timestamps.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use veltrix_tests::{Case, Record, Worker, eventually, servers};

const LIMIT: Duration = Duration::from_secs(30);

fn case() -> Case {
    Case::of(servers(), "relay").partitions(1).function("vars = { to = \"$OUT\" }").build()
}

fn numbered(range: std::ops::Range<u32>, of: &str) -> Vec<Record> {
    range.map(|n| Record::new(format!("k{}", n % 7), format!("{of}{n}"))).collect()
}

fn emitted(case: &Case, of: &str) -> usize {
    let records = case.kafka.read(&case.output.name);
    let mut texts: Vec<String> = records.iter().map(Record::text).filter(|text| text.starts_with(of)).collect();
    texts.sort();
    texts.dedup();
    texts.len()
}

fn lag(worker: &mut Worker) -> Option<f64> {
    worker.metrics().sum("veltrix_lag", &[])
}

/// Events in transactions, some of which are aborted: their marks, and what was aborted, are gaps for a reader.
fn produce_transactions(case: &Case, commit: &[bool]) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers().kafka_address()).set("transactional.id", veltrix_tests::unique("tx"));
    let producer: BaseProducer = config.create().expect("a producer starts");
    producer.init_transactions(LIMIT).expect("transactions begin");
    for (round, commit) in commit.iter().enumerate() {
        producer.begin_transaction().expect("a transaction begins");
        let text = format!("{}{round}", if *commit { "kept" } else { "aborted" });
        producer.send(BaseRecord::to(&case.input.name).key("k").payload(&text)).expect("it has room");
        producer.flush(LIMIT).expect("the broker takes it");
        let ended = if *commit { producer.commit_transaction(LIMIT) } else { producer.abort_transaction(LIMIT) };
        ended.expect("the transaction ends");
    }
}

#[test]
fn a_topic_made_again_while_a_worker_runs_is_handled_from_its_start() {
    let case = case();
    case.produce(numbered(0..20, "old"));
    let mut worker = case.app.ready();
    case.wait_committed(20);
    case.kafka.delete(&case.input.name);
    // More events than the old one had: its offset would be within the new one's, and everything below it passed over.
    case.kafka.create(&case.input.name, 1, &[]);
    case.produce(numbered(0..50, "new"));
    eventually("every event of the new topic is handled", veltrix_tests::SOON, || {
        (emitted(&case, "new") == 50).then_some(())
    });
    case.wait_committed(50);
    assert!(worker.logged("deleted and made again") > 0, "it says so");
    assert!(worker.metrics().sum("veltrix_partitions_recreated_total", &[]) >= Some(1.0));
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn a_topic_made_again_while_no_worker_runs_is_handled_from_its_start() {
    let case = case();
    case.produce(numbered(0..20, "old"));
    let worker = case.app.ready();
    case.wait_committed(20);
    assert_eq!(worker.terminate().code, Some(0));
    case.kafka.delete(&case.input.name);
    case.kafka.create(&case.input.name, 1, &[]);
    case.produce(numbered(0..50, "new"));
    let _worker = case.app.ready();
    eventually("every event of the new topic is handled", veltrix_tests::SOON, || {
        (emitted(&case, "new") == 50).then_some(())
    });
}

#[test]
fn a_transactions_mark_at_the_end_is_no_lag_and_gaps_are_passed() {
    passes_marks(&case());
}

#[test]
fn nor_is_it_where_the_offsets_are_in_transactions_too() {
    let exactly = Case::of(servers(), "relay").partitions(1).binding("delivery = \"exactly-once\"");
    passes_marks(&exactly.function("vars = { to = \"$OUT\" }").build());
}

#[test]
fn what_was_aborted_is_handled_where_uncommitted_events_are_asked_for() {
    let case = Case::of(servers(), "relay").partitions(1).property("isolation.level", "read_uncommitted");
    let case = case.function("vars = { to = \"$OUT\" }").build();
    produce_transactions(&case, &[true, false, true]);
    let _worker = case.app.ready();
    assert_eq!(case.wait_output(3).iter().map(Record::text).collect::<Vec<_>>(), ["kept0", "aborted1", "kept2"]);
}

fn passes_marks(case: &Case) {
    produce_transactions(case, &[true, false, true, true, false]);
    let mut worker = case.app.ready();
    assert_eq!(case.wait_output(3).iter().map(Record::text).collect::<Vec<_>>(), ["kept0", "kept2", "kept3"]);
    eventually("lag is 0 although the log ends with marks", veltrix_tests::SOON, || {
        (lag(&mut worker) == Some(0.0)).then_some(())
    });
    // Also after a restart, when nothing comes but marks.
    assert_eq!(worker.terminate().code, Some(0));
    let mut worker = case.app.ready();
    eventually("lag is 0 after a restart", veltrix_tests::SOON, || (lag(&mut worker) == Some(0.0)).then_some(()));
    assert_eq!(emitted(case, "aborted"), 0);
    assert_eq!(worker.metrics().sum("veltrix_events_lost_to_retention_total", &[]), Some(0.0));
    assert_eq!(case.kafka.read(&case.output.name).len(), 3, "nothing was handled again");
}

#[test]
fn gaps_that_compaction_left_are_passed_and_are_no_loss() {
    let case = case();
    let settings = [
        ("cleanup.policy", "compact"),
        // A segment is compacted as soon as it is closed and the cleaner looks again.
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
    ];
    let compacted = case.kafka.create(&veltrix_tests::unique("compacted"), 1, &settings);
    // Closes the segment before, and is the newest of its key itself.
    let close = |n: u32| {
        std::thread::sleep(Duration::from_millis(150));
        case.kafka.produce(&compacted.name, [Record::new(format!("close{n}"), format!("close{n}"))]);
    };
    let round = |of: &str| (0..50).map(|n| Record::new(format!("k{n}"), format!("{of}{n}"))).collect::<Vec<_>>();
    case.kafka.produce(&compacted.name, round("old"));
    close(0);
    case.kafka.produce(&compacted.name, round("new"));
    close(1);
    close(2);
    eventually("the broker has compacted it", Duration::from_secs(90), || {
        (case.kafka.read(&compacted.name).len() == 53).then_some(())
    });
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    let app = veltrix_tests::App::new(&manifest.replace(&case.input.name, &compacted.name));
    let mut worker = app.ready();
    eventually("all that is left is committed", veltrix_tests::SOON, || {
        (case.kafka.committed_total(&case.group, &compacted) == 103).then_some(())
    });
    assert_eq!((emitted(&case, "new"), emitted(&case, "close"), emitted(&case, "old")), (50, 3, 0));
    assert_eq!(worker.metrics().sum("veltrix_events_lost_to_retention_total", &[]), Some(0.0));
    eventually("lag is 0", veltrix_tests::SOON, || (lag(&mut worker) == Some(0.0)).then_some(()));
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn another_consumers_metadata_counts_as_none() {
    let case = case();
    case.produce(numbered(0..20, "n"));
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers().kafka_address()).set("group.id", &case.group);
    let stranger: BaseConsumer = config.create().expect("a consumer starts");
    let mut list = TopicPartitionList::new();
    let mut element = list.add_partition(&case.input.name, 0);
    element.set_offset(Offset::Offset(5)).expect("an offset is set");
    element.set_metadata("{\"done\": [[0, 20]], \"veltrix\": \"no\"}");
    stranger.commit(&list, CommitMode::Sync).expect("the group takes it");
    drop(stranger);
    let worker = case.app.ready();
    case.wait_committed(20);
    assert_eq!(emitted(&case, "n"), 15, "from the committed offset on, each of them");
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn events_that_retention_took_are_counted_and_the_log_start_is_next() {
    const UNKNOWN: &str = "the group has no offset in partitions that hold events";
    let case = Case::of(servers(), "relay").partitions(2).function("vars = { to = \"$OUT\" }").build();
    let to = |partition: i32, range, of| numbered(range, of).into_iter().map(move |record| record.to(partition));
    let lost = |worker: &mut Worker, count: f64| {
        eventually("what was lost is counted", veltrix_tests::SOON, || {
            let now = worker.metrics().sum("veltrix_events_lost_to_retention_total", &[]);
            assert!(now <= Some(count), "{now:?} are more than {count}");
            (now == Some(count)).then_some(())
        });
    };
    case.produce(to(0, 0..10, "n").chain(to(1, 0..10, "other")));
    let mut worker = case.app.ready();
    case.wait_committed(20);
    lost(&mut worker, 0.0);
    assert_eq!(worker.logged(UNKNOWN), 1, "a new group has none");
    assert_eq!(worker.terminate().code, Some(0));
    // While no worker has the partition.
    case.produce(to(0, 10..30, "n"));
    case.kafka.delete_before(&case.input, 0, 25);
    let mut worker = case.app.ready();
    case.wait_committed(40);
    assert_eq!(emitted(&case, "n"), 15, "10 before, and the 5 that are left");
    lost(&mut worker, 15.0);
    assert!(worker.logged("deleted by retention") > 0);
    assert_eq!(worker.logged(UNKNOWN), 0);
    eventually("lag is 0", veltrix_tests::SOON, || (lag(&mut worker) == Some(0.0)).then_some(()));
    // And while one has it and does not get to them; of the other partition nothing is left at all.
    assert_eq!(case.app.veltrix(&["pause"]).status.code(), Some(0));
    eventually("the partitions are paused", veltrix_tests::SOON, || {
        (worker.metrics().sum("veltrix_partitions_paused", &[]) == Some(2.0)).then_some(())
    });
    case.produce(to(0, 30..50, "n").chain(to(1, 10..17, "other")));
    case.kafka.delete_before(&case.input, 0, 41);
    case.kafka.delete_before(&case.input, 1, 17);
    assert_eq!(case.app.veltrix(&["resume"]).status.code(), Some(0));
    lost(&mut worker, 15.0 + 11.0 + 7.0);
    assert_eq!(worker.logged("deleted by retention"), 3, "each once");
    case.wait_committed(50 + 10);
    assert_eq!((emitted(&case, "n"), emitted(&case, "other")), (24, 10));
    case.produce(to(1, 17..20, "other"));
    case.wait_committed(50 + 20);
    lost(&mut worker, 33.0);
}

#[test]
fn odd_timestamps_are_handed_on_as_they_are() {
    let day = 86_400_000_i64;
    let far = i64::from(u32::MAX) * 1_000 + 400 * 365 * day;
    let began = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let settings = [("message.timestamp.after.max.ms", "9223372036854775807"), ("retention.ms", "-1")];
    let case = case();
    let odd = case.kafka.create(&veltrix_tests::unique("odd"), 1, &settings);
    let group = veltrix_tests::unique("group");
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    let manifest = manifest.replace(&case.input.name, &odd.name).replace(
        &format!("group = \"{}\"", case.group),
        &format!("group = \"{group}\"\nretry = {{ attempts = 3, backoff = \"10ms\" }}"),
    );
    let app = veltrix_tests::App::new(&manifest);
    let at = |timestamp, text: &str| Record { timestamp: Some(timestamp), ..Record::new("k", text) };
    let dead = |timestamp, text: &str| at(timestamp, text).with_header("dead", Some(b"odd"));
    case.kafka.produce(
        &odd.name,
        [at(1, "epoch"), at(far, "far"), at(2, "back"), dead(far, "dead far"), dead(1, "dead epoch")],
    );
    let _worker = app.ready();
    let texts: Vec<String> = case.wait_output(3).iter().map(Record::text).collect();
    assert_eq!(texts, ["epoch", "far", "back"]);
    let letters = case.wait_dead(2);
    let told: Vec<String> = letters.iter().map(|letter| letter.header("veltrix-dead-letter-timestamp")).collect();
    assert_eq!(told, [far.to_string(), "1".to_owned()]);
    // Retention goes by the record's own time, and a letter must outlast the event that it was.
    assert!(letters.iter().all(|letter| (began..=began + day).contains(&letter.timestamp.unwrap())), "{letters:?}");
}
