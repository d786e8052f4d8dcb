//! The virtual time of a call: sleeps end in their order, and take no time, once the guest waits for nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::Stage;

/// Sleeps of one call.
#[derive(Debug)]
pub(crate) struct Timers {
    pub(crate) stage: Arc<Stage>,
    sleeps: Mutex<Sleeps>,
}

#[derive(Debug, Default)]
struct Sleeps {
    begun: u64,
    /// By their ends, then by their beginning.
    open: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
}

impl Timers {
    pub(crate) fn new(stage: Arc<Stage>) -> Self {
        Self { stage, sleeps: Mutex::default() }
    }

    /// Ends when time has gone on by so much.
    pub(crate) fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (end, ended) = oneshot::channel();
        let due = self.stage.passed().saturating_add(duration);
        let mut sleeps = self.sleeps.lock().unwrap_or_else(PoisonError::into_inner);
        sleeps.begun += 1;
        let begun = sleeps.begun;
        sleeps.open.insert((due, begun), end);
        // One that is never ended goes with its call.
        async move { _ = ended.await }.boxed()
    }

    /// Time goes on to the end of the next sleep that somebody waits for.
    pub(crate) fn go_on(&self) {
        let mut sleeps = self.sleeps.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(((due, _), end)) = sleeps.open.pop_first() {
            if end.is_closed() {
                continue;
            }
            let mut passed = self.stage.passed();
            *passed = due.max(*passed);
            drop(passed);
            // Whoever waits may have gone in this moment: then it asks again.
            let _ = end.send(());
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use veltrix_wasm::Services;

    use super::super::Setting;
    use super::*;

    #[tokio::test]
    async fn sleeps_end_in_the_order_of_their_ends_and_abandoned_ones_cost_no_time() {
        let stage = Stage::new(Setting { clock: Duration::from_secs(100), ..Setting::default() });
        let timers = Timers::new(stage.clone());
        let mut long = timers.sleep(Duration::from_secs(3600));
        let mut short = timers.sleep(Duration::from_secs(10));
        drop(timers.sleep(Duration::from_secs(1)));
        timers.go_on();
        assert_eq!(((&mut short).now_or_never(), (&mut long).now_or_never()), (Some(()), None));
        assert_eq!(stage.now(), Some(Duration::from_secs(110)));
        let mut between = timers.sleep(Duration::from_secs(5));
        timers.go_on();
        assert_eq!(((&mut between).now_or_never(), (&mut long).now_or_never()), (Some(()), None));
        timers.go_on();
        assert_eq!((long.now_or_never(), stage.now()), (Some(()), Some(Duration::from_secs(3700))));
        timers.go_on();
        assert_eq!(stage.now(), Some(Duration::from_secs(3700)), "nobody sleeps");
    }
}
