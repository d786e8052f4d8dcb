//! The two servers that are compared.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use veltrix_cassandra::Server;

/// `host:port` of a real Cassandra: the one that `VELTRIX_CASSANDRA` names, else the one under `target/servers`, which is
/// started if it does not run, and left running for the next test process; the test command ends it.
pub(crate) fn real() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| named("VELTRIX_CASSANDRA").unwrap_or_else(start))
}

/// `host:port` of the embedded one, which lives in this process, or of another that `VELTRIX_EMBEDDED` names: to compare
/// a server of a process of its own, or the real one with itself.
pub(crate) fn embedded() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| named("VELTRIX_EMBEDDED").unwrap_or_else(embed))
}

/// Names for a keyspace on either server: as long, so that one can stand for the other.
pub(crate) fn keyspaces() -> [String; 2] {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    ["a", "b"].map(|side| format!("corpus_{:x}_{number:04}{side}", since.as_micros()))
}

/// What creates a keyspace of a test.
pub(crate) fn create(keyspace: &str) -> String {
    format!("CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
}

fn named(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// Serves on a port of its own until the process ends.
fn embed() -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime starts").block_on(async move {
            let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port is free");
            tell.send(server.address().to_string()).expect("somebody waits for it");
            server.run(std::future::pending()).await;
        });
    });
    told.recv().expect("the server has an address")
}

fn start() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies in runtime/");
    let output = Command::new(root.join("deploy/local/servers"))
        .args(["up", "--output", "env", "--only", "cassandra", "--dir"])
        .arg(target().join("servers"))
        .stdin(Stdio::null())
        .output()
        .expect("deploy/local/servers runs");
    assert!(output.status.success(), "servers up: {}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8(output.stdout).expect("`servers` prints UTF-8");
    let address = output.lines().find_map(|line| line.strip_prefix("VELTRIX_CASSANDRA="));
    address.expect("`servers up` prints an address").to_owned()
}

/// This test lies in target/PROFILE/deps.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a process knows its own path");
    own.ancestors().nth(3).expect("a test lies in target/PROFILE/deps").to_owned()
}
