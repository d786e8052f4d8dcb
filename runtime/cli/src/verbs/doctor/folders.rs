//! Folders that are written to: the manifest's, and the one of compiled modules.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Subject;
use super::check::{Check, is_writable, quoted};
use crate::verbs::run::user_cache;

pub(crate) fn look(subject: &Subject) -> Vec<Check> {
    vec![project(&subject.folder), user_cache().map_or_else(no_cache, cache)]
}

/// Builds write to `target`, and `dev` to `.veltrix`.
fn project(folder: &Path) -> Check {
    match is_writable(folder) {
        Ok(()) => Check::good("folder", format!("{} can be written to", folder.display())),
        Err(error) => {
            let message = format!("{} can't be written to, as builds and `veltrix dev` do: {error}", folder.display());
            Check::problem("folder", message).fix(format!("chmod u+w {}", quoted(folder)))
        }
    }
}

fn no_cache() -> Check {
    Check::warning("cache", "neither HOME nor XDG_CACHE_HOME is a folder: modules are compiled at each start")
        .fix("veltrix run --cache FOLDER")
}

/// Compiled modules are code that is run as it is: only a folder that is ours alone is used.
fn cache(folder: PathBuf) -> Check {
    let shown = folder.display().to_string();
    let not_kept = "compiled modules are not kept there";
    let Ok(found) = std::fs::symlink_metadata(&folder) else { return no_folder(folder) };
    if found.is_dir() && found.mode() & 0o077 != 0 {
        let mode = found.mode() & 0o777;
        let fix = format!("chmod 700 {}", quoted(&folder));
        return Check::problem("cache", format!("{shown} is open to others (mode {mode:o}): {not_kept}"))
            .fix(fix)
            .mend(move || {
                let private = std::fs::Permissions::from_mode(0o700);
                std::fs::set_permissions(&folder, private).map_err(|error| error.to_string())
            });
    }
    match veltrix_wasm::try_cache(&folder) {
        Ok(()) => Check::good("cache", format!("{shown} is ours alone")),
        Err(error) => {
            let fix = format!("mv {0} {0}.old", quoted(&folder));
            Check::problem("cache", format!("{shown}: {error}: {not_kept}")).fix(fix)
        }
    }
}

/// The first start makes it, if it can.
fn no_folder(folder: PathBuf) -> Check {
    let above = folder.ancestors().skip(1).find(|above| std::fs::symlink_metadata(above).is_ok());
    let above = above.unwrap_or(Path::new("/")).to_owned();
    if let Err(error) = is_writable(&above) {
        let message = format!("{} can't be made in {}: {error}", folder.display(), above.display());
        return Check::problem("cache", message).fix(format!("chmod u+w {}", quoted(&above)));
    }
    Check::good("cache", format!("{} will be made", folder.display()))
}
