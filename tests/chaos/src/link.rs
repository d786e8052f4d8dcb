//! A TCP proxy between a client and a server, whose link can be made bad at will.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// What can be wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// Bytes take longer, both ways.
    Latency,
    /// Connections are reset, new ones are closed at once.
    Cut,
    /// Connections are accepted, and what is sent is swallowed. They are reset when it ends.
    HalfOpen,
    /// Nothing gets through; what was sent meanwhile arrives when it ends, however late that is.
    Stall,
    /// A trickle gets through.
    Slow,
    /// Every second connection stalls, the others do not: a client's requests overtake each other.
    Uneven,
}

impl Trouble {
    /// What it means for a connection, by its number.
    fn of(trouble: Option<Self>, connection: usize) -> Option<Self> {
        match trouble {
            Some(Self::Uneven) if connection.is_multiple_of(2) => None,
            Some(Self::Uneven) => Some(Self::Stall),
            other => other,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Latency => "latency",
            Self::Cut => "cut",
            Self::HalfOpen => "half-open",
            Self::Stall => "stalled",
            Self::Slow => "slow",
            Self::Uneven => "uneven",
        })
    }
}

const LATENCY: Duration = Duration::from_millis(150);
/// Bytes and pause of a trickle: about 8 KiB a second.
const TRICKLE: (usize, Duration) = (400, Duration::from_millis(50));
const BUFFER: usize = 16 << 10;

/// A listening proxy; ends with its runtime.
#[derive(Debug, Clone)]
pub struct Link {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Where it leads; none until that is known.
    target: Mutex<Option<SocketAddr>>,
    trouble: watch::Sender<Option<Trouble>>,
}

impl Link {
    /// Listens on a free port of loopback. Connections are closed until [`lead_to`](Self::lead_to) says where they go.
    ///
    /// # Errors
    /// No port can be had.
    pub fn listen(runtime: &Handle) -> Result<Self> {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).context("a port for a proxy")?;
        let port = listener.local_addr().context("the port of a proxy")?.port();
        let shared = Arc::new(Shared { target: Mutex::default(), trouble: watch::Sender::new(None) });
        runtime.spawn(accept(listener, shared.clone()));
        Ok(Self { port, shared })
    }

    /// Where clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same as `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sets where connections go.
    ///
    /// # Errors
    /// Not an address and a port.
    pub fn lead_to(&self, target: &str) -> Result<()> {
        let target = target.parse().with_context(|| format!("{target} as a target of a proxy"))?;
        *self.shared.target.lock().expect("no panic while held") = Some(target);
        Ok(())
    }

    /// Makes it bad, or good again.
    pub fn set(&self, trouble: Option<Trouble>) {
        self.shared.trouble.send_replace(trouble);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    number += 1;
                    connections.spawn(connection(client, number, shared.clone()));
                }
                Err(error) => {
                    eprintln!("proxy: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until an end closes or the link is cut.
async fn connection(client: TcpStream, number: usize, shared: Arc<Shared>) {
    let mut trouble = shared.trouble.subscribe();
    let target = *shared.target.lock().expect("no panic while held");
    let Some(target) = target else { return };
    // Behind a dead link the server is out of reach, whoever accepted.
    loop {
        let now = Trouble::of(*trouble.borrow_and_update(), number);
        match now {
            Some(Trouble::Cut) => return reset(&client),
            Some(Trouble::HalfOpen | Trouble::Stall) => {}
            Some(Trouble::Latency | Trouble::Slow | Trouble::Uneven) | None => break,
        }
        if trouble.changed().await.is_err() || now == Some(Trouble::HalfOpen) {
            return reset(&client);
        }
    }
    let Ok(server) = TcpStream::connect(target).await else { return reset(&client) };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // What ends one way ends both: a half-closed connection is of no use to these protocols.
    tokio::select! {
        () = carry(from_client, to_server, number, shared.trouble.subscribe()) => {}
        () = carry(from_server, to_client, number, shared.trouble.subscribe()) => {}
    }
}

/// Closes with a reset, as a firewall does.
fn reset(client: &TcpStream) {
    let _ = client.set_zero_linger();
}

/// Carries bytes one way until an end closes or the link fails.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    mut trouble: watch::Receiver<Option<Trouble>>,
) {
    let mut buffer = vec![0; BUFFER];
    // Bytes were swallowed: what follows would make no sense to the other end.
    let mut torn = false;
    loop {
        let now = Trouble::of(*trouble.borrow_and_update(), number);
        if now == Some(Trouble::Cut) || (torn && now != Some(Trouble::HalfOpen)) {
            return;
        }
        let most = if now == Some(Trouble::Slow) { TRICKLE.0 } else { BUFFER };
        let read = tokio::select! {
            read = from.read(&mut buffer[..most]) => read,
            changed = trouble.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let arrived = Instant::now();
        let Ok(1..) = read else { return };
        let bytes = &buffer[..read.expect("it was read")];
        loop {
            let state = Trouble::of(*trouble.borrow_and_update(), number);
            let wait = match state {
                Some(Trouble::Cut) => return,
                Some(Trouble::HalfOpen) => {
                    torn = true;
                    break;
                }
                Some(Trouble::Stall | Trouble::Uneven) => {
                    if trouble.changed().await.is_err() {
                        return;
                    }
                    continue;
                }
                Some(Trouble::Latency) => arrived + LATENCY,
                Some(Trouble::Slow) => arrived + TRICKLE.1,
                None => arrived,
            };
            tokio::select! {
                () = sleep_until(wait) => {
                    if to.write_all(bytes).await.is_err() {
                        return;
                    }
                    break;
                }
                changed = trouble.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net;
    use std::time::Duration;

    use super::*;

    /// A server that sends back what it gets, and a link to it.
    fn echo() -> (tokio::runtime::Runtime, Link) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let link = Link::listen(runtime.handle()).unwrap();
        let server = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        link.lead_to(&server.local_addr().unwrap().to_string()).unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = server.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        (runtime, link)
    }

    fn client(link: &Link) -> net::TcpStream {
        let client = net::TcpStream::connect(link.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
        client
    }

    fn ask(client: &mut net::TcpStream) -> Result<[u8; 5], ErrorKind> {
        let mut answer = [0; 5];
        client.write_all(b"hello").and_then(|()| client.read_exact(&mut answer)).map_err(|error| error.kind())?;
        Ok(answer)
    }

    #[test]
    fn a_good_link_passes_bytes_and_a_slow_one_later() {
        let (_runtime, link) = echo();
        let mut client = client(&link);
        assert_eq!(ask(&mut client), Ok(*b"hello"));
        link.set(Some(Trouble::Latency));
        let begun = std::time::Instant::now();
        assert_eq!(ask(&mut client), Ok(*b"hello"));
        assert!(begun.elapsed() >= LATENCY * 2, "{:?}", begun.elapsed());
        link.set(Some(Trouble::Slow));
        assert_eq!(ask(&mut client), Ok(*b"hello"));
    }

    #[test]
    fn a_cut_link_ends_connections_and_refuses_new_ones() {
        let (_runtime, link) = echo();
        let mut old = client(&link);
        assert_eq!(ask(&mut old), Ok(*b"hello"));
        link.set(Some(Trouble::Cut));
        assert!(!matches!(ask(&mut old), Ok(_) | Err(ErrorKind::WouldBlock)));
        assert!(!matches!(ask(&mut client(&link)), Ok(_) | Err(ErrorKind::WouldBlock)));
        link.set(None);
        assert_eq!(ask(&mut client(&link)), Ok(*b"hello"));
    }

    #[test]
    fn a_half_open_link_accepts_and_swallows_and_then_resets() {
        let (_runtime, link) = echo();
        let mut old = client(&link);
        assert_eq!(ask(&mut old), Ok(*b"hello"));
        link.set(Some(Trouble::HalfOpen));
        assert_eq!(ask(&mut old), Err(ErrorKind::WouldBlock));
        assert_eq!(ask(&mut client(&link)), Err(ErrorKind::WouldBlock));
        link.set(None);
        assert!(!matches!(ask(&mut old), Ok(_) | Err(ErrorKind::WouldBlock)));
        assert_eq!(ask(&mut client(&link)), Ok(*b"hello"));
    }

    #[test]
    fn an_uneven_link_stalls_every_second_connection() {
        let (_runtime, link) = echo();
        let mut clients = [client(&link), client(&link)];
        for client in &mut clients {
            assert_eq!(ask(client), Ok(*b"hello"));
        }
        link.set(Some(Trouble::Uneven));
        assert_eq!(clients.each_mut().map(ask), [Err(ErrorKind::WouldBlock), Ok(*b"hello")]);
    }

    #[test]
    fn a_stalled_link_delivers_late() {
        let (_runtime, link) = echo();
        let mut client = client(&link);
        assert_eq!(ask(&mut client), Ok(*b"hello"));
        link.set(Some(Trouble::Stall));
        assert_eq!(ask(&mut client), Err(ErrorKind::WouldBlock));
        link.set(None);
        let mut late = [0; 5];
        client.read_exact(&mut late).unwrap();
        assert_eq!(&late, b"hello");
    }
}
