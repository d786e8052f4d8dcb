//! Paths of the workspace, and what tests need built: guests and the command itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace")
}

/// The target directory that this test, or program, was built into.
pub fn target() -> PathBuf {
    // target/PROFILE/deps/TEST or target/PROFILE/PROGRAM
    let own = std::env::current_exe().expect("a process knows its own path");
    let folder = own.parent().expect("a program lies in a directory");
    let up = if folder.ends_with("deps") { 2 } else { 1 };
    folder.ancestors().nth(up).expect("it lies in target/PROFILE").to_owned()
}

/// The module of a guest package, compiled for Wasm: in the directory that `VELTRIX_GUESTS` names, else built from this
/// tree, once per process.
pub fn guest(package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    if let Some(directory) = std::env::var_os("VELTRIX_GUESTS") {
        return PathBuf::from(directory).join(file);
    }
    static BUILT: OnceLock<Mutex<HashMap<String, PathBuf>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(path) = built.get(package) {
        return path.clone();
    }
    cargo(&["build", "--release", "--target", "wasm32-wasip2", "-p", package]);
    let path = target().join("wasm32-wasip2/release").join(file);
    assert!(path.is_file(), "building {package} left no {}", path.display());
    built.insert(package.to_owned(), path.clone());
    path
}

/// The command `veltrix`: what `VELTRIX_BIN` names, else built from this tree in the same profile as the test.
///
/// The test command names it, as it builds the whole workspace at once; by itself the package is built with other
/// features, thus a second time.
pub fn veltrix() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(named) = std::env::var_os("VELTRIX_BIN") {
            return named.into();
        }
        if cfg!(debug_assertions) {
            cargo(&["build", "-p", "veltrix"]);
            target().join("debug/veltrix")
        } else {
            cargo(&["build", "--release", "-p", "veltrix"]);
            target().join("release/veltrix")
        }
    })
}

/// The example's shop and auditor, beside the command.
pub fn demo() -> PathBuf {
    let demo = veltrix().with_file_name("fulfilment-demo");
    if std::env::var_os("VELTRIX_BIN").is_none() {
        cargo(&["build", "-p", "fulfilment-demo"]);
    }
    demo
}

fn cargo(arguments: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target())
        .stdin(Stdio::null())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo {} failed:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
}
