//! The server that the clients of a test talk to.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use veltrix_cassandra::Server;

/// Runs until it is dropped.
pub(crate) struct Running {
    address: String,
    embedded: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Running {
    pub(crate) fn start() -> Self {
        if let Ok(address) = std::env::var("VELTRIX_CASSANDRA") {
            return Self { address, embedded: None };
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, address) = mpsc::channel::<SocketAddr>();
        let thread = thread::spawn(move || {
            Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
                let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
                started.send(server.address()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        Self { address: address.recv().unwrap().to_string(), embedded: Some((stop, thread)) }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.embedded.take() {
            drop(stop);
            // A panic of the server has been printed, and fails the client that waited for it.
            let _ = thread.join();
        }
    }
}
