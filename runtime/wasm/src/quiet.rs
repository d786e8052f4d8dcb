//! Tells a host that keeps virtual time when its guest waits for nothing but sleeps.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use crate::meter::Meter;
use crate::services::Call;
use crate::state::Open;

/// Runs the guest, and tells `call` each time that nothing but the end of a sleep can make it go on.
pub(crate) async fn watch<F: Future>(future: F, meter: &Meter, open: &Open, call: &dyn Call) -> F::Output {
    if !call.keeps_time() {
        return future.await;
    }
    let mut future = pin!(future);
    poll_fn(|context| {
        // A guest that gives up its thread, or that was answered meanwhile, is not waiting.
        meter.took_break();
        let woken = Arc::new(Woken { flag: AtomicBool::new(false), waker: context.waker().clone() });
        let waker = Waker::from(Arc::clone(&woken));
        let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
        let waits = poll.is_pending() && !meter.took_break() && !woken.flag.load(Ordering::Acquire);
        if waits && open.only_sleeps() {
            call.idle();
        }
        poll
    })
    .await
}

struct Woken {
    flag: AtomicBool,
    waker: Waker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flag.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }
}
