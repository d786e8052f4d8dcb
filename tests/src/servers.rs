//! Kafka and Cassandra for tests: those named by the environment, else one pair that all tests of this tree share.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock};

use crate::{Cassandra, Kafka, build};

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Apache Kafka.
    Kafka,
    /// Apache Cassandra.
    Cassandra,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Cassandra => "cassandra",
        }
    }
}

/// Addresses (`host:port`) of the servers that every test shares; started at first use.
///
/// `VELTRIX_KAFKA` and `VELTRIX_CASSANDRA` name running ones. Else the servers under `target/servers` are used, and left
/// running for the next test process; the test command ends them, and so does `deploy/local/servers down --dir target/servers`.
pub fn servers() -> &'static Servers {
    static SHARED: OnceLock<Servers> = OnceLock::new();
    SHARED.get_or_init(|| {
        let named = |variable| std::env::var(variable).ok().filter(|value: &String| !value.is_empty());
        let (kafka, cassandra) = (named("VELTRIX_KAFKA"), named("VELTRIX_CASSANDRA"));
        let mut shared =
            Servers { directory: build::target().join("servers"), kafka, cassandra, links: Vec::new(), durable: false };
        for server in [Server::Kafka, Server::Cassandra] {
            if shared.slot(server).is_none() {
                shared.start(server);
            }
        }
        shared
    })
}

/// A pair of servers, or one of them.
#[derive(Debug)]
pub struct Servers {
    directory: PathBuf,
    kafka: Option<String>,
    cassandra: Option<String>,
    /// Ports of links to Kafka: see [`OwnServers::start_linked`].
    links: Vec<u16>,
    /// Killed servers lose nothing that they acknowledged.
    durable: bool,
}

impl Servers {
    /// `host:port` of the broker.
    pub fn kafka_address(&self) -> &str {
        self.kafka.as_deref().expect("this test asked for Kafka")
    }

    /// `host:port` of the node.
    pub fn cassandra_address(&self) -> &str {
        self.cassandra.as_deref().expect("this test asked for Cassandra")
    }

    /// A client of the broker.
    pub fn kafka(&self) -> Kafka {
        Kafka::new(self.kafka_address())
    }

    /// A client of the node.
    pub fn cassandra(&self) -> Cassandra {
        Cassandra::connect(self.cassandra_address())
    }

    fn start(&mut self, server: Server) {
        let mut arguments: Vec<String> = ["up", "--output", "env", "--only", server.name()].map(String::from).into();
        if self.durable {
            arguments.push("--durable".to_owned());
        }
        if server == Server::Kafka {
            arguments.extend(self.links.iter().flat_map(|link| ["--kafka-link".to_owned(), link.to_string()]));
        }
        let output = self.script(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let address = output.lines().find_map(|line| line.split_once('=')).expect("`servers up` prints an address").1;
        *self.slot(server) = Some(address.to_owned());
    }

    fn slot(&mut self, server: Server) -> &mut Option<String> {
        match server {
            Server::Kafka => &mut self.kafka,
            Server::Cassandra => &mut self.cassandra,
        }
    }

    fn script(&self, arguments: &[&str]) -> String {
        let output = Command::new(build::root().join("deploy/local/servers"))
            .args(arguments)
            .arg("--dir")
            .arg(&self.directory)
            .stdin(Stdio::null())
            .output()
            .expect("deploy/local/servers runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "servers {}: {errors}", arguments.join(" "));
        String::from_utf8(output.stdout).expect("`servers` prints UTF-8")
    }
}

/// Servers of one test alone, to be bounced at will; ended and forgotten when dropped.
#[derive(Debug)]
pub struct OwnServers {
    servers: Servers,
    /// They are too heavy to have several pairs at once.
    _turn: MutexGuard<'static, ()>,
}

impl OwnServers {
    /// Starts these and waits until they answer. Waits its turn until no other test of this process has servers of its own.
    pub fn start_all(which: &[Server]) -> Self {
        Self::start_linked(which, &[])
    }

    /// The same; Kafka has a listener more for each of `links`, whose clients are told to come back through that port of
    /// a proxy. [`link`](Self::link) says where the proxy has to lead. Servers with links are there to be killed, so they
    /// lose nothing by it that they acknowledged.
    pub fn start_linked(which: &[Server], links: &[u16]) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let directory = build::target().join("servers-own").join(crate::unique("s"));
        let mut own = Self {
            servers: Servers {
                directory,
                kafka: None,
                cassandra: None,
                links: links.to_vec(),
                durable: !links.is_empty(),
            },
            _turn: turn,
        };
        for &server in which {
            own.start(server);
        }
        own
    }

    /// Starts a server (again, on the same port with the same data) and waits until it answers.
    pub fn start(&mut self, server: Server) {
        self.servers.start(server);
    }

    /// Where a proxy on the port of this link has to lead: `host:port`.
    pub fn link(&self, port: u16) -> String {
        let output = self.servers.script(&["status", "--output", "env", "--only", "kafka"]);
        let prefix = format!("VELTRIX_KAFKA_LINK_{port}=");
        output.lines().find_map(|line| line.strip_prefix(&prefix)).expect("kafka was started with this link").to_owned()
    }

    /// Ends a server; its data stays.
    pub fn stop(&self, server: Server) {
        self.servers.script(&["stop", server.name()]);
    }

    /// The same without a warning to it.
    pub fn kill(&self, server: Server) {
        self.servers.script(&["kill", server.name()]);
    }
}

impl std::ops::Deref for OwnServers {
    type Target = Servers;

    fn deref(&self) -> &Servers {
        &self.servers
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        self.servers.script(&["down", "--wipe"]);
        // Only the lock file is left, and losing it or keeping it is all one.
        let _ = std::fs::remove_dir_all(&self.servers.directory);
    }
}
