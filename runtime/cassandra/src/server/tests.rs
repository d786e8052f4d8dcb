//! The server over its socket: what holds for any client, without one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::Server;

/// A server that runs until it is dropped.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<Runtime>,
    done: Option<tokio::task::JoinHandle<()>>,
}

impl Running {
    fn start() -> Self {
        Self::limited(super::MAX_CONNECTIONS)
    }

    fn limited(max_connections: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut server = runtime.block_on(Server::bind(([127, 0, 0, 1], 0).into())).unwrap();
        server.max_connections = max_connections;
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let done = runtime.spawn(server.run(async { drop(stopped.await) }));
        Self { address, stop: Some(stop), runtime: Some(runtime), done: Some(done) }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client(stream)
    }

    /// Stops and waits until it has.
    fn stop(&mut self) {
        drop(self.stop.take());
        let (runtime, done) = (self.runtime.take().unwrap(), self.done.take().unwrap());
        runtime.block_on(done).unwrap();
    }
}

struct Client(TcpStream);

impl Client {
    fn send(&mut self, version: u8, stream: u8, opcode: u8, body: &[u8]) {
        let length = (body.len() as u32).to_be_bytes();
        let header = [version, 0, 0, stream, opcode, length[0], length[1], length[2], length[3]];
        self.0.write_all(&[&header, body].concat()).unwrap();
    }

    fn startup(&mut self) {
        self.send(4, 0, 1, b"\0\x01\0\x0bCQL_VERSION\0\x053.0.0");
        assert_eq!(self.receive(), (4, 0, 2, Vec::new()));
    }

    fn query(&mut self, stream: u8, text: &str) {
        let length = (text.len() as u32).to_be_bytes();
        self.send(4, stream, 7, &[&length[..], text.as_bytes(), &[0, 1, 0]].concat());
    }

    /// Version, stream, opcode and body.
    fn receive(&mut self) -> (u8, u8, u8, Vec<u8>) {
        let mut header = [0; 9];
        self.0.read_exact(&mut header).unwrap();
        let mut body = vec![0; u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize];
        self.0.read_exact(&mut body).unwrap();
        (header[0] & 0x7f, header[3], header[4], body)
    }

    /// The code and the text of an error.
    fn error(&mut self) -> (u32, String) {
        let (_, _, opcode, body) = self.receive();
        assert_eq!(opcode, 0);
        (u32::from_be_bytes([body[0], body[1], body[2], body[3]]), String::from_utf8_lossy(&body[6..]).into_owned())
    }

    fn closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0; 1]), Ok(0) | Err(_))
    }
}

#[test]
fn an_unknown_version_is_told_those_there_are() {
    let server = Running::start();
    for version in [2, 3, 6, 0x42] {
        let mut client = server.connect();
        client.send(version, 0, 5, &[]);
        let (code, message) = client.error();
        assert_eq!(code, 0x0a);
        assert!(message.ends_with("supported versions are (4/v4, 5/v5)"), "{message}");
        assert!(client.closed());
    }
}

#[test]
fn options_come_before_startup_and_nothing_else_does() {
    let server = Running::start();
    for version in [4, 5] {
        let mut client = server.connect();
        client.send(version, 1, 5, &[]);
        let (answered, stream, opcode, body) = client.receive();
        assert_eq!((answered, stream, opcode), (version, 1, 6));
        assert!(String::from_utf8_lossy(&body).contains("PROTOCOL_VERSIONS"));
        client.send(version, 2, 11, &[0, 0]);
        assert_eq!(client.error(), (0x0a, "Unexpected message REGISTER, expecting STARTUP or OPTIONS".to_owned()));
    }
    let mut client = server.connect();
    client.startup();
    client.send(4, 1, 1, b"\0\x01\0\x0bCQL_VERSION\0\x053.0.0");
    assert!(client.error().1.contains("already initialized"));
}

#[test]
fn a_bad_body_costs_no_connection_and_a_bad_frame_does() {
    let server = Running::start();
    let mut client = server.connect();
    client.startup();
    client.send(4, 9, 7, &[0, 0, 0, 99]);
    assert_eq!(client.error().0, 0x0a);
    client.send(4, 10, 5, &[]);
    assert_eq!(client.receive().1, 10);
    client.0.write_all(&[0x84; 9]).unwrap();
    assert_eq!(client.error().0, 0x0a);
    assert!(client.closed());
}

#[test]
fn requests_sent_together_are_answered_in_order_under_their_streams() {
    let server = Running::start();
    let mut client = server.connect();
    client.startup();
    for stream in (0..200).rev() {
        client.query(stream, "NO SUCH STATEMENT");
    }
    for stream in (0..200).rev() {
        let (_, answered, opcode, _) = client.receive();
        assert_eq!((answered, opcode), (stream, 0));
    }
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let server = Running::limited(3);
    let mut clients = [server.connect(), server.connect(), server.connect()];
    clients.iter_mut().for_each(Client::startup);
    let mut refused = server.connect();
    let (code, message) = refused.error();
    assert_eq!(code, 0x1001);
    assert!(message.contains("Too many connections"), "{message}");
    clients[1].send(4, 7, 5, &[]);
    assert_eq!(clients[1].receive().1, 7);
}

#[test]
fn a_stop_answers_what_was_asked_and_closes() {
    let mut server = Running::start();
    let mut client = server.connect();
    client.startup();
    let address = server.address;
    server.stop();
    assert!(client.closed());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn changes_of_the_schema_are_told_to_those_who_registered() {
    let server = Running::start();
    let [mut watching, mut other, mut changing] = [server.connect(), server.connect(), server.connect()];
    [&mut watching, &mut other, &mut changing].into_iter().for_each(Client::startup);
    watching.send(4, 1, 11, b"\0\x02\0\x0dSTATUS_CHANGE\0\x0dSCHEMA_CHANGE");
    assert_eq!(watching.receive().2, 2);
    changing.query(1, "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    assert_eq!(changing.receive(), (4, 1, 8, b"\0\0\0\x05\0\x07CREATED\0\x08KEYSPACE\0\x02ks".to_vec()));
    assert_eq!(watching.receive(), (4, 0xff, 12, b"\0\x0dSCHEMA_CHANGE\0\x07CREATED\0\x08KEYSPACE\0\x02ks".to_vec()));
    changing.query(2, "USE ks");
    assert_eq!(changing.receive(), (4, 2, 8, b"\0\0\0\x03\0\x02ks".to_vec()));
    changing.query(3, "CREATE TABLE t (k int PRIMARY KEY)");
    assert_eq!(watching.receive().3, b"\0\x0dSCHEMA_CHANGE\0\x07CREATED\0\x05TABLE\0\x02ks\0\x01t");
    other.send(4, 9, 5, &[]);
    assert_eq!(other.receive().1, 9, "who did not register is told nothing");
}
