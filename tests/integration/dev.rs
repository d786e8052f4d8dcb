//! `veltrix dev`: an application with nothing but itself.

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use veltrix_tests::{App, Dev, Record, SOON, build, wait};

/// Relays `in` to `mid` and `mid` to `out`; both have dead letters.
fn chain(binding: &str, function: &str) -> App {
    let module = build::guest("relay");
    let part = |name: &str, from: &str, to: &str| {
        format!(
            "[[binding]]\ntopics = ['{from}']\nfunction = '{name}'\ndead_letter = '{name}.dead'\n{binding}\n\
             [function.{name}]\nmodule = '{}'\nemits = ['{to}']\nvars = {{ to = '{to}' }}\n{function}\n",
            module.display()
        )
    };
    let head = "name = 'chain'\n[kafka]\nbrokers = ['not-here:1']\nproperties = { 'security.protocol' = 'SSL' }\n";
    App::new(&format!("{head}{}{}", part("first", "in", "mid"), part("second", "mid", "out")))
}

/// One function whose module lies beside it.
pub(crate) fn manifest(function: &str) -> String {
    format!(
        "name = 'single'\n[kafka]\nbrokers = ['not-here:1']\n[[binding]]\ntopics = ['in']\nfunction = 'relay'\ndead_letter = 'dead'\n\
         retry = {{ attempts = 1 }}\n[function.relay]\nmodule = 'relay.wasm'\nemits = ['out', 'other']\n{function}\n"
    )
}

fn line(key: &str, headers: &Value) -> String {
    format!("{}\n", json!({"key": key, "value": "v", "headers": headers}))
}

fn summary(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn feeds_its_inputs_and_ends_with_what_came_of_them() {
    let app = chain("", "");
    let mut lines: String = (0..200).map(|n| line(&format!("k{n}"), &json!([]))).collect();
    lines += "\nthis is no event\n";
    lines += &line("bad", &json!([["dead", "asked"]]));
    lines += &line("left out", &json!([["skip", ""]]));
    app.write("in.jsonl", &lines);
    app.write("mid.jsonl", line("also", &json!([])));
    let input = ["--exit", "--input", "in=in.jsonl", "--input", "mid=mid.jsonl", "--output", "json"];

    let ended = Dev::start(&app, &input).wait();
    assert_eq!(ended.code, Some(1), "there is a dead letter: {}", ended.err);
    assert!(ended.err.contains("in.jsonl:202: not JSON"), "{}", ended.err);
    assert!(ended.err.contains("kept in memory"), "{}", ended.err);
    let told = summary(&ended.out);
    assert_eq!(told["inputs"][0], json!({"topic": "in", "from": "in.jsonl", "events": 202, "refused": 1}));
    let of = |index: usize, what: &str| told["bindings"][index][what].clone();
    assert_eq!((of(0, "ack"), of(0, "skip"), of(0, "dead_lettered")), (200.into(), 1.into(), 1.into()));
    assert_eq!((of(1, "function"), of(1, "ack"), of(1, "dead_lettered")), ("second".into(), 201.into(), 0.into()));
    assert_eq!(told["emitted"], json!({"mid": 200, "out": 201}));
    assert_eq!(told["dead_letters"], json!({"asked": 1}));
    assert!(!app.directory().join(".veltrix/dev.json").exists(), "nobody looks for it any more");

    let allowed = Dev::start(&app, &[&input[..], &["--allow-dead-letters"]].concat()).wait();
    assert_eq!(allowed.code, Some(0), "{}", allowed.err);
    let strict = Dev::start(&app, &[&input[..], &["--strict"]].concat()).wait();
    assert_eq!(strict.code, Some(1), "{}", strict.err);
    assert!(strict.err.contains("in.jsonl:202: not JSON") && strict.err.contains("--strict"), "{}", strict.err);
}

#[test]
fn feeds_no_faster_than_it_handles_and_loses_nothing() {
    // 12 MB of one key go through one partition of each topic, which keeps 5.
    let app = chain("ordering = 'none'\nconcurrency = 64", "");
    let value = "x".repeat(2_000);
    let mut file = std::fs::File::create(app.directory().join("in.jsonl")).unwrap();
    for _ in 0..6_000 {
        writeln!(file, "{{\"key\":\"k\",\"value\":\"{value}\"}}").unwrap();
    }
    let ended = Dev::start(&app, &["--exit", "--input", "in=in.jsonl", "--output", "json"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let told = summary(&ended.out);
    for binding in told["bindings"].as_array().unwrap() {
        assert_eq!((&binding["ack"], &binding["lost"]), (&6_000.into(), &0.into()), "{told}");
    }
}

#[test]
fn what_an_outside_producer_overruns_is_told_with_counts() {
    let app = chain("concurrency = 1", "");
    let mut dev = Dev::start(&app, &["--output", "json"]);
    let kafka = dev.kafka();
    dev.wait_said("runs");
    // The first keeps its lane, so that nothing behind it is done.
    let slow = Record::new("k", "first").to(0).with_header("sleep", Some(b"4000"));
    let flood = (0..200).map(|_| Record::new("k", vec![b'x'; 100_000]).to(0));
    kafka.produce("in", std::iter::once(slow).chain(flood));
    dev.wait_said("events are lost for first (group chain.first)");
    let ended = dev.signal("INT");
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(summary(&ended.out)["bindings"][0]["lost"].as_u64().unwrap() > 0);
}

#[test]
fn what_cannot_be_run_is_said_with_what_to_do() {
    let app = chain("", "");
    app.write("in.jsonl", line("k", &json!([])));
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        let ended = Dev::start(&app, arguments).wait();
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
        for word in words {
            assert!(ended.err.contains(word), "{arguments:?}: no {word:?} in {}", ended.err);
        }
    };
    refused(&["--exit", "--input", "nothing=in.jsonl"], 2, &["--input nothing", "in, mid"]);
    refused(&["--exit", "--input", "in=missing.jsonl"], 2, &["missing.jsonl", "No such file"]);
    refused(&["--input", "in"], 2, &["TOPIC=FILE"]);
    refused(&["nowhere"], 2, &["nowhere"]);
    let text = std::fs::read_to_string(app.directory().join("veltrix.toml")).unwrap();
    app.write("veltrix.toml", text.replace("dead_letter = 'first.dead'", "delivery = 'exactly-once'"));
    refused(&[], 2, &["exactly-once", "--kafka"]);
    app.write("veltrix.toml", text.replace("dead_letter = 'first.dead'", "start = '2024-01-01T00:00:00Z'"));
    refused(&[], 2, &["looks nothing up by time", "--kafka"]);
    let tables = "[cassandra]\nnodes = ['x:1']\nkeyspace = 'k'\n";
    app.write("veltrix.toml", text.replacen("[[binding]]", &format!("{tables}[[binding]]"), 1));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refused(&["--cassandra-port", &port], 2, &["in use", &port, "--cassandra-port"]);
    app.write("veltrix.toml", text);

    let mut first = Dev::start(&app, &[]);
    first.wait_said("runs");
    refused(&[], 1, &["another `veltrix dev`", &format!("process {}", first.pid())]);
    let ended = first.signal("TERM");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn a_line_that_no_event_can_be_is_refused_by_its_number_and_the_rest_goes_on() {
    let app = chain("", "");
    let mut file = std::fs::File::create(app.directory().join("in.jsonl")).unwrap();
    file.write_all(line("a", &json!([])).as_bytes()).unwrap();
    for _ in 0..100 {
        file.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    file.write_all(b"\n\"\xff\"\n").unwrap();
    // More than an embedded partition should hold of one event.
    file.write_all(format!("{{\"value\":\"{}\"}}\n", "y".repeat(3 << 20)).as_bytes()).unwrap();
    file.write_all(line("b", &json!([])).as_bytes()).unwrap();
    drop(file);
    let ended = Dev::start(&app, &["--exit", "--input", "in=in.jsonl"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for told in ["in.jsonl:2: longer than 64 MiB", "in.jsonl:3: not UTF-8", "in.jsonl:4: not published"] {
        assert!(ended.err.contains(told), "{told}: {}", ended.err);
    }
    assert!(ended.out.contains("fed to in: 2 of in.jsonl, 3 lines refused"), "{}", ended.out);
}

#[test]
fn a_function_that_cannot_be_started_does_not_keep_it_from_ending() {
    // It wants to be told its table.
    let module = build::guest("archive");
    let app = App::new(&manifest("").replace("module = 'relay.wasm'", &format!("module = '{}'", module.display())));
    app.write("in.jsonl", line("k", &json!([])));
    let ended = Dev::start(&app, &["--exit", "--input", "in=in.jsonl"]).wait();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("function relay can't be started"), "{}", ended.err);
}

#[test]
fn lanes_that_stop_do_not_keep_it_from_ending() {
    let app = App::new(&manifest("").replace("dead_letter = 'dead'", ""));
    app.write("relay.wasm", std::fs::read(build::guest("relay")).unwrap());
    app.write("in.jsonl", line("bad", &json!([["dead", "asked"]])) + &line("good", &json!([])));
    let ended = Dev::start(&app, &["--exit", "--input", "in=in.jsonl"]).wait();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.out.contains("ack 1") && ended.out.contains("1 lanes stopped"), "{}", ended.out);
}

#[test]
fn schema_is_applied_also_when_it_changes_and_other_clients_see_what_is_there() {
    let module = build::guest("relay");
    let app = App::new(&format!(
        "name = 'rows'\n[kafka]\nbrokers = ['not-here:1']\n[cassandra]\nnodes = ['not-here:1']\nkeyspace = 'shop'\nschema = 'schema.cql'\n\
         [[binding]]\ntopics = ['in']\nfunction = 'relay'\n[function.relay]\nmodule = '{}'\nemits = ['out']\n\
         cassandra = {{ seen = 'write' }}\nvars = {{ to = 'out', table = 'seen' }}\n",
        module.display()
    ));
    let table = |name: &str| {
        format!(
            "CREATE TABLE IF NOT EXISTS {name} (partition int, offset bigint, value blob, PRIMARY KEY (partition, offset));\n"
        )
    };
    app.write("schema.cql", table("seen"));
    app.write("rows.cql", "INSERT INTO seen (partition, offset, value) VALUES (9, 9, 0xff);");
    let mut dev = Dev::start(&app, &["--cassandra-port", "0", "--rows", "rows.cql"]);
    dev.wait_said("runs");
    let addresses = dev.addresses();
    let kafka = addresses["kafka"].as_str().unwrap();

    // Verbs in the folder find the servers.
    let verb = |arguments: &[&str]| {
        let output = app.veltrix(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let begun = Instant::now();
    verb(&["publish", "in", "--key", "k", "--value", "hello"]);
    println!("publish took {:?}", begun.elapsed());
    let tailed = verb(&["tail", "out", "--from", "earliest", "--count", "1", "--timeout", "30s"]);
    assert!(tailed.contains("hello"), "{tailed}");
    let rows = verb(&["cql", "SELECT value FROM seen", "--output", "json"]);
    let of = |hex: &str| format!("{{\"value\":\"0x{hex}\"}}");
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.sort_unstable();
    assert_eq!(rows, [of("68656c6c6f"), of("ff")], "what the function wrote, and what was there to begin with");

    // So do those of operators; what they want is heard there.
    let paused = verb(&["pause"]);
    assert!(paused.contains("paused rows.relay"), "{paused}");
    let resumed = verb(&["resume", "."]);
    assert!(resumed.contains("resumed rows.relay"), "{resumed}");

    app.write("schema.cql", table("seen") + &table("more"));
    dev.wait_said("schema applied");
    verb(&["cql", "SELECT value FROM more"]);
    app.write("schema.cql", "CREATE TABLE oops");
    dev.wait_said("schema.cql:1");

    match Command::new("kcat").args(["-V"]).output() {
        Err(error) => eprintln!("SKIPPED: kcat can't be run ({error}); deploy/local/setup installs it"),
        Ok(_) => {
            let script = format!(
                "echo kk:world | kcat -b {kafka} -P -t in -K: && timeout 60 kcat -b {kafka} -C -t out -o beginning -c 2 -e -q -f '%k=%s\\n'"
            );
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            let read = String::from_utf8_lossy(&output.stdout).into_owned();
            // What the function has not handled yet is not there yet.
            if !read.contains("kk=world") {
                wait::eventually("kcat reads what the function wrote", SOON, || {
                    let read = Command::new("kcat")
                        .args(["-b", kafka, "-C", "-t", "out", "-e", "-q", "-f", "%k=%s\n"])
                        .output()
                        .unwrap();
                    String::from_utf8_lossy(&read.stdout).contains("kk=world").then_some(())
                });
            }
        }
    }
    let ended = dev.signal("INT");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}
