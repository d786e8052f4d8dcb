//! The live view of `veltrix dev`, on a terminal.

use std::path::Path;
use std::time::Duration;

use veltrix_dev::view::View;
use veltrix_tests::{App, Kafka, Record, SOON, build, eventually};

use crate::terminal::Terminal;

/// What the value of each event says is what the function does.
fn app() -> App {
    App::new(&format!(
        "name = 'viewed'\n[kafka]\nbrokers = ['not-here:1']\n[[binding]]\ntopics = ['in']\nfunction = 'acts'\n\
         dead_letter = 'in.dead'\nretry = {{ attempts = 1 }}\n[function.acts]\nmodule = '{}'\n",
        build::guest("misbehaving").display()
    ))
}

fn start(app: &App, arguments: &[&str], rows: u16, columns: u16) -> Terminal {
    let arguments = [&["dev", "--cassandra-port", "0"], arguments].concat();
    Terminal::start(build::veltrix(), &arguments, app.directory(), rows, columns)
}

/// A client of its Kafka.
fn kafka(app: &App) -> Kafka {
    let file = app.directory().join(".veltrix/dev.json");
    let address = eventually("it tells its addresses", SOON, || {
        let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
        Some(told["kafka"].as_str()?.to_owned())
    });
    Kafka::new(&address)
}

/// The words of the binding's line.
fn line(shown: &str) -> Option<Vec<String>> {
    let line = shown.lines().find(|line| line.starts_with("acts "))?;
    Some(line.split_whitespace().map(str::to_owned).collect())
}

/// Whether the binding's line says that so many events were acked.
fn acked(count: u64) -> impl Fn(&str) -> bool {
    move |shown| line(shown).is_some_and(|words| words.get(6) == Some(&count.to_string()))
}

#[test]
fn events_logs_and_dead_letters_are_shown_and_keys_do_what_they_say() {
    let app = app();
    let mut terminal = start(&app, &[], 36, 120);
    terminal.wait("the binding runs", |shown| line(shown).is_some_and(|words| words.contains(&"running".to_owned())));
    let kafka = kafka(&app);
    kafka.produce("in", [Record::new("a", "good"), Record::new("b", "log:cheese"), Record::new("c", "trap")]);
    let shown = terminal.wait("two events are acked and one is dead", |shown| {
        acked(2)(shown) && line(shown).is_some_and(|words| words[9] == "1")
    });
    assert!(shown.contains("kafka 127.0.0.1:"), "{shown}");
    let shown =
        terminal.wait("the log and the dead letter", |shown| shown.contains("cheese") && shown.contains("trap after"));
    let log = shown.lines().find(|line| line.contains("cheese")).unwrap_or_default();
    assert!(log.contains("acts in/"), "the log has its event's coordinates: {log}");

    terminal.press("p");
    terminal.wait("it is paused", |shown| line(shown).is_some_and(|words| words.contains(&"paused".to_owned())));
    kafka.produce("in", [Record::new("a", "good")]);
    terminal.press("r");
    terminal.wait("it goes on", acked(3));
    terminal.wait("the event is done", |shown| line(shown).is_some_and(|words| words[3] == "0"));
    terminal.press("e");
    terminal.wait("the last event is handled again", acked(4));

    terminal.press("q");
    let ended = terminal.wait_end();
    assert_eq!(ended.code(), Some(0), "{}", terminal.shown());
    assert!(terminal.is_restored());
    // The summary stands where the view was.
    eventually("the summary", SOON, || terminal.shown().contains("viewed").then_some(()));
}

#[test]
fn a_small_terminal_says_so_until_it_is_larger_and_ctrl_c_ends_it() {
    let app = app();
    let mut terminal = start(&app, &[], 10, 40);
    terminal.wait("it says that it is too small", |shown| shown.replace('\n', " ").contains("too small: 40x10"));
    for (rows, columns) in [(1, 1), (3, 200), (60, 10)] {
        terminal.resize(rows, columns);
    }
    terminal.resize(24, 100);
    terminal.wait("there is room", |shown| line(shown).is_some());
    terminal.press("\u{3}");
    assert_eq!(terminal.wait_end().code(), Some(0));
    assert!(terminal.is_restored());
}

#[test]
fn plain_has_lines_on_a_terminal_too() {
    let app = app();
    let mut terminal = start(&app, &["--plain"], 24, 100);
    let shown = terminal.wait("it runs", |shown| shown.contains("in ─► acts"));
    assert!(!shown.contains("events/s"), "{shown}");
    terminal.press("\u{3}");
    assert_eq!(terminal.wait_end().code(), Some(0));
    assert!(terminal.is_restored());
}

#[test]
fn a_compilers_error_is_read_from_its_first_line_to_its_last() {
    let app = app();
    let manifest = std::fs::read_to_string(app.directory().join("veltrix.toml")).unwrap();
    app.write("veltrix.toml", manifest + "build = 'sh build.sh'\nwatch = ['src']\n");
    std::fs::create_dir(app.directory().join("src")).unwrap();
    app.write("build.sh", "true");
    let mut terminal = start(&app, &[], 24, 72);
    terminal.wait("the binding runs", |shown| line(shown).is_some_and(|words| words.contains(&"running".to_owned())));
    app.write(
        "build.sh",
        "echo 'error[E0425]: cannot find value'; for n in $(seq 60); do echo \"  = note: number $n\"; done; exit 101",
    );
    app.write("src/lib.rs", "x");
    let shown = terminal.wait("the error", |shown| shown.contains("error[E0425]: cannot find value"));
    let place = |text: &str| shown.find(text);
    assert!(place("error[E0425]") < place("number 1") && place("number 1") < place("number 2"), "{shown}");
    assert!(place("number 2").is_some() && place("number 60").is_none(), "{shown}");
    terminal.press("n");
    terminal.wait("all of it", |shown| shown.contains("lines 1 to 21 of 63") && shown.contains("error[E0425]"));
    terminal.press("\u{1b}[F");
    let end = terminal.wait("its end", |shown| shown.contains("the old version of acts goes on"));
    assert!(end.contains("number 60") && end.contains("failed: exit status: 101"), "{end}");
    terminal.press("n");
    terminal.wait("the bindings", |shown| line(shown).is_some());
    terminal.press("q");
    assert_eq!(terminal.wait_end().code(), Some(0), "{}", terminal.shown());
}

/// Who panics in a process that shows the view.
const WHO: &str = "VELTRIX_TEST_PANICS";

/// What the next test runs on a terminal, in a process of its own.
#[test]
#[ignore = "the next test runs it"]
fn panics_on_a_terminal() {
    let Ok(who) = std::env::var(WHO) else { return };
    let _view = View::start(Box::new(|_| panic!("the view fell"))).unwrap();
    std::thread::sleep(Duration::from_secs(if who == "owner" { 1 } else { 600 }));
    panic!("the owner fell");
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let own = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (who, told) in [("owner", "the owner fell"), ("view", "the view fell")] {
        let who_falls = format!("{WHO}={who}");
        let test = ["--exact", "view::panics_on_a_terminal", "--ignored", "--nocapture"];
        let arguments = [&[who_falls.as_str(), own.to_str().unwrap()][..], &test[..]].concat();
        let mut terminal = Terminal::start(Path::new("env"), &arguments, folder.path(), 24, 100);
        if who == "view" {
            terminal.wait("the view", |shown| shown.contains("veltrix dev: starting"));
            terminal.press("q");
        }
        eventually(told, SOON, || (terminal.is_restored() && terminal.shown().contains(told)).then_some(()));
    }
}
