//! Compiled modules on disk. They are machine code that will be run as it is, so only a directory that nobody else
//! can write to is used, and only files that this program wrote there, whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Begins every file; changes when what follows does.
const MAGIC: &[u8; 16] = b"veltrix cwasm 1\n";
const HEADER: usize = MAGIC.len() + 32;
const SUFFIX: &str = "compiled";
/// What the directory may hold, bytes; the least recently written go first.
const MAX_BYTES: u64 = 2 << 30;

/// A directory of compiled modules, checked when it was opened.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    owner: u32,
}

/// Whether compiled modules can be kept in that directory; makes it if it is not there.
///
/// # Errors
/// Why it can't be trusted.
pub fn try_cache(dir: &Path) -> Result<(), String> {
    Cache::try_open(dir).map(drop)
}

impl Cache {
    /// Makes the directory, or checks the one that is there. None, and a warning, when it cannot be trusted.
    pub(crate) fn open(dir: &Path) -> Option<Self> {
        match Self::try_open(dir) {
            Ok(cache) => Some(cache),
            Err(why) => {
                tracing::warn!(dir = %dir.display(), "compiled modules are not cached: {why}");
                None
            }
        }
    }

    fn try_open(dir: &Path) -> Result<Self, String> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| format!("the directory cannot be made: {error}"))?;
        let meta = fs::symlink_metadata(dir).map_err(|error| error.to_string())?;
        if !meta.is_dir() {
            return Err("it is a symbolic link or a file; name a directory".into());
        }
        if meta.mode() & 0o077 != 0 {
            let mode = meta.mode() & 0o777;
            return Err(format!("others have access to it (mode {mode:o}); run chmod 700 on it"));
        }
        // Whoever owns a file that this process makes is this process.
        let probe = dir.join(format!("probe.{}", unique()));
        let made = create(&probe).and_then(|file| file.metadata());
        let _ = fs::remove_file(&probe);
        let owner = made.map_err(|error| format!("it cannot be written to: {error}"))?.uid();
        if owner != meta.uid() {
            return Err(format!("it belongs to user {}, this is user {owner}", meta.uid()));
        }
        Ok(Self { dir: dir.to_owned(), owner })
    }

    /// Where the code of that module for that engine is.
    pub(crate) fn key(&self, sha256: &str, compatibility: u64) -> PathBuf {
        self.dir.join(format!("{sha256}-{compatibility:016x}.{SUFFIX}"))
    }

    /// The component, if it is there and whole. What is not whole is removed.
    pub(crate) fn get(&self, key: &Path, engine: &Engine) -> Option<Component> {
        let compiled = match self.read(key) {
            Ok(compiled) => compiled,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = %key.display(), "compiled module is not used, and made anew: {error}");
                let _ = fs::remove_file(key);
                return None;
            }
        };
        match deserialize(engine, &compiled) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(file = %key.display(), "compiled module is not used, and made anew: {error:#}");
                let _ = fs::remove_file(key);
                None
            }
        }
    }

    fn read(&self, key: &Path) -> io::Result<Vec<u8>> {
        let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC).open(key)?;
        let meta = file.metadata()?;
        if !meta.is_file() || meta.uid() != self.owner || meta.mode() & 0o077 != 0 {
            return refuse("it is not a file of ours alone");
        }
        let mut header = [0; HEADER];
        if file.read_exact(&mut header).is_err() || !header.starts_with(MAGIC) {
            return refuse("its header is damaged");
        }
        let mut compiled = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
        file.read_to_end(&mut compiled)?;
        if Sha256::digest(&compiled)[..] != header[MAGIC.len()..] {
            return refuse("its contents are damaged");
        }
        Ok(compiled)
    }

    /// Keeps the code. A failure costs the next start a compilation and is only logged.
    pub(crate) fn put(&self, key: &Path, compiled: &[u8]) {
        let part = key.with_extension(format!("part.{}", unique()));
        let written = create(&part)
            .and_then(|mut file| {
                file.write_all(MAGIC)?;
                file.write_all(&Sha256::digest(compiled))?;
                file.write_all(compiled)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&part, key))
            .and_then(|()| File::open(&self.dir)?.sync_all());
        if let Err(error) = written {
            let _ = fs::remove_file(&part);
            tracing::warn!(file = %key.display(), "compiled module is not cached: {error}");
        }
        self.prune();
    }

    /// Keeps the directory within its bound.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let meta = entry.metadata().ok()?;
                let path = entry.path();
                let ours = meta.is_file() && path.extension().is_some_and(|extension| extension == SUFFIX);
                ours.then_some((meta.modified().ok()?, meta.len(), path))
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in files {
            if total <= MAX_BYTES {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= len;
            }
        }
    }
}

fn deserialize(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes have to be what `Component::serialize` gave. They are: `put` wrote them, into a directory that
    // is ours with mode 0700; the file is a regular one, ours, closed to others, and was not reached by a link; and the
    // digest beside them shows that they are whole. The engine checks its own version and settings.
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize(engine, compiled)
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Different in every process and each time.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
