//! A well-behaved function for integration tests: copies events, writes rows, and fails when an event's headers ask for it.
//!
//! Variables: `to` (topic to copy to), `table` (table to write to, within `timeout` milliseconds), `dead` (dead-letter everything for this reason),
//! `journal` (table that says when each event began and ended, at the hands of which `worker`).
//! Headers: `fail` N (retry until begun N times before), `dead` REASON, `skip`, `sleep` MS.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use veltrix_sdk::prelude::*;

#[handler]
async fn relay(event: Event, context: &Context) -> Result<()> {
    if let Some(reason) = context.var("dead").or_else(|| text(&event, "dead")) {
        return Err(Error::dead_letter(reason));
    }
    if event.headers().any(|(name, _)| name == b"skip") {
        return Err(Error::skip());
    }
    note(&event, context, "begin").await?;
    if let Some(wait) = number(&event, "sleep") {
        sleep(Duration::from_millis(wait)).await;
    }
    note(&event, context, "end").await?;
    if let Some(table) = context.var("table") {
        let insert = format!("INSERT INTO {table} (partition, offset, value) VALUES (?, ?, ?)");
        let mut insert = cql(&insert).bind(event.partition()).bind(event.offset()).bind(event.value());
        if let Some(limit) = context.var("timeout").and_then(|limit| limit.parse().ok()) {
            insert = insert.timeout(Duration::from_millis(limit));
        }
        insert.run().await?;
    }
    if let Some(to) = context.var("to") {
        event.forward(&to)?;
    }
    match number(&event, "fail") {
        // After its effects, so that a test can see that they are dropped or repeated.
        Some(times) if u64::from(event.begun_before()) < times => Err(Error::retry("asked to fail")),
        _ => Ok(()),
    }
}

/// Writes what happens now to the journal, if there is one.
async fn note(event: &Event, context: &Context, what: &str) -> Result<()> {
    let Some(journal) = context.var("journal") else { return Ok(()) };
    let worker = context.var("worker").unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let insert = format!("INSERT INTO {journal} (partition, offset, worker, what, at) VALUES (?, ?, ?, ?, ?)");
    cql(&insert).bind(event.partition()).bind(event.offset()).bind(worker).bind(what).bind(now).run().await?;
    Ok(())
}

fn text(event: &Event, header: &str) -> Option<String> {
    event.header(header).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn number(event: &Event, header: &str) -> Option<u64> {
    text(event, header)?.parse().ok()
}
