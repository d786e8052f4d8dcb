//! Notification: puts a message for the customer of each order into the outbox, from where a mailer sends it.

use fulfilment_events::OrderCreated;
use veltrix_sdk::prelude::*;

#[handler]
async fn notification(event: Event) -> Result<()> {
    let order: OrderCreated = event.json()?;
    order.check().map_err(Error::dead_letter)?;
    // `sent_at` is not touched: an order that comes again does not make the mailer send again.
    cql("INSERT INTO messages (order_id, kind, recipient, subject, body) VALUES (?, ?, ?, ?, ?)")
        .bind(&order.order_id)
        .bind("order-received")
        .bind(&order.customer.email)
        .bind(format!("Your order {}", order.order_id))
        .bind(body(&order))
        .run()
        .await?;
    Ok(())
}

fn body(order: &OrderCreated) -> String {
    let OrderCreated { customer, quantity, sku, ship_to, .. } = order;
    let city = &ship_to.city;
    format!("Dear {},\nthank you for ordering {quantity} × {sku}. We are packing it for {city}.\n", customer.name)
}
