//! The worker's one session: how it is set up, and whether it is of use now.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::{Session, SessionConfig};
use scylla::errors::NewSessionError;
use scylla::frame::types::{Consistency, SerialConsistency};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::policies::timestamp_generator::MonotonicTimestampGenerator;
use scylla::statement::unprepared::Statement;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::AbortHandle;
use veltrix_wasm::{CqlError, Page};

use super::cache::Cache;
use super::error::{Effect, Kind, execution, refused};
use super::monitor;
use super::prepared::Prepared;
use super::rows;

/// How long an operator's statement may take: changes of the schema take long on a server that is busy with them.
const OPERATOR: Duration = Duration::from_secs(60);

/// Where Cassandra is, and the bounds of its use by this worker.
#[derive(Debug, Clone)]
pub struct Config {
    /// `host:port`, at least one.
    pub nodes: Vec<String>,
    /// The application's keyspace, as Cassandra stores its name.
    pub keyspace: String,
    /// Longest a request may take, and the default. Must be below the event deadline, so that a request has settled
    /// before its lane is given to another.
    pub request_timeout: Duration,
    /// Requests on their way at a time; more wait.
    pub max_in_flight: usize,
    /// Rows per page if the call says none.
    pub page_size: u32,
    /// Most rows per page.
    pub max_page_size: u32,
    /// Most bytes of rows in a page.
    pub max_page_bytes: usize,
    /// Most bytes of values in a request.
    pub max_value_bytes: usize,
    /// Most statements in a batch.
    pub max_batch: usize,
    /// Most prepared statements that are kept, for all functions.
    pub max_statements: usize,
    /// How often an idle session is probed.
    pub probe_interval: Duration,
    /// How long a probe may take.
    pub probe_timeout: Duration,
}

impl Config {
    /// The defaults, for these nodes and this keyspace.
    pub fn new(nodes: &[String], keyspace: &str) -> Self {
        Self {
            nodes: nodes.to_vec(),
            keyspace: keyspace.to_owned(),
            request_timeout: Duration::from_secs(10),
            max_in_flight: 2048,
            page_size: 1000,
            max_page_size: 10_000,
            max_page_bytes: 8 << 20,
            max_value_bytes: 16 << 20,
            max_batch: 1000,
            max_statements: 1024,
            probe_interval: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(2),
        }
    }
}

/// Whether Cassandra can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not reached yet since the start.
    Connecting,
    /// The last probe was answered.
    Up,
    /// It was up, and does not answer probes.
    Down,
}

/// The worker's Cassandra. Dropping it ends its background task; an [`Access`](super::Access) keeps it.
pub struct Cassandra {
    shared: Arc<Shared>,
    monitor: AbortHandle,
}

impl Drop for Cassandra {
    fn drop(&mut self) {
        self.monitor.abort();
    }
}

/// What all functions share.
pub(super) struct Shared {
    pub(super) config: Config,
    /// Where requests run.
    pub(super) runtime: Handle,
    pub(super) statements: Cache<Prepared>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) state: watch::Sender<State>,
    /// Told when a request failed in a way that casts doubt on the session.
    pub(super) suspect: Notify,
    /// Behind a lock as it is replaced when it does not recover by itself.
    session: RwLock<Option<Arc<Session>>>,
    /// When Cassandra was last asked whether it is there, and whether it was.
    confirmed: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

impl Cassandra {
    /// [`open`](Self::open) with the defaults.
    pub fn connect(nodes: &[String], keyspace: &str) -> Arc<Self> {
        Self::open(Config::new(nodes, keyspace))
    }

    /// Connects in the background, for as long as it takes, and stays connected. Requests run on the runtime that this
    /// is called on.
    pub fn open(config: Config) -> Arc<Self> {
        let runtime = Handle::current();
        let shared = Arc::new(Shared {
            statements: Cache::new(config.max_statements, config.max_statements * 4096),
            permits: Arc::new(Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS))),
            state: watch::Sender::new(State::Connecting),
            suspect: Notify::new(),
            session: RwLock::new(None),
            confirmed: tokio::sync::Mutex::new(None),
            runtime: runtime.clone(),
            config,
        });
        let monitor = runtime.spawn(monitor::run(shared.clone())).abort_handle();
        Arc::new(Self { shared, monitor })
    }

    /// Whether it can be used, as of the last probe.
    pub fn is_up(&self) -> bool {
        self.state() == State::Up
    }

    /// Whether it can be used, as of the last probe, and why not.
    pub fn state(&self) -> State {
        *self.shared.state.borrow()
    }

    /// Follows [`state`](Self::state).
    pub fn watch(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// Waits until it can be used.
    pub async fn up(&self) {
        // The sender lives in `self`, so that this ends by the state alone.
        let _ = self.watch().wait_for(|state| *state == State::Up).await;
    }

    /// Asks the server for a row that is always there.
    ///
    /// # Errors
    /// No session yet, or no answer within the probe's time-out.
    pub async fn probe(&self) -> Result<(), CqlError> {
        self.shared.probe().await
    }

    /// Runs any statement as it is written, for the operator: schemas and the command line. Waits for the schema to be
    /// agreed on. Rows come with their columns, all at once.
    ///
    /// # Errors
    /// Cassandra is not up, or refused it.
    pub async fn run(&self, text: &str) -> Result<Page, CqlError> {
        let session = self.shared.session()?;
        let mut statement = Statement::new(text);
        statement.set_request_timeout(Some(OPERATOR));
        let result = session
            .query_unpaged(statement, ())
            .await
            .map_err(|error| execution(&error, Effect::Write, "statement"))?;
        rows::page(result, None, Vec::new(), self.shared.config.max_page_bytes)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Requests on their way, of all functions.
    pub fn in_flight(&self) -> usize {
        let max = self.shared.config.max_in_flight.min(Semaphore::MAX_PERMITS);
        max - self.shared.permits.available_permits()
    }
}

impl Shared {
    /// The session, if it is of use now. Answers at once, so that calls don't pile up on a server that is away.
    pub(super) fn session(&self) -> Result<Arc<Session>, CqlError> {
        let state = *self.state.borrow();
        match (state, self.any_session()) {
            (State::Up, Some(session)) => Ok(session),
            _ => Err(refused(Kind::Unavailable, format!("cassandra unavailable at {}", self.config.nodes.join(", ")))),
        }
    }

    fn any_session(&self) -> Option<Arc<Session>> {
        self.session.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn probe(&self) -> Result<(), CqlError> {
        let Some(session) = self.any_session() else {
            return Err(refused(Kind::Unavailable, "not connected to cassandra yet"));
        };
        let mut statement = Statement::new("SELECT key FROM system.local");
        statement.set_request_timeout(Some(self.config.probe_timeout));
        statement.set_consistency(Consistency::One);
        match session.query_unpaged(statement, ()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(execution(&error, Effect::Read, "probe")),
        }
    }

    /// Whether Cassandra answers now. Those who ask at the same time share one probe.
    pub(super) async fn confirm(&self) -> bool {
        let asked = Instant::now();
        let mut confirmed = self.confirmed.lock().await;
        match *confirmed {
            Some((at, up)) if at >= asked => up,
            _ => {
                let at = Instant::now();
                let up = self.probe().await.is_ok();
                *confirmed = Some((at, up));
                up
            }
        }
    }

    /// Opens a session and puts it in the place of the one there was. Requests that run keep theirs.
    pub(super) async fn open(&self) -> Result<(), NewSessionError> {
        let profile = ExecutionProfile::builder()
            .request_timeout(Some(self.config.request_timeout))
            .consistency(Consistency::LocalQuorum)
            .serial_consistency(Some(SerialConsistency::LocalSerial))
            // The function decides what is tried again; the driver can't know what may be repeated.
            .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
            .build();
        let mut config = SessionConfig::new();
        config.add_known_nodes(&self.config.nodes);
        config.default_execution_profile_handle = profile.into_handle();
        // Every plain write carries the worker's time, so that a late one loses against its repetition.
        config.timestamp_generator = Some(Arc::new(MonotonicTimestampGenerator::new().without_warnings()));
        config.keepalive_interval = Some(Duration::from_secs(5));
        config.keepalive_timeout = Some(Duration::from_secs(10));
        config.tcp_nodelay = true;
        let session = Session::connect(config).await?;
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(session));
        Ok(())
    }
}
