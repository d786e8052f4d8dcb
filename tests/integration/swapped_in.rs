//! `veltrix dev` with real servers in the place of embedded ones.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use veltrix_tests::{App, Dev, Record, SOON, build, servers, unique};

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS seen (partition int, offset bigint, value blob, PRIMARY KEY (partition, offset));";

/// Writes events of `TOPIC` to the table `seen`, and relays them to `TOPIC.out`.
fn app(topic: &str, keyspace: &str, binding: &str) -> App {
    let app = App::new(&format!(
        "name = '{topic}'\n[kafka]\nbrokers = ['not-here:1']\n[cassandra]\nnodes = ['not-here:1']\nkeyspace = '{keyspace}'\n\
         schema = 'schema.cql'\n[[binding]]\ntopics = ['{topic}']\nfunction = 'relay'\n[function.relay]\nmodule = '{module}'\n\
         emits = ['{topic}.out']\ncassandra = {{ seen = 'write' }}\nvars = {{ to = '{topic}.out', table = 'seen' }}\n{binding}",
        module = build::guest("relay").display()
    ));
    app.write("schema.cql", TABLE);
    app
}

fn texts(records: &[Record]) -> Vec<String> {
    let mut texts: Vec<String> = records.iter().map(Record::text).collect();
    texts.sort_unstable();
    texts
}

/// So long ago, as milliseconds since the epoch and as RFC 3339.
fn ago(hours: u64) -> (i64, String) {
    let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - hours * 3_600;
    let output = Command::new("date").args(["-u", "-d", &format!("@{then}"), "+%FT%TZ"]).output().expect("date runs");
    (then as i64 * 1_000, String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn real_servers_do_what_embedded_ones_can_t() {
    let (kafka, topic) = (servers().kafka(), unique("dev"));
    let keyspace = servers().cassandra().keyspace("dev");
    let (input, once) = (kafka.create(&topic, 1, &[]), format!("{topic}.once"));
    let (old, _) = ago(2);
    let (_, start) = ago(1);
    kafka.produce(&topic, [Record { timestamp: Some(old), ..Record::new("k", "old") }]);
    kafka.aborted(&topic, [Record::new("k", "aborted")]);
    kafka.produce(&topic, [Record::new("k", "new")]);
    let exactly_once = format!(
        "[[binding]]\ntopics = ['{topic}']\nfunction = 'once'\ndelivery = 'exactly-once'\n[function.once]\nmodule = '{}'\n\
         emits = ['{once}']\nvars = {{ to = '{once}' }}\n",
        build::guest("relay").display()
    );
    let app = app(&topic, &keyspace, &exactly_once);
    let text = std::fs::read_to_string(app.directory().join("veltrix.toml")).unwrap();
    app.write(
        "veltrix.toml",
        text.replacen("function = 'relay'", &format!("function = 'relay'\nstart = '{start}'"), 1),
    );
    app.write("in.jsonl", "{\"key\":\"k\",\"value\":\"fed\"}\n");
    let (brokers, nodes) = (servers().kafka_address(), servers().cassandra_address());
    let input_flag = format!("{topic}=in.jsonl");
    let mut dev = Dev::start(&app, &["--kafka", brokers, "--cassandra", nodes, "--input", &input_flag]);
    // What it says at the end of its start.
    let said = dev.wait_said(&format!("(group {topic}.once; "));
    assert_eq!(said.matches("(yours)").count(), 2, "{said}");
    let told = dev.addresses();
    assert_eq!((&told["kafka"], &told["cassandra"]), (&json!(brokers), &json!(nodes)));
    assert_eq!(told["embedded"], json!(false));

    assert_eq!(texts(&kafka.read_at_least(&format!("{topic}.out"), 2, SOON)), ["fed", "new"], "it starts at a time");
    assert_eq!(texts(&kafka.read_at_least(&once, 3, SOON)), ["fed", "new", "old"], "each once, none of the aborted");
    assert_eq!(servers().cassandra().count(&format!("SELECT count(*) FROM {keyspace}.seen")), 2);
    let ended = dev.signal("INT");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        kafka.committed_total(&format!("{topic}.once"), &input),
        kafka.committed_total(&format!("{topic}.relay"), &input)
    );
}

#[test]
fn one_real_server_goes_with_one_that_is_embedded() {
    let (kafka, topic) = (servers().kafka(), unique("dev"));
    let keyspace = servers().cassandra().keyspace("dev");
    let rows = |app: &App| {
        let output = app.veltrix(&["cql", "SELECT value FROM seen", "--output", "json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let hello = "{\"value\":\"0x68656c6c6f\"}";
    kafka.create(&topic, 1, &[]);
    let app = app(&topic, &keyspace, "");
    let mut dev = Dev::start(&app, &["--kafka", servers().kafka_address(), "--cassandra-port", "0"]);
    dev.wait_said("runs");
    let told = dev.addresses();
    assert_eq!((&told["kafka"], &told["embedded"]), (&json!(servers().kafka_address()), &json!(false)));
    assert_ne!(told["cassandra"], json!(servers().cassandra_address()));
    kafka.produce(&topic, [Record::new("k", "hello")]);
    kafka.read_at_least(&format!("{topic}.out"), 1, SOON);
    assert_eq!(rows(&app), hello);
    assert_eq!(dev.signal("INT").code, Some(0));

    let mut dev = Dev::start(&app, &["--cassandra", servers().cassandra_address()]);
    let said = dev.wait_said(&format!("(group {topic}.relay; "));
    assert!(said.contains("embedded: kept in memory") && said.contains("(yours)"), "{said}");
    let told = dev.addresses();
    assert_eq!((&told["embedded"], &told["cassandra"]), (&json!(true), &json!(servers().cassandra_address())));
    dev.kafka().produce(&topic, [Record::new("k", "hello")]);
    dev.kafka().read_at_least(&format!("{topic}.out"), 1, SOON);
    assert_eq!(rows(&app), hello);
    assert_eq!(servers().cassandra().count(&format!("SELECT count(*) FROM {keyspace}.seen")), 1);
    assert_eq!(dev.signal("INT").code, Some(0));
}
