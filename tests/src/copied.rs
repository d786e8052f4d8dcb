//! Applications of this tree, elsewhere.

use std::path::Path;

use crate::build;

/// Copies an application, with its modules as the tests have built them.
pub fn copy_application(application: &str, to: &Path) {
    copy(&build::root().join(application), to);
    let manifest = to.join("veltrix.toml");
    let text = std::fs::read_to_string(&manifest).expect("it has a manifest");
    let line = |line: &str| match line.strip_prefix("module = \"").and_then(|rest| rest.strip_suffix(".wasm\"")) {
        Some(module) => {
            let guest = Path::new(module).file_name().expect("a module has a name").to_string_lossy().into_owned();
            format!("module = \"{}\"\n", build::guest(&guest).display())
        }
        None => format!("{line}\n"),
    };
    // Built they are already, and not from there.
    let lines = text.lines().filter(|line| !line.starts_with("build = "));
    std::fs::write(manifest, lines.map(line).collect::<String>()).expect("the manifest is written");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder is made");
    for entry in std::fs::read_dir(from).expect("a folder of this tree") {
        let entry = entry.expect("an entry of it");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => _ = std::fs::copy(entry.path(), to).expect("a file is copied"),
        }
    }
}
