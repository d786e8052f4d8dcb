//! Billing: issues the invoice of each order. An order that comes again gets the same invoice again.

use fulfilment_events::{InvoiceIssued, OrderCreated};
use veltrix_sdk::prelude::*;

const INSERT: &str = "INSERT INTO invoices \
    (order_id, invoice_id, customer_id, net_cents, tax_cents, total_cents, currency, placed_at) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

#[handler]
async fn billing(event: Event, context: &Context) -> Result<()> {
    let order: OrderCreated = event.json()?;
    order.check().map_err(Error::dead_letter)?;
    let tax_percent: u32 = context.require("tax_percent")?.parse()?;
    let invoice = bill(&order, tax_percent).or_dead_letter("amount-too-large")?;
    // Everything comes from the order, nothing from the clock: written twice, the row is the same.
    cql(INSERT)
        .bind(&invoice.order_id)
        .bind(&invoice.invoice_id)
        .bind(&invoice.customer_id)
        .bind(invoice.net_cents)
        .bind(invoice.tax_cents)
        .bind(invoice.total_cents)
        .bind(&invoice.currency)
        .bind(&order.placed_at)
        .run()
        .await?;
    emit("invoice-issued").key(&invoice.order_id).json(&invoice)
}

/// None: more money than can be counted.
fn bill(order: &OrderCreated, tax_percent: u32) -> Option<InvoiceIssued> {
    let net_cents = order.unit_price_cents.checked_mul(order.quantity.into())?;
    // Half a cent is rounded up.
    let tax_cents = net_cents.checked_mul(tax_percent.into())?.checked_add(50)? / 100;
    Some(InvoiceIssued {
        invoice_id: format!("INV-{}", order.order_id),
        order_id: order.order_id.clone(),
        customer_id: order.customer.id.clone(),
        net_cents,
        tax_cents,
        total_cents: net_cents.checked_add(tax_cents)?,
        currency: order.currency.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use veltrix_sdk::testing::{Host, Record, Rows, Run, Script, Verdict, event};

    use super::*;

    fn order(cents: i64, quantity: i32) -> Value {
        json!({
            "order_id": "o-1", "sku": "mug", "quantity": quantity, "unit_price_cents": cents, "currency": "EUR",
            "customer": { "id": "c-1", "name": "Ada", "email": "ada@example.com" },
            "placed_at": "2026-03-02T06:00:00Z",
            "ship_to": { "street": "Ring 1", "postcode": "10115", "city": "Berlin", "country": "DE" },
        })
    }

    fn run(record: Record) -> (Run, Script) {
        let script = Script::new().on(INSERT, Rows::none());
        let host = Host::new().var("tax_percent", "20").cassandra(&script);
        (host.run(billing, [record]), script)
    }

    #[test]
    fn bills_net_tax_and_total() {
        let (run, script) = run(event("orders").json(&order(1_190, 3)));
        assert_eq!(run.verdict(), Verdict::Ack);
        let invoice: InvoiceIssued = run.emits_to("invoice-issued")[0].json();
        assert_eq!((invoice.net_cents, invoice.tax_cents, invoice.total_cents), (3_570, 714, 4_284));
        assert_eq!(run.emits()[0].key_text(), Some("o-1"));
        let row = &script.calls()[0];
        assert_eq!(row.named::<String>("invoice_id").unwrap(), "INV-o-1");
        assert_eq!(row.named::<i64>("total_cents").unwrap(), 4_284);
    }

    #[test]
    fn half_a_cent_of_tax_is_rounded_up() {
        let tax = |cents| bill(&serde_json::from_value(order(cents, 1)).unwrap(), 25).unwrap().tax_cents;
        assert_eq!([1, 2, 5, 6].map(tax), [0, 1, 1, 2]);
    }

    #[test]
    fn the_same_order_gives_the_same_row_and_event() {
        let [(first, rows), (again, rows_again)] = [(); 2].map(|()| run(event("orders").json(&order(990, 1))));
        assert_eq!(first.emits(), again.emits());
        let columns = |script: &Script| {
            (0..8).map(|index| script.calls()[0].get(index).unwrap()).collect::<Vec<veltrix_sdk::cql::Value>>()
        };
        assert_eq!(columns(&rows), columns(&rows_again));
    }

    #[test]
    fn what_is_no_order_or_costs_too_much_goes_to_the_dead_letters() {
        let of = |record| run(record).0.verdict();
        assert_eq!(of(event("orders").value("{")), Verdict::dead_letter("decode"));
        assert_eq!(of(event("orders").json(&order(990, -1))), Verdict::dead_letter("quantity-not-positive"));
        assert_eq!(of(event("orders").json(&order(i64::MAX, 2))), Verdict::dead_letter("amount-too-large"));
    }

    #[test]
    fn without_a_tax_rate_nothing_is_billed_and_nothing_lost() {
        let run = Host::new().run(billing, [event("orders").json(&order(990, 1))]);
        assert_eq!(run.verdict(), Verdict::retry());
        assert!(run.emits().is_empty());
    }
}
