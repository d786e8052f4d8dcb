//! `cassandra`: a Cassandra of one node in memory, until SIGTERM or SIGINT.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;
use veltrix_cassandra::Server;

use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::signals::Signals;

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
        let mut signals = Signals::listen()?;
        let server = Server::bind(address).await.map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => Failure::run(format!("{address} is in use; --port 0 chooses a free port")),
            _ => Failure::run(format!("{address} can't be listened at: {error}")),
        })?;
        let mut out = Out::new();
        out.line(&server.address().to_string())?;
        out.flush()?;
        server.run(async move { signals.next().await }).await;
        Ok(())
    })
}
