//! Ports that are listened at unless others are named.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Subject;
use super::check::Check;

/// How long somebody on this machine may take to answer.
const SOON: Duration = Duration::from_secs(2);
/// Where `veltrix cassandra` listens.
const CASSANDRA: &str = "127.0.0.1:9042";

pub(crate) fn look(subject: &Subject) -> Vec<Check> {
    let mut checks = vec![admin(&subject.admin)];
    // Whoever is at a port that the manifest names is meant to be there.
    let named = |node: &String| node.ends_with(":9042");
    if !subject.nodes.iter().any(named) {
        checks.extend(cassandra());
    }
    checks
}

fn admin(address: &str) -> Check {
    let error = match TcpListener::bind(address) {
        Ok(_) => return Check::good("admin-port", format!("{address} is free")),
        Err(error) => error,
    };
    let fix = "veltrix run --admin 127.0.0.1:0";
    match error.kind() {
        ErrorKind::AddrInUse if is_worker(address) => {
            Check::warning("admin-port", format!("a worker is at {address}: another one needs another address"))
                .fix(fix)
        }
        ErrorKind::AddrInUse => {
            Check::problem("admin-port", format!("{address} is in use, and not by a worker")).fix(fix)
        }
        _ => Check::problem("admin-port", format!("{address} can't be listened at: {error}")).fix(fix),
    }
}

/// Whether a worker's metrics are there.
fn is_worker(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let address = address.to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
        let mut stream = TcpStream::connect_timeout(&address, SOON)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_write_timeout(Some(SOON))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 4096];
        let mut len = 0;
        while len < answer.len() {
            match stream.read(&mut answer[len..])? {
                0 => break,
                read => len += read,
            }
        }
        Ok(String::from_utf8_lossy(&answer[..len]).into_owned())
    };
    ask().is_ok_and(|answer| answer.contains("\"ready\":") && answer.contains("\"kafka\":"))
}

fn cassandra() -> Option<Check> {
    let taken = TcpListener::bind(CASSANDRA).is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    let message = format!("{CASSANDRA} is in use: `veltrix cassandra` needs another port");
    taken.then(|| Check::warning("cassandra-port", message).fix("veltrix cassandra --port 0"))
}
