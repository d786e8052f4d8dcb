//! `publish`, `tail`, `cql` and `check --connect` against real servers.

use std::process::Output;

use veltrix_tests::{App, servers, unique};

/// A folder whose manifest names the shared servers.
fn app(keyspace: &str) -> App {
    let (kafka, cassandra) = (servers().kafka_address(), servers().cassandra_address());
    let app = App::new(&format!(
        "name = \"verbs\"\n[kafka]\nbrokers = [\"{kafka}\"]\n[cassandra]\nnodes = [\"{cassandra}\"]\n\
         keyspace = \"{keyspace}\"\n[[binding]]\ntopics = [\"verbs-never-made\"]\nfunction = \"f\"\n\
         [function.f]\nmodule = \"f.wat\"\n"
    ));
    app.write("f.wat", "(component)");
    app
}

#[track_caller]
fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("results are UTF-8")
}

#[track_caller]
fn failed(output: &Output, told: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(told), "{told:?} is not in {errors}");
}

#[test]
fn published_lines_are_tailed_byte_for_byte() {
    let app = app("none");
    let topic = unique("verbs");
    failed(&app.veltrix(&["publish", &topic, "--value", "v"]), "there is no topic");
    // Of today: retention takes what is older than a week from a topic that was just made.
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970").as_millis();
    let lines = [
        r#"{"key":"k","value":{"n": 1.50},"headers":[["h","1"],["h",null],["h",""]],"timestamp":NOW,"partition":0}"#,
        r#"{"key":"","value":null,"headers":[],"timestamp":NOW,"partition":0}"#,
        r#"{"key":null,"value":{"base64":"/wA="},"headers":[],"timestamp":NOW,"partition":0}"#,
    ]
    .map(|line| line.replace("NOW", &now.to_string()));
    app.write("events.jsonl", lines.join("\n"));
    let counted = done(&app.veltrix(&["publish", &topic, "--file", "events.jsonl", "--create"]));
    assert_eq!(counted, format!("published 3 to {topic}\n"));
    let records = servers().kafka().read(&topic);
    assert_eq!(records[0].value.as_deref(), Some(&br#"{"n": 1.50}"#[..]));
    assert_eq!(records[1].key.as_deref(), Some(&b""[..]));
    assert_eq!((records[2].key.as_ref(), records[2].value.as_deref()), (None, Some(&[0xff, 0][..])));
    let tailed = done(&app.veltrix(&["tail", &topic, "--from", "earliest", "--count", "3", "--timeout", "30s"]));
    assert_eq!(tailed.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn keys_go_where_the_clients_of_java_send_them() {
    let app = app("none");
    let topic = servers().kafka().topic("murmur2", 4);
    // Partitions of 4 by murmur2, as Kafka's own producer computes them.
    for (key, partition) in [("21", 0), ("foobar", 2), ("abc", 3), ("a-little-bit-long-string", 0)] {
        done(&app.veltrix(&["publish", &topic.name, "--key", key, "--value", "v"]));
        let found = servers().kafka().read(&topic.name).into_iter().find(|record| record.key_text() == key);
        let found = found.expect("the event was published").partition;
        assert_eq!(found, Some(partition), "{key}");
    }
}

#[test]
fn an_event_that_the_broker_refuses_is_told_by_its_line() {
    let app = app("none");
    let topic = servers().kafka().create(&unique("small"), 1, &[("max.message.bytes", "1000")]);
    let large = "x".repeat(5_000);
    app.write("events.jsonl", format!("{{\"value\": 1}}\n{{\"value\": \"{large}\"}}\n{{\"value\": 2}}\n"));
    let output = app.veltrix(&["publish", &topic.name, "--file", "events.jsonl"]);
    failed(&output, "line 2: not published: ");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with(", 1 failed\n"));
    assert_eq!(servers().kafka().read(&topic.name).len(), 2);
}

#[test]
fn statements_print_rows_and_a_refusal_is_a_failure() {
    let keyspace = servers().cassandra().keyspace("verbs");
    // The manifest's keyspace is where the statements are at home.
    let app = app(&keyspace);
    let cql = |arguments: &[&str]| app.veltrix(&[&["cql"], arguments].concat());
    assert_eq!(done(&cql(&["CREATE TABLE t (id int PRIMARY KEY, amount decimal, tags set<text>)"])), "done\n");
    done(&cql(&["INSERT INTO t (id, amount, tags) VALUES (1, -12.340, {'b', 'a'})"]));
    done(&cql(&["INSERT INTO t (id) VALUES (2)"]));
    let rows = done(&cql(&["SELECT id, amount, tags FROM t", "--output", "json"]));
    assert!(rows.contains(r#"{"amount":"-12.340","id":1,"tags":["a","b"]}"#), "{rows}");
    assert!(rows.contains(r#"{"amount":null,"id":2,"tags":null}"#), "{rows}");
    let table = done(&cql(&["SELECT id, amount FROM t WHERE id = 1"]));
    assert_eq!(table, "id | amount\n---+--------\n1  | -12.340\n(1 row)\n");
    failed(&cql(&["SELECT nothing FROM t"]), "nothing");
    failed(&cql(&["SELECT id FROM t", "--keyspace", "surely_not_there"]), "surely_not_there");
}

#[test]
fn pages_of_rows_are_all_printed() {
    let keyspace = servers().cassandra().keyspace("pages");
    let app = app(&keyspace);
    done(&app.veltrix(&["cql", "CREATE TABLE t (id int PRIMARY KEY)"]));
    let client = servers().cassandra();
    for id in 0..2_500 {
        client.execute_with(&format!("INSERT INTO {keyspace}.t (id) VALUES (?)"), (id,));
    }
    let rows = done(&app.veltrix(&["cql", "SELECT id FROM t", "--output", "json"]));
    assert_eq!(rows.lines().count(), 2_500);
}
