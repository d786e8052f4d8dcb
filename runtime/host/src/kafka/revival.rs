//! Clients that have lost every broker that they knew.
//!
//! A broker that begins or ends may answer that its cluster has no brokers. librdkafka (2.10 to 2.15 at least) then lets go
//! of all that it knows, and should begin anew at `bootstrap.servers`. If it loses its connection just then, it calls that
//! off again and for good (librdkafka#5301): the client stays silent for ever, while the worker's others go on. So a client
//! that says that all brokers are down is told of them a few times more; one that knows them takes no notice.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::bindings as sys;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// How long the client has to help itself.
const FIRST: Duration = Duration::from_secs(1);
/// Longest pause between two times.
const MOST: Duration = Duration::from_secs(15);
/// So often after the last time that all were down.
const TIMES: u32 = 5;

/// Tells one client of its brokers again.
#[derive(Debug)]
pub struct Revival {
    brokers: CString,
    /// How often it still has to be told.
    left: AtomicU32,
    next: Mutex<Option<Next>>,
}

#[derive(Debug, Clone, Copy)]
struct Next {
    due: Instant,
    pause: Duration,
}

impl Revival {
    /// For a client that begins with these.
    pub fn new(brokers: &[String]) -> Self {
        // A name with a zero byte is none, and the client has refused it before.
        let brokers = CString::new(brokers.join(",")).unwrap_or_default();
        Self { brokers, left: AtomicU32::new(0), next: Mutex::default() }
    }

    /// The client reports an error.
    pub fn heard(&self, error: &KafkaError) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.suspect();
        }
    }

    /// The client does not answer.
    pub fn suspect(&self) {
        self.left.store(TIMES, Ordering::Relaxed);
    }

    /// Called as often as the client is polled.
    pub fn look<C: ClientContext>(&self, client: &Client<C>) {
        if self.left.load(Ordering::Relaxed) > 0 && self.is_due(Instant::now()) {
            // SAFETY: the client is alive as long as it is borrowed; the call may be made from any thread, and copies the text.
            unsafe { sys::rd_kafka_brokers_add(client.native_ptr(), self.brokers.as_ptr()) };
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut next = self.next.lock().expect("no panic while held");
        let Some(Next { due, pause }) = *next else {
            *next = Some(Next { due: now + FIRST, pause: FIRST });
            return false;
        };
        if now < due {
            return false;
        }
        let pause = (pause * 2).min(MOST);
        let goes_on = self.left.fetch_sub(1, Ordering::Relaxed) > 1;
        *next = goes_on.then_some(Next { due: now + pause, pause });
        true
    }
}

#[cfg(test)]
#[path = "revival_tests.rs"]
mod tests;
