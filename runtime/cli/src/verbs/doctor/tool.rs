//! Programs that are asked about themselves; none is waited for long.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::runtime::Builder;
use tokio::time::timeout;

/// How long a program may take to say what it is.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Why a program gave no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("{0} is not installed, or not in PATH")]
    Missing(String),
    #[error("{0} gave no answer within {1:?}")]
    Slow(String, Duration),
    #[error("{0} failed: {1}")]
    Failed(String, String),
}

/// What the program prints on stdout, run in a folder, within a time.
pub(crate) fn ask(
    program: &str,
    arguments: &[impl AsRef<OsStr>],
    folder: &Path,
    within: Duration,
) -> Result<String, ToolError> {
    let failed = |why: String| ToolError::Failed(program.to_owned(), why);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output = runtime.block_on(async { timeout(within, command.output()).await });
    let output = match output {
        Err(_) => return Err(ToolError::Slow(program.to_owned(), within)),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => return Err(ToolError::Missing(program.to_owned())),
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Ok(Ok(output)) => output,
    };
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(failed(reason(&output.stderr, &output.status.to_string()))),
    }
}

/// The line that says why, of all that a program printed as it failed.
fn reason(stderr: &[u8], status: &str) -> String {
    let stderr = String::from_utf8_lossy(stderr);
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    lines().find(|line| line.starts_with("error")).or_else(|| lines().next_back()).unwrap_or(status).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_not_waited_for_even_if_they_leave_others_behind() {
        let ask = |script, within| ask("sh", &["-c", script], Path::new("."), within);
        assert_eq!(ask("echo hello", SOON), Ok("hello\n".to_owned()));
        let failed = ask("echo 'a\nerror: no\nb' >&2; exit 3", SOON).unwrap_err();
        assert_eq!(failed.to_string(), "sh failed: error: no");
        let slow = ask("sleep 100 & sleep 100", Duration::from_millis(50)).unwrap_err();
        assert_eq!(slow.to_string(), "sh gave no answer within 50ms");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let missing = ask("surely-no-program", &["x"], Path::new("."), SOON).unwrap_err();
        assert_eq!(missing, ToolError::Missing("surely-no-program".to_owned()));
    }
}
