//! What must come of the orders, worked out from the records alone: no code of the functions is used here.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::catalogue::CATALOGUE;
use crate::orders::Record;

/// In percent, as in the manifest.
const TAX: i64 = 20;

/// What must be there in the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) records: usize,
    /// Well-formed orders, each once.
    pub(crate) orders: BTreeSet<String>,
    /// Well-formed records whose order came before.
    pub(crate) duplicates: usize,
    /// Records that nobody can handle.
    pub(crate) malformed: usize,
    /// Records of orders for what is not sold: only inventory minds.
    pub(crate) unknown_sku: usize,
    pub(crate) reserved: BTreeSet<String>,
    pub(crate) short: BTreeSet<String>,
    /// What is left of each SKU.
    pub(crate) left: BTreeMap<String, i32>,
    /// Sum of all invoices, with tax.
    pub(crate) invoiced_cents: i64,
}

/// Goes through the records in the order in which they were sent. Orders for one SKU have one key, so that they are
/// handled in this order, and first come is first served.
pub(crate) fn expected(records: &[Record]) -> Expected {
    let mut expected = Expected {
        records: records.len(),
        left: CATALOGUE.iter().map(|product| (product.sku.to_owned(), product.stock)).collect(),
        ..Expected::default()
    };
    let mut seen = HashSet::new();
    for record in records {
        let Some(order) = Order::read(record) else {
            expected.malformed += 1;
            continue;
        };
        let known = expected.left.contains_key(&order.sku);
        expected.unknown_sku += usize::from(!known);
        if !seen.insert(order.id.clone()) {
            expected.duplicates += 1;
            continue;
        }
        expected.orders.insert(order.id.clone());
        let net = order.cents * i64::from(order.quantity);
        expected.invoiced_cents += net + (net * TAX + 50) / 100;
        match expected.left.get_mut(&order.sku) {
            None => {}
            Some(left) if *left >= order.quantity => {
                *left -= order.quantity;
                expected.reserved.insert(order.id);
            }
            Some(_) => {
                expected.short.insert(order.id);
            }
        }
    }
    expected
}

struct Order {
    id: String,
    sku: String,
    quantity: i32,
    cents: i64,
}

impl Order {
    /// None: malformed.
    fn read(record: &Record) -> Option<Self> {
        let json: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
        json["customer"]["email"].as_str()?;
        let quantity = i32::try_from(json["quantity"].as_i64()?).ok()?;
        (quantity > 0).then_some(Self {
            id: json["order_id"].as_str()?.to_owned(),
            sku: json["sku"].as_str()?.to_owned(),
            quantity,
            cents: json["unit_price_cents"].as_i64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(id: &str, sku: &str, quantity: i32) -> Record {
        let order = json!({ "order_id": id, "sku": sku, "quantity": quantity, "unit_price_cents": 333,
            "customer": { "email": "a@example.com" } });
        Record { key: Some(sku.into()), value: Some(order.to_string().into_bytes()) }
    }

    #[test]
    fn first_come_is_first_served_once() {
        let umbrella = "umbrella-compact";
        let found = expected(&[
            record("a", umbrella, 3),
            record("b", umbrella, 3),
            record("a", umbrella, 3),
            record("c", umbrella, 2),
            record("d", umbrella, 1),
            record("e", "moon", 1),
            record("f", umbrella, 0),
            Record { key: None, value: None },
        ]);
        assert_eq!((found.records, found.orders.len(), found.duplicates, found.malformed), (8, 5, 1, 2));
        assert_eq!(found.unknown_sku, 1);
        assert_eq!(found.reserved, ["a", "c"].map(String::from).into());
        assert_eq!(found.short, ["b", "d"].map(String::from).into());
        assert_eq!(found.left[umbrella], 0);
        // 3, 3, 2, 1, 1 × 3.33, and the tax of each.
        assert_eq!(found.invoiced_cents, 999 + 200 + 999 + 200 + 666 + 133 + 333 + 67 + 333 + 67);
    }

    #[test]
    fn the_day_has_all_of_it() {
        let found = expected(&crate::orders::first(crate::orders::RECORDS));
        assert!(found.records >= 10_000);
        assert!(found.malformed > 50 && found.unknown_sku > 3 && found.duplicates > 150);
        assert!(found.reserved.len() > 8_000 && found.short.len() > 500);
        assert_eq!(found.reserved.len() + found.short.len() + found.unknown_sku, found.orders.len());
        assert!(found.left.values().all(|left| *left >= 0));
    }
}
