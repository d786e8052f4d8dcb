//! Which event is at work. Set around every poll, so that emits, logs and Cassandra calls know their event.

use std::cell::Cell;

use veltrix_frame::WHOLE;

thread_local! {
    static CURRENT: Cell<u32> = const { Cell::new(WHOLE) };
}

/// Row of the event at work, [`WHOLE`] when none is.
#[inline]
pub(crate) fn current() -> u32 {
    CURRENT.get()
}

/// Runs `work` as part of an event.
#[inline]
pub(crate) fn with_current<T>(event: u32, work: impl FnOnce() -> T) -> T {
    let before = CURRENT.replace(event);
    let result = work();
    CURRENT.set(before);
    result
}
