//! The shop's day: thousands of orders, some of them sent twice, some of them broken. The same in every run.

use serde_json::{Value, json};

use crate::catalogue::{CATALOGUE, Product};
use crate::random::Random;

/// Records in the topic `orders`.
pub(crate) const RECORDS: usize = 12_000;

const SEED: u64 = 20_260_302;
/// One in so many is broken.
const BROKEN: u32 = 100;
/// One in so many is one of the last orders again.
const AGAIN: u32 = 50;
/// A shop's retry comes soon: it is one of so many before.
const SOON: u32 = 400;

/// A record, as the shop sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Option<String>,
    /// None: null.
    pub(crate) value: Option<Vec<u8>>,
}

impl Record {
    /// A line for `veltrix publish`.
    pub(crate) fn json_line(&self) -> String {
        let value = match &self.value {
            None => Value::Null,
            Some(bytes) => match str::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(_) => json!({ "base64": crate::base64(bytes) }),
            },
        };
        json!({ "key": self.key, "value": value, "headers": [["type", "OrderCreated"], ["source", "shop"]] })
            .to_string()
    }
}

/// The first records of the day.
pub(crate) fn first(count: usize) -> Vec<Record> {
    let mut random = Random::new(SEED);
    let mut records = Vec::with_capacity(count);
    // Good ones, to be sent again.
    let mut sent: Vec<Record> = Vec::new();
    for second in 0..count as u32 {
        let record = if random.below(BROKEN) == 0 {
            broken(&mut random, second)
        } else if !sent.is_empty() && random.below(AGAIN) == 0 {
            sent[sent.len() - 1 - random.below(SOON.min(sent.len() as u32)) as usize].clone()
        } else {
            let record = record_of(&order(&mut random, second));
            sent.push(record.clone());
            record
        };
        records.push(record);
    }
    records
}

/// Keyed by SKU: orders for the same goods are handled one after another, as they were sent.
fn record_of(order: &Value) -> Record {
    Record { key: order["sku"].as_str().map(str::to_owned), value: Some(order.to_string().into_bytes()) }
}

fn order(random: &mut Random, second: u32) -> Value {
    let Product { sku, cents, .. } = CATALOGUE[random.weighted(CATALOGUE.iter().map(|product| product.weight))];
    let quantity = random.pick(&[1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6]);
    let (first, last) = (random.pick(FIRST_NAMES), random.pick(LAST_NAMES));
    let (postcode, city, country) = random.pick(CITIES);
    // From six in the morning, an order every five seconds.
    let time = 6 * 3_600 + second * 5;
    json!({
        "order_id": format!("ord-{:05}-{:04x}", second, random.below(0x10000)),
        "customer": {
            "id": format!("cus-{:04}", random.below(3_000)),
            "name": format!("{first} {last}"),
            "email": format!("{}.{}@example.com", first.to_lowercase(), last.to_lowercase()),
        },
        "sku": sku,
        "quantity": quantity,
        "unit_price_cents": cents,
        "currency": "EUR",
        "placed_at": format!("2026-03-02T{:02}:{:02}:{:02}Z", time / 3_600, time / 60 % 60, time % 60),
        "ship_to": {
            "street": format!("{} {}", random.pick(STREETS), 1 + random.below(140)),
            "postcode": postcode,
            "city": city,
            "country": country,
        },
    })
}

/// All the ways in which an order was ever broken.
fn broken(random: &mut Random, second: u32) -> Record {
    let mut order = order(random, second);
    let key = order["sku"].as_str().map(str::to_owned);
    let value = match random.below(10) {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(b"order please".to_vec()),
        3 => {
            let mut bytes = order.to_string().into_bytes();
            bytes.truncate(bytes.len() / 2);
            Some(bytes)
        }
        4 => {
            let mut bytes = order.to_string().into_bytes();
            bytes[1] = 0xff;
            Some(bytes)
        }
        5 => {
            order["quantity"] = "three".into();
            Some(order.to_string().into_bytes())
        }
        6 => {
            order.as_object_mut().expect("an order is an object").remove("customer");
            Some(order.to_string().into_bytes())
        }
        7 => {
            order["quantity"] = 0.into();
            Some(order.to_string().into_bytes())
        }
        8 => {
            order["quantity"] = (-2).into();
            Some(order.to_string().into_bytes())
        }
        // Only inventory knows what is sold: to the others this one is an order as any other.
        _ => {
            order["sku"] = "phone-from-2019".into();
            return record_of(&order);
        }
    };
    Record { key, value }
}

const FIRST_NAMES: &[&str] = &[
    "Ada", "Amir", "Anna", "Ben", "Chloe", "Daan", "Elif", "Emma", "Farah", "Hugo", "Ines", "Jonas", "Karim", "Lea",
    "Luca", "Maja", "Mateo", "Nora", "Olga", "Piotr", "Rosa", "Sven", "Tara", "Yusuf",
];

const LAST_NAMES: &[&str] = &[
    "Albers", "Bakker", "Becker", "Demir", "Dubois", "Fischer", "Garcia", "Haas", "Ivanova", "Jansen", "Kaya", "Klein",
    "Kowalski", "Larsen", "Martin", "Moreau", "Novak", "Peeters", "Rossi", "Silva", "Schmidt", "Weber",
];

const STREETS: &[&str] = &[
    "Bahnhofstraße",
    "Rue des Lilas",
    "Kerkstraat",
    "Via Roma",
    "Calle Mayor",
    "Lindenweg",
    "Hauptstraße",
    "Marktplatz",
    "Avenue Foch",
    "Dorpsstraat",
];

const CITIES: &[(&str, &str, &str)] = &[
    ("10115", "Berlin", "DE"),
    ("20095", "Hamburg", "DE"),
    ("80331", "München", "DE"),
    ("1012 AB", "Amsterdam", "NL"),
    ("3011 AA", "Rotterdam", "NL"),
    ("75004", "Paris", "FR"),
    ("69002", "Lyon", "FR"),
    ("00184", "Roma", "IT"),
    ("28013", "Madrid", "ES"),
    ("1000", "Bruxelles", "BE"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all() -> Vec<Record> {
        first(RECORDS)
    }

    #[test]
    fn fewer_are_the_first_of_all() {
        assert_eq!(first(700), all()[..700]);
    }

    #[test]
    fn are_the_same_in_every_run() {
        assert_eq!(all(), all());
    }

    #[test]
    fn say_in_json_lines_what_they_are() {
        for record in all() {
            let line: Value = serde_json::from_str(&record.json_line()).unwrap();
            match (&record.value, &line["value"]) {
                (None, Value::Null) => {}
                (Some(bytes), Value::String(text)) => assert_eq!(bytes, text.as_bytes()),
                (Some(bytes), Value::Object(_)) => assert!(str::from_utf8(bytes).is_err()),
                (value, line) => panic!("{value:?} as {line}"),
            }
        }
    }

    #[test]
    fn hold_duplicates_and_every_kind_of_broken_one() {
        let records = all();
        let values: Vec<&[u8]> = records.iter().filter_map(|record| record.value.as_deref()).collect();
        assert!(records.iter().any(|record| record.value.is_none()), "null");
        assert!(values.iter().any(|value| value.is_empty()), "empty");
        assert!(values.iter().any(|value| !value.is_empty() && str::from_utf8(value).is_err()), "not text");
        for part in ["order please", "\"three\"", "\"quantity\":0", "\"quantity\":-2", "phone-from-2019"] {
            assert!(values.iter().any(|value| String::from_utf8_lossy(value).contains(part)), "{part}");
        }
        let different: HashSet<&[u8]> = values.iter().copied().collect();
        let again = values.len() - different.len();
        assert!((150..400).contains(&again), "{again} records came before");
    }
}
