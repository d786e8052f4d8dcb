//! What is printed for people.

use std::fmt::Display;

use crate::actual::{Actual, FUNCTIONS};
use crate::catalogue::CATALOGUE;
use crate::expected::Expected;

/// Says what happens next.
pub(crate) fn step(what: &str) {
    println!("==> {what}");
}

/// A number with a comma before every third digit: `12,000`.
pub(crate) fn grouped<N: Display>(number: N) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let rest = digits.len() - at;
        if at > 0 && rest.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The closing tables.
pub(crate) fn summary(expected: &Expected, actual: &Actual) {
    println!("\nOrders");
    row("records in the topic", actual.records);
    row("  orders, each once", expected.orders.len());
    row("  duplicates", expected.duplicates);
    row("  malformed", expected.malformed);
    row("reserved", actual.reserved.len());
    row("short", actual.short.len());
    row("invoices", actual.invoices.len());
    row("messages", actual.messages.len());

    println!("\nDead letters");
    for function in FUNCTIONS {
        let dead = &actual.dead[function];
        let reasons: Vec<String> = dead.by_reason.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        println!("  {:<26}{:>8}   {}", format!("orders.dead.{function}"), dead.records, reasons.join(", "));
    }

    println!("\nStock                           before  reserved      left   orders too late");
    for product in CATALOGUE {
        let stock = actual.stock.get(product.sku).copied().unwrap_or_default();
        let late = if stock.short > 0 { grouped(stock.short) } else { String::new() };
        let (before, reserved, left) = (grouped(product.stock), grouped(stock.reserved), grouped(stock.left));
        let line = format!("  {:<26}{before:>10}{reserved:>10}{left:>10}{late:>18}", product.sku);
        println!("{}", line.trim_end());
    }
}

fn row(what: &str, count: usize) {
    println!("  {what:<26}{:>8}", grouped(count));
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn groups_digits() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567, -999, -1_000].map(grouped),
            ["0", "999", "1,000", "1,234,567", "-999", "-1,000"]
        );
    }
}
