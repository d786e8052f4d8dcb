//! Materialize: fields of an event's JSON become the columns of a row, by the time of the event; a tombstone deletes the row.

mod setup;
#[cfg(test)]
mod tests;

use function_common::{Cell, Document, Mapping, configured};
use veltrix_sdk::cql::{Cql, MaybeUnset, Value};
use veltrix_sdk::prelude::*;

use setup::{Setup, Tombstone};

thread_local!(static SETUP: Cell<Setup> = const { Cell::new() });

#[handler]
async fn materialize(event: Event) -> Result<()> {
    let setup = configured(&SETUP, Setup::read);
    setup.verify().await?;
    if event.timestamp_ms().is_none_or(|timestamp| timestamp < 0) {
        return Err(Error::dead_letter("no-timestamp").with_message("the event has no time to write its row with"));
    }
    let document = Document::of(&event);
    if !event.is_tombstone() {
        // All fields before the first request: what is refused changes nothing.
        let key = fields(&setup.key, &document)?;
        let columns = fields(&setup.columns, &document)?;
        let insert = bind(cql(&setup.insert), key.into_iter().chain(columns));
        let insert = setup.ttl.iter().fold(insert, |insert, seconds| insert.bind(*seconds));
        insert.event_time().idempotent().run().await?;
        return Ok(());
    }
    match setup.tombstone {
        Tombstone::Delete => {
            let delete = bind(cql(&setup.delete), fields(&setup.key, &document)?);
            delete.event_time().idempotent().run().await?;
            Ok(())
        }
        Tombstone::DeadLetter => Err(Error::dead_letter("tombstone")),
        Tombstone::Skip => Err(Error::skip()),
    }
}

type Field = MaybeUnset<Option<Value>>;

fn fields(mappings: &[Mapping], document: &Document<'_>) -> Result<Vec<Field>> {
    mappings.iter().map(|mapping| mapping.read(document)).collect()
}

fn bind(statement: Cql<'_>, fields: impl IntoIterator<Item = Field>) -> Cql<'_> {
    fields.into_iter().fold(statement, |statement, field| statement.bind(field))
}
