//! `cql`: executes a statement and prints its rows.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use scylla::client::session::Session;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::Statement;
use scylla::value::Row;
use serde_json::{Map, Value};

use crate::args::{CassandraArg, Format, Output};
use crate::cql_value::{to_cell, to_json};
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::{clients, servers, table};

/// Rows fetched, and for a table aligned, at a time.
const PAGE: i32 = 1_000;
/// Schema changes and scans take longer than what services do.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct Cql {
    /// One CQL statement
    statement: String,
    /// Keyspace of tables named without one; default: the manifest's, if a manifest is here
    #[arg(long)]
    keyspace: Option<String>,
    #[command(flatten)]
    servers: CassandraArg,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Cql) -> Outcome {
    let servers = servers::cassandra(&args.servers, Path::new("."))?;
    clients::runtime()?.block_on(async {
        let session = clients::cassandra(&servers).await?;
        if let Some(keyspace) = &args.keyspace {
            let used = session.use_keyspace(keyspace, true).await;
            used.map_err(|error| Failure::run(format!("keyspace {keyspace} can't be used: {error}")))?;
        } else if let Some(keyspace) = &servers.keyspace {
            // Nobody asked for it by name: it may be what the statement is about to create.
            let _ = session.use_keyspace(keyspace, true).await;
        }
        execute(&session, &args.statement, args.output.format).await
    })
}

async fn execute(session: &Session, text: &str, format: Format) -> Outcome {
    let mut statement = Statement::new(text).with_page_size(PAGE);
    statement.set_request_timeout(Some(TIMEOUT));
    let mut out = Out::new();
    let mut state = PagingState::start();
    let mut count = None;
    loop {
        let failed = |error: &dyn std::fmt::Display| Failure::run(format!("the statement failed: {error}"));
        let page = session.query_single_page(statement.clone(), (), state).await;
        let (result, next) = page.map_err(|error| failed(&error))?;
        for warning in result.warnings() {
            crate::out::error(&format!("warning: {warning}"));
        }
        if result.is_rows() {
            let rows = result.into_rows_result().map_err(|error| failed(&error))?;
            let columns: Vec<String> = rows.column_specs().iter().map(|column| column.name().to_owned()).collect();
            let rows = rows.rows::<Row>().map_err(|error| failed(&error))?;
            let rows: Vec<Row> = rows.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
            *count.get_or_insert(0) += rows.len();
            print(&mut out, format, &columns, &rows)?;
        }
        match next {
            PagingStateResponse::HasMorePages { state: next } => state = next,
            PagingStateResponse::NoMorePages => break,
        }
    }
    if format == Format::Text {
        match count {
            Some(1) => out.line("(1 row)")?,
            Some(count) => out.line(&format!("({count} rows)"))?,
            None => out.line("done")?,
        }
    }
    out.flush()
}

fn print(out: &mut Out, format: Format, columns: &[String], rows: &[Row]) -> Outcome {
    match format {
        Format::Json => {
            for row in rows {
                let values = row.columns.iter().map(|value| to_json(value.as_ref()));
                out.json(&columns.iter().cloned().zip(values).collect::<Map<String, Value>>())?;
            }
        }
        Format::Text => {
            let cells = |row: &Row| row.columns.iter().map(|value| to_cell(value.as_ref())).collect();
            for line in table::render(columns, &rows.iter().map(cells).collect::<Vec<_>>()) {
                out.line(&line)?;
            }
        }
    }
    Ok(())
}
