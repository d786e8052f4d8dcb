//! What clients of other languages are installed with, once, under the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Where the test's own files of a language stand.
pub(crate) fn sources(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(language)
}

/// Standard output of a command that has to succeed.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{name} is needed and can't be run: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} failed with {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// A folder that holds what `install` puts there for `wanted`; it is made anew whenever that says something else.
pub(crate) fn installed(name: &str, wanted: &Path, install: impl FnOnce(&Path)) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cassandra-clients-{name}"));
    let (stamp, wanted) = (folder.join("installed"), std::fs::read(wanted).unwrap());
    if std::fs::read(&stamp).ok().as_deref() != Some(&wanted) {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        install(&folder);
        std::fs::write(stamp, wanted).unwrap();
    }
    folder
}
