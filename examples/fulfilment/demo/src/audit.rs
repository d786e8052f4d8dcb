//! The auditor: does everything add up?

use std::process::ExitStatus;

use crate::actual::{Actual, FUNCTIONS};
use crate::catalogue::CATALOGUE;
use crate::expected::Expected;
use crate::report::grouped;

/// Something that must hold.
pub(crate) struct Check {
    what: String,
    holds: bool,
}

/// Everything that must hold.
pub(crate) fn all(expected: &Expected, actual: &Actual, worker: ExitStatus) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut check = |what: String, holds: bool| checks.push(Check { what, holds });
    let (orders, malformed) = (expected.orders.len(), expected.malformed);
    let n = grouped::<usize>;

    check(
        format!(
            "{} records = {} orders + {} duplicates + {} malformed",
            n(actual.records),
            n(orders),
            n(expected.duplicates),
            n(malformed)
        ),
        actual.records == orders + expected.duplicates + malformed,
    );
    let (reserved, short) = (actual.reserved.len(), actual.short.len());
    check(
        format!(
            "{} orders = {} reserved + {} short + {} for an unknown SKU",
            n(orders),
            n(reserved),
            n(short),
            n(expected.unknown_sku)
        ),
        orders == reserved + short + expected.unknown_sku,
    );
    check("reserved: the very orders that came first, per SKU".into(), actual.reserved == expected.reserved);
    check("short: the very orders that came too late".into(), actual.short == expected.short);
    check(
        format!("stock before = reserved + stock left, for each of {} SKUs", CATALOGUE.len()),
        actual.stock.len() == CATALOGUE.len()
            && CATALOGUE.iter().all(|product| {
                let stock = actual.stock.get(product.sku);
                stock.is_some_and(|stock| i64::from(product.stock) == stock.reserved + i64::from(stock.left))
            }),
    );
    check(
        "stock left is what first come, first served leaves, for each".into(),
        expected.left.iter().all(|(sku, left)| actual.stock.get(sku).is_some_and(|stock| stock.left == *left)),
    );
    check("no stock is negative".into(), actual.stock.values().all(|stock| stock.left >= 0));
    check(format!("{} invoices, one for each order", n(actual.invoices.len())), actual.invoices == expected.orders);
    check(
        format!("EUR {} invoiced, as the orders say", euros(actual.invoiced_cents)),
        actual.invoiced_cents == expected.invoiced_cents,
    );
    check(format!("{} messages, one for each order", n(actual.messages.len())), actual.messages == expected.orders);
    for (topic, named) in
        [("stock-reserved", &actual.reserved), ("stock-short", &actual.short), ("invoice-issued", &actual.invoices)]
    {
        let emitted = &actual.emitted[topic];
        check(
            format!("{topic}: {} events name {} orders, none missing, none else", n(emitted.events), n(named.len())),
            emitted.orders == *named && emitted.events >= named.len(),
        );
    }
    for function in FUNCTIONS {
        let (unknown, tail) = match function {
            "inventory" => (expected.unknown_sku, format!(" + {} for an unknown SKU", n(expected.unknown_sku))),
            _ => (0, String::new()),
        };
        let dead = actual.dead[function].records;
        let what = format!("orders.dead.{function}: {} = {} malformed{tail}", n(dead), n(malformed));
        check(what, dead == malformed + unknown);
    }
    let uncommitted: i64 = actual.uncommitted.values().sum();
    check("each group committed the end of every partition".into(), uncommitted == 0);
    check(
        format!("the worker ended with {}", worker.code().map_or("a signal".into(), |code| code.to_string())),
        worker.success(),
    );
    checks
}

/// Prints a line for each; whether all hold.
pub(crate) fn print(checks: &[Check]) -> bool {
    println!("\nAdds up");
    for Check { what, holds } in checks {
        println!("  {} {what}", if *holds { "yes" } else { "NO " });
    }
    let failed = checks.iter().filter(|check| !check.holds).count();
    match failed {
        0 => println!("\nAll {} checks add up.", checks.len()),
        _ => println!("\n{failed} of {} checks DO NOT add up.", checks.len()),
    }
    failed == 0
}

fn euros(cents: i64) -> String {
    format!("{}.{:02}", grouped(cents / 100), cents % 100)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::actual::{Dead, Emitted, Stock};

    /// What is there when all went well.
    fn right(expected: &Expected) -> Actual {
        let mut actual = Actual {
            records: expected.records,
            reserved: expected.reserved.clone(),
            short: expected.short.clone(),
            invoices: expected.orders.clone(),
            invoiced_cents: expected.invoiced_cents,
            messages: expected.orders.clone(),
            ..Actual::default()
        };
        for product in CATALOGUE {
            let left = expected.left[product.sku];
            let reserved = i64::from(product.stock - left);
            actual.stock.insert(product.sku.to_owned(), Stock { left, reserved, short: 0 });
        }
        for (topic, orders) in [
            ("stock-reserved", &expected.reserved),
            ("stock-short", &expected.short),
            ("invoice-issued", &expected.orders),
        ] {
            actual.emitted.insert(topic, Emitted { events: orders.len(), orders: orders.clone() });
        }
        for function in FUNCTIONS {
            let unknown = if function == "inventory" { expected.unknown_sku } else { 0 };
            actual.dead.insert(function, Dead { records: expected.malformed + unknown, ..Dead::default() });
            actual.uncommitted.insert(function, 0);
        }
        actual
    }

    fn adds_up(expected: &Expected, actual: &Actual) -> bool {
        all(expected, actual, ExitStatus::from_raw(0)).iter().all(|check| check.holds)
    }

    #[test]
    fn finds_every_single_thing_that_is_wrong() {
        let expected = crate::expected::expected(&crate::orders::first(crate::orders::RECORDS));
        assert!(adds_up(&expected, &right(&expected)));
        let wrongs: &[fn(&mut Actual)] = &[
            |actual| actual.records -= 1,
            |actual| drop(actual.reserved.pop_first()),
            |actual| {
                actual.short.insert("ord".into());
            },
            |actual| actual.stock.get_mut("umbrella-compact").unwrap().left = -1,
            |actual| actual.stock.get_mut("mug-blue-350").unwrap().reserved += 1,
            |actual| {
                actual.stock.remove("vase-glass-tall");
            },
            |actual| drop(actual.invoices.pop_last()),
            |actual| actual.invoiced_cents += 1,
            |actual| drop(actual.messages.pop_first()),
            |actual| drop(actual.emitted.get_mut("stock-reserved").unwrap().orders.pop_first()),
            |actual| actual.emitted.get_mut("stock-short").unwrap().events -= 1,
            |actual| {
                actual.emitted.get_mut("invoice-issued").unwrap().orders.insert("ord".into());
            },
            |actual| actual.dead.get_mut("inventory").unwrap().records += 1,
            |actual| actual.dead.get_mut("billing").unwrap().records -= 1,
            |actual| actual.dead.get_mut("notification").unwrap().records = 0,
            |actual| *actual.uncommitted.get_mut("billing").unwrap() = 1,
        ];
        for (number, wrong) in wrongs.iter().enumerate() {
            let mut actual = right(&expected);
            wrong(&mut actual);
            assert!(!adds_up(&expected, &actual), "wrong {number} is not found");
        }
        let failed = all(&expected, &right(&expected), ExitStatus::from_raw(256));
        assert!(failed.iter().any(|check| !check.holds), "the worker's exit code");
    }
}
