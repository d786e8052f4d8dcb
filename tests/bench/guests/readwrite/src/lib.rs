//! Reads one row and writes it, per event.

use veltrix_sdk::prelude::*;

#[handler]
async fn readwrite(event: Event) -> Result<()> {
    let key = event.key_text()?;
    cql("SELECT v FROM pairs WHERE k = ?").bind(key).optional::<(Vec<u8>,)>().await?;
    cql("INSERT INTO pairs (k, v) VALUES (?, ?)").bind(key).bind(event.value()).run().await?;
    Ok(())
}
