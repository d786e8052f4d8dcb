//! Functions that misbehave: each is charged for itself, its neighbours and the worker go on.

use std::time::{Duration, Instant};

use veltrix_tests::case::CaseBuilder;
use veltrix_tests::{Case, Record, servers};

fn misbehaving<'a>() -> CaseBuilder<'a> {
    Case::of(servers(), "misbehaving")
        .partitions(1)
        .binding("retry = { attempts = 2, backoff = \"10ms\" }")
        .function("limits = { memory = \"32MiB\", cpu = \"200ms\", deadline = \"3s\" }")
}

/// Runs one bad event between good neighbours and returns its dead letter.
fn dead_letter_of(case: &Case, bad: &str) -> Record {
    case.produce((0..5).map(|n| Record::new(format!("before{n}"), "good")));
    case.produce([Record::new("bad", bad)]);
    case.produce((0..5).map(|n| Record::new(format!("after{n}"), "good")));
    let mut worker = case.app.ready();
    case.wait_committed(11);
    let dead = case.dead_letters();
    assert_eq!(dead.len(), 1, "only the bad event died: {:?}", dead.iter().map(Record::text).collect::<Vec<_>>());
    assert!(worker.is_running());
    let again = worker.metrics().sum("veltrix_events_retried_total", &[]);
    assert_eq!(again, Some(1.0), "the bad event alone was charged, and tried again once");
    assert_eq!(worker.terminate().code, Some(0));
    dead[0].clone()
}

/// The event is run as often as the binding allows, then dead-lettered alone, with an error that holds `hint`.
fn charged_alone(bad: &str, hint: &str) {
    let dead = dead_letter_of(&misbehaving().build(), bad);
    assert_eq!(dead.text(), bad);
    assert_eq!(dead.header("veltrix-dead-letter-attempts"), "2", "{bad}: its neighbours' trouble is not charged to it");
    let error = dead.header("veltrix-dead-letter-error").to_lowercase();
    assert!(error.contains(hint), "{bad}: «{error}» does not say {hint}");
}

#[test]
fn a_trap_is_charged_to_its_event_alone() {
    charged_alone("trap", "abort");
}

#[test]
fn a_panic_is_charged_to_its_event_alone() {
    charged_alone("panic:out of cheese", "");
}

#[test]
fn a_named_panic_is_charged_to_its_event_alone_with_its_message() {
    charged_alone("panic-named:out of cheese", "out of cheese");
}

#[test]
fn a_guest_that_exits_is_charged_like_a_trap() {
    charged_alone("exit", "");
}

#[test]
fn a_spinning_guest_is_ended_by_its_cpu_limit() {
    let started = Instant::now();
    charged_alone("spin", "cpu");
    assert!(started.elapsed() < Duration::from_secs(45));
}

#[test]
fn a_guest_that_allocates_without_end_meets_its_memory_limit() {
    charged_alone("allocate", "memory");
}

#[test]
fn endless_recursion_is_a_trap() {
    charged_alone("recurse", "");
}

#[test]
fn a_guest_that_waits_for_ever_is_ended_by_its_deadline() {
    charged_alone("hang", "did not end");
}

#[test]
fn a_missing_verdict_is_a_charged_retry() {
    charged_alone("none", "verdict");
}

#[test]
fn an_emit_to_a_topic_not_granted_fails_its_event() {
    charged_alone("emit:somebody-elses-topic", "somebody-elses-topic");
}

#[test]
fn an_outcome_that_is_not_a_frame_fails_the_event_that_made_it() {
    charged_alone("garbage", "");
    charged_alone("empty", "");
}

#[test]
fn emits_of_an_event_that_is_retried_are_dropped() {
    let case = misbehaving().build();
    let bad = format!("emit-retry:{}", case.output.name);
    let dead = dead_letter_of(&case, &bad);
    assert_eq!(dead.header("veltrix-dead-letter-attempts"), "2");
    assert!(case.kafka.read(&case.output.name).is_empty());
}

#[test]
fn what_was_settled_before_a_trap_stays_settled() {
    let case = misbehaving().build();
    case.produce([Record::new("settled", "settle-trap"), Record::new("other", "good")]);
    let _worker = case.app.ready();
    case.wait_committed(2);
    assert!(case.dead_letters().is_empty());
}

/// What the guest reports of each CQL statement, none of which may be executed.
#[test]
fn tables_not_granted_are_out_of_reach_however_the_statement_is_written() {
    let case = misbehaving()
        .tables(
            "CREATE TABLE open (k int PRIMARY KEY, v int); CREATE TABLE closed (k int PRIMARY KEY, v int); \
                 CREATE TABLE readonly (k int PRIMARY KEY, v int)",
        )
        .function("cassandra = { open = \"read-write\", readonly = \"read\" }")
        .build();
    let keyspace = case.keyspace.as_deref().unwrap();
    let foreign = servers().cassandra().keyspace("foreign");
    servers().cassandra().execute(&format!("CREATE TABLE {foreign}.open (k int PRIMARY KEY, v int)"));
    let refused = [
        // Of the name that is granted, but not of the application's keyspace.
        format!("SELECT * FROM {foreign}.open"),
        format!("INSERT INTO \"{foreign}\".\"open\" (k, v) VALUES (1, 1)"),
        "SELECT * FROM closed".to_owned(),
        "SELECT * FROM \"closed\"".to_owned(),
        "SELECT * FROM CLOSED".to_owned(),
        format!("SELECT * FROM {keyspace}.closed"),
        format!("SELECT * FROM \"{keyspace}\" . \"closed\""),
        "SELECT * FROM open -- \n, closed".to_owned(),
        "SELECT * FROM /* open */ closed".to_owned(),
        "INSERT INTO closed (k, v) VALUES (1, 1)".to_owned(),
        "INSERT INTO readonly (k, v) VALUES (1, 1)".to_owned(),
        "UPDATE readonly SET v = 1 WHERE k = 1".to_owned(),
        "DELETE FROM readonly WHERE k = 1".to_owned(),
        "BEGIN BATCH INSERT INTO closed (k, v) VALUES (1, 1); APPLY BATCH".to_owned(),
        "BEGIN BATCH INSERT INTO open (k, v) VALUES (1, 1); APPLY BATCH".to_owned(),
        "SELECT * FROM system.local".to_owned(),
        "SELECT * FROM system_schema.tables".to_owned(),
        "SELECT * FROM \"system\".\"local\"".to_owned(),
        "SELECT * FROM open; SELECT * FROM closed".to_owned(),
        format!("USE {keyspace}"),
        "TRUNCATE open".to_owned(),
        "DROP TABLE open".to_owned(),
        "CREATE TABLE mine (k int PRIMARY KEY)".to_owned(),
        "SELEKT".to_owned(),
        String::new(),
    ];
    let allowed = [
        "SELECT * FROM open".to_owned(),
        format!("SELECT * FROM \"{keyspace}\".\"open\""),
        "SELECT * FROM readonly".to_owned(),
        "INSERT INTO open (k, v) VALUES (1, 1) IF NOT EXISTS".to_owned(),
    ];
    let all: Vec<&String> = refused.iter().chain(&allowed).collect();
    case.produce(all.iter().enumerate().map(|(n, text)| Record::new(n.to_string(), format!("cql:{text}"))));
    let mut worker = case.app.ready();
    let dead = case.wait_dead(all.len());
    let mut kinds = [0; 3];
    for letter in dead {
        let (text, answer) = (letter.text(), letter.header("veltrix-dead-letter-error"));
        let number: usize = letter.key_text().parse().unwrap();
        if number < refused.len() {
            // What names another table is not granted; what is no statement for functions is invalid.
            let names_another =
                ["closed", "readonly", "foreign_", "system"].iter().any(|name| text.to_lowercase().contains(name));
            let is_one = !["BEGIN", "SELECT * FROM open"].iter().any(|start| text["cql:".len()..].starts_with(start));
            let kind = if names_another && is_one { 2 } else { 1 };
            assert!(answer.starts_with(&format!("prepare {kind}: ")), "{text}: {answer}");
            kinds[kind] += 1;
        } else {
            assert!(answer.ends_with(" rows"), "{text}: {answer}");
        }
    }
    let metrics = worker.metrics();
    let requests = |result: &str| {
        let labels = ["function=\"guest\"", &format!("result=\"{result}\"")];
        let count = metrics.sum("veltrix_cassandra_request_seconds_count", &labels);
        assert_eq!(
            metrics.sum("veltrix_cassandra_request_seconds_bucket", &[labels[0], labels[1], "le=\"+Inf\""]),
            count
        );
        assert!(count.is_none() || metrics.sum("veltrix_cassandra_request_seconds_sum", &labels) > Some(0.0));
        count
    };
    // The allowed ones are prepared and executed.
    assert_eq!(requests("ok"), Some(2.0 * allowed.len() as f64));
    assert_eq!((requests("invalid"), requests("not-granted")), (Some(kinds[1].into()), Some(kinds[2].into())));
    let calls = metrics.sum("veltrix_call_seconds_count", &[]);
    assert!(calls >= Some(1.0), "{calls:?}");
    assert_eq!(calls, metrics.sum("veltrix_calls_total", &["kind=\"ok\""]));
    assert!(metrics.sum("veltrix_call_seconds_sum", &[]) > Some(0.0));
    let cassandra = servers().cassandra();
    assert_eq!(cassandra.count(&format!("SELECT count(*) FROM {keyspace}.closed")), 0);
    assert_eq!(cassandra.count(&format!("SELECT count(*) FROM {foreign}.open")), 0);
    assert_eq!(cassandra.count(&format!("SELECT count(*) FROM {keyspace}.open")), 1, "only the allowed insert");
}

#[test]
fn values_that_do_not_fit_their_statement_are_an_error_for_the_guest() {
    let case = misbehaving()
        .tables("CREATE TABLE open (k int PRIMARY KEY, v int)")
        .function("cassandra = { open = \"read-write\" }")
        .build();
    // Each with who says no, and of what kind.
    let bad = [
        ("cql-garbage:INSERT INTO open (k, v) VALUES (?, 1)", "execute 1: "),
        ("cql-bytes:INSERT INTO open (k, v) VALUES (?, 1)", "execute 1: "),
        ("cql:INSERT INTO open (k, v) VALUES (?, ?)", "execute 1: "),
        ("cql:INSERT INTO open (k, v) VALUES ('text', 1)", "prepare 1: "),
        ("cql:SELECT nothing FROM open", "prepare 1: "),
        ("cql:SELECT k FROM open WHERE k = 'text'", "prepare 1: "),
        ("cql-unprepared", "1: statement 4000000 was not prepared by this instance"),
    ];
    case.produce(bad.iter().enumerate().map(|(n, (text, _))| Record::new(n.to_string(), text)));
    let mut worker = case.app.ready();
    let dead = case.wait_dead(bad.len());
    assert_eq!(dead.len(), bad.len());
    for letter in dead {
        let answer = letter.header("veltrix-dead-letter-error");
        let (text, expected) = bad[letter.key_text().parse::<usize>().unwrap()];
        assert_eq!(letter.text(), text);
        assert!(answer.starts_with(expected), "{text}: {answer}");
    }
    let keyspace = case.keyspace.as_deref().unwrap();
    assert_eq!(servers().cassandra().count(&format!("SELECT count(*) FROM {keyspace}.open")), 0);
    assert!(worker.is_running());
}
