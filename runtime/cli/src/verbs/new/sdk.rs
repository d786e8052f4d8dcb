//! Where the SDK is: it is in no registry, so a project names a folder of a clone.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The clone that this command was built in.
const CLONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Where the SDK is in a clone.
const IN_CLONE: &str = "sdk/rust";

/// The folder of the SDK, absolute: the one named, else that of the clone this command lies in or was built in.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return sdk_in(named).ok_or_else(|| {
            let named = named.display();
            Failure::usage(format!(
                "--sdk {named} holds no veltrix-sdk; name the folder {IN_CLONE} of a clone of Veltrix"
            ))
        });
    }
    let own = std::env::current_exe().unwrap_or_default();
    let found = own.ancestors().skip(1).chain([Path::new(CLONE)]).find_map(|folder| sdk_in(&folder.join(IN_CLONE)));
    found.ok_or_else(|| {
        let message = "the SDK is not found: the clone that this command was built in is gone; name the folder";
        Failure::usage(format!("{message} {IN_CLONE} of a clone of Veltrix with --sdk"))
    })
}

/// The SDK in that folder, or in the clone that the folder is.
fn sdk_in(folder: &Path) -> Option<PathBuf> {
    [folder.to_owned(), folder.join(IN_CLONE)].into_iter().find_map(|folder| {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let is_sdk = manifest.lines().any(|line| line == "name = \"veltrix-sdk\"");
        let folder = std::fs::canonicalize(folder).ok()?;
        // A Cargo.toml is UTF-8, and so are the paths in it.
        (is_sdk && folder.to_str().is_some()).then_some(folder)
    })
}

/// The versions that the SDK was tested with, which need not be downloaded where the clone was built.
pub(crate) fn lock(sdk: &Path) -> Option<String> {
    std::fs::read_to_string(sdk.join("../../Cargo.lock")).ok()
}
