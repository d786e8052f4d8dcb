//! Effects in Cassandra: once for each event whatever is repeated, and by the time of the event.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use veltrix_tests::{Case, Record, eventually, servers};

const ACCOUNTS: &str =
    "CREATE TABLE accounts (account text, entry text, balance bigint, emits blob, PRIMARY KEY (account, entry))";

fn accounts() -> Case {
    Case::of(servers(), "ledger")
        .partitions(2)
        .tables(&format!("{ACCOUNTS}; CREATE TABLE others (account text PRIMARY KEY)"))
        .binding("retry = { attempts = 2, backoff = \"10ms\" }")
        .function("vars = { to = \"$OUT\" }")
        .function("cassandra = { accounts = \"read-write\", others = \"read-write\" }")
        .build()
}

fn named(case: &Case, account: &str) -> usize {
    let keyspace = case.keyspace.as_deref().unwrap();
    let text = format!("SELECT entry FROM {keyspace}.accounts WHERE account = '{account}' AND entry > ''");
    servers().cassandra().rows::<(String,)>(&text).len()
}

fn balance(case: &Case, account: &str) -> Option<i64> {
    let keyspace = case.keyspace.as_deref().unwrap();
    let text = format!("SELECT balance FROM {keyspace}.accounts WHERE account = '{account}' AND entry = ''");
    servers().cassandra().rows::<(i64,)>(&text).first().map(|row| row.0)
}

#[test]
fn a_kill_between_effect_and_ack_neither_repeats_the_effect_nor_loses_its_emit() {
    let case = accounts();
    // One account stalls after its effect: the kill comes in between for sure.
    case.produce([Record::new("stalled", "5").with_header("stall", Some(b"20000"))]);
    case.produce((0..600).map(|n| Record::new(format!("a{}", n % 7), "1")));
    let first = case.app.start();
    eventually("the effect is there", veltrix_tests::SOON, || (named(&case, "stalled") == 1).then_some(()));
    first.kill9();
    assert_eq!(balance(&case, "stalled"), Some(5));
    assert!(case.kafka.read(&case.output.name).iter().all(|emit| emit.key_text() != "stalled"), "it was not acked");
    // And once more at any moment.
    let second = case.app.start();
    eventually("this one is at it", veltrix_tests::SOON, || (named(&case, "a3") > 40).then_some(()));
    second.kill9();

    let mut third = case.app.ready();
    case.wait_committed(601);
    assert_eq!((balance(&case, "stalled"), named(&case, "stalled")), (Some(5), 1));
    let mut expected = BTreeMap::from([("stalled".to_owned(), BTreeSet::from([5]))]);
    for account in 0..7 {
        let account = format!("a{account}");
        let events = (0..600).filter(|n| format!("a{}", n % 7) == account).count();
        assert_eq!((balance(&case, &account), named(&case, &account)), (Some(events as i64), events), "{account}");
        expected.insert(account, (1..=events as i64).collect());
    }
    let mut emitted: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let mut by_offset: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for emit in case.kafka.read(&case.output.name) {
        emitted.entry(emit.key_text()).or_default().insert(emit.text().parse().unwrap());
        by_offset.entry((emit.key_text(), emit.header("offset"))).or_default().insert(emit.text());
    }
    assert_eq!(emitted, expected, "each balance was emitted, and no other");
    assert!(by_offset.values().all(|values| values.len() == 1), "a repetition emits the same again: {by_offset:?}");
    assert!(case.dead_letters().is_empty());
    assert!(third.is_running());
}

#[test]
fn what_no_conditional_batch_of_one_partition_takes_is_refused_and_changes_nothing() {
    let case = accounts();
    let broken = |what: &str| Record::new(what, "1").with_header("broken", Some(what.as_bytes()));
    case.produce(["timestamp", "table", "partition"].map(broken));
    let _worker = case.app.ready();
    case.wait_committed(3);
    let dead = case.wait_dead(3);
    for (what, says) in [("timestamp", "timestamp"), ("table", "multiple tables"), ("partition", "multiple partitions")]
    {
        let letter = dead.iter().find(|letter| letter.key_text() == what).expect("each became a dead letter");
        let error = letter.header("veltrix-dead-letter-error");
        assert!(error.to_lowercase().contains(says), "{what}: {error}");
        assert_eq!((balance(&case, what), named(&case, what)), (None, 0), "{what}");
    }
    assert_eq!(case.kafka.count(&case.output.name), 0);
}

fn state(event_time: &str) -> (Case, impl Fn() -> BTreeMap<String, String>) {
    let case = Case::of(servers(), "ledger")
        .partitions(1)
        .tables("CREATE TABLE state (k text PRIMARY KEY, value text)")
        .function(&format!("vars = {{ state = \"state\"{event_time} }}"))
        .function("cassandra = { state = \"write\" }")
        .build();
    let keyspace = case.keyspace.clone().unwrap();
    let rows = move || {
        let rows = servers().cassandra().rows::<(String, String)>(&format!("SELECT k, value FROM {keyspace}.state"));
        rows.into_iter().collect()
    };
    (case, rows)
}

#[test]
fn by_event_time_old_events_that_come_again_overwrite_nothing_newer() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let at = |key: &str, value: &str, ago: i64| Record { timestamp: Some(now - ago), ..Record::new(key, value) };
    let history = || {
        vec![
            at("a", "1", 9_000),
            at("b", "1", 8_000),
            at("a", "2", 7_000),
            at("a", "3", 6_000),
            at("same", "old", 5_000),
            at("same", "new", 5_000),
        ]
    };
    let replay = || vec![at("a", "1", 9_000), at("b", "1", 8_000), at("a", "2", 7_000)];
    let (case, rows) = state(", event_time = \"yes\"");
    case.produce(history());
    // From the future: it must not shadow what comes after it.
    case.produce([at("ahead", "early", -600_000)]);
    let worker = case.app.ready();
    case.wait_committed(7);
    let settled = BTreeMap::from(
        [("a", "3"), ("b", "1"), ("same", "new"), ("ahead", "early")].map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    assert_eq!(rows(), settled);
    case.produce(replay());
    case.wait_committed(10);
    assert_eq!(rows(), settled, "what is older came again, and changed nothing");
    case.produce([Record::new("ahead", "later"), Record::new("a", "4")]);
    case.wait_committed(12);
    assert_eq!((rows()["ahead"].as_str(), rows()["a"].as_str()), ("later", "4"));
    drop(worker);

    // Without the option the last one handled stays.
    let (case, rows) = state("");
    case.produce(history());
    case.produce(replay());
    let _worker = case.app.ready();
    case.wait_committed(9);
    assert_eq!(rows()["a"], "2");
}

/// Redelivery by time alone: the whole history again, from its beginning, by another group.
#[test]
fn a_history_that_is_handled_again_never_goes_back() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let (case, rows) = state(", event_time = \"yes\"");
    // More than a thousand offsets: the tie-break counts on from each of them.
    let history = (0..1_500).map(|n| Record {
        timestamp: Some(now - 60_000 + n / 4),
        ..Record::new(format!("k{}", n % 10), n.to_string())
    });
    case.produce(history);
    let first = case.app.ready();
    case.wait_committed(1_500);
    let settled = rows();
    assert_eq!(settled["k9"], "1499");
    drop(first);
    let again = format!("{}-again", case.group);
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).unwrap();
    case.app.write(
        "veltrix.toml",
        manifest.replace(&format!("group = \"{}\"", case.group), &format!("group = \"{again}\"")),
    );
    let mut second = case.app.ready();
    let mut looks = 0;
    eventually("the group has read it all again", veltrix_tests::SOON, || {
        looks += 1;
        assert_eq!(rows(), settled, "an old event overwrote a newer one");
        (case.kafka.committed_total(&again, &case.input) == 1_500).then_some(())
    });
    assert!(looks > 1 && second.is_running());
}
