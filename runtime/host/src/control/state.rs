//! What a binding shows of itself to operators: whether it is paused, and which lanes are stopped.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;

/// Written by a binding's pipeline, read by the admin interface.
#[derive(Debug, Default)]
pub struct Shown {
    paused: AtomicBool,
    stopped: Mutex<Vec<Lane>>,
    revision: Mutex<Option<Arc<str>>>,
    idle: AtomicBool,
    failed_starts: AtomicU32,
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

    /// What calls begin with; none before the binding has begun.
    pub fn revision(&self) -> Option<Arc<str>> {
        self.revision.lock().expect("no panic while held").clone()
    }

    pub(crate) fn run(&self, revision: &Arc<str>) {
        *self.revision.lock().expect("no panic while held") = Some(revision.clone());
    }

    /// How often in a row the function could not be started.
    pub fn failed_starts(&self) -> u32 {
        self.failed_starts.load(Ordering::Relaxed)
    }

    pub(crate) fn starts_fail(&self, times: u32) {
        self.failed_starts.store(times, Ordering::Relaxed);
    }

    /// Whether nothing was under way, due or ready when it was last looked at.
    pub fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed)
    }

    pub(crate) fn rest(&self, idle: bool) {
        self.idle.store(idle, Ordering::Relaxed);
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
