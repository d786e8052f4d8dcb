//! What has come of the orders: tables and topics as they are.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cassandra::Cassandra;
use crate::kafka::{Found, Kafka};

/// The three that handle each order.
pub(crate) const FUNCTIONS: [&str; 3] = ["inventory", "billing", "notification"];

/// Consumer group of a function.
pub(crate) fn group(function: &str) -> String {
    format!("fulfilment.{function}")
}

/// What is there.
#[derive(Debug, Default)]
pub(crate) struct Actual {
    /// In the topic `orders`.
    pub(crate) records: usize,
    pub(crate) reserved: BTreeSet<String>,
    pub(crate) short: BTreeSet<String>,
    /// By SKU.
    pub(crate) stock: BTreeMap<String, Stock>,
    /// Orders that have an invoice.
    pub(crate) invoices: BTreeSet<String>,
    pub(crate) invoiced_cents: i64,
    /// Orders that have a message.
    pub(crate) messages: BTreeSet<String>,
    /// By topic.
    pub(crate) emitted: BTreeMap<&'static str, Emitted>,
    /// By function.
    pub(crate) dead: BTreeMap<&'static str, Dead>,
    /// By function: records of `orders` before the end that are not committed.
    pub(crate) uncommitted: BTreeMap<&'static str, i64>,
}

/// Stock of a SKU.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Stock {
    pub(crate) left: i32,
    /// Pieces put aside for orders.
    pub(crate) reserved: i64,
    /// Orders that came too late.
    pub(crate) short: usize,
}

/// Events of a topic.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    pub(crate) events: usize,
    /// Which orders they name.
    pub(crate) orders: BTreeSet<String>,
}

/// Dead letters of a function.
#[derive(Debug, Default)]
pub(crate) struct Dead {
    /// Different source records.
    pub(crate) records: usize,
    pub(crate) by_reason: BTreeMap<String, usize>,
}

/// Reads all of it.
pub(crate) fn actual(kafka: &Kafka, cassandra: &Cassandra) -> Result<Actual> {
    let mut actual = Actual { records: kafka.read("orders")?.len(), ..Actual::default() };
    read_stock(&mut actual, cassandra)?;
    for (order, cents) in cassandra.rows::<(String, i64)>("SELECT order_id, total_cents FROM fulfilment.invoices")? {
        actual.invoices.insert(order);
        actual.invoiced_cents += cents;
    }
    let messages = cassandra.rows::<(String,)>("SELECT order_id FROM fulfilment.messages")?;
    actual.messages = messages.into_iter().map(|(order,)| order).collect();
    for topic in ["stock-reserved", "stock-short", "invoice-issued"] {
        actual.emitted.insert(topic, emitted(&kafka.read(topic)?).with_context(|| format!("topic {topic}"))?);
    }
    for function in FUNCTIONS {
        actual.dead.insert(function, dead(&kafka.read(&format!("orders.dead.{function}"))?));
        actual.uncommitted.insert(function, kafka.watch(&group(function), "orders")?.lag()?);
    }
    Ok(actual)
}

fn read_stock(actual: &mut Actual, cassandra: &Cassandra) -> Result<()> {
    type Row = (String, Option<String>, i32, Option<i32>, Option<bool>);
    let query = "SELECT sku, order_id, left, quantity, reserved FROM fulfilment.stock";
    for (sku, order, left, quantity, reserved) in cassandra.rows::<Row>(query)? {
        let stock = actual.stock.entry(sku).or_default();
        stock.left = left;
        // A SKU that nobody ordered has a row without an order.
        let (Some(order), Some(quantity), Some(reserved)) = (order, quantity, reserved) else { continue };
        if reserved {
            stock.reserved += i64::from(quantity);
            actual.reserved.insert(order);
        } else {
            stock.short += 1;
            actual.short.insert(order);
        }
    }
    Ok(())
}

fn emitted(found: &[Found]) -> Result<Emitted> {
    let mut orders = BTreeSet::new();
    for record in found {
        let event: Value = serde_json::from_slice(record.value.as_deref().unwrap_or_default())?;
        orders.insert(event["order_id"].as_str().context("an event names no order")?.to_owned());
    }
    Ok(Emitted { events: found.len(), orders })
}

/// A worker that was killed may have sent a dead letter twice: what counts is where it came from.
fn dead(found: &[Found]) -> Dead {
    let (mut dead, mut seen) = (Dead::default(), HashSet::new());
    for record in found {
        let source = ["partition", "offset"].map(|name| record.header(&format!("veltrix-dead-letter-{name}")));
        if seen.insert(source) {
            let reason = record.header("veltrix-dead-letter-reason").unwrap_or("none").to_owned();
            *dead.by_reason.entry(reason).or_default() += 1;
        }
    }
    dead.records = seen.len();
    dead
}
