//! Notification: puts a message for the customer of each order into the outbox, from where a mailer sends it.

use fulfilment_events::OrderCreated;
use veltrix_sdk::prelude::*;

const INSERT: &str = "INSERT INTO messages (order_id, kind, recipient, subject, body) VALUES (?, ?, ?, ?, ?)";

#[handler]
async fn notification(event: Event) -> Result<()> {
    let order: OrderCreated = event.json()?;
    order.check().map_err(Error::dead_letter)?;
    // `sent_at` is not touched: an order that comes again does not make the mailer send again.
    cql(INSERT)
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use veltrix_sdk::testing::{Host, Rows, Run, Script, Verdict, event};

    use super::*;

    fn run(quantity: i32) -> (Run, Script) {
        let order = json!({
            "order_id": "o-1", "sku": "mug", "quantity": quantity, "unit_price_cents": 990, "currency": "EUR",
            "customer": { "id": "c-1", "name": "Ada", "email": "ada@example.com" },
            "placed_at": "2026-03-02T06:00:00Z",
            "ship_to": { "street": "Ring 1", "postcode": "10115", "city": "Berlin", "country": "DE" },
        });
        let script = Script::new().on(INSERT, Rows::none());
        (Host::new().cassandra(&script).run(notification, [event("orders").json(&order)]), script)
    }

    #[test]
    fn writes_one_message_for_an_order() {
        let (run, script) = run(2);
        assert_eq!(run.verdict(), Verdict::Ack);
        let [message] = &script.calls()[..] else { panic!("{script:?}") };
        let column = |name| message.named::<String>(name).unwrap();
        assert_eq!((column("order_id"), column("kind")), ("o-1".into(), "order-received".into()));
        assert_eq!(column("recipient"), "ada@example.com");
        assert!(column("body").contains("2 × mug") && column("body").contains("Berlin"));
    }

    #[test]
    fn writes_none_for_what_is_no_order() {
        let (run, script) = run(0);
        assert_eq!(run.verdict(), Verdict::dead_letter("quantity-not-positive"));
        assert!(script.calls().is_empty());
    }
}
