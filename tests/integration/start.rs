//! Where a group begins: only where it has no offset, and without losing what arrives meanwhile.

use veltrix_tests::{Case, Record, eventually, servers, unique};

fn case(start: &str) -> Case {
    Case::of(servers(), "relay")
        .partitions(1)
        .binding(&format!("start = \"{start}\""))
        .function("vars = { to = \"$OUT\" }")
        .build()
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(Record::text).collect()
}

#[test]
fn earliest_takes_what_was_there_before() {
    let case = case("earliest");
    case.produce([Record::new("k", "old")]);
    let _worker = case.app.ready();
    case.produce([Record::new("k", "new")]);
    assert_eq!(texts(&case.wait_output(2)), ["old", "new"]);
}

#[test]
fn latest_leaves_out_what_was_there_and_takes_all_that_comes_once_ready() {
    let case = case("latest");
    case.produce([Record::new("k", "old")]);
    let worker = case.app.ready();
    case.produce([Record::new("k", "new")]);
    assert_eq!(texts(&case.wait_output(1)), ["new"]);
    // The position was taken when the binding was accepted: what comes while no worker runs is not skipped.
    worker.kill9();
    case.produce([Record::new("k", "meanwhile")]);
    let _worker = case.app.ready();
    let emitted = eventually("the later event is emitted", veltrix_tests::SOON, || {
        let emitted = texts(&case.kafka.read(&case.output.name));
        emitted.contains(&"meanwhile".to_owned()).then_some(emitted)
    });
    assert!(!emitted.contains(&"old".to_owned()), "{emitted:?}");
}

#[test]
fn latest_takes_what_comes_after_the_first_start_even_if_nothing_was_handled_yet() {
    let case = case("latest");
    case.produce([Record::new("k", "old")]);
    let worker = case.app.ready();
    worker.kill9();
    case.produce([Record::new("k", "meanwhile")]);
    let _worker = case.app.ready();
    assert_eq!(texts(&case.wait_output(1)), ["meanwhile"]);
}

#[test]
fn a_time_takes_what_is_at_least_as_young() {
    let case = case("2024-05-01T12:00:00Z");
    let at = 1_714_564_800_000;
    let record = |value: &str, timestamp| Record { timestamp: Some(timestamp), ..Record::new("k", value) };
    case.produce([record("before", at - 1), record("at", at), record("after", at + 1)]);
    let _worker = case.app.ready();
    case.wait_committed(3);
    assert_eq!(texts(&case.wait_output(2)), ["at", "after"]);
}

#[test]
fn a_group_with_offsets_goes_on_where_it_was_whatever_start_says() {
    let case = case("earliest");
    case.produce((0..10).map(|n| Record::new("k", n.to_string())));
    let worker = case.app.ready();
    case.wait_committed(10);
    assert_eq!(worker.terminate().code, Some(0));
    case.produce([Record::new("k", "10")]);
    let _worker = case.app.ready();
    case.wait_committed(11);
    assert_eq!(case.wait_output(11).len(), 11, "nothing was handled again");
}

#[test]
fn a_pattern_takes_every_topic_that_matches_also_one_made_later() {
    let kafka = servers().kafka();
    let prefix = unique("pattern");
    let (first, group) = (format!("{prefix}.one"), unique("group"));
    kafka.create(&first, 2, &[]);
    kafka.create(&format!("not.{prefix}.one"), 1, &[]);
    let case = Case::of(servers(), "relay")
        .function("vars = { to = \"$OUT\" }")
        .property("topic.metadata.refresh.interval.ms", "500")
        .rest(&format!("[[binding]]\ntopics = [\"^{prefix}\\\\..*\"]\nfunction = \"guest\"\ngroup = \"{group}\"\n"))
        .build();
    kafka.produce(&first, [Record::new("k", "first")]);
    kafka.produce(&format!("not.{prefix}.one"), [Record::new("k", "not ours")]);
    let _worker = case.app.ready();
    assert_eq!(texts(&case.wait_output(1)), ["first"]);

    let second = format!("{prefix}.two");
    kafka.create(&second, 1, &[]);
    kafka.produce(&second, [Record::new("k", "second")]);
    assert_eq!(texts(&case.wait_output(2)), ["first", "second"]);
}

#[test]
fn latest_under_a_pattern_takes_a_topic_made_later_from_its_beginning() {
    let kafka = servers().kafka();
    let prefix = unique("latest");
    let topic = |name: &str| format!("{prefix}.{name}");
    kafka.create(&topic("old"), 1, &[]);
    kafka.produce(&topic("old"), [Record::new("k", "before")]);
    let group = unique("group");
    let case = Case::of(servers(), "relay")
        .function("vars = { to = \"$OUT\" }")
        .property("topic.metadata.refresh.interval.ms", "500")
        .rest(&format!(
            "[[binding]]\ntopics = [\"^{prefix}\\\\..*\"]\nfunction = \"guest\"\ngroup = \"{group}\"\nstart = \"latest\"\n"
        ))
        .build();
    let worker = case.app.ready();
    kafka.produce(&topic("old"), [Record::new("k", "first")]);
    assert_eq!(texts(&case.wait_output(1)), ["first"]);
    // Its events are there before anybody has met it.
    kafka.create(&topic("seen"), 1, &[]);
    kafka.produce(&topic("seen"), [Record::new("k", "second")]);
    assert_eq!(texts(&case.wait_output(2)), ["first", "second"]);
    // Also if no worker runs meanwhile.
    assert_eq!(worker.terminate().code, Some(0));
    kafka.create(&topic("unseen"), 1, &[]);
    kafka.produce(&topic("unseen"), [Record::new("k", "third")]);
    let _worker = case.app.ready();
    assert_eq!(texts(&case.wait_output(3)), ["first", "second", "third"]);
}

#[test]
fn a_partition_added_later_is_read_from_its_beginning() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .binding("start = \"latest\"")
        .property("topic.metadata.refresh.interval.ms", "500")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let _worker = case.app.ready();
    case.kafka.grow(&case.input, 2);
    eventually("the partition is there", veltrix_tests::SOON, || {
        (case.kafka.partitions(&case.input.name) == Some(2)).then_some(())
    });
    case.produce([Record::new("k", "early").to(1)]);
    assert_eq!(texts(&case.wait_output(1)), ["early"]);
}

#[test]
fn records_that_retention_deleted_are_passed_over() {
    let case = case("1971-01-01T00:00:00Z");
    case.produce((0..5).map(|n| Record::new("k", n.to_string())));
    case.kafka.delete_before(&case.input, 0, 3);
    let _worker = case.app.ready();
    assert_eq!(texts(&case.wait_output(2)), ["3", "4"]);
}
