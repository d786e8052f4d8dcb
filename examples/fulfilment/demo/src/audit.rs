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
