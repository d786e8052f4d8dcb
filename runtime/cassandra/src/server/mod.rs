//! The listener: connections come, are served each by a task of its own, and are ended in order.

mod connection;
mod session;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::api::SchemaChange;
use crate::engine::Engine;
use crate::system::System;
use crate::wire::{ERROR_OVERLOADED, Encoder, Extras, Outgoing, Version};
use connection::Connection;
use session::Session;

/// Most clients at a time; Cassandra has no limit by default, but no machine of a developer needs more.
const MAX_CONNECTIONS: usize = 1024;
/// Schema changes a client may be behind before it has to read the schema anew.
const EVENTS: usize = 1024;
/// How long clients may take to read their last answers when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// Before accepting again when the system had no room for a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// A Cassandra of one node in memory. It holds its data until it is dropped.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    engine: Arc<Engine>,
    max_connections: usize,
}

impl Server {
    /// Listens at `address`; with port 0 at a free one. Clients that connect from now on wait until [`Self::run`].
    ///
    /// # Errors
    /// The address is in use or not of this machine.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, engine: Engine::new(System::at(address)), max_connections: MAX_CONNECTIONS })
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it serves, for use without a client.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Serves until `shutdown`; then answers what has been asked, closes all connections and returns.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, engine, max_connections, .. } = self;
        let (changes, _) = broadcast::channel(EVENTS);
        let (stop, stopping) = watch::channel(());
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if connections.len() >= max_connections => refuse(&stream, max_connections),
                    Ok((stream, _)) => {
                        let session = Session::new(engine.clone(), changes.clone());
                        connections.spawn(serve(stream, session, stopping.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no connection can be accepted");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
        drop((listener, stop));
        // Those that do not read their answers are cut off when the set is dropped.
        let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    }
}

/// Events of the schema, to all who registered for them.
type Changes = broadcast::Sender<Arc<SchemaChange>>;

async fn serve(stream: TcpStream, session: Session, stopping: watch::Receiver<()>) {
    // Answers are written whole: waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    if let Err(error) = Connection::new(stream, session).run(stopping).await {
        tracing::debug!(%error, "a client's connection was lost");
    }
}

/// Best effort: whoever connects in such numbers may as well find the connection closed.
fn refuse(stream: &TcpStream, limit: usize) {
    tracing::warn!(limit, "too many connections");
    let message = format!("Too many connections: this server takes {limit}");
    let mut encoder = Encoder::default();
    let refusal = Outgoing::Refusal { code: ERROR_OVERLOADED, message: &message };
    encoder.put(Version::V4, 0, &refusal, &Extras::default());
    let _ = stream.try_write(encoder.bytes());
}

#[cfg(test)]
mod tests;
