//! `veltrix dev --input TOPIC=-` on a terminal: events from a pipe, the bar that shows how far they are, and the end.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use veltrix_tests::{App, SOON, build, eventually};

use crate::dev::manifest;
use crate::terminal::Terminal;

const EVENT: &str = "{\"key\":\"k\",\"value\":\"v\"}\n";

/// Runs until its input ends; gives the pipe as well.
fn start(app: &App) -> (Terminal, File) {
    let pipe = app.directory().join(veltrix_tests::unique("pipe"));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let command = format!("exec {} dev --exit --input in=- < {}", build::veltrix().display(), pipe.display());
    let terminal = Terminal::start(Path::new("sh"), &["-c", &command], app.directory(), 40, 100);
    (terminal, OpenOptions::new().write(true).open(pipe).unwrap())
}

/// Lines of the bar.
fn bars(shown: &str) -> usize {
    shown.lines().filter(|line| line.contains(", waiting ")).count()
}

#[test]
fn a_pipe_is_fed_under_a_bar_that_is_gone_before_the_summary() {
    let module = build::guest("relay");
    let app = App::new(&manifest("").replace("relay.wasm", &module.display().to_string()));
    let (mut terminal, mut pipe) = start(&app);
    pipe.write_all(EVENT.repeat(3).as_bytes()).unwrap();
    terminal.wait("three are handled", |shown| shown.contains("fed 3, handled 3, waiting 0"));
    pipe.write_all(format!("nonsense\n{EVENT}").as_bytes()).unwrap();
    let shown = terminal
        .wait("the next", |shown| shown.contains("fed 4, handled 4, waiting 0") && shown.contains("-:4: not JSON"));
    assert_eq!(bars(&shown), 1, "one bar, drawn in its place: {shown}");
    assert!(shown.lines().any(|line| line.starts_with("-:4: not JSON")), "a line is whole: {shown}");
    drop(pipe);
    assert_eq!(terminal.wait_end().code(), Some(0), "{}", terminal.shown());
    let summary = "fed to in: 4 of -, 1 lines refused";
    let shown = eventually("the summary", SOON, || Some(terminal.shown()).filter(|shown| shown.contains(summary)));
    assert_eq!(bars(&shown), 0, "{shown}");
    assert!(shown.lines().any(|line| line.starts_with("single")), "{shown}");

    // The pipe stays open: nobody waits for its end.
    let (mut terminal, mut pipe) = start(&app);
    pipe.write_all(EVENT.as_bytes()).unwrap();
    terminal.wait("one is handled", |shown| shown.contains("fed 1, handled 1, waiting 0"));
    // Not by its key, which the terminal would write behind the bar.
    let interrupt = Command::new("kill").args(["-INT", &terminal.pid().to_string()]).status();
    assert!(interrupt.expect("kill runs").success());
    assert_eq!(terminal.wait_end().code(), Some(1), "{}", terminal.shown());
    let shown =
        eventually("the summary", SOON, || Some(terminal.shown()).filter(|shown| shown.contains("handled 1: ack 1")));
    assert_eq!(bars(&shown), 0, "{shown}");
    assert!(terminal.is_restored());
}
