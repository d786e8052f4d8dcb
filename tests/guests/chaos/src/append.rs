//! A conditional append: the rows of a key tell in which order its events took effect first, and each only once.
//!
//! `CREATE TABLE t (key text, kind int, name text, n int, id bigint, source int, source_offset bigint, emits blob,
//! head int static, PRIMARY KEY (key, kind, name))`. Kind 0 is the log (name: its place), kind 1 says which events are in it.

use veltrix_sdk::cql::batch;
use veltrix_sdk::prelude::*;

use crate::{Done, Order};

/// Others append to the same key only if two workers believe that they own it.
const TRIES: u32 = 5;

/// Appends the event unless it is there; says whether it was appended now.
pub(crate) async fn append(table: &str, event: &Event, order: &Order) -> Result<bool> {
    let name = format!("{:020}", order.id);
    let seen = format!("SELECT n FROM {table} WHERE key = ? AND kind = 1 AND name = ?");
    let head = format!("SELECT head FROM {table} WHERE key = ? LIMIT 1");
    let claim = format!("UPDATE {table} SET head = ? WHERE key = ? IF head = ?");
    let insert =
        format!("INSERT INTO {table} (key, kind, name, n, id, source, source_offset) VALUES (?, ?, ?, ?, ?, ?, ?)");
    let row = |kind: i32, name: String| {
        let cql = cql(&insert).bind(&order.key).bind(kind).bind(name).bind(order.n as i32).bind(order.id as i64);
        cql.bind(event.partition()).bind(event.offset())
    };
    for _ in 0..TRIES {
        // In this order: what is appended after the head was read, by another worker too, moves it.
        let head: Option<i32> = cql(&head).bind(&order.key).optional::<Option<i32>>().await?.flatten();
        if cql(&seen).bind(&order.key).bind(&name).optional::<i32>().await?.is_some() {
            return Ok(false);
        }
        let next = head.map_or(0, |head| head + 1);
        let place = format!("{next:010}");
        let outcome = batch()
            .unlogged()
            .add(cql(&claim).bind(next).bind(&order.key).bind(head))
            .add(row(0, place))
            .add(row(1, name.clone()))
            .run()
            .await?;
        if outcome.applied {
            return Ok(true);
        }
    }
    Err(Error::retry(format!("key {}: somebody else appends all the time", order.key)))
}

/// The same by the SDK's `once`, with the emit in it: each event once, of copies too, and its emit always the same.
pub(crate) async fn append_once(table: &str, to: &str, event: &Event, done: &Done) -> Result<()> {
    let order = &done.order;
    let head = format!("SELECT head FROM {table} WHERE key = ? LIMIT 1");
    let claim = format!("UPDATE {table} SET head = ? WHERE key = ? IF head = ?");
    let insert =
        format!("INSERT INTO {table} (key, kind, name, n, id, source, source_offset) VALUES (?, 0, ?, ?, ?, ?, ?)");
    once(event, table)
        .key("key", &order.key)
        .key("kind", 1)
        .at("name")
        .run(async |effect| {
            let head: Option<i32> = cql(&head).bind(&order.key).optional::<Option<i32>>().await?.flatten();
            let next = head.map_or(0, |head| head + 1);
            effect.write(cql(&claim).bind(next).bind(&order.key).bind(head)).await?;
            let row = cql(&insert).bind(&order.key).bind(format!("{next:010}")).bind(order.n as i32);
            effect.write(row.bind(order.id as i64).bind(event.partition()).bind(event.offset())).await?;
            emit(to).optional_key(event.key()).json(done)
        })
        .await?;
    Ok(())
}
