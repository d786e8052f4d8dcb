//! Queries: those between writes, and those that read the whole state.

use rand::Rng;
use rand::rngs::SmallRng;

use crate::statement::{Draft, Step, one_in, pick};
use crate::table::{Column, Mode, Of, Table};
use crate::write::{key, slice};

/// A query within the partitions of the sequence.
pub(crate) fn select(table: &Table, random: &mut SmallRng) -> Step {
    let several = one_in(random, 4);
    let mut parts = key(table, random, false, several);
    let mut draft = Draft::new("SELECT ");
    let grouped = !table.clustering.is_empty() && one_in(random, 6);
    let distinct = !grouped && !table.clustering.is_empty() && one_in(random, 8);
    let keys: Vec<_> = table.partition.iter().map(|column| column.name.as_str()).collect();
    if distinct {
        let statics = table.statics.iter().map(|column| column.name.as_str());
        draft.push("DISTINCT ").push(&keys.iter().copied().chain(statics).collect::<Vec<_>>().join(", "));
    } else if grouped {
        let first = &table.clustering[0].0.name;
        draft.push(&format!("{}, {first}, count(*)", keys.join(", ")));
        let plain = table.regulars.iter().filter(|column| matches!(column.of, Of::Scalar(_) | Of::Counter));
        plain.for_each(|column| _ = draft.push(&format!(", max({0}), count({0})", column.name)));
    } else if table.regulars.is_empty() || one_in(random, 2) {
        draft.push("*");
    } else {
        draft.push(&pick(random, &table.regulars.iter().collect::<Vec<_>>()).name);
    }
    if !distinct {
        parts.extend(slice(table, random).into_iter().filter(|_| !grouped || one_in(random, 2)).take(1));
    }
    let filtered = !distinct && one_in(random, 5);
    let plain: Vec<&Column> = table.regulars.iter().filter(|column| matches!(column.of, Of::Scalar(_))).collect();
    if filtered && !plain.is_empty() {
        let column = pick(random, &plain);
        let mut part = Draft::new(format!("{} {} ", column.name, pick(random, &["=", ">", "<="])));
        part.bind(column.of.literal(random));
        parts.push(part);
    }
    draft.push(&format!(" FROM {} WHERE ", table.name)).join(parts, " AND ");
    if grouped {
        draft.push(&format!(" GROUP BY {}, {}", keys.join(", "), table.clustering[0].0.name));
    }
    let page = one_in(random, 2).then(|| random.random_range(1..4));
    if !distinct && !table.clustering.is_empty() && one_in(random, 3) && (page.is_none() || !several) {
        let (column, down) = &table.clustering[0];
        draft.push(&format!(" ORDER BY {} {}", column.name, if *down { "ASC" } else { "DESC" }));
    }
    if !distinct && !grouped && one_in(random, 5) {
        draft.push(" PER PARTITION LIMIT ").bind(random.random_range(1..3).to_string());
    }
    if one_in(random, 4) {
        draft.push(" LIMIT ").bind(random.random_range(1..5).to_string());
    }
    if filtered {
        draft.push(" ALLOW FILTERING");
    }
    Step { page, ..Step::one(draft) }
}

/// Queries for all that the sequence can have written: cells with their timestamps, then seconds to live.
pub(crate) fn state(table: &Table) -> [Step; 2] {
    let cells: Vec<&Column> = table.statics.iter().chain(&table.regulars).collect();
    let keys = table.partition.iter().chain(table.clustering.iter().map(|(column, _)| column));
    let mut names: Vec<String> = keys.chain(cells.iter().copied()).map(|column| column.name.clone()).collect();
    let ttls = cells.iter().filter(|column| !column.of.is_multicell() && table.mode != Mode::Counter);
    let ttls: Vec<_> = names.iter().cloned().chain(ttls.map(|column| format!("ttl({})", column.name))).collect();
    if table.mode == Mode::Timed {
        names.extend(cells.iter().map(|column| format!("writetime({})", column.name)));
    }
    [names, ttls].map(|names| {
        let mut draft = Draft::new(format!("SELECT {} FROM {} WHERE ", names.join(", "), table.name));
        draft.push("p IN (").bind("$0").push(", ").bind("$1").push(")");
        let mut step = Step::one(draft);
        if table.partition.len() > 1 {
            // All values that the second column takes.
            let all = match table.partition[1].of {
                Of::Scalar("int") => "-1, 0, 1, 2",
                Of::Scalar("text") => "'', 'a', 'ab', 'b'",
                _ => "0x00, 0xff, 0x7f00",
            };
            step.drafts[0].push(&format!(" AND q IN ({all})"));
        }
        step
    })
}
