//! Measures the embedded server: pairs of a write and a read per second over the protocol, beside any other server; memory
//! per row; time to start.
//!
//! `cargo run --release -p veltrix-cassandra --example measure -- pairs [HOST:PORT …] | memory | start`

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::prepared::PreparedStatement;
use veltrix_cassandra::{Bound, Consistency, Engine, Parameters, Server, System};

/// A Java server is slow until it is warm.
const WARM_UP: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(10);
const IN_FLIGHT: usize = 64;
const KEYS: u64 = 100_000;
const ROWS: i32 = 1_000_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(verb, rest)| (verb.as_str(), rest)) {
        Some(("serve", [])) => serve().await,
        Some(("pairs", others)) => pairs(others).await,
        Some(("memory", [])) => memory(),
        Some(("memory-of", [key])) => memory_of(key),
        Some(("start", [])) => start(),
        _ => Err("pairs [HOST:PORT …] | memory | start".into()),
    }
}

async fn serve() -> Result<(), Failure> {
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
    println!("{}", server.address());
    server.run(std::future::pending()).await;
    Ok(())
}

/// The embedded server in a process of its own, ended with this value.
struct Embedded {
    process: Child,
    address: SocketAddr,
}

impl Embedded {
    fn start() -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(Self { process, address: line.trim().parse()? })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn pairs(others: &[String]) -> Result<(), Failure> {
    let embedded = Embedded::start()?;
    let address = embedded.address.to_string();
    println!("embedded: {:.0} pairs/s", rate(&address).await?);
    println!("embedded: {} KiB resident with {KEYS} rows", resident(embedded.process.id())?);
    for other in others {
        println!("{other}: {:.0} pairs/s", rate(other).await?);
    }
    Ok(())
}

/// Pairs per second with [`IN_FLIGHT`] under way.
async fn rate(address: &str) -> Result<f64, Failure> {
    let session = Arc::new(SessionBuilder::new().known_node(address).build().await?);
    let class = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    session.query_unpaged("DROP KEYSPACE IF EXISTS veltrix_measure", ()).await?;
    session.query_unpaged(format!("CREATE KEYSPACE veltrix_measure WITH replication = {class}"), ()).await?;
    session.query_unpaged("CREATE TABLE veltrix_measure.t (k bigint PRIMARY KEY, v text)", ()).await?;
    let write = session.prepare("INSERT INTO veltrix_measure.t (k, v) VALUES (?, ?)").await?;
    let read = session.prepare("SELECT v FROM veltrix_measure.t WHERE k = ?").await?;
    let (done, next) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        tasks.spawn(endless(session.clone(), write.clone(), read.clone(), next.clone(), done.clone()));
    }
    tokio::time::sleep(WARM_UP).await;
    let (before, begun) = (done.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let rate = (done.load(Ordering::Relaxed) - before) as f64 / begun.elapsed().as_secs_f64();
    if let Some(ended) = tasks.try_join_next() {
        ended??;
    }
    tasks.shutdown().await;
    session.query_unpaged("DROP KEYSPACE veltrix_measure", ()).await?;
    Ok(rate)
}

async fn endless(
    session: Arc<Session>,
    write: PreparedStatement,
    read: PreparedStatement,
    next: Arc<AtomicU64>,
    done: Arc<AtomicU64>,
) -> Result<(), Failure> {
    loop {
        let key = (next.fetch_add(1, Ordering::Relaxed).wrapping_mul(7919) % KEYS) as i64;
        let value = format!("the value of {key}");
        session.execute_unpaged(&write, (key, &value)).await?;
        let rows = session.execute_unpaged(&read, (key,)).await?.into_rows_result()?;
        if rows.single_row::<(String,)>()?.0 != value {
            return Err(format!("another value was read of {key}").into());
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Each shape in a process of its own: what one has freed the next would use again.
fn memory() -> Result<(), Failure> {
    for (shape, key) in
        [("a partition each", "(k, c)"), ("100 in a partition", "k, c"), ("all in one partition", "v, c")]
    {
        print!("{shape}: ");
        std::io::stdout().flush()?;
        if !Command::new(std::env::current_exe()?).args(["memory-of", key]).status()?.success() {
            return Err("the measuring process failed".into());
        }
    }
    Ok(())
}

/// Bytes per row of a table of small rows with this primary key.
fn memory_of(key: &str) -> Result<(), Failure> {
    let engine = Engine::new(System::default());
    let run = |text: &str| engine.query(text, &parameters(Vec::new())).map(|_| ());
    run("CREATE KEYSPACE m WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")?;
    run(&format!("CREATE TABLE m.t (k int, c int, v text, w text, PRIMARY KEY ({key}))"))?;
    let insert = engine.prepare("INSERT INTO m.t (k, c, v, w) VALUES (?, ?, ?, ?)", None)?;
    let before = resident(std::process::id())?;
    let begun = Instant::now();
    for row in 0..ROWS {
        let int = |value: i32| Bound::Value(value.to_be_bytes().to_vec().into());
        let values = vec![int(row / 100), int(row), Bound::Value("v".into()), Bound::Value("sixteen bytes...".into())];
        engine.execute(insert.id, &parameters(values))?;
    }
    let (elapsed, after) = (begun.elapsed(), resident(std::process::id())?);
    let per_row = (after - before) as f64 * 1024.0 / f64::from(ROWS);
    println!("{per_row:.0} bytes a row, 25 of them data; {elapsed:.1?} for {ROWS} rows");
    Ok(())
}

fn parameters(values: Vec<Bound>) -> Parameters {
    Parameters { values, ..Parameters::new(Consistency(1)) }
}

/// From the start of the process to the answer of the first request.
fn start() -> Result<(), Failure> {
    for _ in 0..5 {
        let begun = Instant::now();
        let embedded = Embedded::start()?;
        let mut client = TcpStream::connect(embedded.address)?;
        client.write_all(&[4, 0, 0, 0, 5, 0, 0, 0, 0])?;
        client.read_exact(&mut [0; 9])?;
        println!("{:.1?} to the first answer, {} KiB resident", begun.elapsed(), resident(embedded.process.id())?);
    }
    Ok(())
}

/// KiB of a process in memory.
fn resident(process: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
