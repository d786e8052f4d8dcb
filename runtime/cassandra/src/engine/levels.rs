//! Whether consistency levels make sense. On one node they change nothing else.

use crate::api::{Consistency, Error, Parameters};

const ANY: u16 = 0;
const SERIAL: u16 = 8;
const LOCAL_SERIAL: u16 = 9;
const NODE_LOCAL: u16 = 11;

fn is_serial(level: Consistency) -> bool {
    matches!(level.0, SERIAL | LOCAL_SERIAL)
}

fn name(level: Consistency) -> &'static str {
    const NAMES: [&str; 12] = [
        "ANY",
        "ONE",
        "TWO",
        "THREE",
        "QUORUM",
        "ALL",
        "LOCAL_QUORUM",
        "EACH_QUORUM",
        "SERIAL",
        "LOCAL_SERIAL",
        "LOCAL_ONE",
        "NODE_LOCAL",
    ];
    NAMES.get(usize::from(level.0)).unwrap_or(&"UNKNOWN")
}

/// For a `SELECT`.
pub(super) fn check_read(parameters: &Parameters) -> Result<(), Error> {
    match parameters.consistency.0 {
        ANY => Err(Error::Invalid("ANY ConsistencyLevel is only supported for writes".into())),
        _ => check_node_local(parameters.consistency),
    }
}

fn check_node_local(level: Consistency) -> Result<(), Error> {
    match level.0 {
        NODE_LOCAL => Err(Error::Invalid(
            "NODE_LOCAL consistency level is highly dangerous and should be used only for debugging purposes".into(),
        )),
        _ => Ok(()),
    }
}

/// For a write; `counter` is the name of the table if it has counters.
pub(super) fn check_write(parameters: &Parameters, counter: Option<&str>) -> Result<(), Error> {
    let level = parameters.consistency;
    if is_serial(level) {
        let message = match counter {
            Some(_) => "Counter operations are inherently non-serializable",
            None => "You must use conditional updates for serializable writes",
        };
        return Err(Error::Invalid(message.into()));
    }
    if let Some(table) = counter
        && level.0 == ANY
    {
        return Err(Error::Invalid(format!("Consistency level ANY is not yet supported for counter table {table}")));
    }
    check_node_local(level)
}

/// For a conditional write.
pub(super) fn check_conditional(parameters: &Parameters) -> Result<(), Error> {
    if parameters.serial_consistency.is_some_and(|level| !is_serial(level)) {
        let message = "Invalid consistency for conditional update. Must be one of SERIAL or LOCAL_SERIAL";
        return Err(Error::Invalid(message.into()));
    }
    if is_serial(parameters.consistency) {
        return Err(Error::Invalid(format!(
            "{} is not supported as conditional update commit consistency. Use ANY if you mean \"make sure it is \
             accepted but I don't care how many replicas commit it for non-SERIAL reads\"",
            name(parameters.consistency)
        )));
    }
    Ok(())
}
