//! What a binding shows of itself to operators: whether it is paused, and which lanes are stopped.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

/// Written by a binding's pipeline, read by the admin interface.
#[derive(Debug, Default)]
pub struct Shown {
    paused: AtomicBool,
    stopped: Mutex<Vec<Lane>>,
}

/// A lane that waits for somebody to resume it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// Topic of the event that stopped it.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

impl Shown {
    /// Whether an operator has paused the binding.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Lanes that are stopped, the most that are shown.
    pub fn stopped(&self) -> Vec<Lane> {
        self.stopped.lock().expect("no panic while held").clone()
    }

    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    pub(crate) fn stop(&self, lanes: Vec<Lane>) {
        *self.stopped.lock().expect("no panic while held") = lanes;
    }
}

/// The command that resumes a binding.
pub(crate) fn resume_command(folder: &Path, group: &str) -> String {
    let quoted = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+:@".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            text.to_owned()
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    format!("veltrix resume {} --binding {}", quoted(&folder.to_string_lossy()), quoted(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_given_to_a_shell_as_it_stands() {
        assert_eq!(resume_command(Path::new("."), "shop.stock"), "veltrix resume . --binding shop.stock");
        assert_eq!(resume_command(Path::new("/a b"), "it's"), r"veltrix resume '/a b' --binding 'it'\''s'");
    }
}
