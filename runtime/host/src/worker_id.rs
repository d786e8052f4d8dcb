//! Who this worker is among those of its application: the same after a restart, and no two at a time.

use std::fs::{self, File};
use std::path::Path;

use tracing::debug;

/// Workers of one application on one machine that get a number each.
const MOST_SLOTS: u32 = 256;

/// A worker's name. As long as this lives, no other process on this machine is given the same one, unless its operator
/// says so.
#[derive(Debug)]
pub struct WorkerId {
    name: String,
    /// By the operator.
    given: bool,
    /// Locked: the system lets go of it when the process ends, however it ends.
    _slot: Option<File>,
}

impl WorkerId {
    /// The name that the operator gave; else the host's name and the lowest number that no running worker of the
    /// application has on this machine, by lock files in `folder`; else a random one.
    pub fn find(given: Option<&str>, application: &str, folder: Option<&Path>) -> Self {
        if let Some(name) = given {
            return Self { name: name.to_owned(), given: true, _slot: None };
        }
        if let Some(host) = host()
            && let Some((number, file)) = folder.and_then(|folder| slot(folder, application))
        {
            return Self { name: format!("{host}.{number}"), given: false, _slot: Some(file) };
        }
        Self { name: random(), given: false, _slot: None }
    }

    /// The name if the operator gave it: then it is the same for as long as they say.
    pub fn given(&self) -> Option<&str> {
        self.given.then_some(&*self.name)
    }

    /// Letters, digits, `.`, `_` and `-`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A name that nobody else has.
pub(crate) fn random() -> String {
    format!("{:016x}", rand::random::<u64>())
}

fn slot(folder: &Path, application: &str) -> Option<(u32, File)> {
    let failed = |error: &std::io::Error| debug!(%error, folder = %folder.display(), "no lock files for workers");
    fs::create_dir_all(folder).inspect_err(failed).ok()?;
    for number in 0..MOST_SLOTS {
        let path = folder.join(format!("{application}.{number}"));
        let file = File::options().create(true).truncate(false).write(true).open(path).inspect_err(failed).ok()?;
        if file.try_lock().is_ok() {
            return Some((number, file));
        }
    }
    None
}

fn host() -> Option<String> {
    let read = |path| fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname")
        .or_else(|| read("/etc/hostname"))
        .or_else(|| std::env::var("HOSTNAME").ok())?;
    let name: String =
        name.trim().chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_side_by_side_differ_and_a_restarted_one_is_the_same() {
        let folder = std::env::temp_dir().join(format!("veltrix-slots-{}", random()));
        let find = || WorkerId::find(None, "shop", Some(&folder));
        let (first, second) = (find(), find());
        assert_ne!(first.name(), second.name());
        let name = first.name().to_owned();
        drop(first);
        assert_eq!((find().name(), find().given()), (&*name, None));
        let named = WorkerId::find(Some("w-1"), "shop", Some(&folder));
        assert_eq!((named.name(), named.given()), ("w-1", Some("w-1")));
        assert_ne!(WorkerId::find(None, "shop", None).name(), WorkerId::find(None, "shop", None).name());
        fs::remove_dir_all(folder).unwrap();
    }
}
