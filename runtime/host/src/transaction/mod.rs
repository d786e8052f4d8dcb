//! Exactly-once: emits, dead letters and consumed offsets of a binding in transactions of its own producer.
//!
//! The client's transactional calls wait for the broker, so a thread makes them ([`producer`]) and reports back. What is in
//! which transaction, and what becomes of it, the pipeline decides ([`Cycle`]).

mod client;
mod cycle;
mod kept;
mod producer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::error::KafkaError;
use tokio::sync::mpsc::UnboundedSender;
use tracing::error;

pub(crate) use client::Identity;
pub(crate) use cycle::{Cycle, Phase};
pub(crate) use kept::{Kept, Letter, Row};
pub(crate) use producer::Setup;

/// What the thread is told. Between [`Command::Flush`] and its answer, and so on, nothing else is asked of it.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send these records, in a new transaction if none is open.
    Emit(Arc<Kept>),
    /// Wait until all that was sent is acknowledged, or can't be.
    Flush,
    /// Add the offsets and commit; begins a transaction if none is open.
    Commit(TopicPartitionList),
    /// Take all back.
    Abort,
}

/// What the thread has to say.
#[derive(Debug)]
pub(crate) enum Report {
    /// The producer can begin transactions.
    Ready,
    /// All that was sent is acknowledged, and which generation of the group counts for it is fixed.
    Flushed,
    /// What was sent can't be committed. These outcomes can't be sent at all, and why.
    Broken { refused: Vec<(u64, String)>, reason: String },
    /// The transaction is committed.
    Committed,
    /// The transaction is over and nothing of it is seen.
    Aborted,
    /// The producer had to be made anew. `committed`, if a commit was under way: the group's offsets as they are now,
    /// which tell whether it happened.
    Anew { reason: String, committed: Option<TopicPartitionList> },
}

/// A binding's producer, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Transactions {
    commands: Sender<Command>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Transactions {
    /// Starts the thread. Kafka may be absent: it keeps trying.
    ///
    /// # Errors
    /// A property that the client refuses, or no thread.
    pub(crate) fn start(setup: Setup, reports: UnboundedSender<Report>) -> Result<Self, KafkaError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (commands, told) = std::sync::mpsc::channel();
        let thread = producer::Thread::new(setup, told, reports, stop.clone())?;
        let thread = std::thread::Builder::new()
            .name("transactions".into())
            .spawn(move || thread.run())
            .map_err(|error| KafkaError::ClientCreation(format!("transactions thread: {error}")))?;
        Ok(Self { commands, stop, thread: Some(thread) })
    }

    /// Tells the thread. One that has ended says so by closing its reports.
    pub(crate) fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Ends the thread, which takes back what is open; waits so long for it.
    pub(crate) async fn stop(mut self, limit: Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return };
        drop(self);
        match tokio::time::timeout(limit, tokio::task::spawn_blocking(move || thread.join())).await {
            Ok(Ok(Ok(()))) => {}
            Ok(_) => error!("the transactions thread panicked"),
            Err(_) => error!("a transaction was not ended in time: the broker ends it"),
        }
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod mock_tests;
