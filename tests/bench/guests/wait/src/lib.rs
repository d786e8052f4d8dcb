//! Waits five milliseconds per event.

use std::time::Duration;

use veltrix_sdk::prelude::*;

#[handler]
async fn wait(_event: Event) -> Result<()> {
    sleep(Duration::from_millis(5)).await;
    Ok(())
}
