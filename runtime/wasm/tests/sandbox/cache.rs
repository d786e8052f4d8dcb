//! Compiled modules on disk: used again when they are whole and ours, and not otherwise.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use veltrix_wasm::{Sandbox, SandboxConfig};

use crate::support::*;

/// A component that loads in no time.
const SMALL: &str = include_str!("small.wat");

fn with_cache(dir: &Path) -> Sandbox {
    sandbox(SandboxConfig { cache_dir: Some(dir.to_owned()), max_instances: 4, ..SandboxConfig::default() })
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

async fn load_and_call(sandbox: &Sandbox) {
    let module = sandbox.load_bytes(SMALL.into()).await.unwrap();
    let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
    let mut instance = function.instance().await.unwrap();
    let echoed = instance.call(b"echo".to_vec(), budget(1), Arc::new(Host::default())).await.unwrap();
    assert_eq!(echoed, b"echo");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiled_module_is_kept_and_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("made/by/the/sandbox");
    load_and_call(&with_cache(&dir)).await;
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    let [file] = entries(&dir).try_into().expect("one entry, no leftovers");
    let written = fs::metadata(&file).unwrap();
    assert_eq!(written.permissions().mode() & 0o777, 0o600);
    load_and_call(&with_cache(&dir)).await;
    assert_eq!(entries(&dir), std::slice::from_ref(&file));
    let now = fs::metadata(&file).unwrap();
    assert_eq!(now.modified().unwrap(), written.modified().unwrap(), "it was not compiled again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_entry_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    load_and_call(&with_cache(dir.path())).await;
    let [file] = entries(dir.path()).try_into().unwrap();
    let good = fs::read(&file).unwrap();
    let flipped = {
        let mut bytes = good.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    for bad in [flipped, good[..good.len() - 1].to_vec(), good[..20].to_vec(), Vec::new(), b"x".repeat(100)] {
        fs::write(&file, bad).unwrap();
        load_and_call(&with_cache(dir.path())).await;
        assert!(fs::read(&file).unwrap() == good, "it was written again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_place_of_an_entry_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    load_and_call(&with_cache(dir.path())).await;
    let [file] = entries(dir.path()).try_into().unwrap();
    let target = elsewhere.path().join("target");
    fs::rename(&file, &target).unwrap();
    symlink(&target, &file).unwrap();
    load_and_call(&with_cache(dir.path())).await;
    assert!(fs::symlink_metadata(&file).unwrap().is_file(), "it was replaced by a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_others_can_write_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    load_and_call(&with_cache(dir.path())).await;
    let [file] = entries(dir.path()).try_into().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    load_and_call(&with_cache(dir.path())).await;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "it was made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_open_or_a_link_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    load_and_call(&with_cache(&open)).await;
    assert_eq!(entries(&open), [] as [PathBuf; 0]);

    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let link = dir.path().join("link");
    symlink(&closed, &link).unwrap();
    load_and_call(&with_cache(&link)).await;
    assert_eq!(entries(&closed), [] as [PathBuf; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_of_other_settings_keep_their_own_entries() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    load_and_call(&with_cache(dir.path())).await;
    let deterministic = SandboxConfig {
        cache_dir: Some(dir.path().to_owned()),
        deterministic: true,
        max_instances: 4,
        ..SandboxConfig::default()
    };
    load_and_call(&sandbox(deterministic)).await;
    assert_eq!(entries(dir.path()).len(), 2);
}
