//! A function's `build` command: in a process group of its own, with a limit of time, its output bounded.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// Output that is kept, from its end: that is where compilers say what is wrong.
const MOST_OUTPUT: usize = 64 << 10;
/// Between words on a build that takes long.
const EVERY: Duration = Duration::from_secs(10);
/// How long output is awaited of what a build leaves behind.
const GRACE: Duration = Duration::from_millis(200);

/// A build to run.
#[derive(Clone, Copy)]
pub struct Build<'a> {
    /// As the shell takes it.
    pub command: &'a str,
    /// Where.
    pub dir: &'a Path,
    /// After so long it is ended.
    pub limit: Duration,
    /// The output is for a terminal: compilers may colour it.
    pub colour: bool,
    /// Is told now and then what it printed last: who waits for minutes wants to see that something happens.
    pub waits: Option<&'a (dyn Fn(&str) + Sync)>,
}

/// Why a build gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no shell, or no such folder.
    #[error("`{command}` can't be started in {dir}: {error}")]
    Start {
        /// The command.
        command: String,
        /// The folder.
        dir: String,
        /// Why.
        error: io::Error,
    },
    /// It said that it failed.
    #[error("{output}\n`{command}` failed: {status}")]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        output: String,
    },
    /// It took too long, and was ended with all that it had started.
    #[error(
        "{output}\n`{command}` was ended: it had not finished after {limit:?}; a longer time is given with --build-limit"
    )]
    TooLong {
        /// The command.
        command: String,
        /// The limit.
        limit: Duration,
        /// The end of what it printed.
        output: String,
    },
}

impl Build<'_> {
    /// Runs it to its end; how long it took. Dropped before that, it is ended with all that it has started.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub async fn run(&self) -> Result<Duration, BuildError> {
        let begun = Instant::now();
        let (reader, writer) = io::pipe().map_err(|error| self.not_started(error))?;
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.command).current_dir(self.dir).stdin(Stdio::null()).process_group(0);
        // The manifest says where modules are: a folder that the shell around us names must not move them.
        command.env_remove("CARGO_TARGET_DIR");
        if self.colour && std::env::var_os("CARGO_TERM_COLOR").is_none() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let other = writer.try_clone().map_err(|error| self.not_started(error))?;
        command.stdout(writer).stderr(other);
        let child = command.spawn().map_err(|error| self.not_started(error))?;
        // It holds the ends that are written to, and output would never end.
        drop(command);
        let mut group = Group::of(child);
        let mut output = Tail::default();
        let ended = tokio::time::timeout(self.limit, async {
            let mut reader = pipe(reader)?;
            let mut next = tokio::time::Instant::now() + EVERY;
            loop {
                tokio::select! {
                    read = output.read(&mut reader) => { read?; return group.child.wait().await; }
                    status = group.child.wait() => {
                        // What it has left running may hold the output open for ever.
                        let _ = tokio::time::timeout(GRACE, output.read(&mut reader)).await;
                        return status;
                    }
                    () = tokio::time::sleep_until(next) => {
                        next += EVERY;
                        if let Some(say) = self.waits {
                            say(&output.last());
                        }
                    }
                }
            }
        })
        .await;
        match ended {
            Ok(Ok(status)) if status.success() => {
                group.leave();
                Ok(begun.elapsed())
            }
            Ok(Ok(status)) => {
                Err(BuildError::Failed { command: self.command.to_owned(), status, output: output.text() })
            }
            Ok(Err(error)) => Err(self.not_started(error)),
            Err(_) => {
                Err(BuildError::TooLong { command: self.command.to_owned(), limit: self.limit, output: output.text() })
            }
        }
    }

    fn not_started(&self, error: io::Error) -> BuildError {
        BuildError::Start { command: self.command.to_owned(), dir: self.dir.display().to_string(), error }
    }
}

fn pipe(reader: io::PipeReader) -> io::Result<tokio::net::unix::pipe::Receiver> {
    tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())
}

/// A process and all that it starts; ended when dropped.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn of(child: Child) -> Self {
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Self { child, id }
    }

    /// What is left of it may stay: a compiler's server, say.
    fn leave(&mut self) {
        self.id = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // It is gone already where this fails.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// The end of an output.
#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    dropped: u64,
}

impl Tail {
    async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            self.bytes.extend_from_slice(&buffer[..read]);
            // Twice the bound, so that not every read moves all of it.
            if self.bytes.len() > 2 * MOST_OUTPUT {
                self.cut();
            }
        }
    }

    /// The last line that says something.
    fn last(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
    }

    fn cut(&mut self) {
        let more = self.bytes.len().saturating_sub(MOST_OUTPUT);
        self.bytes.drain(..more);
        self.dropped += more as u64;
    }

    fn text(&mut self) -> String {
        self.cut();
        let text = String::from_utf8_lossy(&self.bytes);
        match self.dropped {
            0 => text.trim_end().to_owned(),
            dropped => format!("… {dropped} bytes of output before this\n{}", text.trim_end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(command: &str, limit: Duration) -> Build<'_> {
        Build { command, dir: Path::new("."), limit, colour: false, waits: None }
    }

    #[tokio::test]
    async fn a_failure_shows_the_end_of_what_was_printed_and_no_more() {
        let command =
            "i=0; while [ $i -lt 30000 ]; do echo line number $i; i=$((i+1)); done; echo last words >&2; exit 3";
        let error = build(command, Duration::from_secs(60)).run().await.unwrap_err().to_string();
        assert!(error.contains("line number 29999\nlast words\n"), "{}", &error[error.len() - 300..]);
        assert!(error.contains("failed: exit status: 3") && error.starts_with("… "), "{}", &error[..100]);
        assert!(error.len() < MOST_OUTPUT + 1_000);
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_all_that_it_started() {
        let place = tempfile::tempdir().unwrap();
        let alive = place.path().join("alive");
        let command = format!("(while true; do date > {}; sleep 0.02; done) & wait", alive.display());
        let error = build(&command, Duration::from_millis(300)).run().await.unwrap_err();
        assert!(matches!(error, BuildError::TooLong { .. }), "{error}");
        // What was under way when the signal came is over after this.
        tokio::time::sleep(Duration::from_millis(100)).await;
        std::fs::remove_file(&alive).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!alive.exists(), "its child still runs");
    }

    #[tokio::test]
    async fn what_stays_in_the_background_is_not_waited_for() {
        let took = build("sleep 20 & echo done", Duration::from_secs(60)).run().await.unwrap();
        assert!(took < Duration::from_secs(10), "{took:?}");
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_said() {
        let missing = Build { dir: Path::new("/nowhere/at/all"), ..build("true", Duration::from_secs(60)) };
        assert!(missing.run().await.unwrap_err().to_string().contains("/nowhere/at/all"));
    }
}
