//! Manifests without mistakes, and text that is no manifest at all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use veltrix_manifest::{
    DeadLetter, Dedupe, DedupeBy, DedupeWindow, Delivery, Grant, Instances, Manifest, Options, Ordering, Secret, Start,
    load, load_with, parse,
};

const LEAST: &str = r#"
name = "shop"
kafka.brokers = ["localhost:9092"]
[[binding]]
topics = ["orders"]
function = "stock-keeper"
[function.stock-keeper]
"#;

fn read(text: &str) -> Manifest {
    parse(text, Path::new("base")).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn applies_every_default() {
    let manifest = read(LEAST);
    assert_eq!(manifest.cassandra, None);
    let binding = &manifest.bindings[0];
    assert_eq!(binding.group, "shop.stock-keeper");
    assert_eq!(binding.start, Start::Earliest);
    assert_eq!(binding.ordering, Ordering::Key);
    assert_eq!(binding.delivery, Delivery::AtLeastOnce);
    assert_eq!(binding.concurrency.get(), 256);
    assert_eq!((binding.batch.events.get(), binding.batch.bytes.get()), (500, 1 << 20));
    assert_eq!(binding.batch.wait, Duration::from_millis(5));
    assert_eq!(binding.retry.attempts.get(), 5);
    assert_eq!(binding.retry.backoff, Duration::from_millis(100));
    assert_eq!(binding.retry.max_backoff, Duration::from_secs(30));
    assert_eq!(binding.retry.max_age, Duration::from_secs(3600));
    assert_eq!(binding.dead_letter, DeadLetter::Pause);
    assert_eq!(binding.dedupe, None);
    let function = &manifest.functions["stock-keeper"];
    assert_eq!(function.module, Path::new("base/target/wasm32-wasip2/release/stock_keeper.wasm"));
    assert_eq!(function.build.as_deref(), Some("cargo build --release --target wasm32-wasip2 -p stock-keeper"));
    assert_eq!(function.watch, [PathBuf::from("base/stock-keeper/src")]);
    assert_eq!(function.instances, Instances::Reuse);
    assert_eq!(function.limits.memory, 64 << 20);
    assert_eq!((function.limits.cpu, function.limits.deadline), (Duration::from_millis(200), Duration::from_secs(30)));
    assert!(function.emits.is_empty() && function.cassandra.is_empty());
    assert!(function.vars.is_empty() && function.secrets.is_empty());
}

#[test]
fn reads_what_is_spelled_out() {
    let manifest = read(
        r#"
name = "shop"

[kafka]
brokers = ["a.example:9092", "[::1]:9093"]
properties = { "security.protocol" = "SSL", "fetch.wait.max.ms" = 50, "enable.ssl.certificate.verification" = true }

[cassandra]
nodes = ["c1:9042"]
keyspace = "Shop_1"
schema = "schema.cql"

[[binding]]
topics = ["orders", '^returns\..*']
function = "stock"
group = "g"
start = "2026-01-31T08:00:00Z"
ordering = "none"
delivery = "at-least-once"
concurrency = 1
batch = { events = 1, bytes = "64KiB", wait = "0ms" }
retry = { attempts = 1, backoff = "1s", max_backoff = "2m", max_age = "3d" }
dead_letter = "orders.dead"

[[binding]]
topics = ["orders"]
function = "stock"
group = "h"
start = 2026-01-31T10:00:00+02:00
ordering = "partition"
dead_letter = "pause"

[function.stock]
module = "stock.wat"
build = "make"
watch = ["src", "/abs"]
emits = ["stock-reserved"]
instances = "fresh"
limits = { memory = "1GiB", cpu = "1s", deadline = "1m" }
cassandra = { stock = "read-write", Orders = "read", log = "write" }
vars = { warehouse = "eu-1", empty = "" }
secrets = { token = { env = "STOCK_TOKEN" }, key = { file = "key.pem" } }
"#,
    );
    assert_eq!(manifest.kafka.brokers, ["a.example:9092", "[::1]:9093"]);
    assert_eq!(manifest.kafka.properties["fetch.wait.max.ms"], "50");
    assert_eq!(manifest.kafka.properties["enable.ssl.certificate.verification"], "true");
    let cassandra = manifest.cassandra.as_ref().unwrap();
    assert_eq!((cassandra.keyspace.as_str(), cassandra.nodes.len()), ("Shop_1", 1));
    assert_eq!(cassandra.schema.as_deref(), Some(Path::new("base/schema.cql")));
    let [first, second] = &manifest.bindings[..] else { panic!("two bindings") };
    assert_eq!(first.topics, ["orders", r"^returns\..*"]);
    assert_eq!(first.start, Start::Time(1_769_846_400_000));
    assert_eq!(first.start, second.start);
    assert_eq!((first.ordering, second.ordering), (Ordering::None, Ordering::Partition));
    assert_eq!(first.batch.wait, Duration::ZERO);
    assert_eq!(first.retry.max_age, Duration::from_secs(3 * 86_400));
    assert_eq!(first.dead_letter, DeadLetter::Topic("orders.dead".to_owned()));
    assert_eq!(second.dead_letter, DeadLetter::Pause);
    let function = &manifest.functions["stock"];
    assert_eq!(function.module, Path::new("base/stock.wat"));
    assert_eq!(function.watch, [PathBuf::from("base/src"), PathBuf::from("/abs")]);
    assert_eq!(function.instances, Instances::Fresh);
    assert_eq!(function.limits.memory, 1 << 30);
    assert_eq!(function.cassandra["Orders"], Grant::Read);
    assert_eq!(function.cassandra["stock"], Grant::ReadWrite);
    assert_eq!(function.vars["empty"], "");
    assert_eq!(function.secrets["token"], Secret::Env("STOCK_TOKEN".to_owned()));
    assert_eq!(function.secrets["key"], Secret::File("base/key.pem".into()));
}

#[test]
fn exactly_once_has_an_interval_and_may_read_tables() {
    let text = LEAST.replace("topics =", "delivery = \"exactly-once\"\ntopics =");
    assert_eq!(read(&text).bindings[0].delivery, Delivery::ExactlyOnce);
    assert_eq!(read(&text).bindings[0].transaction, Duration::from_millis(100));
    let text = text.replace("topics =", "transaction = \"1s\"\ntopics =");
    let text =
        format!("{text}cassandra = {{ prices = \"read\" }}\n[cassandra]\nnodes = [\"c:9042\"]\nkeyspace = \"k\"");
    assert_eq!(read(&text).bindings[0].transaction, Duration::from_secs(1));
}

#[test]
fn a_module_of_ones_own_has_no_default_build() {
    let manifest = read(&format!("{LEAST}module = 'stock.wat'"));
    let function = &manifest.functions["stock-keeper"];
    assert_eq!(function.build, None);
    assert!(function.watch.is_empty());
}

#[test]
fn finds_the_manifest_and_its_paths_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("veltrix.toml"), format!("{LEAST}module = 'stock.wat'")).unwrap();
    let missing = load(folder.path()).unwrap_err().to_string();
    assert!(missing.contains("there is no module"), "{missing}");
    std::fs::write(folder.path().join("stock.wat"), "(component)").unwrap();
    let manifest = load(folder.path()).unwrap();
    assert_eq!(manifest.dir, folder.path());
    assert_eq!(manifest.functions["stock-keeper"].module, folder.path().join("stock.wat"));
    assert_eq!(load(&folder.path().join("veltrix.toml")).unwrap(), manifest);
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_without_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let problem = load(folder.path()).unwrap_err().to_string();
    assert!(problem.contains("veltrix.toml: can't be read: "), "{problem}");
    std::fs::write(folder.path().join("veltrix.toml"), b"name = 1\nx = \"\xff\"").unwrap();
    let problem = load(folder.path()).unwrap_err().to_string();
    assert!(problem.ends_with("veltrix.toml:2:6: is not UTF-8 — save the file as UTF-8"), "{problem}");
}

#[test]
fn an_operator_overrides_the_servers() {
    let text = format!("{LEAST}\n[cassandra]\nkeyspace = 'shop'").replace("kafka.brokers = [\"localhost:9092\"]", "");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("veltrix.toml"), text).unwrap();
    let servers = |port: u16| vec![format!("server:{port}")];
    let options = Options { files: false, kafka: servers(1), cassandra: servers(2) };
    let mut manifest = load_with(folder.path(), &options).unwrap();
    assert_eq!(manifest.kafka.brokers, servers(1));
    assert_eq!(manifest.cassandra.as_ref().unwrap().nodes, servers(2));
    manifest.override_kafka(&servers(3));
    manifest.override_kafka(&[]);
    manifest.override_cassandra(&servers(4));
    assert_eq!(manifest.kafka.brokers, servers(3));
    assert_eq!(manifest.cassandra.unwrap().nodes, servers(4));
}

/// Text made of what manifests are made of, so that much of it gets past the syntax.
fn manifest_like() -> impl Strategy<Value = String> {
    let words = vec![
        "name",
        "kafka",
        "brokers",
        "[kafka]",
        "[[binding]]",
        "[binding]",
        "topics",
        "function",
        "[function.a]",
        "batch",
        "retry",
        "=",
        "=",
        "=",
        "\n",
        "\n",
        "\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        ".",
        "\"a\"",
        "\"^a(\"",
        "'5ms'",
        "\"1MiB\"",
        "0",
        "-1",
        "1e400",
        "2026-01-31T08:00:00Z",
        "99999999999999999999",
        "\"\"",
        "'é'",
        "start",
        "limits",
        "secrets",
        "env",
        "true",
        "nan",
        "0x",
        "#",
        "\"\\u0000\"",
    ];
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|words| words.join(" "))
}

fn has_good_places(text: &str) {
    if let Err(problems) = parse(text, Path::new(".")) {
        assert!(!problems.problems.is_empty());
        for problem in &problems.problems {
            let line = text.split('\n').nth(problem.line - 1).expect("a line of the text");
            assert!(problem.column <= line.chars().count() + 1, "{problem:?} in {text:?}");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_read_or_refused(text in any::<String>()) {
        has_good_places(&text);
    }

    #[test]
    fn text_like_a_manifest_is_read_or_refused(text in manifest_like()) {
        has_good_places(&text);
    }

    #[test]
    fn a_damaged_manifest_is_read_or_refused(at in 0..LEAST.len(), with in "\\PC{0,3}") {
        let mut text = LEAST.to_owned();
        text.replace_range(at..at + 1, &with);
        has_good_places(&text);
    }
}

#[test]
fn reads_what_makes_events_the_same() {
    let dedupe = |text: &str| {
        let text = LEAST.replace("[function", &format!("dedupe = {text}\n[function"));
        read(&text).bindings[0].dedupe.clone().unwrap()
    };
    let bytes = |bytes: u64| bytes.try_into().unwrap();
    let expected = Dedupe {
        by: DedupeBy::Header("event-id".to_owned()),
        window: DedupeWindow::Time(Duration::from_secs(600)),
        memory: bytes(64 << 20),
    };
    assert_eq!(dedupe("{ by = \"header:event-id\" }"), expected);
    assert_eq!(expected.most(), 1 << 20);
    let offsets = DedupeWindow::Offsets(bytes(2_000_000));
    let expected = Dedupe { by: DedupeBy::Key, window: offsets, memory: bytes(123 << 20) };
    assert_eq!(dedupe("{ by = \"key\", window = \"2000000 offsets\", memory = \"123MiB\" }"), expected);
    assert_eq!(dedupe("{ by = \"json:/order/a~1b\", window = \"1d\" }").by, DedupeBy::Json("/order/a~1b".to_owned()));
}
