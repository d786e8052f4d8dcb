//! Logging. Lines carry the event at work; the host adds its coordinates. Don't log payloads or secrets.
//!
//! ```
//! use veltrix_sdk::log;
//!
//! log::info!("reserved {} of {}", 3, "pencils");
//! log::field("sku", "pencils").field("left", 0).warn("out of stock");
//! ```

use std::fmt::Display;

use crate::{host, task};

#[doc(inline)]
pub use crate::{__debug as debug, __error as error, __info as info, __trace as trace, __warn as warn};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Every step.
    Trace = 1,
    /// For developers.
    Debug = 2,
    /// What happens in the normal course.
    Info = 3,
    /// Not as it should be, but handled.
    Warn = 4,
    /// Failed.
    Error = 5,
}

/// Logs a line.
pub fn log(level: Level, message: impl Display) {
    host::log(task::current(), level as u8, &message.to_string(), &[]);
}

/// Starts a line with a field.
#[must_use = "a line ends in .info(…) or another level"]
pub fn field(name: impl Into<String>, value: impl Display) -> Line {
    Line(Vec::new()).field(name, value)
}

/// A line with fields; ends in one of its levels.
#[must_use = "a line ends in .info(…) or another level"]
#[derive(Debug, Clone)]
pub struct Line(Vec<(String, String)>);

impl Line {
    /// Adds a field.
    pub fn field(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    /// Logs it at a level.
    pub fn log(self, level: Level, message: impl Display) {
        host::log(task::current(), level as u8, &message.to_string(), &self.0);
    }

    /// Logs it as [`Level::Trace`].
    pub fn trace(self, message: impl Display) {
        self.log(Level::Trace, message);
    }

    /// Logs it as [`Level::Debug`].
    pub fn debug(self, message: impl Display) {
        self.log(Level::Debug, message);
    }

    /// Logs it as [`Level::Info`].
    pub fn info(self, message: impl Display) {
        self.log(Level::Info, message);
    }

    /// Logs it as [`Level::Warn`].
    pub fn warn(self, message: impl Display) {
        self.log(Level::Warn, message);
    }

    /// Logs it as [`Level::Error`].
    pub fn error(self, message: impl Display) {
        self.log(Level::Error, message);
    }
}

/// Logs a formatted line at [`Level::Trace`](crate::log::Level::Trace).
#[doc(hidden)]
#[macro_export]
macro_rules! __trace {
    ($($text:tt)+) => { $crate::log::log($crate::log::Level::Trace, ::core::format_args!($($text)+)) };
}

/// Logs a formatted line at [`Level::Debug`](crate::log::Level::Debug).
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($text:tt)+) => { $crate::log::log($crate::log::Level::Debug, ::core::format_args!($($text)+)) };
}

/// Logs a formatted line at [`Level::Info`](crate::log::Level::Info).
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($text:tt)+) => { $crate::log::log($crate::log::Level::Info, ::core::format_args!($($text)+)) };
}

/// Logs a formatted line at [`Level::Warn`](crate::log::Level::Warn).
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($text:tt)+) => { $crate::log::log($crate::log::Level::Warn, ::core::format_args!($($text)+)) };
}

/// Logs a formatted line at [`Level::Error`](crate::log::Level::Error).
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($text:tt)+) => { $crate::log::log($crate::log::Level::Error, ::core::format_args!($($text)+)) };
}
