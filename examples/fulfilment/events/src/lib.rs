//! The events of the order path, as those who send and those who receive them agreed: JSON, a struct each.
//!
//! A field that a receiver doesn't know is ignored, so that senders may add some.

use serde::{Deserialize, Serialize};

/// Topic `orders`: a customer ordered something. Key: the SKU, see the README.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// Names the order everywhere.
    pub order_id: String,
    /// Who ordered.
    pub customer: Customer,
    /// What is ordered.
    pub sku: String,
    /// How many, at least 1.
    pub quantity: i32,
    /// What one costs, without tax, in the hundredth of the currency.
    pub unit_price_cents: i64,
    /// Three letters, ISO 4217.
    pub currency: String,
    /// RFC 3339.
    pub placed_at: String,
    /// Where it goes.
    pub ship_to: Address,
}

/// Who ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Names the customer everywhere.
    pub id: String,
    /// For people.
    pub name: String,
    /// Where messages go.
    pub email: String,
}

/// Where goods go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// As the country writes it.
    pub postcode: String,
    /// City.
    pub city: String,
    /// Two letters, ISO 3166.
    pub country: String,
}

impl OrderCreated {
    /// Whether the order makes sense beyond its form.
    ///
    /// # Errors
    /// Why not, in a word to count by.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.order_id.is_empty() {
            return Err("no-order-id");
        }
        if self.sku.is_empty() {
            return Err("no-sku");
        }
        if self.quantity < 1 {
            return Err("quantity-not-positive");
        }
        if self.unit_price_cents < 0 {
            return Err("price-negative");
        }
        Ok(())
    }
}

/// Topic `stock-reserved`: the goods of an order are put aside. Key: the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    /// For which order.
    pub order_id: String,
    /// Of what.
    pub sku: String,
    /// How many.
    pub quantity: i32,
    /// How many were left then.
    pub left: i32,
}

/// Topic `stock-short`: there is not enough for an order; nothing is put aside. Key: the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockShort {
    /// For which order.
    pub order_id: String,
    /// Of what.
    pub sku: String,
    /// How many were wanted.
    pub quantity: i32,
    /// How many were left then.
    pub left: i32,
}

/// Topic `invoice-issued`: an order was billed. Key: the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceIssued {
    /// Names the invoice everywhere.
    pub invoice_id: String,
    /// For which order.
    pub order_id: String,
    /// Who pays.
    pub customer_id: String,
    /// Without tax, in the hundredth of the currency.
    pub net_cents: i64,
    /// The tax.
    pub tax_cents: i64,
    /// Both.
    pub total_cents: i64,
    /// Three letters, ISO 4217.
    pub currency: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> OrderCreated {
        let text = |text: &str| text.to_owned();
        OrderCreated {
            order_id: text("o-1"),
            customer: Customer { id: text("c-1"), name: text("Ada"), email: text("ada@example.com") },
            sku: text("mug"),
            quantity: 1,
            unit_price_cents: 0,
            currency: text("EUR"),
            placed_at: text("2026-03-02T06:00:00Z"),
            ship_to: Address {
                street: text("Ring 1"),
                postcode: text("10115"),
                city: text("Berlin"),
                country: text("DE"),
            },
        }
    }

    #[test]
    fn tells_orders_that_make_no_sense() {
        assert_eq!(order().check(), Ok(()));
        assert_eq!(OrderCreated { order_id: String::new(), ..order() }.check(), Err("no-order-id"));
        assert_eq!(OrderCreated { sku: String::new(), ..order() }.check(), Err("no-sku"));
        assert_eq!(OrderCreated { quantity: 0, ..order() }.check(), Err("quantity-not-positive"));
        assert_eq!(OrderCreated { quantity: -3, ..order() }.check(), Err("quantity-not-positive"));
        assert_eq!(OrderCreated { unit_price_cents: -1, ..order() }.check(), Err("price-negative"));
    }
}
