//! What went wrong, as a function sees it: a kind, and whether a write may have been applied.

use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};
use scylla::frame::protocol_features::ProtocolFeatures;
use veltrix_wasm::CqlError;

/// The kinds of [`CqlError`], by their numbers in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The statement, its values or options are wrong: the same call fails again.
    Invalid = 1,
    /// The manifest, or the server, does not allow it.
    NotGranted = 2,
    /// The server, or enough replicas, can't answer now.
    Unavailable = 3,
    /// No answer in time.
    Timeout = 4,
    /// The server, or the worker, has too much to do.
    Overloaded = 5,
    /// No connection, or it broke.
    Disconnected = 6,
    /// A bound of the worker was reached.
    OverLimit = 7,
}

impl Kind {
    /// The kind of that number; unknown ones count as `Unavailable`, as the contract says.
    pub fn from_number(number: u16) -> Self {
        match number {
            1 => Self::Invalid,
            2 => Self::NotGranted,
            4 => Self::Timeout,
            5 => Self::Overloaded,
            6 => Self::Disconnected,
            7 => Self::OverLimit,
            _ => Self::Unavailable,
        }
    }

    /// For metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotGranted => "not-granted",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Disconnected => "disconnected",
            Self::OverLimit => "over-limit",
        }
    }

    /// Whether it says that Cassandra itself may be in trouble, rather than the call.
    pub fn is_suspect(self) -> bool {
        match self {
            Self::Unavailable | Self::Timeout | Self::Overloaded | Self::Disconnected => true,
            Self::Invalid | Self::NotGranted | Self::OverLimit => false,
        }
    }
}

/// Name of the kind of that number, for metrics and logs.
pub fn kind_name(kind: u16) -> &'static str {
    Kind::from_number(kind).as_str()
}

/// An error of the worker's own; nothing was sent.
pub(super) fn refused(kind: Kind, message: impl Into<String>) -> CqlError {
    CqlError { kind: kind as u16, applied: 0, code: 0, write_type: String::new(), message: message.into() }
}

/// An error of the worker's own about an answer that did come: the request may have been applied.
pub(super) fn after_answer(error: CqlError, effect: Effect) -> CqlError {
    CqlError { applied: Applied::Unknown.number(effect), ..error }
}

/// What a request was to do; decides what its failure leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Reads only, or prepares: there is nothing to apply.
    Read,
    /// Writes without a condition.
    Write,
    /// Writes on a condition. Paxos may fail in any of its rounds, and an earlier one may have decided.
    Conditional,
}

/// Whether a failed request may have been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applied {
    /// It surely was not.
    No,
    /// A plain write was not; a conditional one may have been.
    UnlessConditional,
    /// It may have been, or may yet be.
    Unknown,
}

impl Applied {
    fn number(self, effect: Effect) -> u8 {
        match (self, effect) {
            (Self::No, _) | (_, Effect::Read) | (Self::UnlessConditional, Effect::Write) => 0,
            (Self::UnlessConditional, Effect::Conditional) | (Self::Unknown, Effect::Write | Effect::Conditional) => 1,
        }
    }
}

struct Verdict {
    kind: Kind,
    applied: Applied,
}

const fn verdict(kind: Kind, applied: Applied) -> Verdict {
    Verdict { kind, applied }
}

/// A failed execution of a statement or batch on `what`.
pub(super) fn execution(error: &ExecutionError, effect: Effect, what: &str) -> CqlError {
    let verdict = match error {
        ExecutionError::LastAttemptError(attempt) => return self::attempt(attempt, effect, what),
        ExecutionError::PrepareError(error) => return prepare(error, what),
        ExecutionError::BadQuery(_) => verdict(Kind::Invalid, Applied::No),
        ExecutionError::EmptyPlan => verdict(Kind::Unavailable, Applied::No),
        ExecutionError::ConnectionPoolError(_) => verdict(Kind::Disconnected, Applied::No),
        ExecutionError::RequestTimeout(_) => verdict(Kind::Timeout, Applied::Unknown),
        ExecutionError::UseKeyspaceError(_)
        | ExecutionError::SchemaAgreementError(_)
        | ExecutionError::MetadataError(_) => verdict(Kind::Unavailable, Applied::Unknown),
        // The driver's enum may grow: the careful answer.
        _ => verdict(Kind::Unavailable, Applied::Unknown),
    };
    build(verdict, effect, format!("{what}: {error}"))
}

/// A statement that could not be prepared.
pub(super) fn prepare(error: &PrepareError, what: &str) -> CqlError {
    let kind = match error {
        PrepareError::AllAttemptsFailed { first_attempt } => return attempt(first_attempt, Effect::Read, what),
        PrepareError::ConnectionPoolError(_) => Kind::Disconnected,
        PrepareError::PreparedStatementIdsMismatch => Kind::Unavailable,
        // The driver's enum may grow.
        _ => Kind::Unavailable,
    };
    build(verdict(kind, Applied::No), Effect::Read, format!("{what}: {error}"))
}

fn attempt(error: &RequestAttemptError, effect: Effect, what: &str) -> CqlError {
    let verdict = match error {
        RequestAttemptError::DbError(error, message) => return database(error, message, effect, what),
        RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => {
            verdict(Kind::Invalid, Applied::No)
        }
        RequestAttemptError::UnableToAllocStreamId => verdict(Kind::Overloaded, Applied::No),
        RequestAttemptError::BrokenConnectionError(_) => verdict(Kind::Disconnected, Applied::Unknown),
        RequestAttemptError::RepreparedIdChanged { .. } | RequestAttemptError::RepreparedIdMissingInBatch => {
            verdict(Kind::Unavailable, Applied::No)
        }
        RequestAttemptError::BodyExtensionsParseError(_)
        | RequestAttemptError::CqlResultParseError(_)
        | RequestAttemptError::CqlErrorParseError(_)
        | RequestAttemptError::UnexpectedResponse(_)
        | RequestAttemptError::NonfinishedPagingState => verdict(Kind::Unavailable, Applied::Unknown),
        // The driver's enum may grow: the careful answer.
        _ => verdict(Kind::Unavailable, Applied::Unknown),
    };
    build(verdict, effect, format!("{what}: {error}"))
}

fn database(error: &DbError, message: &str, effect: Effect, what: &str) -> CqlError {
    let mut built = build(classify(error), effect, format!("{what}: {message}"));
    built.code = match error {
        // Its number is negotiated; the others are fixed.
        DbError::RateLimitReached { .. } => 0,
        error => error.code(&ProtocolFeatures::default()) as u32,
    };
    if let DbError::WriteTimeout { write_type, .. } | DbError::WriteFailure { write_type, .. } = error {
        built.write_type = write_type.as_str().to_owned();
    }
    built
}

fn classify(error: &DbError) -> Verdict {
    match error {
        DbError::SyntaxError
        | DbError::Invalid
        | DbError::AlreadyExists { .. }
        | DbError::FunctionFailure { .. }
        | DbError::ConfigError
        | DbError::ProtocolError => verdict(Kind::Invalid, Applied::No),
        DbError::Unauthorized | DbError::AuthenticationError => verdict(Kind::NotGranted, Applied::No),
        DbError::Unprepared { .. } => verdict(Kind::Unavailable, Applied::No),
        DbError::Unavailable { .. } | DbError::IsBootstrapping => {
            verdict(Kind::Unavailable, Applied::UnlessConditional)
        }
        DbError::Overloaded => verdict(Kind::Overloaded, Applied::UnlessConditional),
        DbError::RateLimitReached { rejected_by_coordinator: true, .. } => {
            verdict(Kind::Overloaded, Applied::UnlessConditional)
        }
        DbError::RateLimitReached { rejected_by_coordinator: false, .. } => verdict(Kind::Overloaded, Applied::Unknown),
        DbError::ReadTimeout { .. } => verdict(Kind::Timeout, Applied::UnlessConditional),
        DbError::ReadFailure { .. } => verdict(Kind::Unavailable, Applied::UnlessConditional),
        DbError::WriteTimeout { .. } => verdict(Kind::Timeout, Applied::Unknown),
        DbError::WriteFailure { .. } => verdict(Kind::Unavailable, Applied::Unknown),
        DbError::TruncateError | DbError::ServerError | DbError::Other(_) => {
            verdict(Kind::Unavailable, Applied::Unknown)
        }
        // The driver's enum may grow: the careful answer.
        _ => verdict(Kind::Unavailable, Applied::Unknown),
    }
}

fn build(verdict: Verdict, effect: Effect, message: String) -> CqlError {
    CqlError {
        kind: verdict.kind as u16,
        applied: verdict.applied.number(effect),
        code: 0,
        write_type: String::new(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scylla::errors::WriteType;
    use scylla::frame::types::Consistency;

    use super::*;

    fn server(error: DbError, effect: Effect) -> CqlError {
        let error = ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, "said so".into()));
        execution(&error, effect, "ks.t")
    }

    fn write_timeout() -> DbError {
        let write_type = WriteType::Simple;
        DbError::WriteTimeout { consistency: Consistency::One, received: 0, required: 1, write_type }
    }

    fn unavailable() -> DbError {
        DbError::Unavailable { consistency: Consistency::One, required: 1, alive: 0 }
    }

    #[test]
    fn a_write_that_timed_out_may_have_been_applied() {
        let error = server(write_timeout(), Effect::Write);
        assert_eq!((error.kind, error.applied, error.code), (Kind::Timeout as u16, 1, 0x1100));
        assert_eq!((error.write_type.as_str(), error.message.as_str()), ("SIMPLE", "ks.t: said so"));
        let client = ExecutionError::RequestTimeout(Duration::from_secs(1));
        assert_eq!(execution(&client, Effect::Write, "ks.t").applied, 1);
    }

    #[test]
    fn a_refused_write_was_not_applied() {
        for (error, kind) in [
            (DbError::Invalid, Kind::Invalid),
            (DbError::SyntaxError, Kind::Invalid),
            (DbError::Unauthorized, Kind::NotGranted),
            (DbError::Overloaded, Kind::Overloaded),
            (unavailable(), Kind::Unavailable),
        ] {
            let error = server(error, Effect::Write);
            assert_eq!((error.kind, error.applied), (kind as u16, 0), "{kind:?}");
        }
    }

    #[test]
    fn a_failed_conditional_write_is_open_unless_it_was_refused_outright() {
        for (error, applied) in
            [(DbError::Invalid, 0), (DbError::Unauthorized, 0), (DbError::Overloaded, 1), (unavailable(), 1)]
        {
            assert_eq!(server(error, Effect::Conditional).applied, applied);
        }
    }

    #[test]
    fn a_failed_read_has_nothing_to_apply() {
        assert_eq!(server(write_timeout(), Effect::Read).applied, 0);
        assert_eq!(server(DbError::ServerError, Effect::Read).applied, 0);
    }

    #[test]
    fn numbers_are_those_of_the_contract() {
        for number in 1..=7 {
            assert_eq!(Kind::from_number(number) as u16, number);
        }
        assert_eq!(Kind::from_number(99), Kind::Unavailable);
    }
}
