//! The example `fulfilment`, killed ten times in mid-flow: every order is handled once, and the books balance.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use veltrix_tests::{App, Cassandra, Kafka, OwnServers, Record, Server, Topic, build, eventually};

const KILLS: usize = 10;
const ORDERS: usize = 5_700;
/// After each so many orders one of those before comes again, and one that is none.
const ODD: usize = 38;
const SKUS: usize = 30;
/// Of each SKU, so that about half of the orders find none.
const STOCK: i32 = 200;
const SERVICES: [&str; 3] = ["inventory", "billing", "notification"];
/// Slow machines handle a few hundred orders a second.
const LONG: Duration = Duration::from_secs(240);

#[test]
fn ten_kills_in_mid_flow_leave_every_order_handled_and_the_stock_right() {
    let own = OwnServers::start_all(&[Server::Kafka, Server::Cassandra]);
    let (kafka, cassandra) = (own.kafka(), own.cassandra());
    let orders = kafka.create("orders", 4, &[]);
    for topic in ["stock-reserved", "stock-short", "invoice-issued"] {
        // One partition, so that the topic's order is that of the emits.
        kafka.create(topic, 1, &[]);
    }
    prepare(&cassandra);
    let records = records();
    let (sent, malformed) = (records.len() as i64, records.iter().filter(|record| is_malformed(record)).count());
    assert_eq!((records.len(), malformed), (ORDERS + 2 * (ORDERS / ODD), ORDERS / ODD));
    kafka.produce("orders", records);
    let app = fulfilment(&own);

    for round in 1..=KILLS {
        let worker = app.start();
        let enough = ORDERS * round / (KILLS + 2);
        eventually("orders are being handled", LONG, || {
            let handled = kafka.count("stock-reserved") + kafka.count("stock-short");
            (handled > enough).then_some(())
        });
        worker.kill9();
    }
    assert!(SERVICES.iter().any(|service| committed(&kafka, service, &orders) < sent), "killed in mid-flow");
    let _last = app.ready();
    for service in SERVICES {
        eventually(&format!("{service} is done"), LONG, || (committed(&kafka, service, &orders) == sent).then_some(()));
        only_the_malformed(&kafka.read(&format!("orders.dead.{service}")), malformed);
    }
    books_balance(&kafka, &cassandra);
}

/// A kill may repeat a dead letter, but each malformed record has one, and nothing else has.
fn only_the_malformed(letters: &[Record], malformed: usize) {
    let header = |letter: &Record, name: &str| letter.header(&format!("veltrix-dead-letter-{name}"));
    let places: BTreeSet<_> = letters.iter().map(|l| (header(l, "partition"), header(l, "offset"))).collect();
    assert_eq!(places.len(), malformed, "of {} dead letters", letters.len());
    for letter in letters {
        assert!(is_malformed(letter) && header(letter, "reason") == "decode", "{}", header(letter, "error"));
    }
}

fn books_balance(kafka: &Kafka, cassandra: &Cassandra) {
    let mut sold: HashMap<String, i32> = HashMap::new();
    let mut decided: BTreeMap<bool, BTreeSet<String>> = BTreeMap::new();
    let rows = cassandra.rows::<(String, String, i32, bool, i32)>(
        "SELECT sku, order_id, quantity, reserved, left_after FROM fulfilment.stock",
    );
    assert_eq!(rows.len(), ORDERS, "each order was decided once");
    for (sku, order, quantity, reserved, left_after) in rows {
        assert!(left_after >= 0, "{order} left {left_after} of {sku}");
        if reserved {
            *sold.entry(sku).or_default() += quantity;
        }
        decided.entry(reserved).or_default().insert(order);
    }
    for (sku, left) in cassandra.rows::<(String, i32)>("SELECT DISTINCT sku, left FROM fulfilment.stock") {
        assert!(left >= 0, "{sku}: {left}");
        assert_eq!(left + sold.get(&sku).copied().unwrap_or(0), STOCK, "{sku}");
    }

    for (topic, reserved) in [("stock-reserved", true), ("stock-short", false)] {
        let emitted = kafka.read(topic);
        let ids: BTreeSet<String> = emitted.iter().map(|record| text(record, "order_id")).collect();
        assert!(!ids.is_empty() && ids == decided[&reserved], "{topic} says what was decided, and misses none");
        in_order_of_each_sku(topic, &emitted);
    }
    let invoiced: BTreeSet<String> =
        kafka.read("invoice-issued").iter().map(|record| text(record, "order_id")).collect();
    assert_eq!(invoiced.len(), ORDERS, "no invoice is missing");
    assert_eq!(cassandra.rows::<(String,)>("SELECT order_id FROM fulfilment.invoices").len(), ORDERS);
    let messages: BTreeSet<(String,)> =
        cassandra.rows::<(String,)>("SELECT order_id FROM fulfilment.messages").into_iter().collect();
    assert_eq!(messages.len(), ORDERS, "no message is missing");
}

/// A restart may repeat, but what appears for the first time appears in the order of the SKU's orders.
fn in_order_of_each_sku(topic: &str, emitted: &[Record]) {
    let (mut seen, mut last) = (BTreeSet::new(), HashMap::new());
    for record in emitted {
        let (order, sku) = (text(record, "order_id"), text(record, "sku"));
        if seen.insert(order.clone()) {
            let before = last.insert(sku.clone(), order.clone()).unwrap_or_default();
            assert!(before < order, "{topic}, {sku}: {order} came first after {before}");
        }
    }
}

fn text(record: &Record, field: &str) -> String {
    let value: Value = serde_json::from_slice(record.value.as_deref().expect("a value")).expect("JSON");
    value[field].as_str().expect("text").to_owned()
}

fn committed(kafka: &Kafka, service: &str, orders: &Topic) -> i64 {
    kafka.committed_total(&format!("fulfilment.{service}"), orders)
}

/// Orders, some of them twice, and between them what can't be read.
fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0..ORDERS {
        records.push(order(number));
        if number % ODD == ODD - 1 {
            records.push(order(number - number % 31));
            let mut broken = order(number);
            broken.value = match number / ODD % 4 {
                0 => None,
                1 => Some(Vec::new()),
                2 => broken.value.map(|value| value[..value.len() / 2].to_vec()),
                _ => Some(b"\xff\xfe no order".to_vec()),
            };
            records.push(broken);
        }
    }
    records
}

fn is_malformed(record: &Record) -> bool {
    record.value.as_deref().is_none_or(|value| serde_json::from_slice::<Value>(value).is_err())
}

fn order(number: usize) -> Record {
    let sku = format!("sku-{}", number % SKUS);
    let order = json!({
        "order_id": format!("order-{number:06}"),
        "customer": { "id": "c-1", "name": "Ann", "email": "ann@example.org" },
        "sku": sku,
        "quantity": 1 + (number / SKUS) % 3,
        "unit_price_cents": 1_250,
        "currency": "EUR",
        "placed_at": "2025-03-01T10:00:00Z",
        "ship_to": { "street": "Main 1", "postcode": "1000", "city": "Bern", "country": "CH" },
    });
    Record::new(sku, order.to_string())
}

fn prepare(cassandra: &Cassandra) {
    cassandra
        .execute("CREATE KEYSPACE fulfilment WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    let schema = std::fs::read_to_string(build::root().join("examples/fulfilment/schema.cql")).expect("a schema");
    let lines = schema.lines().map(|line| line.split("--").next().unwrap_or_default());
    let plain = lines.collect::<Vec<_>>().join("\n").replace("IF NOT EXISTS ", "IF NOT EXISTS fulfilment.");
    for statement in plain.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        cassandra.execute(statement);
    }
    for number in 0..SKUS {
        let sku = format!("sku-{number}");
        cassandra.execute_with("INSERT INTO fulfilment.stock (sku, left) VALUES (?, ?)", (sku, STOCK));
    }
}

/// The example's own manifest, for these servers and modules, with a group that notices a kill soon.
fn fulfilment(own: &OwnServers) -> App {
    let manifest = std::fs::read_to_string(build::root().join("examples/fulfilment/veltrix.toml")).expect("a manifest");
    let properties = r#"properties = { "session.timeout.ms" = "3000", "heartbeat.interval.ms" = "500" }"#;
    let mut manifest = manifest
        .replace("brokers = [\"localhost:9092\"]", &format!("brokers = [\"{}\"]\n{properties}", own.kafka_address()))
        .replace("localhost:9042", own.cassandra_address());
    for service in SERVICES {
        let module = build::guest(service).display().to_string();
        manifest = manifest.replace(&format!("../../target/wasm32-wasip2/release/{service}.wasm"), &module);
    }
    let app = App::new(&manifest);
    app.write("schema.cql", "");
    app
}
