//! The application's tables: seeded before a case, read after it, and emptied for the next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use veltrix_cql::{Command, Ddl, Expr, Literal, Statement, Using};
use veltrix_host::cassandra::Cassandra;
use veltrix_host::schema;

use crate::case::Case;
use crate::record::Row;

/// How long Cassandra may take to answer at first.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tables in a keyspace that is ours.
pub(crate) struct Tables {
    pub(crate) cassandra: Arc<Cassandra>,
    keyspace: String,
}

impl Tables {
    /// Connects, and creates the keyspace and what the schema has.
    pub(crate) async fn open(settings: &veltrix_manifest::Cassandra) -> Result<Self, String> {
        let cassandra = Cassandra::connect(&settings.nodes, &settings.keyspace);
        let this = Self { cassandra, keyspace: settings.keyspace.clone() };
        if tokio::time::timeout(PATIENCE, this.cassandra.up()).await.is_err() {
            return Err(format!("Cassandra at {} does not answer", settings.nodes.join(", ")));
        }
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        match settings.schema {
            Some(_) => schema::apply(&this.cassandra, settings).await.map_err(|error| error.to_string())?,
            None => {
                let keyspace = quoted(&this.keyspace);
                this.run(&format!("CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication}")).await?;
            }
        }
        Ok(this)
    }

    /// The same in a keyspace beside others, on servers that are not ours: the schema must not name one.
    pub(crate) async fn open_beside(settings: &veltrix_manifest::Cassandra) -> Result<Self, String> {
        if let Some(path) = &settings.schema {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let pieces =
                schema::split(&text).map_err(|(line, problem)| format!("{}:{line}: {problem}", path.display()))?;
            for piece in pieces {
                let command = veltrix_cql::parse_any(piece.text);
                if command.as_ref().is_ok_and(names_keyspace) {
                    return Err(format!(
                        "{}:{}: names a keyspace; on real servers cases have one of their own: leave it out",
                        path.display(),
                        piece.line
                    ));
                }
            }
        }
        Self::open(settings).await
    }

    /// Removes the keyspace.
    pub(crate) async fn drop(&self) -> Result<(), String> {
        self.run(&format!("DROP KEYSPACE IF EXISTS {}", quoted(&self.keyspace))).await.map(|_| ())
    }

    /// Writes what is there before the case. Gives back which tables that changed.
    pub(crate) async fn seed(&self, case: &Case) -> Result<BTreeSet<String>, String> {
        let mut seeded = BTreeSet::new();
        // Older than all that a function writes, and in order.
        let mut time = 0_u64;
        for row in &case.rows {
            time += 1;
            let names: Vec<String> = row.columns.iter().map(|(name, _)| column(name)).collect();
            let values = row.columns.iter().map(|(_, raw)| format!("fromJson('{}')", raw.get().replace('\'', "''")));
            let values: Vec<String> = values.collect();
            let table = self.named(&row.table);
            let text = format!(
                "INSERT INTO {table} ({}) VALUES ({}) USING TIMESTAMP {time}",
                names.join(", "),
                values.join(", ")
            );
            seeded.insert(row.table.clone());
            self.run(&text).await.map_err(|error| format!("{}:{}: {error}", row.file.display(), row.line))?;
        }
        for (line, text) in &case.cql {
            time += 1;
            let at = |error: String| format!("{}, `cql`, line {line}: {error}", case.file.display());
            let mut statement = veltrix_cql::parse(text).map_err(|error| at(error.to_string()))?;
            statement.qualify(&self.keyspace);
            seeded.insert(statement.access().table);
            make_old(&mut statement, time);
            self.run(&statement.to_string()).await.map_err(at)?;
        }
        Ok(seeded)
    }

    /// All rows of a table.
    pub(crate) async fn rows(&self, table: &str) -> Result<Vec<Row>, String> {
        let page = self.cassandra.run(&format!("SELECT JSON * FROM {}", self.named(table))).await;
        let page = page.map_err(|error| format!("table {table}: {}", error.message))?;
        let mut rows = Vec::new();
        for cell in cells(&page.rows) {
            let row: Row = serde_json::from_slice(cell).map_err(|error| format!("table {table}: {error}"))?;
            rows.push(row.into_iter().filter(|(_, value)| !value.is_null()).collect());
        }
        rows.sort_by_cached_key(|row: &Row| Value::Object(row.clone()).to_string());
        Ok(rows)
    }

    /// Empties a table.
    pub(crate) async fn clear(&self, table: &str) -> Result<(), String> {
        self.run(&format!("TRUNCATE {}", self.named(table))).await.map(|_| ())
    }

    async fn run(&self, text: &str) -> Result<(), String> {
        self.cassandra.run(text).await.map(|_| ()).map_err(|error| error.message)
    }

    fn named(&self, table: &str) -> String {
        format!("{}.{}", quoted(&self.keyspace), quoted(table))
    }
}

/// Whether a statement of a schema says which keyspace it is about.
fn names_keyspace(command: &Command) -> bool {
    let named = |table: &veltrix_cql::Table| table.keyspace.is_some();
    match command {
        Command::Schema(Ddl::CreateTable(create)) => named(&create.table),
        Command::Schema(Ddl::AlterTable { table, .. }) => named(table),
        Command::Schema(Ddl::CreateType { name, .. } | Ddl::AlterType { name, .. } | Ddl::Drop { name, .. }) => {
            named(name)
        }
        Command::Schema(Ddl::CreateIndex(create)) => named(&create.table),
        Command::Schema(Ddl::CreateKeyspace { .. } | Ddl::AlterKeyspace { .. }) | Command::Use(_) => true,
        Command::Data(statement) => named(statement.table()),
        Command::Truncate(table) => named(table),
        // Nothing that a schema is made of.
        Command::Batch(_) | Command::Describe(_) | Command::Refused(_) | Command::Invalid(_) => false,
    }
}

/// Gives a statement an old timestamp, if it may have one and has none.
fn make_old(statement: &mut Statement, time: u64) {
    let access = statement.access();
    let using = match statement {
        Statement::Insert(insert) => &mut insert.using,
        Statement::Update(update) => &mut update.using,
        Statement::Delete(delete) => &mut delete.using,
        Statement::Select(_) => return,
    };
    // Counters and conditional writes take none.
    if !access.timestamped && !access.conditional && !access.increments {
        using.push(Using::Timestamp(Expr::Literal(Literal::Integer(time.to_string()))));
    }
}

/// A column as Cassandra's JSON names it: in quotes if its case matters.
fn column(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(exact) => quoted(exact),
        None => quoted(&name.to_lowercase()),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The values of a column of `[bytes]`; nulls are left out.
fn cells(mut rows: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        loop {
            let (size, rest) = rows.split_first_chunk::<4>()?;
            let size = i32::from_be_bytes(*size);
            rows = rest;
            if let Ok(size) = usize::try_from(size) {
                let (cell, rest) = rows.split_at_checked(size)?;
                rows = rest;
                return Some(cell);
            }
        }
    })
}
