//! What is configured for a function, and the clock.

use std::fmt::Display;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::{host, task};

/// What a handler may ask for besides its event: `async fn handle(event: Event, context: &Context)`.
#[derive(Debug)]
pub struct Context(());

static CONTEXT: Context = Context(());

impl Context {
    /// The context; handlers get it as their second argument.
    pub fn get() -> &'static Self {
        &CONTEXT
    }

    /// A variable of the manifest's `vars`; `None`: not there.
    pub fn var(&self, name: &str) -> Option<String> {
        host::var(name)
    }

    /// A variable that the function can't do without.
    ///
    /// # Errors
    /// It is not there: the event is tried again, as the manifest can be mended meanwhile.
    pub fn require(&self, name: &str) -> Result<String> {
        self.var(name).ok_or_else(|| Error::retry(format!("the manifest sets no variable {name:?} for this function")))
    }

    /// The names of all variables that the manifest sets; `None`: the host does not tell.
    pub fn variables(&self) -> Option<Vec<String>> {
        self.var("*vars").map(|names| lines(&names))
    }

    /// The topics of the manifest's `emits`; `None`: the host does not tell.
    pub fn topics(&self) -> Option<Vec<String>> {
        self.var("*emits").map(|topics| lines(&topics))
    }

    /// A secret of the manifest's `secrets`; `None`: not there.
    pub fn secret(&self, name: &str) -> Option<String> {
        host::secret(name)
    }

    /// The W3C `traceparent` of the span of the event at work; `None`: it is not traced.
    pub fn traceparent(&self) -> Option<String> {
        host::traceparent(task::current())
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Says that the function can't work as it is configured, and ends the call. No event is charged an attempt or becomes a dead
/// letter for it: all wait, the host logs `why` as an error and begins the function anew after a pause (at most 30 s), so that
/// a table that is created meanwhile is found. For mistakes of a deployment, never for what is in an event.
///
/// # Panics
/// Natively, with `why`.
pub fn misconfigured(why: impl Display) -> ! {
    let why = why.to_string();
    #[cfg(target_family = "wasm")]
    {
        host::log(veltrix_frame::WHOLE, 7, &why, &[]);
        std::process::abort()
    }
    #[cfg(not(target_family = "wasm"))]
    panic!("misconfigured: {why}")
}

/// A variable of the manifest's `vars`; `None`: not there.
pub fn var(name: &str) -> Option<String> {
    host::var(name)
}

/// A secret of the manifest's `secrets`; `None`: not there.
pub fn secret(name: &str) -> Option<String> {
    host::secret(name)
}

/// Waits on the host's clock, which tests and replays drive themselves. Other lanes go on meanwhile.
pub async fn sleep(duration: Duration) {
    host::sleep(duration.as_millis().try_into().unwrap_or(u64::MAX)).await;
}
