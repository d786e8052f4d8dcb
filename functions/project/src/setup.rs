//! [`Setup`]: the settings, read once per instance.

use std::cell::Cell;
use std::time::Duration;

use function_common::{Mapping, Missing, Settings, Source, quoted, verify};
use veltrix_sdk::Result;
use veltrix_sdk::cql::CqlType;

/// The `entry` of the row that has the totals.
pub(crate) const TOTALS: &str = "";
/// As long as Cassandra keeps anything that is to go.
const LONGEST: Duration = Duration::from_secs(20 * 365 * 86_400);
const LONGEST_BUCKET: Duration = Duration::from_secs(366 * 86_400);
/// Columns that the function has for itself.
const OWN: [&str; 4] = ["bucket", "entry", "version", "seen"];

#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) key: Vec<Mapping>,
    pub(crate) sums: Vec<Mapping>,
    pub(crate) count: String,
    /// Where the time is that the bucket is of.
    pub(crate) time: Source,
    /// Milliseconds.
    pub(crate) bucket: i64,
    pub(crate) ttl: Option<i32>,
    pub(crate) select: String,
    pub(crate) insert: String,
    pub(crate) update: String,
    pub(crate) mark: String,
    verified: Cell<bool>,
}

impl Setup {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let table = settings.identifier("table", "table = \"sales\"");
        let key = Mapping::lines(settings, "key");
        let sums = Mapping::lines(settings, "sums");
        let count = settings.named("count", "count");
        let time = settings.optional("time").unwrap_or_else(|| "timestamp".to_owned());
        let time = Source::parse(time.trim()).map_err(|problem| settings.problem(format!("`time`: {problem}"))).ok();
        let bucket = settings.duration("bucket", LONGEST_BUCKET);
        if bucket.is_none() {
            settings.problem("`bucket` says how long a bucket is: write for example bucket = \"1h\"".to_owned());
        }
        let ttl = settings.duration("ttl", LONGEST).and_then(|ttl| i32::try_from(ttl.as_secs()).ok());
        check(settings, &key, &sums, &count);
        let (table, time, bucket) = (quoted(&table?), time?, bucket?.as_millis() as i64);
        Some(Self::of(&table, Parts { key, sums, count, time, bucket, ttl }))
    }

    fn of(table: &str, parts: Parts) -> Self {
        let Parts { key, sums, count, time, bucket, ttl } = parts;
        let partition: Vec<String> =
            key.iter().map(|mapping| quoted(&mapping.column)).chain([quoted("bucket")]).collect();
        let totals: Vec<String> = ["version", &count]
            .into_iter()
            .chain(sums.iter().map(|mapping| mapping.column.as_str()))
            .map(quoted)
            .collect();
        let is = |columns: &[String], by: &str| {
            columns.iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>().join(by)
        };
        let marks = |count: usize| vec!["?"; count].join(", ");
        let (columns, values, where_) = (partition.join(", "), totals.join(", "), is(&partition, " AND "));
        let using = if ttl.is_some() { " USING TTL ?" } else { "" };
        let all = marks(partition.len() + 1 + totals.len());
        let set = is(&totals, ", ");
        Self {
            select: format!("SELECT entry, seen, {values} FROM {table} WHERE {where_} AND entry IN ?"),
            insert: format!("INSERT INTO {table} ({columns}, entry, {values}) VALUES ({all}) IF NOT EXISTS{using}"),
            update: format!("UPDATE {table}{using} SET {set} WHERE {where_} AND entry = ? IF version = ?"),
            mark: format!(
                "INSERT INTO {table} ({columns}, entry, seen) VALUES ({}){using}",
                marks(partition.len() + 2)
            ),
            key,
            sums,
            count,
            time,
            bucket,
            ttl,
            verified: Cell::new(false),
        }
    }

    /// Whether the table is as the statements want it: once.
    pub(crate) async fn verify(&self) -> Result<()> {
        if self.verified.get() {
            return Ok(());
        }
        let own = [
            ("bucket", &CqlType::Timestamp),
            ("entry", &CqlType::Text),
            ("version", &CqlType::BigInt),
            ("seen", &CqlType::Blob),
            (self.count.as_str(), &CqlType::BigInt),
        ];
        let mappings = self.key.iter().chain(&self.sums);
        let mapped = mappings.map(|mapping| (mapping.column.as_str(), mapping.kind.column()));
        let expected: Vec<(&str, &CqlType)> = own.into_iter().chain(mapped).collect();
        for statement in [&self.select, &self.insert, &self.update, &self.mark] {
            verify(statement, &expected).await?;
        }
        self.verified.set(true);
        Ok(())
    }
}

struct Parts {
    key: Vec<Mapping>,
    sums: Vec<Mapping>,
    count: String,
    time: Source,
    bucket: i64,
    ttl: Option<i32>,
}

fn check(settings: &mut Settings, key: &[Mapping], sums: &[Mapping], count: &str) {
    if key.is_empty() {
        settings.problem("`key` says nothing: write what is counted by, like \"/shop -> shop text\"".to_owned());
    }
    for mapping in key {
        mapping.check_as_key(settings);
    }
    for mapping in sums {
        let column = &mapping.column;
        if !matches!(mapping.kind.column(), CqlType::BigInt | CqlType::Decimal | CqlType::Varint) {
            let kind = &mapping.kind;
            settings.problem(format!("`sums`: {column} can't be a {kind}: sums are of bigint, varint or decimal"));
        }
        if mapping.missing == Missing::Null {
            settings.problem(format!("`sums`: {column} is never null: write keep for what adds nothing"));
        }
    }
    let columns = key.iter().chain(sums).map(|mapping| mapping.column.as_str()).chain([count]);
    let columns: Vec<&str> = columns.collect();
    for (i, column) in columns.iter().enumerate() {
        if OWN.contains(column) || columns[..i].contains(column) {
            settings.problem(format!("the column {column} is there already: {} are the function's", OWN.join(", ")));
        }
    }
}
