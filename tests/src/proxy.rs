//! A proxy in front of Kafka that knows its frames: it can keep single answers from a client, whose requests got through.

use std::collections::HashMap;
use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A listening proxy. Clients that begin with it come back through it, as it stands in the broker's answers as the broker.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `host:port` of the broker.
    target: String,
    /// How the broker names itself, and what clients are told in its place.
    names: (Vec<u8>, Vec<u8>),
    /// Answers that are still to be kept, by the request's API key.
    keep: Mutex<HashMap<i16, usize>>,
    stop: AtomicBool,
}

impl Proxy {
    /// A proxy to the broker at `host:port`.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let (host, real) = target.rsplit_once(':').expect("host:port");
        let named = |port: u16| [host.as_bytes(), &i32::from(port).to_be_bytes()].concat();
        let names = (named(real.parse().expect("a port")), named(port));
        let shared = Shared { target: target.to_owned(), names, keep: Mutex::default(), stop: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.stop.load(Ordering::Relaxed) {
                    return;
                }
                join(client, &accepting);
            }
        });
        Self { port, shared }
    }

    /// `host:port` for clients: the host is the broker's, which has to be this machine.
    pub fn address(&self) -> String {
        let (host, _) = self.shared.target.rsplit_once(':').expect("host:port");
        format!("{host}:{}", self.port)
    }

    /// Keeps the next `count` answers to requests with this API key.
    pub fn keep_answers(&self, api: i16, count: usize) {
        *self.shared.keep().entry(api).or_default() += count;
    }

    /// How many answers are still to be kept.
    pub fn left(&self) -> usize {
        self.shared.keep().values().sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Lets the listener look.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn keep(&self) -> std::sync::MutexGuard<'_, HashMap<i16, usize>> {
        self.keep.lock().expect("no panic while held")
    }

    /// Whether this answer is one to be kept.
    fn keeps(&self, api: i16) -> bool {
        let mut keep = self.keep();
        let Some(left) = keep.get_mut(&api).filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }
}

/// Carries frames both ways until one side closes.
fn join(client: TcpStream, shared: &Arc<Shared>) {
    let Ok(server) = TcpStream::connect(&shared.target) else { return };
    let ends = || Some((client.try_clone().ok()?, server.try_clone().ok()?));
    let (Some(up), Some(down)) = (ends(), ends()) else { return };
    // API keys of requests by their correlation ids.
    let asked: Arc<Mutex<HashMap<[u8; 4], i16>>> = Arc::default();
    let requests = asked.clone();
    std::thread::spawn(move || {
        let (client, server) = up;
        carry(&client, &server, |frame| {
            let api = i16::from_be_bytes([frame[4], frame[5]]);
            requests.lock().expect("no panic while held").insert(id(&frame[8..]), api);
            true
        });
    });
    let shared = shared.clone();
    std::thread::spawn(move || {
        let (client, server) = down;
        carry(&server, &client, |frame| {
            let api = asked.lock().expect("no panic while held").remove(&id(&frame[4..]));
            let (real, ours) = &shared.names;
            while let Some(at) = frame.windows(real.len()).position(|bytes| bytes == real) {
                frame[at..at + ours.len()].copy_from_slice(ours);
            }
            !api.is_some_and(|api| shared.keeps(api))
        });
    });
}

fn id(bytes: &[u8]) -> [u8; 4] {
    bytes[..4].try_into().expect("a frame has a header")
}

/// Carries the frames that `passes` lets through, each with its length in front.
fn carry(mut from: &TcpStream, mut to: &TcpStream, mut passes: impl FnMut(&mut [u8]) -> bool) {
    let mut next = || -> Result<()> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let mut frame = length.to_vec();
        frame.resize(4 + u32::from_be_bytes(length) as usize, 0);
        from.read_exact(&mut frame[4..])?;
        if passes(&mut frame) { to.write_all(&frame) } else { Ok(()) }
    };
    while next().is_ok() {}
    // Either side may be gone already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
