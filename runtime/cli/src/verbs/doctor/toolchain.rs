//! What builds functions: Rust, its Wasm target, a linker.

use std::path::Path;
use std::time::Duration;

use super::Subject;
use super::check::Check;
use super::tool::{SOON, ToolError, ask};

const TARGET: &str = "wasm32-wasip2";
/// The oldest Rust that builds the SDK.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");
const INSTALL: &str = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh";
/// How long a download may take.
const DOWNLOAD: Duration = Duration::from_secs(600);

pub(crate) fn look(subject: &Subject) -> Vec<Check> {
    let functions = subject.manifest.iter().flat_map(|manifest| manifest.functions.values());
    let builds: Vec<_> = functions.filter_map(|function| function.build.as_deref()).collect();
    if subject.manifest.is_some() && !builds.iter().any(|build| build.contains("cargo")) {
        return vec![Check::good("toolchain", "no function here is built by cargo")];
    }
    // Where a file of rustup's says which toolchain is used.
    let folder = &subject.folder;
    let rust = || match rustc(folder) {
        Ok(check) => vec![check, wasm(folder), linker(folder)],
        Err(check) => vec![check],
    };
    std::thread::scope(|scope| {
        let rust = scope.spawn(rust);
        let cargo = cargo(folder);
        std::iter::once(cargo).chain(rust.join().expect("a look does not panic")).collect()
    })
}

fn cargo(folder: &Path) -> Check {
    match ask("cargo", &["--version"], folder, SOON) {
        Ok(version) => Check::good("cargo", version.trim()),
        Err(error) => broken("cargo", &error),
    }
}

/// `Err`: there is none to ask more of.
fn rustc(folder: &Path) -> Result<Check, Check> {
    let version = ask("rustc", &["--version"], folder, SOON).map_err(|error| broken("rustc", &error))?;
    let version = version.trim();
    let number = version.split(' ').nth(1).unwrap_or_default();
    Ok(match is_at_least(number, OLDEST) {
        Some(true) => Check::good("rustc", version),
        Some(false) => Check::problem("rustc", format!("{version}: too old, {OLDEST} or newer is needed"))
            .fix("rustup update stable"),
        None => Check::warning("rustc", format!("{version}: not a version; {OLDEST} or newer is needed")),
    })
}

fn broken(name: &'static str, error: &ToolError) -> Check {
    let check = Check::problem(name, error.to_string());
    match error {
        ToolError::Missing(_) => check.fix(INSTALL),
        ToolError::Slow(..) => check,
        ToolError::Failed(..) => check.fix("rustup show"),
    }
}

fn is_at_least(version: &str, oldest: &str) -> Option<bool> {
    let parse = |text: &str| -> Option<Vec<u32>> {
        let release = text.split('-').next()?;
        release.split('.').map(|part| part.parse().ok()).collect()
    };
    Some(parse(version)? >= parse(oldest)?)
}

fn wasm(folder: &Path) -> Check {
    let sysroot = match ask("rustc", &["--print", "sysroot"], folder, SOON) {
        Ok(sysroot) => sysroot,
        Err(error) => return Check::problem("wasm", error.to_string()),
    };
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir() {
        return Check::good("wasm", format!("Rust's target {TARGET}"));
    }
    let missing = format!("Rust's target {TARGET} is missing");
    if matches!(ask("rustup", &["--version"], folder, SOON), Err(ToolError::Missing(_))) {
        return Check::problem("wasm", format!("{missing}, and only rustup adds it; or install it your system's way"))
            .fix(INSTALL);
    }
    let folder = folder.to_owned();
    Check::problem("wasm", missing).fix(format!("rustup target add {TARGET}")).mend(move || {
        ask("rustup", &["target", "add", TARGET], &folder, DOWNLOAD).map(drop).map_err(|error| error.to_string())
    })
}

/// Guests need none, but the macros that they use run on this machine: links a program.
fn linker(folder: &Path) -> Check {
    let failed = |why: String| Check::problem("linker", format!("no program can be linked: {why}"));
    let scratch = std::env::temp_dir().join(format!("veltrix-doctor.{}", std::process::id()));
    let written =
        std::fs::create_dir(&scratch).and_then(|()| std::fs::write(scratch.join("probe.rs"), "fn main() {}\n"));
    let linked = written.map_err(|error| failed(format!("{}: {error}", scratch.display()))).and_then(|()| {
        let (source, program) = (scratch.join("probe.rs"), scratch.join("probe"));
        let arguments = ["--edition".as_ref(), "2024".as_ref(), "-o".as_ref(), program.as_os_str(), source.as_os_str()];
        ask("rustc", &arguments, folder, SOON * 3).map_err(|error| failed(error.to_string()))
    });
    let _ = std::fs::remove_dir_all(&scratch);
    match linked {
        Ok(_) => Check::good("linker", "programs can be linked, as macros need"),
        Err(check) if Path::new("/usr/bin/apt-get").exists() => check.fix("apt-get install build-essential"),
        Err(check) => check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, expected) in [
            ("1.95.0", true),
            ("1.100.0", true),
            ("2.0.0", true),
            ("1.96.0-nightly", true),
            ("1.9.9", false),
            ("1.94.1", false),
        ] {
            assert_eq!(is_at_least(version, "1.95"), Some(expected), "{version}");
        }
        assert_eq!(is_at_least("unknown", "1.95"), None);
        assert!(is_at_least(OLDEST, OLDEST).unwrap());
    }
}
