//! Archive: every event becomes a row, byte for byte, under its coordinates. What comes again is written to the same row.

#[cfg(test)]
mod tests;

use std::time::Duration;

use function_common::{Cell, Settings, configured, quoted, verify, verify_frozen};
use veltrix_sdk::cql::{CqlType, MaybeUnset, Timestamp};
use veltrix_sdk::prelude::*;

/// As long as Cassandra keeps anything that is to go.
const LONGEST: Duration = Duration::from_secs(20 * 365 * 86_400);
const COLUMNS: [&str; 9] =
    ["topic", "partition", "bucket", "offset", "topic_id", "timestamp", "key", "value", "headers"];

thread_local!(static SETUP: Cell<Setup> = const { Cell::new() });

#[derive(Debug)]
struct Setup {
    insert: String,
    table: String,
    bucket: i64,
    topic_ids: bool,
    ttl: Option<i32>,
    verified: std::cell::Cell<bool>,
}

#[handler]
async fn archive(event: Event) -> Result<()> {
    let setup = configured(&SETUP, Setup::read);
    setup.verify().await?;
    let topic_id = if setup.topic_ids { topic_id(&event)? } else { String::new() };
    let headers: Vec<(&[u8], Option<&[u8]>)> = event.headers().collect();
    let insert = cql(&setup.insert)
        .bind(event.topic())
        .bind(event.partition())
        .bind(event.offset().div_euclid(setup.bucket))
        .bind(event.offset())
        .bind(topic_id)
        .bind(present(event.timestamp_ms().map(Timestamp::from_millis)))
        .bind(present(event.key()))
        .bind(present(event.value()))
        .bind(headers);
    let insert = match setup.ttl {
        Some(seconds) => insert.bind(seconds),
        None => insert,
    };
    insert.idempotent().run().await?;
    Ok(())
}

/// A topic that is created again counts its offsets anew; by its id its events do not overwrite those of the one before.
fn topic_id(event: &Event) -> Result<String> {
    let identity = event.identity();
    let id = identity.as_deref().and_then(|identity| identity.split('/').nth(1)).map(str::to_owned);
    id.ok_or_else(|| {
        // The host asks anew every 5 s.
        Error::retry_after(Duration::from_secs(5)).with_message(
            "the host does not know the id of the topic; for a broker that has none set topic_id = \"none\"",
        )
    })
}

/// What is not there is left out: a null would be written, as a tombstone.
fn present<T>(value: Option<T>) -> MaybeUnset<T> {
    value.map_or(MaybeUnset::Unset, MaybeUnset::Set)
}

impl Setup {
    fn read(settings: &mut Settings) -> Option<Self> {
        let table = settings.identifier("table", "table = \"archive\"");
        let bucket = settings.whole("bucket", 1_000, 1, 1_000_000);
        let ttl = settings.duration("ttl", LONGEST).and_then(|ttl| i32::try_from(ttl.as_secs()).ok());
        let topic_ids = match settings.optional("topic_id").as_deref().map(str::trim) {
            None | Some("required") => true,
            Some("none") => false,
            Some(other) => {
                settings.problem(format!("`topic_id` is \"required\" or \"none\", not {other:?}"));
                true
            }
        };
        let columns = COLUMNS.map(quoted).join(", ");
        let marks = ["?"; COLUMNS.len()].join(", ");
        let using = if ttl.is_some() { " USING TTL ?" } else { "" };
        let table = quoted(&table?);
        let insert = format!("INSERT INTO {table} ({columns}) VALUES ({marks}){using}");
        Some(Self { insert, table, bucket, topic_ids, ttl, verified: std::cell::Cell::new(false) })
    }

    /// Whether the table is as the statement wants it: once.
    async fn verify(&self) -> Result<()> {
        if self.verified.get() {
            return Ok(());
        }
        let header = CqlType::Tuple(vec![CqlType::Blob, CqlType::Blob]);
        let types = [
            CqlType::Text,
            CqlType::Int,
            CqlType::BigInt,
            CqlType::BigInt,
            CqlType::Text,
            CqlType::Timestamp,
            CqlType::Blob,
            CqlType::Blob,
            CqlType::List(Box::new(header)),
        ];
        let expected: Vec<(&str, &CqlType)> = COLUMNS.into_iter().zip(&types).collect();
        verify(&self.insert, &expected).await?;
        verify_frozen(&self.table, "headers", &COLUMNS[..5]).await?;
        self.verified.set(true);
        Ok(())
    }
}
