//! Conditional writes, alone and in batches.

use rand::Rng;
use rand::rngs::SmallRng;

use crate::statement::{Draft, one_in, pick};
use crate::table::{Column, Of, Table, scalar};
use crate::write::{delete, insert, update};

/// A write with a condition.
pub(crate) fn conditional(table: &Table, random: &mut SmallRng) -> Draft {
    match random.random_range(0..4) {
        0 => insert(table, random, Some(" IF NOT EXISTS")),
        1..=2 => {
            let condition = condition(table, random);
            update(table, random, Some(condition))
        }
        _ => {
            let condition = condition(table, random);
            delete(table, random, Some(condition))
        }
    }
}

fn condition(table: &Table, random: &mut SmallRng) -> Draft {
    if one_in(random, 3) {
        return Draft::new(" IF EXISTS");
    }
    let columns: Vec<&Column> = table.regulars.iter().chain(&table.statics).collect();
    let first = one(pick(random, &columns), random);
    let mut parts = vec![first];
    if one_in(random, 4) {
        parts.push(one(pick(random, &columns), random));
    }
    let mut draft = Draft::new(" IF ");
    draft.join(parts, " AND ");
    draft
}

fn one(column: &Column, random: &mut SmallRng) -> Draft {
    let name = &column.name;
    let mut draft = Draft::default();
    let part = one_in(random, 2);
    match column.of {
        Of::Map(key, value) if part => {
            // By order, the real one compares values as if they were keys: that suits bytes alone.
            let operator = if key == "text" { operator(random) } else { pick(random, &EQUAL) };
            draft.push(&format!("{name}[")).bind(scalar(key, random)).push("] ").push(operator);
            draft.bind(scalar(value, random))
        }
        Of::List(of) if part => {
            draft.push(&format!("{name}[")).bind("0").push("] ").push(operator(random)).bind(scalar(of, random))
        }
        Of::Udt if part => draft.push(&format!("{name}.a ")).push(operator(random)).bind(scalar("int", random)),
        _ if one_in(random, 4) => draft.push(name).push(pick(random, &[" = ", " != "])).bind("null"),
        of if one_in(random, 4) => {
            draft.push(name).push(" IN (").bind(of.literal(random)).push(", ").bind(of.literal(random)).push(")")
        }
        of => {
            let value = of.literal(random);
            // No order with what is empty: whether that is refused depends on which condition is looked at first.
            let operator = if ["[]", "{}"].contains(&value.as_str()) { pick(random, &EQUAL) } else { operator(random) };
            draft.push(name).push(" ").push(operator).bind(value)
        }
    };
    draft
}

const EQUAL: [&str; 2] = ["= ", "!= "];

fn operator(random: &mut SmallRng) -> &'static str {
    pick(random, &["= ", "= ", "!= ", "> ", ">= ", "< ", "<= "])
}
