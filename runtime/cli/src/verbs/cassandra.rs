//! `cassandra`: a Cassandra of one node in memory, until SIGTERM or SIGINT.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use veltrix_cassandra::Server;

use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::out::Out;

#[derive(Debug, Args)]
pub(crate) struct Cassandra {
    /// Where to listen; port 0 chooses a free one
    #[arg(long, value_name = "PORT", default_value_t = 9042)]
    port: u16,
    /// The address to listen at; beyond this machine only if you say so, for there are no passwords
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
}

pub(crate) fn run(args: &Cassandra) -> Outcome {
    let address = SocketAddr::new(args.host, args.port);
    let runtime = clients::runtime()?;
    runtime.block_on(async {
        let stop = stop().map_err(|error| Failure::run(format!("signals can't be handled: {error}")))?;
        let server = Server::bind(address).await.map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => Failure::run(format!("{address} is in use; --port 0 chooses a free port")),
            _ => Failure::run(format!("{address} can't be listened at: {error}")),
        })?;
        let mut out = Out::new();
        out.line(&server.address().to_string())?;
        out.flush()?;
        server.run(stop).await;
        Ok(())
    })
}

/// Resolves at the first SIGTERM or SIGINT.
fn stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
