//! What a function does with Cassandra: its grants, and requests under them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::FuturesUnordered;
use scylla::response::PagingState;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared;
use tokio::time::timeout;
use veltrix_manifest::Grant;
use veltrix_wasm::{CqlError, Options, Page};

use super::error::{self, Kind, refused};
use super::grants::Grants;
use super::options::{EventTime, Resolved, Traits, resolve};
use super::outstanding::Outstanding;
use super::prepared::{Prepared, effect};
use super::requests::{self, Run};
use super::rows;
use super::session::{Cassandra, Shared};
use super::values::Values;

type Answer<T> = BoxFuture<'static, Result<T, CqlError>>;

/// A function's access to Cassandra.
#[derive(Clone)]
pub struct Access {
    cassandra: Arc<Cassandra>,
    grants: Arc<Grants>,
    timeout: Duration,
}

impl Access {
    /// Access to these tables of the application's keyspace, by the names Cassandra stores, and to nothing else.
    pub fn new(cassandra: Arc<Cassandra>, tables: BTreeMap<String, Grant>) -> Self {
        let config = &cassandra.shared().config;
        let (grants, timeout) = (Arc::new(Grants::new(&config.keyspace, tables)), config.request_timeout);
        Self { cassandra, grants, timeout }
    }

    /// Of the function of that name; messages show where to grant more.
    #[must_use]
    pub fn named(mut self, function: &str) -> Self {
        self.grants = Arc::new(Grants::clone(&self.grants).named(function));
        self
    }

    /// With requests that end within four fifths of `deadline`, the function's for an event, if that is less than
    /// [`Config::request_timeout`](super::Config::request_timeout): they must settle before the event's lane goes on.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.timeout = self.timeout.min(deadline * 4 / 5);
        self
    }

    /// Whether anything is granted.
    pub fn is_needed(&self) -> bool {
        !self.grants.is_empty()
    }

    /// Whether Cassandra can be used.
    pub fn is_up(&self) -> bool {
        self.cassandra.is_up()
    }

    /// How long a request may take.
    pub fn patience(&self) -> std::time::Duration {
        self.timeout
    }

    /// Asks Cassandra whether it is there: what tells a request that failed by itself from an outage.
    pub fn confirm(&self) -> impl Future<Output = bool> + Send + use<> {
        let shared = self.cassandra.shared().clone();
        async move { *shared.state.borrow() == super::State::Up && shared.confirm().await }
    }

    /// Prepares one statement on granted tables: from the worker's cache, or by asking the server once for all who ask.
    ///
    /// # Errors
    /// Not a statement that may be prepared, not granted, refused by the server, or Cassandra is away.
    pub fn prepare(&self, text: String) -> Answer<Arc<Prepared>> {
        let (shared, grants, patience) = (self.cassandra.shared().clone(), self.grants.clone(), self.timeout);
        async move {
            let mut statement = veltrix_cql::parse(&text).map_err(|error| refused(Kind::Invalid, error.to_string()))?;
            statement.qualify(grants.keyspace());
            let access = statement.access();
            grants.check(&access)?;
            let text = statement.to_string();
            let run = Run { shared: shared.clone(), outstanding: Outstanding::new(), patience };
            let prepare = || {
                let asked = run.run(prepare(shared.clone(), text.clone(), access));
                requests::spawn(&shared.runtime, asked)
            };
            shared.statements.get(&text, prepare).await
        }
        .boxed()
    }

    /// Runs the requests that `make` gives side by side, as a task of the worker's own: a guest that goes away does not
    /// cut them short. `outstanding` counts them from now on.
    pub fn begin<R>(self, make: impl FnOnce(Self) -> R + Send + 'static, outstanding: &Outstanding)
    where
        R: Iterator<Item: Future<Output = ()> + Send + 'static>,
    {
        let guard = outstanding.begin();
        let runtime = self.cassandra.shared().runtime.clone();
        runtime.spawn(async move {
            let _guard = guard;
            // Made here, not where the guest runs: it is this thread that gives their memory back.
            let mut requests: FuturesUnordered<_> = make(self).collect();
            while requests.next().await.is_some() {}
        });
    }

    /// Executes a statement. `values`: CQL `[value]`s back to back; `next`: the token of a page, or empty.
    ///
    /// The future has to run on the worker's runtime: see [`begin`](Self::begin). `outstanding` counts it from now on.
    pub fn execute(
        &self,
        statement: Arc<Prepared>,
        values: Vec<u8>,
        next: Vec<u8>,
        options: Options,
        event: Option<EventTime>,
        outstanding: &Outstanding,
    ) -> Answer<Page> {
        let request = self.check_execute(&statement, values, &next, &options, event);
        match request.and_then(|request| Ok((request, self.cassandra.shared().session()?))) {
            Err(error) => ready(Err(error)).boxed(),
            Ok(((values, paging, resolved), session)) => {
                let config = &self.cassandra.shared().config;
                let (max_bytes, default_timeout) = (config.max_page_bytes, config.request_timeout);
                let run = self.run(outstanding);
                run.run(async move {
                    let configured = configure(&statement, &resolved, default_timeout);
                    let (result, state) = session
                        .execute_single_page(configured.as_ref().unwrap_or(&statement.statement), &values, paging)
                        .await
                        .map_err(|error| error::execution(&error, statement.effect(), &statement.table))?;
                    let known = (!statement.traits.writes).then_some(&statement.results[..]);
                    rows::page(result, known, statement.fingerprint.seal(&state), max_bytes)
                        .map_err(|error| error::after_answer(error, statement.effect()))
                })
                .boxed()
            }
        }
    }

    fn check_execute(
        &self,
        statement: &Prepared,
        values: Vec<u8>,
        next: &[u8],
        options: &Options,
        event: Option<EventTime>,
    ) -> Result<(Values, PagingState, Resolved), CqlError> {
        self.check_size(&values)?;
        let values = Values::new(values.into(), statement.params)
            .map_err(|message| refused(Kind::Invalid, format!("{}: {message}", statement.table)))?;
        let Some(paging) = statement.fingerprint.open(next) else {
            return Err(refused(Kind::Invalid, "the paging token belongs to another statement"));
        };
        Ok((values, paging, self.resolve(options, statement.traits, event)?))
    }

    /// Executes statements as one batch. `kind`: 0 logged, 1 unlogged, 2 counter; `values`: those of all statements, in
    /// order. A conditional batch gives rows. Otherwise as [`execute`](Self::execute).
    pub fn batch(
        &self,
        kind: u8,
        statements: Vec<Arc<Prepared>>,
        values: Vec<u8>,
        options: Options,
        event: Option<EventTime>,
        outstanding: &Outstanding,
    ) -> Answer<Page> {
        let request = self.check_batch(kind, &statements, values.into(), &options, event);
        match request.and_then(|request| Ok((request, self.cassandra.shared().session()?))) {
            Err(error) => ready(Err(error)).boxed(),
            Ok((BatchRequest { kind, values, traits, resolved }, session)) => {
                let max_bytes = self.cassandra.shared().config.max_page_bytes;
                let run = self.run(outstanding);
                run.run(async move {
                    let members =
                        statements.iter().map(|member| BatchStatement::from(member.statement.clone())).collect();
                    let mut batch = Batch::new_with_statements(kind, members);
                    if let Some(consistency) = resolved.consistency {
                        batch.set_consistency(consistency);
                    }
                    if let Some(serial) = resolved.serial {
                        batch.set_serial_consistency(Some(serial));
                    }
                    batch.set_timestamp(resolved.timestamp);
                    batch.set_request_timeout(Some(resolved.timeout));
                    let what = || format!("batch on {}", statements.first().map_or("", |first| &first.table));
                    let result = session
                        .batch(&batch, values)
                        .await
                        .map_err(|error| error::execution(&error, effect(traits), &what()))?;
                    rows::page(result, None, Vec::new(), max_bytes)
                        .map_err(|error| error::after_answer(error, effect(traits)))
                })
                .boxed()
            }
        }
    }

    fn check_batch(
        &self,
        kind: u8,
        statements: &[Arc<Prepared>],
        values: Bytes,
        options: &Options,
        event: Option<EventTime>,
    ) -> Result<BatchRequest, CqlError> {
        let invalid = |message: String| refused(Kind::Invalid, message);
        let kind = match kind {
            0 => BatchType::Logged,
            1 => BatchType::Unlogged,
            2 => BatchType::Counter,
            kind => return Err(invalid(format!("batch kind {kind} is unknown: use 0, 1 or 2"))),
        };
        let (count, max) = (statements.len(), self.cassandra.shared().config.max_batch);
        if count > max {
            let message = format!("the batch has {count} statements, at most {max} are allowed");
            return Err(refused(Kind::OverLimit, message));
        }
        if count == 0 {
            return Err(invalid("the batch has no statement".to_owned()));
        }
        if let Some(select) = statements.iter().find(|statement| !statement.traits.writes) {
            return Err(invalid(format!("{}: a batch takes no SELECT", select.table)));
        }
        self.check_size(&values)?;
        let values = Values::split(&values, statements.iter().map(|statement| statement.params)).map_err(invalid)?;
        let any = |of: fn(&Traits) -> bool| statements.iter().any(|statement| of(&statement.traits));
        let traits = Traits {
            writes: true,
            conditional: any(|traits| traits.conditional),
            counter: any(|traits| traits.counter),
            timestamped: any(|traits| traits.timestamped),
        };
        Ok(BatchRequest { kind, values, traits, resolved: self.resolve(options, traits, event)? })
    }

    fn resolve(&self, options: &Options, traits: Traits, event: Option<EventTime>) -> Result<Resolved, CqlError> {
        resolve(options, traits, event, self.timeout, self.cassandra.shared().config.max_page_size)
            .map_err(|message| refused(Kind::Invalid, message))
    }

    fn check_size(&self, values: &[u8]) -> Result<(), CqlError> {
        let (bytes, max) = (values.len(), self.cassandra.shared().config.max_value_bytes);
        if bytes <= max {
            return Ok(());
        }
        let message = format!("the request has {bytes} bytes of values, at most {max} are allowed");
        Err(refused(Kind::OverLimit, message))
    }

    fn run(&self, outstanding: &Outstanding) -> Run {
        Run { shared: self.cassandra.shared().clone(), outstanding: outstanding.clone(), patience: self.timeout }
    }
}

/// A batch that may be sent.
struct BatchRequest {
    kind: BatchType,
    values: Vec<Values>,
    traits: Traits,
    resolved: Resolved,
}

/// Asks the server.
async fn prepare(shared: Arc<Shared>, text: String, access: veltrix_cql::Access) -> Result<Arc<Prepared>, CqlError> {
    let what = format!("prepare for {}.{}", access.keyspace.as_deref().unwrap_or_default(), access.table);
    let limit = shared.config.request_timeout;
    let session = shared.session()?;
    let mut statement = unprepared::Statement::new(text);
    statement.set_page_size(shared.config.page_size.clamp(1, i32::MAX as u32) as i32);
    // The driver has no time-out for this.
    match timeout(limit, session.prepare(statement)).await {
        Ok(Ok(prepared)) => Ok(Arc::new(Prepared::new(prepared, &access, &session))),
        Ok(Err(error)) => Err(error::prepare(&error, &what)),
        Err(_) => Err(refused(Kind::Timeout, format!("{what}: no answer within {limit:?}"))),
    }
}

/// A copy of the statement with what deviates from the session's defaults; none if nothing does.
fn configure(prepared: &Prepared, resolved: &Resolved, default_timeout: Duration) -> Option<PreparedStatement> {
    let Resolved { consistency, serial, timestamp, page_size, timeout } = *resolved;
    let plain = consistency.is_none() && serial.is_none() && timestamp.is_none() && page_size.is_none();
    if plain && timeout == default_timeout {
        return None;
    }
    let mut statement = prepared.statement.clone();
    if let Some(consistency) = consistency {
        statement.set_consistency(consistency);
    }
    if let Some(serial) = serial {
        statement.set_serial_consistency(Some(serial));
    }
    if let Some(rows) = page_size {
        statement.set_page_size(rows);
    }
    statement.set_timestamp(timestamp);
    statement.set_request_timeout(Some(timeout));
    Some(statement)
}
