//! A command on a terminal that a test plays: what it shows, and keys.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

/// How long to wait for what is to be shown; compiling a module in a debug build is the longest part.
const SOON: Duration = Duration::from_secs(120);

/// A command on a terminal of its own; killed when dropped.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Kept open, so that the settings can be looked at when the command has gone.
    line: OwnedFd,
    before: String,
}

impl Terminal {
    /// Starts a command on a terminal of that size, in a folder.
    pub(crate) fn start(command: &Path, arguments: &[&str], folder: &Path, rows: u16, columns: u16) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal is opened");
        grantpt(&keys).and_then(|()| unlockpt(&keys)).expect("it can be used");
        let name = ptsname(&keys, Vec::new()).expect("it has a name").into_string().expect("which is UTF-8");
        let line = OpenOptions::new().read(true).write(true).open(name).expect("its other end is opened");
        let keys = File::from(keys);
        size(&keys, rows, columns);
        let before = settings(&line);
        let end = || line.try_clone().expect("an end can be shared");
        // A session of its own, so that the terminal's keys and signals are its.
        let mut setsid = Command::new("setsid");
        setsid.arg("--ctty").arg(command).args(arguments).current_dir(folder).env("TERM", "xterm-256color");
        setsid.env_remove("VELTRIX_KAFKA").env_remove("VELTRIX_CASSANDRA").env_remove("VELTRIX_LOG");
        let child = setsid.stdin(end()).stdout(end()).stderr(end()).spawn().expect("setsid runs");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 1_000)));
        let (shown, mut output) = (screen.clone(), keys.try_clone().expect("an end can be shared"));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("no panic while held").process(&bytes[..count]);
            }
        });
        Self { child, keys, screen, line: line.into(), before }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Changes the size.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        self.screen.lock().expect("no panic while held").screen_mut().set_size(cells(rows), cells(columns));
        size(&self.keys, rows, columns);
    }

    /// What it shows.
    pub(crate) fn shown(&self) -> String {
        self.screen.lock().expect("no panic while held").screen().contents()
    }

    /// Waits until what it shows is as wanted; gives that.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            let shown = self.shown();
            if wanted(&shown) {
                return shown;
            }
            let ended = self.child.try_wait().expect("its state is known");
            assert!(ended.is_none(), "it ended ({ended:?}) before {what}:\n{shown}");
            assert!(Instant::now() < deadline, "{what}: not within {SOON:?}:\n{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let what = "it ends";
        veltrix_tests::eventually(what, SOON, || self.child.try_wait().expect("its state is known"))
    }

    /// Whether the terminal is as the command found it: its settings, its screen, its cursor.
    pub(crate) fn is_restored(&self) -> bool {
        let screen = self.screen.lock().expect("no panic while held");
        settings(&self.line) == self.before && !screen.screen().alternate_screen() && !screen.screen().hide_cursor()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- shown:\n{}", self.shown());
        }
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a terminal has cells")
}

fn size(terminal: &File, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("a terminal has a size");
}

fn settings(terminal: impl std::os::fd::AsFd) -> String {
    let found = tcgetattr(terminal).expect("a terminal has settings");
    format!("{:?} {:?} {:?}", found.input_modes, found.output_modes, found.local_modes)
}
