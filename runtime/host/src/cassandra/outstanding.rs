//! Counts the requests that were begun for something (an event, a lane, a call), so that it can wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// A count of requests on their way. Clones share it. A lane must not be released before
/// [`settled`](Self::settled): a request outlives the guest that asked for it, and a late write would follow what the
/// next holder of the lane does.
#[derive(Debug, Clone, Default)]
pub struct Outstanding(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    count: AtomicUsize,
    settled: Notify,
}

impl Outstanding {
    /// None on their way.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are on their way.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// Waits until none is on its way: each was answered, or timed out. Requests that begin meanwhile are waited for.
    pub async fn settled(&self) {
        loop {
            let mut notified = std::pin::pin!(self.0.settled.notified());
            // Registered before the count is read, so that no wake-up falls in between.
            notified.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Counts one until the guard is dropped.
    pub(super) fn begin(&self) -> Guard {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        Guard(self.0.clone())
    }
}

/// One request on its way.
#[derive(Debug)]
pub(super) struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.settled.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn waits_for_all_that_began() {
        let outstanding = Outstanding::new();
        outstanding.settled().await;
        let (first, second) = (outstanding.begin(), outstanding.begin());
        let waiter = tokio::spawn({
            let outstanding = outstanding.clone();
            async move { outstanding.settled().await }
        });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        assert_eq!(outstanding.count(), 1);
        drop(second);
        tokio::time::timeout(Duration::from_secs(5), waiter).await.unwrap().unwrap();
    }
}
