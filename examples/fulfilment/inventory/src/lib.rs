//! Inventory: reserves stock for orders, once for each, however often the order comes or its handling repeats.

#[cfg(test)]
mod tests;

use std::time::Duration;

use fulfilment_events::{OrderCreated, StockReserved, StockShort};
use veltrix_sdk::cql::batch;
use veltrix_sdk::prelude::*;

const READ_LEFT: &str = "SELECT left FROM stock WHERE sku = ? LIMIT 1";
const SET_LEFT: &str = "UPDATE stock SET left = ? WHERE sku = ? IF left = ?";
const ADD_ORDER: &str =
    "INSERT INTO stock (sku, order_id, quantity, reserved, left_after) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS";
const READ_ORDER: &str = "SELECT quantity, reserved, left_after FROM stock WHERE sku = ? AND order_id = ?";

/// Tries against other writers of the same SKU before the order is handed back, to be tried later.
const TRIES: u32 = 8;

/// What was decided for an order, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decision {
    quantity: i32,
    reserved: bool,
    left: i32,
}

#[handler]
async fn inventory(event: Event) -> Result<()> {
    let order: OrderCreated = event.json()?;
    order.check().map_err(Error::dead_letter)?;
    for lost in 0..TRIES {
        if let Some(decision) = reserve(&order).await? {
            return announce(&order, decision);
        }
        sleep(pause(&order.order_id, lost)).await;
    }
    Err(Error::retry(format!("too many writers of {} at once", order.sku)))
}

/// Decides and writes it down; or finds what was decided before. None: another writer came first.
async fn reserve(order: &OrderCreated) -> Result<Option<Decision>> {
    let OrderCreated { order_id, sku, quantity, .. } = order;
    let left = cql(READ_LEFT).bind(sku).optional::<Option<i32>>().await?;
    let left = left.flatten().or_dead_letter("unknown-sku")?;
    let decision = decide(left, *quantity);
    // One partition and one condition for both: there is no reserving without leaving the order's name, nor twice.
    let set_left = cql(SET_LEFT).bind(decision.left).bind(sku).bind(left);
    let add_order = cql(ADD_ORDER).bind(sku).bind(order_id).bind(quantity).bind(decision.reserved).bind(decision.left);
    let written = batch().add(set_left).add(add_order).run().await?;
    if written.applied { Ok(Some(decision)) } else { decided_before(order).await }
}

/// What is written down for the order. Read serially, as it may have been written a moment ago.
async fn decided_before(order: &OrderCreated) -> Result<Option<Decision>> {
    let read = cql(READ_ORDER).bind(&order.sku).bind(&order.order_id).consistency(Consistency::Serial);
    let row = read.optional::<(i32, bool, i32)>().await?;
    Ok(row.map(|(quantity, reserved, left)| Decision { quantity, reserved, left }))
}

fn decide(left: i32, quantity: i32) -> Decision {
    let reserved = quantity <= left;
    Decision { quantity, reserved, left: if reserved { left - quantity } else { left } }
}

/// Says what was decided, again if need be: the one who decided may have ended before its event was sent.
fn announce(order: &OrderCreated, decision: Decision) -> Result<()> {
    let (order_id, sku) = (order.order_id.clone(), order.sku.clone());
    let Decision { quantity, reserved, left } = decision;
    if reserved {
        emit("stock-reserved").key(&order.order_id).json(&StockReserved { order_id, sku, quantity, left })
    } else {
        emit("stock-short").key(&order.order_id).json(&StockShort { order_id, sku, quantity, left })
    }
}

/// Longer each time, and different for each order, so that writers who met once don't meet again.
fn pause(order_id: &str, lost: u32) -> Duration {
    let spread = order_id.bytes().fold(lost, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let most = 5 << lost;
    Duration::from_millis(u64::from(most / 2 + spread % (most / 2 + 1)))
}
