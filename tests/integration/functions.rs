//! The ready-made functions, deployed with TOML alone: events in, rows or topics out, the same when events come again.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use veltrix_tests::case::CaseBuilder;
use veltrix_tests::{Case, Record, eventually, servers};

/// The schema of a ready-made function's example: what people copy has to be right.
fn schema(function: &str) -> &'static str {
    let path = veltrix_tests::build::root().join(format!("functions/{function}/schema.cql"));
    let text = std::fs::read_to_string(path).expect("each function has a schema");
    let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n").replace("IF NOT EXISTS ", "").leak()
}

fn of(function: &'static str) -> CaseBuilder<'static> {
    Case::of(servers(), function).partitions(2).property("message.max.bytes", "4000000")
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis() as i64
}

/// The group reads everything again, from the beginning.
fn again(case: &Case, group: &str) {
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    case.app.write(
        "veltrix.toml",
        manifest.replace(&format!("group = \"{}\"", case.group), &format!("group = \"{group}\"")),
    );
}

fn wait_committed(case: &Case, group: &str, count: i64) {
    eventually("the group is done", veltrix_tests::SOON, || {
        (case.kafka.committed_total(group, &case.input) == count).then_some(())
    });
}

type Archived = (i32, i64, i64, Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn archived(case: &Case) -> Vec<Archived> {
    let keyspace = case.keyspace.as_deref().expect("it has one");
    let text = format!("SELECT partition, offset, bucket, timestamp, key, value, headers FROM {keyspace}.archive");
    type Row = (
        i32,
        i64,
        i64,
        Option<scylla::value::CqlTimestamp>,
        Option<Vec<u8>>,
        Option<Vec<u8>>,
        Option<Vec<(Vec<u8>, Option<Vec<u8>>)>>,
    );
    let rows = servers().cassandra().rows::<Row>(&text);
    let mut rows: Vec<Archived> =
        rows.into_iter().map(|(p, o, b, t, k, v, h)| (p, o, b, t.map(|t| t.0), k, v, h.unwrap_or_default())).collect();
    rows.sort();
    rows
}

#[test]
fn archive_keeps_every_event_byte_for_byte_once() {
    let case = of("archive")
        .tables(schema("archive"))
        .binding("ordering = \"none\"")
        .function("vars = { table = \"archive\", bucket = \"100\" }")
        .function("cassandra = { archive = \"write\" }")
        .build();
    let odd = vec![
        Record { key: None, value: None, ..Record::default() },
        Record { key: Some(vec![]), value: Some(vec![]), ..Record::default() },
        Record { key: Some(vec![0xff, 0]), value: Some(vec![7; 1 << 20]), ..Record::default() },
        Record::new("h", "v").with_header("a", Some(b"1")).with_header("a", None).with_header("b", Some(b"")),
    ];
    case.produce(odd);
    case.produce((0..500).map(|n| Record::new(format!("k{n}"), n.to_string())));
    let first = case.app.ready();
    case.wait_committed(504);
    let rows = archived(&case);
    let source = case.kafka.read(&case.input.name);
    let expected: Vec<Archived> = source
        .into_iter()
        .map(|record| {
            let headers = record.headers.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
            let offset = record.offset.expect("it was read");
            let partition = record.partition.expect("it was read");
            (partition, offset, offset / 100, record.timestamp, record.key, record.value, headers)
        })
        .collect();
    assert!(rows == expected, "{} rows of {} events", rows.len(), expected.len());
    first.kill9();
    let other = format!("{}-again", case.group);
    again(&case, &other);
    let _second = case.app.ready();
    wait_committed(&case, &other, 504);
    assert!(archived(&case) == expected, "what came again changed nothing");
    assert!(case.dead_letters().is_empty());
}

#[test]
fn materialize_upserts_and_deletes_by_the_time_of_events() {
    let case = of("materialize")
        .tables(schema("materialize"))
        .function("cassandra = { customers = \"write\" }")
        .rest(
            "[function.guest.vars]\ntable = \"customers\"\nkey = \"key -> id text\"\ncolumns = '''\n/name -> name text\n\
             /email -> email text null\n/address/city -> city text keep\n/credit -> credit decimal keep\n\
             /tags -> tags set<text> keep\n/phones -> phones list<text> keep\ntimestamp -> updated_at timestamp\n'''\n",
        )
        .build();
    let start = now() - 60_000;
    let at = |key: &str, value: Option<&str>, ms: i64| Record {
        key: Some(key.into()),
        value: value.map(|value| value.as_bytes().to_vec()),
        timestamp: Some(start + ms),
        ..Record::default()
    };
    let ada = r#"{"name": "Ada", "email": "a@x", "address": {"city": "Bern"}, "credit": 10.50, "tags": ["b", "a"], "phones": ["1", "2"]}"#;
    let history = vec![
        at("ada", Some(ada), 0),
        at("ada", Some(r#"{"name": "Ada L.", "phones": ["3", "3"]}"#), 10),
        at("bob", Some(r#"{"name": "Bob"}"#), 0),
        at("bob", None, 10),
        at("cyd", None, 0),
        at("cyd", Some(r#"{"name": "Cyd", "email": "c@x"}"#), 10),
        // An older event that arrives later.
        at("cyd", Some(r#"{"name": "Sid", "email": "s@x"}"#), 5),
    ];
    let wrong = vec![
        at("dan", Some(r#"{"name": 5}"#), 0),
        at("dan", Some(r#"{}"#), 1),
        at("dan", Some("{"), 2),
        at("dan", Some(r#"{"name": "D", "credit": "many"}"#), 3),
    ];
    case.produce(history.clone());
    case.produce(wrong);
    let worker = case.app.ready();
    case.wait_committed(11);
    type Row = (String, String, Option<String>, Option<String>, Option<Vec<String>>, Option<Vec<String>>);
    let rows = || {
        let keyspace = case.keyspace.as_deref().expect("it has one");
        let text = format!("SELECT id, name, email, city, tags, phones FROM {keyspace}.customers");
        let mut rows = servers().cassandra().rows::<Row>(&text);
        rows.sort();
        rows
    };
    let some = |text: &str| Some(text.to_owned());
    let list = |items: [&str; 2]| Some(items.map(str::to_owned).to_vec());
    let expected = vec![
        ("ada".into(), "Ada L.".into(), None, some("Bern"), list(["a", "b"]), list(["3", "3"])),
        ("cyd".into(), "Cyd".into(), some("c@x"), None, None, None),
    ];
    assert_eq!(rows(), expected);
    let mut reasons: Vec<String> =
        case.dead_letters().iter().map(|letter| letter.header("veltrix-dead-letter-reason")).collect();
    reasons.sort();
    assert_eq!(reasons, ["/credit is no decimal", "/name is missing", "/name is no text", "decode"]);
    // All of it once more, as new records with their old times: it goes back at no moment.
    case.produce(history);
    eventually("they were handled again", veltrix_tests::SOON, || {
        assert_eq!(rows(), expected, "an old event overwrote a newer one");
        (case.committed() == 18).then_some(())
    });
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn route_forwards_and_splits_by_content() {
    let case = of("route").build();
    let (orders, rest) = (case.kafka.topic("orders", 1), case.kafka.topic("rest", 1));
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    let emits = format!("emits = [\"{}\", \"{}\"]", orders.name, rest.name);
    let manifest = manifest.replace(&format!("emits = [\"{}\"]", case.output.name), &emits);
    let rules = |split: &str| {
        format!(
            "{manifest}\n[function.guest.vars]\nrules = '''\n/type = \"order\" -> {}\n'''\ndefault = \"-> {}\"\n{split}\n",
            orders.name, rest.name
        )
    };
    case.app.write("veltrix.toml", rules(""));
    let odd =
        Record { key: Some(vec![0xff, 0]), ..Record::default() }.with_header("h", None).with_header("h", Some(b"1"));
    let order = Record { value: Some(b" {\"type\" : \"order\"} ".to_vec()), ..odd.clone() };
    case.produce([order.clone(), odd.clone(), Record::new("k", "{}"), Record::new("k", "no json")]);
    let first = case.app.ready();
    case.wait_committed(4);
    let bare = |record: &Record| Record { partition: None, offset: None, timestamp: None, ..record.clone() };
    let all = |topic: &str| case.kafka.read(topic).iter().map(bare).collect::<Vec<_>>();
    assert_eq!(all(&orders.name), [order]);
    let mut others = all(&rest.name);
    others.sort();
    let mut expected = vec![odd, Record::new("k", "{}")];
    expected.sort();
    assert_eq!(others, expected);
    assert_eq!(case.dead_letters()[0].header("veltrix-dead-letter-reason"), "decode");
    drop(first);

    // The same function with other variables: it splits.
    case.app.write("veltrix.toml", rules("split = \"/lines\"\nkey = \"/id\""));
    let lines: Vec<String> = (0..200).map(|n| format!("{{\"id\": \"l{n}\", \"type\":\"order\"}}")).collect();
    case.produce([Record::new("k", format!("{{\"lines\": [{}]}}", lines.join(", "))).with_header("h", Some(b"1"))]);
    let _second = case.app.ready();
    case.wait_committed(5);
    let elements = all(&orders.name).split_off(1);
    let expected: Vec<Record> = lines
        .iter()
        .enumerate()
        .map(|(n, line)| Record::new(format!("l{n}"), line).with_header("h", Some(b"1")))
        .collect();
    assert_eq!(elements, expected);
}

type Totals = BTreeMap<(String, i64), (i64, i64)>;

fn totals(case: &Case) -> Totals {
    let keyspace = case.keyspace.as_deref().expect("it has one");
    let text = format!("SELECT shop, bucket, count, items FROM {keyspace}.sales WHERE entry = '' ALLOW FILTERING");
    let rows = servers().cassandra().rows::<(String, scylla::value::CqlTimestamp, i64, i64)>(&text);
    rows.into_iter().map(|(shop, bucket, count, items)| ((shop, bucket.0), (count, items))).collect()
}

#[test]
fn project_counts_each_event_once_through_kills_and_repetition() {
    let case = of("project")
        .tables(schema("project"))
        .binding("concurrency = 32")
        .binding("batch = { events = 20, wait = \"1ms\" }")
        .function("cassandra = { sales = \"read-write\" }")
        .rest(
            "[function.guest.vars]\ntable = \"sales\"\nkey = \"/shop -> shop text\"\nbucket = \"1h\"\nsums = '''\n\
             /items -> items bigint\n/total -> revenue decimal keep\n'''\n",
        )
        .build();
    const EVENTS: i64 = 1_500;
    let hour = 3_600_000;
    let start = now() / hour * hour - 5 * hour;
    // Keys that have nothing to do with shops: both partitions have events of each bucket, and calls race for them.
    let events = (0..EVENTS).map(|n| Record {
        timestamp: Some(start + (n % 2) * hour + n),
        ..Record::new(format!("k{n}"), format!("{{\"shop\": \"s{}\", \"items\": {n}, \"total\": 0.01}}", n % 3))
    });
    case.produce(events);
    let mut expected = Totals::new();
    for n in 0..EVENTS {
        let (count, items) = expected.entry((format!("s{}", n % 3), start + (n % 2) * hour)).or_default();
        *count += 1;
        *items += n;
    }
    let counted = |totals: &Totals| totals.values().map(|(count, _)| count).sum::<i64>();
    // Killed between writes and commits, several times.
    for part in [1, 3, 5] {
        let worker = case.app.start();
        eventually("this one is at it", veltrix_tests::SOON, || {
            (counted(&totals(&case)) > EVENTS * part / 8).then_some(())
        });
        worker.kill9();
    }
    let done_twice = case.committed() < counted(&totals(&case));
    let last = case.app.ready();
    case.wait_committed(EVENTS);
    assert_eq!(totals(&case), expected);
    assert!(done_twice, "something was written and not committed, or this test shows nothing");
    drop(last);
    // And all of it once more by another group.
    let other = format!("{}-again", case.group);
    again(&case, &other);
    let _again = case.app.ready();
    wait_committed(&case, &other, EVENTS);
    assert_eq!(totals(&case), expected);
    assert!(case.dead_letters().is_empty());
}

/// Megabytes, depth, endless numbers: refused for what they are, or written, and never charged for time or memory.
#[test]
fn large_and_hostile_events_meet_no_limit_of_the_sandbox() {
    let case = of("materialize")
        .tables("CREATE TABLE t (id text PRIMARY KEY, name text, raw text, n varint, tags set<text>)")
        .function("cassandra = { t = \"write\" }")
        .binding("retry = { attempts = 2, backoff = \"10ms\" }")
        .rest(
            "[function.guest.vars]\ntable = \"t\"\nkey = \"key -> id text\"\ncolumns = \"\"\"\n/a/name -> name text\n\
             value -> raw json\n/n -> n varint keep\n/tags -> tags set<text> keep\n\"\"\"\n",
        )
        .build();
    let mega = 1 << 20;
    let named = |rest: &str| format!("{{{rest} \"a\": {{\"name\": \"N\"}}}}");
    let elements = vec!["\"same\""; 120_000].join(",");
    let events = [
        ("long", named(&format!("\"pad\": \"{}\",", "x".repeat(mega))), None),
        ("members", named(&"\"b\": [1, {\"c\": \"]\"}], ".repeat(40_000)), None),
        ("elements", named(&format!("\"tags\": [{elements}],")), None),
        ("escapes", named(&format!("\"pad\": \"{}\",", "\\u00e9".repeat(mega / 6))), None),
        ("digits", named(&format!("\"n\": {},", "9".repeat(mega))), Some("/n is no varint")),
        ("deep", "[".repeat(mega), Some("decode")),
        ("half", named(&format!("\"pad\": \"{}\\ud800\",", "x".repeat(mega))), Some("decode")),
    ];
    case.produce(events.iter().map(|(key, value, _)| Record::new(key, value)));
    let _worker = case.app.ready();
    case.wait_committed(events.len() as i64);
    let dead: BTreeMap<String, (String, String)> = case
        .dead_letters()
        .iter()
        .map(|letter| {
            let header = |name: &str| letter.header(&format!("veltrix-dead-letter-{name}"));
            (letter.key_text(), (header("reason"), header("attempts")))
        })
        .collect();
    let keyspace = case.keyspace.as_deref().expect("it has one");
    let rows = servers().cassandra().rows::<(String, String)>(&format!("SELECT id, raw FROM {keyspace}.t"));
    let rows: BTreeMap<String, String> = rows.into_iter().collect();
    for (key, value, reason) in &events {
        let found = (dead.get(*key).cloned(), rows.get(*key).map(|raw| raw == value));
        let expected = match reason {
            Some(reason) => (Some((reason.to_string(), "1".to_owned())), None),
            None => (None, Some(true)),
        };
        assert_eq!(found, expected, "{key}");
    }
}

#[test]
fn a_deployment_that_can_not_work_says_why_and_loses_nothing() {
    let case = of("archive")
        .tables("CREATE TABLE other (id int PRIMARY KEY)")
        .binding("retry = { attempts = 1 }")
        .function("vars = { table = \"archive\", buckets = \"100\" }")
        .function("cassandra = { archive = \"write\" }")
        .build();
    case.produce((0..50).map(|n| Record::new(format!("k{n}"), n.to_string())));
    let told = |worker: &veltrix_tests::Worker, text: &str| {
        eventually("the log says it", veltrix_tests::SOON, || (worker.logged(text) > 0).then_some(()));
    };
    let write = |from: &str, to: &str| {
        let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("it is there");
        assert!(manifest.contains(from));
        case.app.write("veltrix.toml", manifest.replace(from, to));
    };
    let worker = case.app.ready();
    told(&worker, "`buckets` is no variable of this function, these are: `table`, `bucket`, `ttl`, `topic_id`");
    assert_eq!(worker.terminate().code, Some(0));
    write("buckets", "bucket");
    let worker = case.app.ready();
    told(&worker, "the function can't be started; trying again");
    // The table appears, with a list that would double: it is seen without a restart, and refused.
    let keyspace = case.keyspace.as_deref().expect("it has one");
    let create = schema("archive").replace("TABLE archive", &format!("TABLE {keyspace}.archive"));
    let create = create.trim().trim_end_matches(';');
    let cassandra = servers().cassandra();
    cassandra.execute(&create.replace("frozen<list<frozen<tuple<blob, blob>>>>", "list<frozen<tuple<blob, blob>>>"));
    told(&worker, "is a list that is not frozen");
    assert_eq!((case.committed(), case.dead_letters().len()), (0, 0), "no event was charged for it");
    cassandra.execute(&format!("DROP TABLE {keyspace}.archive"));
    assert_eq!(worker.terminate().code, Some(0));
    cassandra.execute(create);
    let _worker = case.app.ready();
    case.wait_committed(50);
    assert_eq!((archived(&case).len(), case.dead_letters().len()), (50, 0));
}
