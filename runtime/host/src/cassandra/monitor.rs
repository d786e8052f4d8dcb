//! Connects, notices when Cassandra goes away and comes back, and says each once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::session::{Shared, State};

const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// How long opening a session may take. It reads the schema, which is slow on a cold server.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// After this time the driver is not trusted to find the server again by itself.
const REOPEN_AFTER: Duration = Duration::from_secs(3);
/// Between probes that failing requests ask for.
const PROBE_PAUSE: Duration = Duration::from_millis(200);

/// Runs until it is aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    connect(&shared).await;
    loop {
        tokio::select! {
            () = shared.suspect.notified() => {}
            () = sleep(shared.config.probe_interval) => {}
        }
        if let Err(error) = probe_twice(&shared).await {
            lost(&shared, &error);
            recover(&shared).await;
        }
        sleep(PROBE_PAUSE).await;
    }
}

/// Opens the first session, however long it takes.
async fn connect(shared: &Shared) {
    let mut backoff = FIRST_BACKOFF;
    let mut failed = false;
    while let Err(error) = open(shared).await {
        if !failed {
            warn!(nodes = %nodes(shared), error, "cassandra unavailable, waiting for it");
        }
        failed = true;
        sleep(backoff).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
    if failed {
        info!(nodes = %nodes(shared), "cassandra is available now");
    } else {
        info!(nodes = %nodes(shared), "connected to cassandra");
    }
    shared.state.send_replace(State::Up);
}

async fn open(shared: &Shared) -> Result<(), String> {
    match timeout(OPEN_TIMEOUT, shared.open()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no session within {OPEN_TIMEOUT:?}")),
    }
}

/// One failure may be a pause of the server's; two are its absence.
async fn probe_twice(shared: &Shared) -> Result<(), String> {
    if shared.probe().await.is_ok() {
        return Ok(());
    }
    sleep(PROBE_PAUSE).await;
    shared.probe().await.map_err(|error| error.message)
}

fn lost(shared: &Shared, error: &str) {
    warn!(nodes = %nodes(shared), error, "cassandra unavailable, calls are refused until it is back");
    shared.state.send_replace(State::Down);
}

/// Probes until there is an answer. The driver finds nodes again that it knows, at its own pace; a session opened anew
/// finds them at once, and at new addresses too.
async fn recover(shared: &Shared) {
    let since = Instant::now();
    let mut backoff = FIRST_BACKOFF;
    loop {
        if shared.probe().await.is_ok() {
            break;
        }
        if since.elapsed() >= REOPEN_AFTER {
            match open(shared).await {
                Ok(()) => continue,
                Err(error) => debug!(error, "cassandra still unavailable"),
            }
        }
        sleep(backoff).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
    info!(nodes = %nodes(shared), seconds = since.elapsed().as_secs(), "cassandra is back");
    shared.state.send_replace(State::Up);
}

fn nodes(shared: &Shared) -> String {
    shared.config.nodes.join(", ")
}
