//! The lease of a binding on its partitions: how long the group certainly leaves them to this worker.
//!
//! A worker that was frozen past its session goes on where it stopped, with partitions that others have had for long. What
//! it holds is therefore only believed for a time after the group has last taken a commit of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Of the session's time-out, so much is lease: the rest allows for clocks that differ, and for what a check guards.
const SHARE: (u32, u32) = (4, 5);
/// Under KIP-848 the broker owns the time-outs. A member that commits has sent a heartbeat within the last 5 s, and has 45 s
/// after it unless the cluster was told otherwise: a third of that.
const BROKERS_SESSION: Duration = Duration::from_secs(15);

/// The lease. Shared by the pipeline, its calls and the source.
#[derive(Debug)]
pub struct Lease {
    session: Option<Duration>,
    origin: Instant,
    /// Milliseconds after `origin`; 0: none.
    until: AtomicU64,
    renewed: Notify,
}

impl Lease {
    /// A lease that has yet to be had. `session` is the session's time-out; `None` if the broker owns it (KIP-848).
    pub fn new(session: Option<Duration>) -> Self {
        let session = session.unwrap_or(BROKERS_SESSION).max(Duration::from_millis(10));
        Self { session: Some(session), origin: Instant::now(), until: AtomicU64::new(0), renewed: Notify::new() }
    }

    /// No lease is asked for: something else fences this worker off.
    pub fn off() -> Self {
        Self { session: None, origin: Instant::now(), until: AtomicU64::new(0), renewed: Notify::new() }
    }

    /// Whether the partitions are ours for certain.
    pub fn holds(&self) -> bool {
        self.session.is_none() || self.origin.elapsed().as_millis() < u128::from(self.until.load(Ordering::Acquire))
    }

    /// The group has taken a commit that was sent then. Counted from the sending: the answer may have lain about.
    pub fn renew(&self, sent: Instant) {
        let Some(session) = self.session else { return };
        let length = session * SHARE.0 / SHARE.1;
        let until = sent.saturating_duration_since(self.origin) + length;
        self.until.fetch_max(until.as_millis() as u64, Ordering::AcqRel);
        self.renewed.notify_waiters();
    }

    /// The partitions are lost.
    pub fn end(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// How often it has to be renewed; `None`: never.
    pub fn every(&self) -> Option<Duration> {
        self.session.map(|session| session / 3)
    }

    /// Waits until it holds, at most so long. Whether it does.
    pub async fn wait(&self, limit: Duration) -> bool {
        let end = tokio::time::Instant::now() + limit;
        loop {
            let mut renewed = std::pin::pin!(self.renewed.notified());
            // Registered before the look, so that no renewal falls in between.
            renewed.as_mut().enable();
            if self.holds() {
                return true;
            }
            if tokio::time::timeout_at(end, renewed).await.is_err() {
                return self.holds();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_from_a_renewal_for_less_than_the_session_and_not_before_or_after_a_loss() {
        let lease = Lease::new(Some(Duration::from_secs(60)));
        assert!(!lease.holds(), "an assignment alone is none");
        lease.renew(Instant::now());
        assert!(lease.holds());
        lease.end();
        assert!(!lease.holds());
    }

    #[test]
    fn counts_from_the_sending_of_the_commit() {
        let lease = Lease::new(Some(Duration::from_millis(10)));
        let sent = Instant::now();
        std::thread::sleep(Duration::from_millis(20));
        lease.renew(sent);
        assert!(!lease.holds(), "a late answer to an early commit renews nothing");
    }

    #[test]
    fn an_older_renewal_takes_nothing_away() {
        let lease = Lease::new(Some(Duration::from_secs(60)));
        let before = Instant::now();
        lease.renew(Instant::now() + Duration::from_secs(60));
        let until = lease.until.load(Ordering::Relaxed);
        lease.renew(before);
        assert_eq!(lease.until.load(Ordering::Relaxed), until);
    }

    #[tokio::test]
    async fn who_waits_goes_on_with_the_renewal_or_gives_up() {
        let lease = std::sync::Arc::new(Lease::new(Some(Duration::from_secs(60))));
        assert!(!lease.wait(Duration::from_millis(5)).await);
        let waiter = tokio::spawn({
            let lease = lease.clone();
            async move { lease.wait(Duration::from_secs(30)).await }
        });
        tokio::task::yield_now().await;
        lease.renew(Instant::now());
        assert!(waiter.await.expect("no panic"));
        assert!(Lease::off().wait(Duration::ZERO).await);
    }
}
