//! Requests that the broker carried out, and whose answers never came: what they asked for counts once.

use std::collections::HashMap;

use veltrix_tests::proxy::Proxy;
use veltrix_tests::{App, Case, Record, SOON, Topic, build, eventually, servers, unique};

/// Kafka's API keys.
const PRODUCE: i16 = 0;
const OFFSET_COMMIT: i16 = 8;
const INIT_PRODUCER_ID: i16 = 22;
const ADD_PARTITIONS_TO_TXN: i16 = 24;
const END_TXN: i16 = 26;
const TXN_OFFSET_COMMIT: i16 = 28;

fn numbered(range: std::ops::Range<usize>) -> impl Iterator<Item = Record> {
    range.map(|n| Record::new(format!("k{}", n % 10), n.to_string()))
}

/// Each number once, those of a key in order.
#[track_caller]
fn each_once(case: &Case, output: &Topic, count: usize) {
    let mut keys: HashMap<String, Vec<usize>> = HashMap::new();
    for record in case.kafka.read(&output.name) {
        keys.entry(record.key_text()).or_default().push(record.text().parse().expect("a number"));
    }
    for key in 0..10 {
        let wanted: Vec<usize> = (key..count).step_by(10).collect();
        assert_eq!(keys.get(&format!("k{key}")), Some(&wanted), "of {}", output.name);
    }
}

#[test]
fn what_the_broker_took_without_an_answer_is_neither_lost_nor_doubled() {
    let kafka = servers().kafka();
    let (input, output, group) = (kafka.topic("exact", 2), kafka.topic("exact_out", 1), unique("exact"));
    let rest = format!(
        "[[binding]]\ntopics = [\"{}\"]\nfunction = \"copy\"\ngroup = \"{group}\"\ndelivery = \"exactly-once\"\n\n[function.copy]\n\
         module = \"{}\"\nemits = [\"{out}\"]\nvars = {{ to = \"{out}\" }}\n",
        input.name,
        build::guest("relay").display(),
        out = output.name
    );
    let case = Case::of(servers(), "relay")
        .partitions(2)
        .function("vars = { to = \"$OUT\" }")
        // How long the client waits for an answer.
        .property("socket.timeout.ms", "1500")
        .rest(&rest)
        .build();
    let proxy = Proxy::to(servers().kafka_address());
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    // A long session: an event that runs twice, as its partition moved, would look like a record written twice.
    let manifest = manifest.replace(servers().kafka_address(), &proxy.address()).replace("\"3000\"", "\"30000\"");
    // The first answers that a producer gets, too.
    proxy.keep_answers(INIT_PRODUCER_ID, 2);
    let worker = App::new(&manifest);
    let worker = worker.ready();
    let produce = |range: std::ops::Range<usize>| {
        case.produce(numbered(range.clone()));
        kafka.produce(&input.name, numbered(range));
    };
    produce(0..100);
    case.wait_output(100);
    for (api, count) in
        [(PRODUCE, 4), (OFFSET_COMMIT, 1), (ADD_PARTITIONS_TO_TXN, 1), (TXN_OFFSET_COMMIT, 1), (END_TXN, 1)]
    {
        proxy.keep_answers(api, count);
    }
    let mut next = 100;
    eventually("all those answers are kept", SOON, || {
        produce(next..next + 20);
        next += 20;
        (proxy.left() == 0).then_some(())
    });
    produce(next..next + 100);
    next += 100;
    case.wait_committed(next as i64);
    eventually("the other too", SOON, || (kafka.committed_total(&group, &input) == next as i64).then_some(()));
    each_once(&case, &case.output, next);
    each_once(&case, &output, next);
    assert!(case.dead_letters().is_empty());
    assert_eq!(worker.terminate().code, Some(0));
}
