//! How a handler fails, and what is to become of its event then.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// What a handler returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an event was not handled, and what is to become of it.
///
/// Every standard error becomes one by `?`: the event is tried again later, except for a [`DecodeError`], which will
/// be the same next time and goes to the dead letters. [`OrElse`] says otherwise on the spot.
pub struct Error(Box<Inner>);

struct Inner {
    fate: Fate,
    reason: Option<Cow<'static, str>>,
    message: String,
}

/// What is to become of an event that was not handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Retry { after: Option<Duration> },
    DeadLetter,
    Skip,
}

impl Error {
    /// Try the event again, after the binding's back-off.
    pub fn retry(message: impl fmt::Display) -> Self {
        Self::new(Fate::Retry { after: None }, None, message.to_string())
    }

    /// Try the event again, but not before `delay` (whole milliseconds, at least one).
    pub fn retry_after(delay: Duration) -> Self {
        Self::new(Fate::Retry { after: Some(delay) }, None, String::new())
    }

    /// Give the event up and keep it with the dead letters. `reason` is short and stable: people count by it.
    pub fn dead_letter(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Fate::DeadLetter, Some(reason.into()), String::new())
    }

    /// Nothing to do for this event: it is done, and what it emitted is dropped.
    pub fn skip() -> Self {
        Self::new(Fate::Skip, None, String::new())
    }

    /// Adds what happened, for people.
    pub fn with_message(mut self, message: impl fmt::Display) -> Self {
        self.0.message = message.to_string();
        self
    }

    pub(crate) fn with_reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    pub(crate) fn fate(&self) -> Fate {
        self.0.fate
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    pub(crate) fn message(&self) -> Option<&str> {
        (!self.0.message.is_empty()).then_some(&self.0.message)
    }

    fn new(fate: Fate, reason: Option<Cow<'static, str>>, message: String) -> Self {
        Self(Box::new(Inner { fate, reason, message }))
    }
}

impl<E: StdError + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let decode = (&error as &dyn Any).is::<DecodeError>();
        let (fate, reason) = match decode {
            true => (Fate::DeadLetter, Some(Cow::Borrowed("decode"))),
            false => (Fate::Retry { after: None }, None),
        };
        Self::new(fate, reason, with_sources(&error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.fate {
            Fate::Retry { after: None } => f.write_str("retry")?,
            Fate::Retry { after: Some(after) } => write!(f, "retry after {after:?}")?,
            Fate::DeadLetter => f.write_str("dead-letter")?,
            Fate::Skip => f.write_str("skip")?,
        }
        if let Some(reason) = self.reason() {
            write!(f, " ({reason})")?;
        }
        match self.message() {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Key or value of an event are not what the handler expects. By `?` the event goes to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(String);

impl DecodeError {
    /// A decoding error of one's own format. `message` says what was expected and what was found.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for DecodeError {}

/// Says on the spot what is to become of the event when this fails; for results and options.
pub trait OrElse<T> {
    /// Gives the event up, with a short and stable reason.
    ///
    /// # Errors
    /// When `self` is an error or none.
    fn or_dead_letter(self, reason: impl Into<Cow<'static, str>>) -> Result<T>;

    /// Tries the event again, but not before `delay`.
    ///
    /// # Errors
    /// When `self` is an error or none.
    fn or_retry_after(self, delay: Duration) -> Result<T>;

    /// Tries the event again after the binding's back-off, also when it can't be decoded.
    ///
    /// # Errors
    /// When `self` is an error or none.
    fn or_retry(self) -> Result<T>;

    /// Skips the event.
    ///
    /// # Errors
    /// When `self` is an error or none.
    fn or_skip(self) -> Result<T>;
}

impl<T, E: Into<Error>> OrElse<T> for Result<T, E> {
    fn or_dead_letter(self, reason: impl Into<Cow<'static, str>>) -> Result<T> {
        self.map_err(|error| Error::new(Fate::DeadLetter, Some(reason.into()), error.into().0.message))
    }

    fn or_retry_after(self, delay: Duration) -> Result<T> {
        self.map_err(|error| Error::new(Fate::Retry { after: Some(delay) }, None, error.into().0.message))
    }

    fn or_retry(self) -> Result<T> {
        self.map_err(|error| Error::new(Fate::Retry { after: None }, None, error.into().0.message))
    }

    fn or_skip(self) -> Result<T> {
        self.map_err(|error| Error::new(Fate::Skip, None, error.into().0.message))
    }
}

impl<T> OrElse<T> for Option<T> {
    fn or_dead_letter(self, reason: impl Into<Cow<'static, str>>) -> Result<T> {
        self.ok_or_else(|| Error::dead_letter(reason))
    }

    fn or_retry_after(self, delay: Duration) -> Result<T> {
        self.ok_or_else(|| Error::retry_after(delay))
    }

    fn or_retry(self) -> Result<T> {
        self.ok_or_else(|| Error::retry(""))
    }

    fn or_skip(self) -> Result<T> {
        self.ok_or_else(Error::skip)
    }
}

/// "a: b: c", from the error down to its first cause.
fn with_sources(error: &dyn StdError) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Many errors repeat their source in their own text.
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = cause.source();
    }
    message
}
