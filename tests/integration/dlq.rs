//! Dead letters: listed, shown, and redriven once each.

use std::collections::BTreeSet;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use veltrix_tests::{Case, Record, build, eventually, servers};

const TABLES: &str = "CREATE TABLE handled (partition int, offset bigint, value blob, PRIMARY KEY (partition, offset))";
const BROKEN: &str = "dead = \"broken\", ";

/// A function that can't handle anything until it is mended.
fn broken() -> Case {
    Case::of(servers(), "relay")
        .tables(TABLES)
        .function(&format!("vars = {{ {BROKEN}to = \"$OUT\", table = \"handled\" }}"))
        .function("cassandra = { handled = \"read-write\" }")
        .build()
}

fn change(case: &Case, from: &str, to: &str) {
    let file = case.app.directory().join("veltrix.toml");
    let manifest = std::fs::read_to_string(file).unwrap();
    assert!(manifest.contains(from), "{from} is in {manifest}");
    case.app.write("veltrix.toml", manifest.replace(from, to));
}

/// Has a worker write so many dead letters, and ends it.
fn bury(case: &Case, records: Vec<Record>) {
    let count = records.len();
    let before = case.kafka.count(&case.dead.name);
    case.produce(records);
    let worker = case.app.ready();
    case.wait_dead(before + count);
    assert_eq!(worker.terminate().code, Some(0));
}

fn numbered(count: usize) -> Vec<Record> {
    (0..count).map(|n| Record::new(format!("k{}", n % 7), n.to_string())).collect()
}

fn dlq(case: &Case, arguments: &[&str]) -> Output {
    case.app.veltrix(&[&["dlq"], arguments].concat())
}

#[track_caller]
fn ends(output: &Output, code: i32) -> String {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{errors}");
    out.into_owned()
}

#[track_caller]
fn redrive(case: &Case, arguments: &[&str], code: i32) -> Value {
    let output = dlq(case, &[&["redrive", "--output", "json"], arguments].concat());
    let text = ends(&output, code);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn values(records: &[Record]) -> Vec<usize> {
    let mut values: Vec<usize> = records.iter().map(|record| record.text().parse().unwrap()).collect();
    values.sort_unstable();
    values
}

#[test]
fn letters_are_listed_counted_filtered_and_shown_whole() {
    let case = Case::of(servers(), "relay").partitions(2).function("vars = { to = \"$OUT\" }").build();
    let mut records: Vec<Record> = (0..5)
        .map(|n| {
            Record::new(format!("k{n}"), format!("{{\"n\":{n}}}")).to(n % 2).with_header("dead", Some(b"no-stock"))
        })
        .collect();
    let odd = Record { key: None, value: None, ..Record::default() }.to(1);
    records.push(odd.with_header("dead", Some(b"odd")).with_header("h", Some(&[0xff])).with_header("h", None));
    bury(&case, records);
    case.kafka.produce(&case.dead.name, [Record::new("not", "a letter")]);

    let listed = ends(&dlq(&case, &["list"]), 0);
    assert_eq!(listed.lines().filter(|line| line.contains("| waiting |")).count(), 6, "{listed}");
    for (reason, count) in [("no-stock", 5), ("odd", 1)] {
        let row: Vec<&str> =
            listed.lines().rfind(|line| line.contains(reason)).unwrap().split('|').map(str::trim).collect();
        assert_eq!(row, ["guest", reason, &count.to_string(), &count.to_string()], "{listed}");
    }
    assert!(listed.contains("1 events there are no dead letters"), "{listed}");

    let count = |arguments: &[&str]| {
        let lines = ends(&dlq(&case, &[&["list", "--output", "json"], arguments].concat()), 0);
        let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert_eq!(last["letters"].as_u64().unwrap() as usize, lines.lines().count() - 1, "{lines}");
        lines.lines().count() - 1
    };
    assert_eq!(count(&["--reason", "no-stock"]), 5);
    assert_eq!(count(&["--key", "k3"]), 1);
    assert_eq!(count(&["--partition", "1", "--offset", "0-1"]), 2);
    assert_eq!(count(&["--source", &case.input.name, "--function", "guest"]), 6);
    assert_eq!(count(&["--from", "2020-01-01T00:00:00Z"]), 6);
    assert_eq!(count(&["--to", "2020-01-01T00:00:00Z"]), 0);

    let lines = ends(&dlq(&case, &["list", "--output", "json", "--reason", "odd"]), 0);
    let letter: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let place = format!("{}:{}", letter["partition"], letter["offset"]);
    let shown = ends(&dlq(&case, &["show", &place, "--output", "json"]), 0);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["letter"]["source"]["topic"], *case.input.name);
    assert_eq!((&shown["event"]["key"], &shown["event"]["value"]), (&Value::Null, &Value::Null));
    let headers = r#"[["dead","odd"],["h",{"base64":"/w=="}],["h",null]]"#;
    assert_eq!(shown["event"]["headers"].to_string(), headers, "the event's own headers, in order");
    let text = ends(&dlq(&case, &["show", &place]), 0);
    assert!(text.contains("reason    odd\n") && text.contains("header    h: base64 /w==\n"), "{text}");
    let missing = dlq(&case, &["show", "0:999"]);
    ends(&missing, 1);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("holds offsets 0 to 6"), "{missing:?}");
}

#[test]
fn a_redrive_shows_the_original_events_to_the_function_alone_and_a_second_one_does_nothing() {
    let case = broken();
    bury(&case, numbered(40));
    change(&case, BROKEN, "");
    assert_eq!(redrive(&case, &["--dry-run"], 0)["taken"], 40);
    assert_eq!(case.kafka.count(&case.output.name), 0, "a dry run does nothing");

    let done = redrive(&case, &[], 0);
    assert_eq!((&done["taken"], &done["handled"], &done["failed_again"]), (&40.into(), &40.into(), &0.into()));
    assert_eq!(values(&case.kafka.read(&case.output.name)), (0..40).collect::<Vec<_>>());
    assert_eq!(case.kafka.count(&case.input.name), 40, "nothing is written to where they came from");
    let keyspace = case.keyspace.as_deref().unwrap();
    let rows: Vec<(i32, i64, Vec<u8>)> =
        servers().cassandra().rows(&format!("SELECT partition, offset, value FROM {keyspace}.handled"));
    let seen: BTreeSet<_> = rows.into_iter().collect();
    let sent: BTreeSet<_> = case
        .kafka
        .read(&case.input.name)
        .into_iter()
        .map(|r| (r.partition.unwrap(), r.offset.unwrap(), r.value.unwrap()))
        .collect();
    assert_eq!(seen, sent, "the function saw partition and offset of the original events");
    for record in case.kafka.read(&case.output.name) {
        assert!(record.headers.iter().all(|(name, _)| !name.starts_with("veltrix-dead-letter")), "{record:?}");
    }

    let again = redrive(&case, &[], 0);
    assert_eq!((&again["taken"], &again["redriven_before"]), (&0.into(), &40.into()));
    assert_eq!(case.kafka.count(&case.output.name), 40);
    let listed = ends(&dlq(&case, &["list", "--waiting", "--output", "json"]), 0);
    assert!(listed.starts_with("{\"letters\":0,"), "{listed}");
}

#[test]
fn letters_that_a_filter_leaves_wait_for_a_later_redrive() {
    let case = broken();
    bury(&case, numbered(42));
    change(&case, BROKEN, "");
    let done = redrive(&case, &["--key", "k3"], 0);
    assert_eq!((&done["handled"], &done["left"]), (&6.into(), &36.into()));
    let done = redrive(&case, &["--limit", "5"], 0);
    assert_eq!((&done["handled"], &done["left"], &done["redriven_before"]), (&5.into(), &31.into(), &6.into()));
    let done = redrive(&case, &["--key", "k3"], 0);
    assert_eq!((&done["taken"], &done["redriven_before"]), (&0.into(), &11.into()));
    let done = redrive(&case, &[], 0);
    assert_eq!((&done["handled"], &done["left"]), (&31.into(), &0.into()));
    assert_eq!(values(&case.kafka.read(&case.output.name)), (0..42).collect::<Vec<_>>(), "each once");
}

#[test]
fn full_notes_end_a_redrive_which_says_what_to_redrive_first() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .binding("ordering = \"none\"")
        .binding("dead_letter_limit = { percent = 100 }")
        .function(&format!("vars = {{ {BROKEN}to = \"$OUT\" }}"))
        .build();
    bury(&case, (0..440).map(|n| Record::new(["left", "taken"][n % 2], n.to_string())).collect());
    change(&case, BROKEN, "");
    let output = dlq(&case, &["redrive", "--key", "taken"]);
    ends(&output, 1);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("the notes of group") && told.contains("are full"), "{told}");
    let redriven = case.kafka.count(&case.output.name);
    // A note each, or less where two of them happened to lie side by side.
    assert!((200..220).contains(&redriven), "{redriven}");
    let done = redrive(&case, &["--limit", "100"], 0);
    assert_eq!((&done["handled"], &done["redriven_before"]), (&100.into(), &redriven.into()));
    assert_eq!(redrive(&case, &[], 0)["handled"], 340 - redriven);
    assert_eq!(values(&case.kafka.read(&case.output.name)), (0..440).collect::<Vec<_>>(), "each once");
}

#[test]
fn letters_that_fail_again_do_not_loop_and_their_headers_do_not_stack() {
    let case = broken();
    bury(&case, numbered(10));
    for round in 1..3 {
        let done = redrive(&case, &[], 1);
        assert_eq!((&done["taken"], &done["failed_again"], &done["handled"]), (&10.into(), &10.into(), &0.into()));
        assert_eq!(case.kafka.count(&case.dead.name), 10 * (round + 1), "one new letter each");
    }
    let sent: BTreeSet<_> = case.kafka.read(&case.input.name).iter().map(|r| (r.partition, r.offset)).collect();
    for record in case.dead_letters().iter().skip(20) {
        let ours = record.headers.iter().filter(|(name, _)| name.starts_with("veltrix-dead-letter-")).count();
        assert_eq!(ours, 9, "{record:?}");
        assert_eq!(record.header("veltrix-dead-letter-topic"), case.input.name);
        let number = |name: &str| record.header(name).parse::<i64>().unwrap();
        let place = (Some(number("veltrix-dead-letter-partition") as i32), Some(number("veltrix-dead-letter-offset")));
        assert!(sent.contains(&place), "{record:?}");
    }
}

/// 24 letters, and a redrive of them that takes some seconds and has redriven some.
fn half_redriven() -> (Case, Child) {
    let case = broken();
    let slow = numbered(24).into_iter().map(|record| record.with_header("sleep", Some(b"250")));
    bury(&case, slow.collect());
    change(&case, BROKEN, "");
    // Only one lane at a time.
    change(&case, "[[binding]]\n", "[[binding]]\nconcurrency = 1\n");
    let redrive = Command::new(build::veltrix())
        .args(["dlq", "redrive", "--output", "json"])
        .current_dir(case.app.directory())
        .env_remove("VELTRIX_KAFKA")
        .env_remove("VELTRIX_CASSANDRA")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("some are redriven", veltrix_tests::SOON, || (case.kafka.count(&case.output.name) >= 3).then_some(()));
    (case, redrive)
}

#[test]
fn a_redrive_that_is_killed_loses_no_letter_and_repeats_few() {
    let (case, mut first) = half_redriven();
    first.kill().unwrap();
    first.wait().unwrap();
    let before = case.kafka.count(&case.output.name);
    assert!(before < 24, "it was interrupted");
    let done = redrive(&case, &[], 0);
    let repeated = case.kafka.count(&case.output.name) - 24;
    // What it had done since its last commit, a second before at most, is done again.
    assert!(repeated <= 6, "{repeated} of {before} again: {done}");
    let mut seen = values(&case.kafka.read(&case.output.name));
    seen.dedup();
    assert_eq!(seen, (0..24).collect::<Vec<_>>());
    assert_eq!(redrive(&case, &[], 0)["redriven_before"], 24);
}

#[test]
fn an_interrupted_redrive_goes_on_where_it_was() {
    let (case, mut first) = half_redriven();
    let line = format!("kill -TERM {}", first.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    let status = eventually("it ends", Duration::from_secs(30), || first.try_wait().unwrap());
    assert_eq!(status.code(), Some(1), "it was not done");
    let before = case.kafka.count(&case.output.name);
    assert!(before < 24, "it was interrupted");

    let done = redrive(&case, &[], 0);
    assert_eq!(done["redriven_before"], before);
    assert_eq!(values(&case.kafka.read(&case.output.name)), (0..24).collect::<Vec<_>>(), "each once");
}

#[test]
fn a_letter_that_is_too_large_goes_without_what_does_not_fit_and_is_left_by_a_redrive() {
    let function = format!("vars = {{ {BROKEN}to = \"$OUT\" }}");
    let case = Case::of(servers(), "relay").partitions(1).function(&function).build();
    // More than a producer sends by default.
    let large = vec![b'x'; 1_100_000];
    let records = vec![
        Record::new("value", &large).with_header("h", Some(b"1")),
        Record::new("headers", "2").with_header("h", Some(&large)),
        Record::new(&large, "3").with_header("h", Some(b"3")),
        Record::new("whole", "4").with_header("h", Some(b"4")),
    ];
    bury(&case, records);
    case.wait_committed(4);
    // Letters are in no order; their headers point at their events.
    let letters: Vec<Value> = (0..4)
        .map(|place| ends(&dlq(&case, &["show", &format!("0:{place}"), "--output", "json"]), 0))
        .map(|shown| serde_json::from_str(&shown).unwrap())
        .collect();
    let place = |offset: u64| {
        letters
            .iter()
            .position(|shown| shown["letter"]["source"]["offset"].as_u64() == Some(offset))
            .expect("its letter")
    };
    let left_out = |offset| {
        let shown = &letters[place(offset)];
        (shown["letter"]["left_out"].to_string(), shown["event"].clone())
    };
    let (parts, event) = left_out(0);
    assert_eq!((&*parts, &event["key"], &event["value"]), ("[\"value\"]", &"value".into(), &Value::Null));
    assert_eq!(event["headers"].to_string(), "[[\"h\",\"1\"]]");
    let (parts, event) = left_out(1);
    assert_eq!((&*parts, &event["key"]), ("[\"value\",\"headers\"]", &"headers".into()));
    let (parts, event) = left_out(2);
    assert_eq!((&*parts, &event["key"]), ("[\"value\",\"headers\",\"key\"]", &Value::Null));
    let (parts, event) = left_out(3);
    assert_eq!((&*parts, &event["key"], &event["value"]), ("[]", &"whole".into(), &4.into()));
    let text = ends(&dlq(&case, &["show", &format!("0:{}", place(2))]), 0);
    for part in ["key", "headers", "value"] {
        assert!(text.contains(&format!("{part:<9} left out")), "{text}");
    }

    change(&case, BROKEN, "");
    let done = redrive(&case, &[], 1);
    assert_eq!((&done["handled"], &done["too_large"]), (&1.into(), &3.into()), "{done}");
    assert_eq!(values(&case.wait_output(1)), [4]);
}
