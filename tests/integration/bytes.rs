//! Keys, values and headers are bytes: they come through emits and dead letters as they were.

use veltrix_tests::{Case, Record, servers};

/// Records that break those who think in text.
fn odd_records() -> Vec<Record> {
    let mebibyte: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let invalid = vec![0xff, 0x00, 0xc3, 0x28];
    vec![
        Record { key: None, value: None, ..Record::default() },
        Record { key: Some(Vec::new()), value: Some(Vec::new()), ..Record::default() },
        Record { key: None, value: Some(Vec::new()), ..Record::default() },
        Record { key: Some(b"tombstone".to_vec()), value: None, ..Record::default() },
        Record { key: Some(invalid.clone()), value: Some(invalid.clone()), ..Record::default() },
        Record { key: Some(mebibyte.clone()), value: Some(mebibyte), ..Record::default() },
        Record::new("headers", "v")
            .with_header("repeated", Some(b"1"))
            .with_header("null", None)
            .with_header("repeated", Some(b"2"))
            .with_header("empty", Some(b""))
            .with_header("", Some(b"no name"))
            .with_header("bytes", Some(&invalid))
            .with_header("repeated", Some(b"1")),
        Record::new("many headers", "v").with_headers((0..300).map(|n| (format!("h{n}"), Some(vec![n as u8; 100])))),
    ]
}

/// The same without where and when each was, in an order of their own.
fn sorted(records: &[Record]) -> Vec<Record> {
    let bare = |r: &Record| Record { partition: None, offset: None, timestamp: None, ..r.clone() };
    let mut records: Vec<_> = records.iter().map(bare).collect();
    records.sort();
    records
}

#[test]
fn an_emitted_copy_is_the_same_byte_for_byte() {
    let case = Case::of(servers(), "relay")
        .property("message.max.bytes", "4000000")
        .function("vars = { to = \"$OUT\" }")
        .build();
    case.produce(odd_records());
    let _worker = case.app.ready();

    let emitted = case.wait_output(odd_records().len());
    case.wait_committed(odd_records().len() as i64);
    assert!(sorted(&emitted) == sorted(&odd_records()), "{:?}", short(&emitted));
}

#[test]
fn a_dead_letter_is_the_same_byte_for_byte_and_says_where_it_was_from() {
    let case = Case::of(servers(), "relay")
        .partitions(3)
        .property("message.max.bytes", "4000000")
        .function("vars = { dead = \"not-wanted\" }")
        .build();
    case.produce(odd_records());
    let _worker = case.app.ready();

    let mut dead = case.wait_dead(odd_records().len());
    case.wait_committed(odd_records().len() as i64);
    let sources = case.kafka.read(&case.input.name);
    for letter in &mut dead {
        let (added, kept) = letter.headers.drain(..).partition(|(name, _)| name.starts_with("veltrix-dead-letter-"));
        letter.headers = kept;
        let added = Record { headers: added, ..Record::default() };
        let header = |name: &str| added.header(&format!("veltrix-dead-letter-{name}"));
        let source = sources.iter().find(|source| {
            source.partition.unwrap().to_string() == header("partition")
                && source.offset.unwrap().to_string() == header("offset")
        });
        let source = source.expect("the headers name an event of the input");
        assert_eq!((&source.key, &source.headers), (&letter.key, &letter.headers));
        assert!(source.value == letter.value, "the value of the event that the headers name");
        assert_eq!(header("topic"), case.input.name);
        assert_eq!(header("timestamp"), source.timestamp.unwrap().to_string());
        assert_eq!(header("reason"), "not-wanted");
        assert_eq!(header("function"), "guest");
        assert_eq!(header("attempts"), "1");
        assert!(!header("revision").is_empty());
    }
    assert!(sorted(&dead) == sorted(&odd_records()), "{:?}", short(&dead));
}

#[test]
fn with_default_settings_an_emit_of_a_mebibyte_is_refused_with_both_sizes_and_its_neighbours_go_out() {
    let case = Case::of(servers(), "misbehaving")
        .partitions(1)
        .binding("retry = { attempts = 2, backoff = \"10ms\" }")
        .build();
    let emit = |bytes: usize| Record::new(bytes.to_string(), format!("emit-bytes:{}:{bytes}", case.output.name));
    // An event of that size comes in, whoever sent it.
    let large = Record::new("large", "x".repeat(1 << 20));
    case.produce([emit(10), emit(1 << 20), emit(990_000), large]);
    let mut worker = case.app.ready();
    case.wait_committed(4);

    let sizes: Vec<usize> = case.wait_output(2).iter().map(|r| r.value.as_ref().map_or(0, Vec::len)).collect();
    assert_eq!(sizes, [10, 990_000]);
    let dead = case.wait_dead(1);
    assert_eq!((dead.len(), dead[0].key_text()), (1, "1048576".to_owned()));
    assert_eq!(dead[0].header("veltrix-dead-letter-reason"), "emit-refused");
    assert_eq!(dead[0].header("veltrix-dead-letter-attempts"), "2");
    let error = dead[0].header("veltrix-dead-letter-error");
    assert!(error.starts_with("emit of 1049") && error.contains(&case.output.name), "{error}");
    assert!(error.contains("larger than message.max.bytes (1000000 bytes)"), "{error}");
    assert_eq!(worker.metrics().sum("veltrix_events_emitted_total", &[]), Some(2.0));
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn with_default_settings_an_event_of_a_mebibyte_that_is_forwarded_is_refused_and_its_letter_points_at_it() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .binding("retry = { attempts = 1 }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let large = Record::new("large", "x".repeat(1 << 20));
    case.produce([large, Record::new("small", "v")]);
    let _worker = case.app.ready();
    case.wait_committed(2);
    assert_eq!(case.wait_output(1).iter().map(Record::key_text).collect::<Vec<_>>(), ["small"]);
    let dead = case.wait_dead(1);
    assert_eq!((dead.len(), dead[0].key_text(), dead[0].value.is_none()), (1, "large".to_owned(), true));
    assert_eq!(dead[0].header("veltrix-dead-letter-reason"), "emit-refused");
    let place = (dead[0].header("veltrix-dead-letter-topic"), dead[0].header("veltrix-dead-letter-offset"));
    assert_eq!(place, (case.input.name.clone(), "0".to_owned()));
}

#[test]
fn headers_of_an_earlier_failure_are_replaced_not_stacked() {
    let case = Case::of(servers(), "relay").partitions(1).function("vars = { dead = \"again\" }").build();
    let record = Record::new("k", "v")
        .with_header("veltrix-dead-letter-reason", Some(b"earlier"))
        .with_header("kept", Some(b"1"))
        .with_header("veltrix-dead-letter-attempts", Some(b"9"));
    case.produce([record]);
    let _worker = case.app.ready();

    let dead = case.wait_dead(1);
    let named = |name: &str| dead[0].headers.iter().filter(|(known, _)| known == name).count();
    assert_eq!((named("veltrix-dead-letter-reason"), named("veltrix-dead-letter-attempts"), named("kept")), (1, 1, 1));
    assert_eq!(dead[0].header("veltrix-dead-letter-reason"), "again");
}

/// What a message can bear: sizes, not a mebibyte.
fn short(records: &[Record]) -> Vec<(Option<usize>, Option<usize>, usize)> {
    records.iter().map(|r| (r.key.as_ref().map(Vec::len), r.value.as_ref().map(Vec::len), r.headers.len())).collect()
}
