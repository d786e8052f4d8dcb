//! The servers of a run, and the links that everybody reaches them by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use veltrix_tests::{OwnServers, Server};

use crate::link::Link;
use crate::settings::WORKERS;

/// Own servers, as they are bounced; a link of each worker to each of them, and one of the producer.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) servers: OwnServers,
    /// To Kafka, a worker each.
    pub(crate) kafka: Vec<Link>,
    /// To Cassandra, a worker each.
    pub(crate) cassandra: Vec<Link>,
    /// Of the producer to Kafka.
    pub(crate) producer: Link,
    /// Of the links.
    runtime: Runtime,
}

/// Whether somebody wants the run to end: then it does so in an orderly way, with a verdict and without leaving servers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interruption(Arc<AtomicBool>);

impl Interruption {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Cluster {
    pub(crate) fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("links").enable_all().build()?;
        let links = |count| (0..count).map(|_| Link::listen(runtime.handle())).collect::<Result<Vec<_>>>();
        let (mut kafka, cassandra) = (links(WORKERS + 1)?, links(WORKERS)?);
        // The broker sends clients back to where they came through, so it has to know the ports first.
        let ports: Vec<u16> = kafka.iter().map(Link::port).collect();
        let servers = OwnServers::start_linked(&[Server::Kafka, Server::Cassandra], &ports);
        for link in &kafka {
            link.lead_to(&servers.link(link.port()))?;
        }
        for link in &cassandra {
            link.lead_to(servers.cassandra_address())?;
        }
        let producer = kafka.pop().expect("there is one more than workers");
        Ok(Self { servers, kafka, cassandra, producer, runtime })
    }

    /// Set by SIGTERM.
    pub(crate) fn interruption(&self) -> Interruption {
        let interruption = Interruption::default();
        let told = interruption.clone();
        self.runtime.spawn(async move {
            if let Ok(mut terminate) = signal(SignalKind::terminate()) {
                terminate.recv().await;
                eprintln!("no further faults: ending");
                told.0.store(true, Ordering::Relaxed);
            }
        });
        interruption
    }
}
