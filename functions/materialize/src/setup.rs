//! [`Setup`]: the settings, read once per instance.

use std::cell::Cell;
use std::time::Duration;

use function_common::{Mapping, Settings, quoted, verify, verify_frozen};
use veltrix_sdk::Result;
use veltrix_sdk::cql::CqlType;

/// As long as Cassandra keeps anything that is to go.
const LONGEST: Duration = Duration::from_secs(20 * 365 * 86_400);

#[derive(Debug)]
pub(crate) struct Setup {
    table: String,
    pub(crate) key: Vec<Mapping>,
    pub(crate) columns: Vec<Mapping>,
    pub(crate) insert: String,
    pub(crate) delete: String,
    pub(crate) tombstone: Tombstone,
    pub(crate) ttl: Option<i32>,
    verified: Cell<bool>,
}

/// What becomes of an event without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tombstone {
    Delete,
    DeadLetter,
    Skip,
}

impl Setup {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let table = settings.identifier("table", "table = \"customers\"");
        let key = Mapping::lines(settings, "key");
        let columns = Mapping::lines(settings, "columns");
        let ttl = settings.duration("ttl", LONGEST).and_then(|ttl| i32::try_from(ttl.as_secs()).ok());
        let tombstone = match settings.optional("tombstone").as_deref().map(str::trim) {
            None | Some("delete") => Tombstone::Delete,
            Some("dead-letter") => Tombstone::DeadLetter,
            Some("skip") => Tombstone::Skip,
            Some(other) => {
                settings.problem(format!("`tombstone` is \"delete\", \"dead-letter\" or \"skip\", not {other:?}"));
                Tombstone::Skip
            }
        };
        check_key(settings, &key, tombstone);
        for mapping in columns.iter().filter(|mapping| key.iter().any(|key| key.column == mapping.column)) {
            settings.problem(format!("`columns`: {} is part of `key` already", mapping.column));
        }
        for mappings in [&key, &columns] {
            for (i, mapping) in mappings.iter().enumerate() {
                if mappings[..i].iter().any(|earlier| earlier.column == mapping.column) {
                    settings.problem(format!("the column {} is mapped twice", mapping.column));
                }
            }
        }
        let table = quoted(&table?);
        let insert = insert(&table, key.iter().chain(&columns), ttl.is_some());
        let conditions: Vec<String> = key.iter().map(|mapping| format!("{} = ?", quoted(&mapping.column))).collect();
        let delete = format!("DELETE FROM {table} WHERE {}", conditions.join(" AND "));
        Some(Self { table, key, columns, insert, delete, tombstone, ttl, verified: Cell::new(false) })
    }

    /// Whether the table is as the mappings want it: once.
    pub(crate) async fn verify(&self) -> Result<()> {
        if self.verified.get() {
            return Ok(());
        }
        let mappings = self.key.iter().chain(&self.columns);
        let expected: Vec<(&str, &CqlType)> =
            mappings.map(|mapping| (mapping.column.as_str(), mapping.kind.column())).collect();
        verify(&self.insert, &expected).await?;
        if self.tombstone == Tombstone::Delete {
            verify(&self.delete, &expected).await?;
        }
        let key: Vec<&str> = self.key.iter().map(|mapping| mapping.column.as_str()).collect();
        for list in self.columns.iter().filter(|mapping| matches!(mapping.kind.column(), CqlType::List(_))) {
            verify_frozen(&self.table, &list.column, &key).await?;
        }
        self.verified.set(true);
        Ok(())
    }
}

fn check_key(settings: &mut Settings, key: &[Mapping], tombstone: Tombstone) {
    if key.is_empty() {
        settings
            .problem("`key` says nothing: write the columns of the primary key, like \"key -> id uuid\"".to_owned());
    }
    for mapping in key {
        mapping.check_as_key(settings);
        let column = &mapping.column;
        if tombstone == Tombstone::Delete && !mapping.source.needs_no_value() {
            settings.problem(format!(
                "`key`: {column} comes from the value ({}), and a tombstone has none: take it from the key, like \
                 key:/id, or set tombstone = \"dead-letter\" or \"skip\"",
                mapping.source
            ));
        }
    }
}

fn insert<'m>(table: &str, mappings: impl Iterator<Item = &'m Mapping>, ttl: bool) -> String {
    let columns: Vec<String> = mappings.map(|mapping| quoted(&mapping.column)).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let using = if ttl { " USING TTL ?" } else { "" };
    format!("INSERT INTO {table} ({}) VALUES ({marks}){using}", columns.join(", "))
}
