//! Why the sandbox itself ends a guest, and how an error of the engine becomes a [`CallErrorKind`].

use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::error::CallErrorKind;

/// Frames of the guest's stack named in a message.
const FRAMES: usize = 4;

/// Raised in the middle of a guest, by its limits or by a host function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("executed for more than its {} ms of CPU; raise limits.cpu, or do less per event", budget.as_millis())]
    Cpu { budget: Duration },
    #[error("asked for {wanted} bytes of memory, its limit is {limit}; raise limits.memory, or hold less at once")]
    Memory { wanted: u64, limit: u64 },
    #[error("asked for tables of {wanted} elements, the most is {limit}")]
    Table { wanted: u64, limit: u64 },
    #[error("broke the contract: {0}")]
    Malformed(String),
    #[error("has {open} host calls open, the most is {limit}")]
    TooManyCalls { open: usize, limit: usize },
    #[error("has {bytes} bytes in open host calls, the most is {limit}")]
    TooManyBytes { bytes: usize, limit: usize },
}

/// Kind and message of an error that ended a guest.
pub(crate) fn classify(error: &wasmtime::Error) -> (CallErrorKind, String) {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        let kind = match stop {
            Stop::Cpu { .. } => CallErrorKind::Cpu,
            Stop::Memory { .. } | Stop::Table { .. } => CallErrorKind::Memory,
            Stop::Malformed(_) | Stop::TooManyCalls { .. } | Stop::TooManyBytes { .. } => CallErrorKind::Malformed,
        };
        return (kind, format!("{stop}{}", place(error)));
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return (CallErrorKind::Trap, format!("called exit({}), which ends no event", exit.0));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let what = match trap {
            Trap::StackOverflow => "recursed too deep: its stack is exhausted",
            Trap::AsyncDeadlock => "waits for something that never comes: it has no host call open",
            Trap::UnreachableCodeReached => "panicked or aborted (unreachable code reached)",
            other => return (CallErrorKind::Trap, format!("{other}{}", place(error))),
        };
        return (CallErrorKind::Trap, format!("{what}{}", place(error)));
    }
    // What is left are violations of the canonical ABI: a bad pointer, a string that is not UTF-8, too much data.
    (CallErrorKind::Malformed, format!("{}{}", error.root_cause(), place(error)))
}

/// `, in a < b < c`: the innermost frames that have names.
fn place(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    // Its text has the names demangled, a frame a line: `0: 0x1a2b - module!function`.
    let text = trace.to_string();
    let mut names: Vec<(String, usize)> = Vec::new();
    for (_, name) in text.lines().filter_map(|line| line.split_once(" - ")) {
        let name = tidy(name.rsplit_once('!').map_or(name, |(_, name)| name));
        match names.last_mut() {
            _ if name.starts_with("<wasm function") => {}
            Some((last, times)) if *last == name => *times += 1,
            _ => names.push((name, 1)),
        }
    }
    let names: Vec<_> = names
        .into_iter()
        .take(FRAMES)
        .map(|(name, times)| if times > 1 { format!("{name} ({times} times)") } else { name })
        .collect();
    if names.is_empty() { String::new() } else { format!(", in {}", names.join(" < ")) }
}

/// The name without what tells versions of a crate and copies of a function apart: `std[d123b7a1]::abort`,
/// `act::recurse::h33b13605463e374c`.
fn tidy(name: &str) -> String {
    let name = match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => path,
        _ => name,
    };
    let mut tidy = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('[') {
        tidy.push_str(before);
        match after.split_once(']') {
            Some((hash, after)) if !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                rest = after
            }
            _ => {
                tidy.push('[');
                rest = after;
            }
        }
    }
    tidy + rest
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn names_lose_their_hashes_and_nothing_else() {
        for (name, tidied) in [
            ("std[d123b7a1a2ed1472]::process::abort", "std::process::abort"),
            ("misbehaving::act::recurse::h33b13605463e374c", "misbehaving::act::recurse"),
            ("<[u8]>::index[T]", "<[u8]>::index[T]"),
            ("main", "main"),
            ("a::handle", "a::handle"),
            ("odd[", "odd["),
        ] {
            assert_eq!(tidy(name), tidied);
        }
    }
}
