//! Billing: issues the invoice of each order. An order that comes again gets the same invoice again.

use fulfilment_events::{InvoiceIssued, OrderCreated};
use veltrix_sdk::prelude::*;

#[handler]
async fn billing(event: Event, context: &Context) -> Result<()> {
    let order: OrderCreated = event.json()?;
    order.check().map_err(Error::dead_letter)?;
    let tax_percent: u32 = context.require("tax_percent")?.parse()?;
    let invoice = bill(&order, tax_percent).or_dead_letter("amount-too-large")?;
    // Everything comes from the order, nothing from the clock: written twice, the row is the same.
    cql("INSERT INTO invoices (order_id, invoice_id, customer_id, net_cents, tax_cents, total_cents, currency, placed_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
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
