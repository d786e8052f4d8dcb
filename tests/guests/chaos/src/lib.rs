//! The function that is under chaos: it leaves traces of each event that a checker can judge, and fails as the event asks.
//!
//! Variables: `to` (topic to emit to), `table` (see [`append`]) or `once` (the same by the SDK's `once`); none: no Cassandra.

mod append;
mod order;

use std::time::Duration;

use veltrix_sdk::prelude::*;

pub use order::{Done, Order, Plan};

#[handler]
async fn handle(event: Event, context: &Context) -> Result<()> {
    let order: Order = event.json()?;
    let begun = event.begun_before();
    match order.plan {
        Plan::Retry(times) if begun < times => return Err(Error::retry("asked to retry")),
        Plan::Panic(times) if begun < times => panic!("asked to panic"),
        Plan::Spin(times) if begun < times => spin(),
        Plan::Dead => return Err(Error::dead_letter("asked")),
        Plan::Exhaust => return Err(Error::retry("asked to fail for good")),
        Plan::Skip => return Err(Error::skip()),
        Plan::Slow(ms) => sleep(Duration::from_millis(ms.into())).await,
        Plan::Ack | Plan::Late(_) | Plan::Retry(_) | Plan::Panic(_) | Plan::Spin(_) => {}
    }
    let to = context.require("to")?;
    let mut done = Done { order, partition: event.partition(), offset: event.offset(), begun, applied: true };
    if let Some(table) = context.var("once") {
        append::append_once(&table, &to, &event, &done).await?;
    } else {
        if let Some(table) = context.var("table") {
            done.applied = append::append(&table, &event, &done.order).await?;
        }
        emit(&to).optional_key(event.key()).json(&done)?;
    }
    match done.order.plan {
        // After its effects: the row stays, the emit is dropped.
        Plan::Late(times) if begun < times => Err(Error::retry("asked to retry after its effects")),
        _ => Ok(()),
    }
}

fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}
