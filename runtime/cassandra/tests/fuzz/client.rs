//! A server in this process, and just enough of a client to throw bytes at it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use veltrix_cassandra::Server;

/// Longest that the server may leave a client without an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that keeps to the protocol, v4.
pub(crate) struct Client {
    stream: Option<TcpStream>,
}

/// An envelope that came.
#[derive(Debug)]
pub(crate) struct Answer {
    opcode: u8,
    body: Vec<u8>,
}

impl Answer {
    /// The code, if it is an error.
    pub(crate) fn code(&self) -> Option<i32> {
        (self.opcode == 0).then(|| i32::from_be_bytes(self.body[..4].try_into().expect("errors have a code")))
    }
}

impl Client {
    /// The one of this process.
    pub(crate) fn shared() -> MutexGuard<'static, Self> {
        static SHARED: Mutex<Client> = Mutex::new(Client { stream: None });
        SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Sends an envelope and reads one.
    pub(crate) fn ask(&mut self, envelope: &[u8]) -> std::io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let mut stream = connect();
                stream.write_all(&startup(4, false))?;
                assert_eq!(read(&mut stream)?.opcode, 2, "the server is ready");
                stream
            }
        };
        stream.write_all(envelope)?;
        let answer = read(&mut stream)?;
        // Kept only if all went well: after an error it may be closed.
        self.stream = Some(stream);
        Ok(answer)
    }
}

/// Makes the keyspace in which statements of the corpus run, again and empty.
pub(crate) fn prepare_keyspace() {
    let mut client = Client::shared();
    for text in [
        "DROP KEYSPACE IF EXISTS fuzz",
        "DROP KEYSPACE IF EXISTS fuzz2",
        "DROP KEYSPACE IF EXISTS fuzz3",
        "CREATE KEYSPACE fuzz WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "USE fuzz",
        "CREATE TYPE u (a int, b text)",
        "CREATE TABLE t (p int, c int, v int, w text, s int STATIC, l list<int>, m map<text, int>, st set<int>, ut u, PRIMARY KEY (p, c))",
        "CREATE TABLE k (k int PRIMARY KEY, v int, f frozen<list<int>>, t tuple<int, int>)",
        "CREATE TABLE n (p int, c int, n counter, PRIMARY KEY (p, c))",
        "INSERT INTO t (p, c, v, w, s, l, m, st, ut) VALUES (1, 1, 1, 'a', 1, [1, 2], {'a': 1}, {1, 2}, {a: 1, b: 'x'})",
    ] {
        let answer = client.ask(&query(text)).expect("the server answers");
        assert_eq!(answer.code(), None, "{text}: {}", String::from_utf8_lossy(&answer.body));
    }
}

/// Sends all, and reads until the server has no more to say or hangs up.
pub(crate) fn throw(bytes: &[u8]) {
    let mut stream = connect();
    // It may hang up in between: that is an answer too.
    if stream.write_all(bytes).is_ok() && stream.shutdown(Shutdown::Write).is_ok() {
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the server neither answers nor hangs up")
            }
        }
    }
}

/// STARTUP of a version.
pub(crate) fn startup(version: u8, compressed: bool) -> Vec<u8> {
    let string =
        |text: &str| [&u16::try_from(text.len()).expect("a short text").to_be_bytes(), text.as_bytes()].concat();
    let mut options = vec![string("CQL_VERSION"), string("3.0.0")];
    if compressed {
        options.extend([string("COMPRESSION"), string("lz4")]);
    }
    let count = if compressed { [0, 2] } else { [0, 1] };
    envelope(version, 1, &[&count[..], &options.concat()].concat())
}

/// QUERY with a text.
pub(crate) fn query(text: &str) -> Vec<u8> {
    frame(4, 0, text)
}

/// A request of one of several kinds with a statement.
pub(crate) fn frame(version: u8, kind: u8, text: &str) -> Vec<u8> {
    let long = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat();
    let text = long(text.as_bytes());
    match kind {
        0 => envelope(version, 7, &[&text[..], &[0, 1, 0]].concat()),
        1 => envelope(version, 9, &text),
        // Values, page size, serial consistency and timestamp.
        2 => envelope(
            version,
            7,
            &[&text[..], &[0, 1, 0x35, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 255, 255, 255, 254, 0, 0, 0, 5, 0, 8], &[1; 8]]
                .concat(),
        ),
        3 => envelope(version, 13, &[&[0, 0, 1, 0][..], &text, &[0, 1, 0, 0, 0, 0, 0, 1, 0]].concat()),
        4 => envelope(version, 10, &[&[0, 16][..], &[7; 16], &[0, 1, 1, 0, 0]].concat()),
        _ => envelope(version, 11, &[&[0, 1, 0, 13][..], b"SCHEMA_CHANGE"].concat()),
    }
}

fn envelope(version: u8, opcode: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&[version, 0, 0, 1, opcode], &length[..], body].concat()
}

fn read(stream: &mut TcpStream) -> std::io::Result<Answer> {
    let mut header = [0; 9];
    stream.read_exact(&mut header)?;
    let length = u32::from_be_bytes(header[5..].try_into().expect("four bytes"));
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body)?;
    Ok(Answer { opcode: header[4], body })
}

fn connect() -> TcpStream {
    let stream = TcpStream::connect(address()).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket takes a time-out");
    stream.set_nodelay(true).expect("a socket takes options");
    stream
}

fn address() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime starts").block_on(async move {
                let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port is free");
                tell.send(server.address()).expect("somebody waits for it");
                server.run(std::future::pending()).await;
            });
        });
        told.recv().expect("the server has an address")
    })
}
