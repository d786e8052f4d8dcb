//! INSERT, UPDATE and DELETE.

use rand::Rng;
use rand::rngs::SmallRng;

use crate::statement::{Draft, one_in, pick};
use crate::table::{Column, Mode, Of, Table, scalar};

/// A plain write, for batches and by itself.
pub(crate) fn write(table: &Table, random: &mut SmallRng) -> Draft {
    if table.mode == Mode::Counter {
        return count(table, random);
    }
    match random.random_range(0..10) {
        0..=3 => insert(table, random, None),
        4..=6 if !(table.regulars.is_empty() && table.statics.is_empty()) => update(table, random, None),
        _ => delete(table, random, None),
    }
}

/// INSERT of a row, or of static columns alone.
pub(crate) fn insert(table: &Table, random: &mut SmallRng, condition: Option<&str>) -> Draft {
    let only_static = !table.statics.is_empty() && one_in(random, 6);
    let mut columns: Vec<(&str, String)> = Vec::new();
    for (at, column) in table.partition.iter().enumerate() {
        columns.push((&column.name, partition_value(column, at, random)));
    }
    if !only_static {
        columns.extend(table.clustering.iter().map(|(column, _)| (column.name.as_str(), column.of.literal(random))));
        for column in &table.regulars {
            if !one_in(random, 3) {
                columns.push((&column.name, or_null(column, random)));
            }
        }
    }
    for column in &table.statics {
        if only_static || one_in(random, 3) {
            columns.push((&column.name, or_null(column, random)));
        }
    }
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let mut draft = Draft::new(format!("INSERT INTO {} ({}) VALUES (", table.name, names.join(", ")));
    let values = columns.into_iter().map(|(_, value)| {
        let mut draft = Draft::default();
        draft.bind(value);
        draft
    });
    draft.join(values.collect(), ", ").push(")");
    if let Some(condition) = condition {
        draft.push(condition);
    }
    using(table, random, condition.is_some(), true, &mut draft);
    draft
}

/// UPDATE of a row, or of static columns.
pub(crate) fn update(table: &Table, random: &mut SmallRng, condition: Option<Draft>) -> Draft {
    let only_static = table.regulars.is_empty() || (!table.statics.is_empty() && one_in(random, 5));
    let pool: Vec<&Column> = match only_static {
        true => table.statics.iter().collect(),
        false => table.regulars.iter().chain(table.statics.iter().filter(|_| one_in(random, 4))).collect(),
    };
    let mut chosen: Vec<_> = pool.iter().filter(|_| one_in(random, 2)).collect();
    if chosen.is_empty() || (!only_static && chosen.iter().all(|column| column.name.starts_with('s'))) {
        chosen.push(&pool[0]);
    }
    chosen.dedup_by(|a, b| a.name == b.name);
    let mut draft = Draft::new(format!("UPDATE {}", table.name));
    using(table, random, condition.is_some(), true, &mut draft);
    draft.push(" SET ").join(chosen.into_iter().map(|column| assign(column, random)).collect(), ", ");
    draft.push(" WHERE ").join(key(table, random, !only_static, condition.is_none()), " AND ");
    if let Some(condition) = condition {
        draft.join(vec![condition], "");
    }
    draft
}

fn assign(column: &Column, random: &mut SmallRng) -> Draft {
    let name = &column.name;
    let mut draft = Draft::default();
    let change = random.random_range(0..3) > 0;
    match column.of {
        Of::List(of) if change => match random.random_range(0..4) {
            0 => draft.push(&format!("{name} = {name} + ")).bind(column.of.literal(random)),
            1 => draft.push(&format!("{name} = ")).bind(column.of.literal(random)).push(&format!(" + {name}")),
            2 => draft.push(&format!("{name} = {name} - ")).bind(column.of.literal(random)),
            _ => draft.push(&format!("{name}[")).bind(random.random_range(0..2).to_string()).push("] = ").bind(
                match of {
                    _ if one_in(random, 3) => "null".to_owned(),
                    of => scalar(of, random),
                },
            ),
        },
        Of::Set(_) if change => {
            let operator = pick(random, &["+", "-"]);
            draft.push(&format!("{name} = {name} {operator} ")).bind(column.of.literal(random))
        }
        Of::Map(key, value) if change => match random.random_range(0..3) {
            0 => draft.push(&format!("{name} = {name} + ")).bind(column.of.literal(random)),
            1 => draft.push(&format!("{name} = {name} - ")).bind(format!("{{{}}}", scalar(key, random))),
            _ => draft.push(&format!("{name}[")).bind(scalar(key, random)).push("] = ").bind(match value {
                _ if one_in(random, 3) => "null".to_owned(),
                value => scalar(value, random),
            }),
        },
        Of::Udt if change => match one_in(random, 2) {
            true => draft.push(&format!("{name}.a = ")).bind(scalar("int", random)),
            false => draft.push(&format!("{name}.b = ")).bind("null"),
        },
        _ => draft.push(&format!("{name} = ")).bind(or_null(column, random)),
    };
    draft
}

/// DELETE of a partition, a range, a row, columns or elements.
pub(crate) fn delete(table: &Table, random: &mut SmallRng, condition: Option<Draft>) -> Draft {
    let columns: Vec<&Column> = table.regulars.iter().collect();
    let what = random.random_range(0..8);
    let mut draft = Draft::new("DELETE ");
    let mut tail = Draft::default();
    match what {
        0..=1 if !columns.is_empty() => {
            let column = pick(random, &columns);
            match (column.of, one_in(random, 2)) {
                (Of::Map(key, _), true) => {
                    _ = draft.push(&format!("{}[", column.name)).bind(scalar(key, random)).push("]")
                }
                (Of::Set(of), true) => _ = draft.push(&format!("{}[", column.name)).bind(scalar(of, random)).push("]"),
                (Of::List(_), true) => _ = draft.push(&format!("{}[", column.name)).bind("0").push("]"),
                _ => _ = draft.push(&column.name),
            }
            tail.join(key(table, random, true, condition.is_none()), " AND ");
        }
        2 if !table.statics.is_empty() => {
            draft.push(&pick(random, &table.statics.iter().collect::<Vec<_>>()).name);
            tail.join(key(table, random, false, condition.is_none()), " AND ");
        }
        3 if condition.is_none() => _ = tail.join(key(table, random, false, true), " AND "),
        4..=5 if condition.is_none() => {
            let mut parts = key(table, random, false, false);
            parts.extend(slice(table, random));
            tail.join(parts, " AND ");
        }
        _ => _ = tail.join(key(table, random, true, condition.is_none()), " AND "),
    }
    draft.push(&format!(" FROM {}", table.name));
    using(table, random, condition.is_some(), false, &mut draft);
    draft.push(" WHERE ").join(vec![tail], "");
    if let Some(condition) = condition {
        draft.join(vec![condition], "");
    }
    draft
}

fn count(table: &Table, random: &mut SmallRng) -> Draft {
    // A counter that was deleted may count again from anywhere; so nothing is deleted and then counted.
    let only_static = !table.statics.is_empty() && one_in(random, 4);
    let columns = if only_static { &table.statics } else { &table.regulars };
    let column = pick(random, &columns.iter().collect::<Vec<_>>());
    let mut draft = Draft::new(format!("UPDATE {} SET {} = {} ", table.name, column.name, column.name));
    draft.push(pick(random, &["+ ", "- "])).bind(column.of.literal(random));
    draft.push(" WHERE ").join(key(table, random, !only_static, true), " AND ");
    draft
}

/// Restricts the partition key, and the clustering columns too; at times by IN.
pub(crate) fn key(table: &Table, random: &mut SmallRng, row: bool, several: bool) -> Vec<Draft> {
    let mut parts = Vec::new();
    for (at, column) in table.partition.iter().enumerate() {
        let mut part = Draft::default();
        if several && one_in(random, 12) {
            let values = [partition_value(column, at, random), partition_value(column, at, random)];
            part.push(&format!("{} IN (", column.name))
                .bind(values[0].clone())
                .push(", ")
                .bind(values[1].clone())
                .push(")");
        } else {
            part.push(&format!("{} = ", column.name)).bind(partition_value(column, at, random));
        }
        parts.push(part);
    }
    if row {
        for (column, _) in &table.clustering {
            let mut part = Draft::default();
            if several && one_in(random, 12) {
                part.push(&format!("{} IN (", column.name)).bind(column.of.literal(random)).push(", ");
                part.bind(column.of.literal(random)).push(")");
            } else {
                part.push(&format!("{} = ", column.name)).bind(column.of.literal(random));
            }
            parts.push(part);
        }
    }
    parts
}

/// Restricts some clustering columns, the last of them at times to a range.
pub(crate) fn slice(table: &Table, random: &mut SmallRng) -> Vec<Draft> {
    let columns = &table.clustering;
    if columns.is_empty() {
        return Vec::new();
    }
    let depth = random.random_range(1..=columns.len());
    if depth > 1 && one_in(random, 3) {
        let mut parts = Vec::new();
        let operators: &[&str] = pick(random, &[&[">"][..], &[">="], &["<"], &["<="], &[">", "<="], &[">=", "<"]]);
        for operator in operators {
            let names: Vec<_> = columns[..depth].iter().map(|(column, _)| column.name.as_str()).collect();
            let mut part = Draft::new(format!("({}) {operator} (", names.join(", ")));
            let values = columns[..depth].iter().map(|(column, _)| {
                let mut value = Draft::default();
                value.bind(column.of.literal(random));
                value
            });
            let values = values.collect();
            part.join(values, ", ").push(")");
            parts.push(part);
        }
        return parts;
    }
    let mut parts = Vec::new();
    for (at, (column, _)) in columns[..depth].iter().enumerate() {
        let operators: &[&str] = match at + 1 == depth {
            true => pick(random, &[&["="][..], &[">"], &[">="], &["<"], &["<="], &[">", "<"], &[">=", "<="]]),
            false => &["="],
        };
        for operator in operators {
            let mut part = Draft::new(format!("{} {operator} ", column.name));
            part.bind(column.of.literal(random));
            parts.push(part);
        }
    }
    parts
}

/// A key of the sequence, or any value of the second column of the partition key.
pub(crate) fn partition_value(column: &Column, at: usize, random: &mut SmallRng) -> String {
    match at {
        0 => pick(random, &["$0", "$0", "$0", "$1"]).to_owned(),
        _ => column.of.literal(random),
    }
}

fn or_null(column: &Column, random: &mut SmallRng) -> String {
    if one_in(random, 6) { "null".to_owned() } else { column.of.literal(random) }
}

fn using(table: &Table, random: &mut SmallRng, conditional: bool, ttl: bool, draft: &mut Draft) {
    let mut options = Vec::new();
    if table.mode == Mode::Timed && !conditional {
        let mut option = Draft::new("TIMESTAMP ");
        option.bind(random.random_range(1..=6).to_string());
        options.push(option);
    }
    if ttl && one_in(random, 8) {
        let mut option = Draft::new("TTL ");
        // Far apart, as that of two writes decides which of them stays.
        option.bind(pick(random, &["100000", "200000"]));
        options.push(option);
    }
    if !options.is_empty() {
        draft.push(" USING ").join(options, " AND ");
    }
}
