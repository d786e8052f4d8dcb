//! A client through the Scylla driver that hands results on as bytes.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::deserialize::row::ColumnIterator;
use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};
use scylla::frame::protocol_features::ProtocolFeatures;
use scylla::frame::response::result::ColumnSpec;
use scylla::frame::types::{Consistency, SerialConsistency};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::QueryResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::statement::Statement;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use tokio::runtime::Runtime;

use super::answer::{Answer, Column, Prepared, Refusal, Rows};
use super::request::{Kind, Request};
use super::types::Type;
use super::values::{Cell, encode};

/// A session with one server. Its calls block.
pub(crate) struct Driver {
    session: Session,
}

impl Driver {
    /// Connects to `host:port`.
    pub(crate) fn connect(address: &str) -> Self {
        let profile = ExecutionProfile::builder().retry_policy(Arc::new(FallthroughRetryPolicy::new())).build();
        // What the driver does with the schema is its own tests' matter, and takes most of the time here.
        let builder = SessionBuilder::new()
            .known_node(address)
            .fetch_schema_metadata(false)
            .refresh_metadata_on_auto_schema_agreement(false)
            .default_execution_profile_handle(profile.into_handle());
        let session = block_on(builder.build());
        Self { session: session.unwrap_or_else(|error| panic!("connecting to {address}: {error}")) }
    }

    /// `USE` for all further requests.
    pub(crate) fn use_keyspace(&self, name: &str) {
        block_on(self.session.use_keyspace(name, true)).unwrap_or_else(|error| panic!("USE {name}: {error}"));
    }

    /// Prepares only.
    pub(crate) fn prepare(&self, text: &str) -> Answer {
        match block_on(self.session.prepare(text)) {
            Ok(prepared) => Answer::Prepared(metadata(&prepared)),
            Err(error) => Answer::Error(unprepared(error)),
        }
    }

    /// Sends, and reads all pages.
    pub(crate) fn run(&self, request: &Request) -> Answer {
        let answer = match (request.batch, &request.statements[..]) {
            (Some(kind), _) => block_on(self.batch(kind, request)),
            (None, [one]) => match &one.values {
                Some(values) => block_on(self.execute(&one.text, values, request)),
                None => block_on(self.query(&one.text, request)),
            },
            (None, _) => panic!("several statements are a batch"),
        };
        answer.unwrap_or_else(Answer::Error)
    }

    async fn query(&self, text: &str, request: &Request) -> Result<Answer, Refusal> {
        let mut statement = Statement::new(text);
        statement.set_timestamp(request.timestamp);
        if let Some(consistency) = request.consistency {
            statement.set_consistency(level(consistency));
        }
        if let Some(serial) = request.serial {
            statement.set_serial_consistency(Some(serial_level(serial)));
        }
        let Some(page) = request.page else {
            let result = self.session.query_unpaged(statement, ()).await;
            return Ok(collect([result.map_err(refused)?]));
        };
        statement.set_page_size(page);
        let (mut results, mut state) = (Vec::new(), PagingState::start());
        loop {
            let page = self.session.query_single_page(statement.clone(), (), state).await;
            match turn(&mut results, page)? {
                Some(next) => state = next,
                None => return Ok(collect(results)),
            }
        }
    }

    async fn execute(&self, text: &str, values: &[String], request: &Request) -> Result<Answer, Refusal> {
        let mut prepared = self.session.prepare(text).await.map_err(unprepared)?;
        let bound = bind(&prepared, values);
        prepared.set_timestamp(request.timestamp);
        if let Some(consistency) = request.consistency {
            prepared.set_consistency(level(consistency));
        }
        if let Some(serial) = request.serial {
            prepared.set_serial_consistency(Some(serial_level(serial)));
        }
        let Some(page) = request.page else {
            let result = self.session.execute_unpaged(&prepared, &bound).await;
            return Ok(collect([result.map_err(refused)?]));
        };
        prepared.set_page_size(page);
        let (mut results, mut state) = (Vec::new(), PagingState::start());
        loop {
            let page = self.session.execute_single_page(&prepared, &bound, state).await;
            match turn(&mut results, page)? {
                Some(next) => state = next,
                None => return Ok(collect(results)),
            }
        }
    }

    async fn batch(&self, kind: Kind, request: &Request) -> Result<Answer, Refusal> {
        let mut batch = Batch::new(match kind {
            Kind::Logged => BatchType::Logged,
            Kind::Unlogged => BatchType::Unlogged,
            Kind::Counter => BatchType::Counter,
        });
        batch.set_timestamp(request.timestamp);
        if let Some(consistency) = request.consistency {
            batch.set_consistency(level(consistency));
        }
        if let Some(serial) = request.serial {
            batch.set_serial_consistency(Some(serial_level(serial)));
        }
        let mut bound = Vec::new();
        for statement in &request.statements {
            match &statement.values {
                Some(values) => {
                    let prepared = self.session.prepare(statement.text.as_str()).await.map_err(unprepared)?;
                    bound.push(bind(&prepared, values));
                    batch.append_statement(prepared);
                }
                None => {
                    bound.push(Bound(Vec::new()));
                    batch.append_statement(statement.text.as_str());
                }
            }
        }
        Ok(collect([self.session.batch(&batch, bound).await.map_err(refused)?]))
    }
}

/// Values that are bytes already.
struct Bound(Vec<Cell>);

impl SerializeRow for Bound {
    fn serialize(&self, _: &RowSerializationContext<'_>, writer: &mut RowWriter<'_>) -> Result<(), SerializationError> {
        for cell in &self.0 {
            let writer = writer.make_cell_writer();
            match cell {
                Cell::Value(bytes) => _ = writer.set_value(bytes).map_err(SerializationError::new)?,
                Cell::Null => _ = writer.set_null(),
                Cell::Unset => _ = writer.set_unset(),
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn bind(prepared: &PreparedStatement, literals: &[String]) -> Bound {
    let markers = prepared.get_variable_col_specs();
    // What there is no marker for is sent as well: the server is to refuse it.
    let blob = Type::Native("blob");
    let types = markers.iter().map(|marker| Type::of(marker.typ())).chain(std::iter::repeat(blob));
    Bound(literals.iter().zip(types).map(|(literal, of)| encode(&of, literal)).collect())
}

fn metadata(prepared: &PreparedStatement) -> Prepared {
    let mut key = prepared.get_variable_pk_indexes().to_vec();
    key.sort_by_key(|part| part.sequence);
    Prepared {
        markers: prepared.get_variable_col_specs().iter().map(column).collect(),
        key: key.iter().map(|part| part.index).collect(),
        columns: prepared.get_current_result_set_col_specs().get().iter().map(column).collect(),
    }
}

fn column(spec: &ColumnSpec<'_>) -> Column {
    let table = format!("{}.{}", spec.table_spec().ks_name(), spec.table_spec().table_name());
    Column { table, name: spec.name().to_owned(), of: Type::of(spec.typ()) }
}

/// Keeps a page; says where the next one begins.
fn turn(
    results: &mut Vec<QueryResult>,
    page: Result<(QueryResult, PagingStateResponse), ExecutionError>,
) -> Result<Option<PagingState>, Refusal> {
    let (result, state) = page.map_err(refused)?;
    results.push(result);
    assert!(results.len() < 10_000, "paging does not end");
    Ok(match state.into_paging_control_flow() {
        ControlFlow::Continue(next) => Some(next),
        ControlFlow::Break(()) => None,
    })
}

fn collect(results: impl IntoIterator<Item = QueryResult>) -> Answer {
    let mut rows = Rows::default();
    for result in results {
        if !result.is_rows() {
            let warnings: Vec<_> = result.warnings().map(|warning| format!(", warning: {warning}")).collect();
            return Answer::Done(format!("done{}", warnings.concat()));
        }
        let result = result.into_rows_result().expect("it has rows");
        rows.columns = result.column_specs().iter().map(column).collect();
        rows.warnings.extend(result.warnings().map(str::to_owned));
        let before = rows.rows.len();
        for row in result.rows::<ColumnIterator<'_, '_>>().expect("any row is taken as it is") {
            let row = row.expect("any row is taken as it is");
            let cells = row.map(|cell| Ok(cell?.slice.map(|slice| slice.as_slice().to_vec())));
            rows.rows.push(
                cells.collect::<Result<_, scylla::deserialize::DeserializationError>>().expect("cells are framed"),
            );
        }
        rows.pages.push(rows.rows.len() - before);
    }
    Answer::Rows(rows)
}

fn refused(error: ExecutionError) -> Refusal {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, message)) => refusal(&error, message),
        ExecutionError::PrepareError(error) => unprepared(error),
        other => broken(&other),
    }
}

fn unprepared(error: PrepareError) -> Refusal {
    match error {
        PrepareError::AllAttemptsFailed { first_attempt: RequestAttemptError::DbError(error, message) } => {
            refusal(&error, message)
        }
        other => broken(&other),
    }
}

fn refusal(error: &DbError, message: String) -> Refusal {
    let body = match error {
        DbError::Unprepared { .. } => String::new(),
        other => format!("{other:?}"),
    };
    Refusal { code: error.code(&ProtocolFeatures::default()), body, message }
}

/// The server broke the protocol, or the connection.
fn broken(error: &dyn std::error::Error) -> Refusal {
    Refusal { code: -1, body: "not an answer:".to_owned(), message: error.to_string() }
}

fn level(number: u16) -> Consistency {
    Consistency::try_from(number).expect("a known consistency level")
}

fn serial_level(number: u16) -> SerialConsistency {
    match number {
        8 => SerialConsistency::Serial,
        9 => SerialConsistency::LocalSerial,
        other => panic!("consistency level {other} is not serial: send it raw"),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let start = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    RUNTIME.get_or_init(|| start().expect("a runtime starts")).block_on(future)
}
