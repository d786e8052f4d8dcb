//! Filters and forwards: what is measured is everything around it.
//!
//! Variable `to`: the topic to forward to. A value that begins with `-` is left out.

use std::sync::OnceLock;

use veltrix_sdk::prelude::*;

#[handler]
async fn forward(event: Event, context: &Context) -> Result<()> {
    static TO: OnceLock<String> = OnceLock::new();
    if event.value().is_some_and(|value| value.first() == Some(&b'-')) {
        return Ok(());
    }
    event.forward(TO.get_or_init(|| context.var("to").unwrap_or_default()))
}
