//! `.veltrix` beside the manifest: the lock that makes a `dev` the only one, and what it tells others of its servers.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::DevError;

/// Held as long as a `dev` runs.
const LOCK: &str = "dev.lock";
/// Who looks whether somebody has a folder holds its lock for a moment.
const MOMENT: Duration = Duration::from_millis(300);

/// What other commands find, `.veltrix/dev.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// `host:port` of brokers, parted by commas.
    pub kafka: String,
    /// Kafka is in this process: it answers less than others.
    pub embedded: bool,
    /// The same of Cassandra's nodes; none where the application uses none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cassandra: Option<String>,
    /// `host:port` of the admin interface.
    pub admin: String,
    /// The process.
    pub pid: u32,
}

/// Whether a `dev` has the folder that a manifest lies in, whatever one that was killed has left there.
pub fn is_taken(manifest_dir: &Path) -> bool {
    let lock = OpenOptions::new().read(true).open(manifest_dir.join(".veltrix").join(LOCK));
    // Shared, so that two who look are not in each other's way.
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The folder, ours until dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    told: PathBuf,
    /// Locked as long as it is open; the system lets go of it if we crash.
    _lock: File,
}

impl Folder {
    /// Takes the folder that the manifest lies in.
    ///
    /// # Errors
    /// Another process has it, or it can't be written to.
    pub(crate) fn take(manifest_dir: &Path) -> Result<Self, DevError> {
        let folder = manifest_dir.join(".veltrix");
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| DevError::File { path, error }
        };
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        // What is in it concerns this machine alone.
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(&ignore, "*\n").map_err(failed(&ignore))?;
        }
        let path = folder.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed(&path))?;
        let until = Instant::now() + MOMENT;
        let taken = loop {
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(MOMENT / 20),
                taken => break taken,
            }
        };
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid);
                let who = if pid.trim().is_empty() { String::new() } else { format!(" (process {})", pid.trim()) };
                return Err(DevError::Locked { folder: manifest_dir.to_owned(), who });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&path)(error)),
        }
        lock.set_len(0).and_then(|()| lock.rewind()).map_err(failed(&path))?;
        write!(lock, "{}", std::process::id()).map_err(failed(&path))?;
        Ok(Self { told: folder.join("dev.json"), _lock: lock })
    }

    /// Tells where the servers are; whole or not at all, as others may read it at any time.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn tell(&self, addresses: &Addresses) -> Result<(), DevError> {
        let failed = |error| DevError::File { path: self.told.clone(), error };
        let text = serde_json::to_string(addresses).map_err(|error| failed(error.into()))?;
        let new = self.told.with_extension("json.new");
        std::fs::write(&new, text + "\n").map_err(failed)?;
        std::fs::rename(&new, &self.told).map_err(failed)
    }
}

impl Drop for Folder {
    /// The servers go: nobody should look for them any more.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_process_s_until_it_lets_go_and_what_was_told_goes_with_it() {
        let place = tempfile::tempdir().unwrap();
        assert!(!is_taken(place.path()));
        let folder = Folder::take(place.path()).unwrap();
        assert!(is_taken(place.path()));
        let told = place.path().join(".veltrix/dev.json");
        let addresses = Addresses { kafka: "a:1".into(), embedded: true, cassandra: None, admin: "a:2".into(), pid: 7 };
        folder.tell(&addresses).unwrap();
        assert_eq!(
            std::fs::read_to_string(&told).unwrap(),
            "{\"kafka\":\"a:1\",\"embedded\":true,\"admin\":\"a:2\",\"pid\":7}\n"
        );
        let refused = Folder::take(place.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(folder);
        assert!(!told.exists() && !is_taken(place.path()));
        Folder::take(place.path()).unwrap();
    }
}
