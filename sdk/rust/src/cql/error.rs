//! What can go wrong with CQL: with one value, and with a statement.

use std::any::type_name;
use std::fmt;

use super::types::CqlType;
use super::wire::WireError;
use crate::host;

/// Why a Rust value doesn't fit a CQL type, or the other way round. The statement adds which parameter or column it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError(Why);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// Put into words only when asked: for an `Option` it is no error at all.
    Null {
        ty: CqlType,
        rust: &'static str,
    },
    Other(String),
}

impl ValueError {
    /// The types don't go together.
    pub fn mismatch<T: ?Sized>(ty: &CqlType) -> Self {
        Self::new(format!("CQL {ty} and Rust {} don't go together", rust_name(type_name::<T>())))
    }

    /// There is no value, and `T` has no way to say so; an `Option<T>` then is `None`.
    pub fn null<T: ?Sized>(ty: &CqlType) -> Self {
        Self(Why::Null { ty: ty.clone(), rust: type_name::<T>() })
    }

    /// The types go together, this value doesn't: `what` says why.
    pub fn invalid(ty: &CqlType, what: impl fmt::Display) -> Self {
        Self::new(format!("bad {ty}: {what}"))
    }

    fn new(message: String) -> Self {
        Self(Why::Other(message))
    }

    pub(crate) fn no_field(name: &str, names: &[&str]) -> Self {
        Self::new(format!("no field {name}, there are {}", names.join(", ")))
    }

    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        Self::new(format!("{place}: {self}"))
    }

    pub(crate) fn wire(ty: &CqlType) -> impl Fn(WireError) -> Self + '_ {
        move |error| Self::invalid(ty, error)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.0, Why::Null { .. })
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Null { ty, rust } => {
                let rust = rust_name(rust);
                write!(f, "null {ty} read as Rust {rust}, use Option<{rust}>")
            }
            Why::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ValueError {}

/// The type's name without the paths: `Option<String>`.
fn rust_name(name: &str) -> String {
    let mut path = name.chars().peekable();
    let mut name = String::new();
    let mut segment = 0;
    while let Some(c) = path.next() {
        if c == ':' && path.peek() == Some(&':') {
            path.next();
            name.truncate(segment);
        } else {
            name.push(c);
            if !(c.is_alphanumeric() || c == '_') {
                segment = name.len();
            }
        }
    }
    name
}

/// The kind of a failure: what to do about it depends on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CqlErrorKind {
    /// The statement is wrong: syntax, an unknown table or column, a value the server refuses.
    Invalid,
    /// The manifest doesn't grant the function this table, or not for this.
    NotGranted,
    /// Too few replicas are there for the consistency.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The server sheds load.
    Overloaded,
    /// The connection is gone, or was never there.
    Disconnected,
    /// Over a limit of the host: statements, bytes, calls in flight.
    Limit,
    /// A Rust value doesn't fit the CQL type, or the columns don't fit the Rust type.
    Type,
    /// `one` found no row.
    NoRow,
}

/// Whether a statement that failed has changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applied {
    /// It has not, and won't.
    NotApplied,
    /// It may have, or may yet: read before deciding, or write what can be written twice.
    Unknown,
}

/// A CQL statement failed. With `?` in a handler the event is retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CqlError {
    kind: CqlErrorKind,
    applied: Applied,
    code: u32,
    write_type: String,
    message: String,
}

impl CqlError {
    /// An error of a kind that changed nothing; scripts of the stand-in answer with it.
    pub fn new(kind: CqlErrorKind, message: impl Into<String>) -> Self {
        Self { kind, applied: Applied::NotApplied, code: 0, write_type: String::new(), message: message.into() }
    }

    /// The same error, with an outcome that isn't known.
    #[must_use]
    pub fn unknown_outcome(mut self) -> Self {
        self.applied = Applied::Unknown;
        self
    }

    /// The same error, with a server's error code.
    #[must_use]
    pub fn with_code(mut self, code: u32) -> Self {
        self.code = code;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> CqlErrorKind {
        self.kind
    }

    /// Whether something may have changed nevertheless.
    pub fn applied(&self) -> Applied {
        self.applied
    }

    /// The server's error code of the CQL protocol (`0x1100` is a write time-out); 0 if no server answered.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// The server's write type (`"SIMPLE"`, `"CAS"`, …) of a failed write; empty otherwise.
    pub fn write_type(&self) -> &str {
        &self.write_type
    }

    /// What the host, the server or the SDK says.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn of_statement(mut self, text: &str) -> Self {
        self.message = format!("{} (in `{}`)", self.message, text.trim());
        self
    }
}

impl fmt::Display for CqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            CqlErrorKind::Invalid => "invalid",
            CqlErrorKind::NotGranted => "not granted",
            CqlErrorKind::Unavailable => "unavailable",
            CqlErrorKind::Timeout => "timed out",
            CqlErrorKind::Overloaded => "overloaded",
            CqlErrorKind::Disconnected => "disconnected",
            CqlErrorKind::Limit => "over a limit",
            CqlErrorKind::Type => "types",
            CqlErrorKind::NoRow => "no row",
        };
        write!(f, "cassandra, {kind}: {}", self.message)
    }
}

impl std::error::Error for CqlError {}

impl From<host::CqlError> for CqlError {
    fn from(error: host::CqlError) -> Self {
        let kind = match error.kind {
            1 => CqlErrorKind::Invalid,
            2 => CqlErrorKind::NotGranted,
            4 => CqlErrorKind::Timeout,
            5 => CqlErrorKind::Overloaded,
            6 => CqlErrorKind::Disconnected,
            7 => CqlErrorKind::Limit,
            // 3, and numbers of later hosts.
            _ => CqlErrorKind::Unavailable,
        };
        let applied = if error.applied == 0 { Applied::NotApplied } else { Applied::Unknown };
        Self { kind, applied, code: error.code, write_type: error.write_type, message: error.message }
    }
}

/// For the stand-in, which answers as the host does.
#[cfg(not(target_family = "wasm"))]
impl From<CqlError> for host::CqlError {
    fn from(error: CqlError) -> Self {
        let kind = match error.kind {
            CqlErrorKind::Invalid | CqlErrorKind::Type | CqlErrorKind::NoRow => 1,
            CqlErrorKind::NotGranted => 2,
            CqlErrorKind::Unavailable => 3,
            CqlErrorKind::Timeout => 4,
            CqlErrorKind::Overloaded => 5,
            CqlErrorKind::Disconnected => 6,
            CqlErrorKind::Limit => 7,
        };
        let applied = u8::from(error.applied == Applied::Unknown);
        Self { kind, applied, code: error.code, write_type: error.write_type, message: error.message }
    }
}
