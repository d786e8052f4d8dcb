//! The command as its users meet it: usage, exit codes, what goes to which stream. No server is needed: what wants one
//! is told that there is none.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A port of this machine where nobody answers.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn command(here: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veltrix"));
    command.args(arguments).current_dir(here).stdin(Stdio::null());
    command.env_remove("VELTRIX_KAFKA").env_remove("VELTRIX_CASSANDRA").env_remove("VELTRIX_LOG");
    command
}

fn veltrix(here: &Path, arguments: &[&str]) -> Output {
    command(here, arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn ends(output: &Output, code: i32, told: &str) {
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(output), stderr(output));
    assert!(stderr(output).contains(told), "{:?} is not in {}", told, stderr(output));
}

fn folder(manifest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("veltrix.toml"), manifest).unwrap();
    folder
}

const MANIFEST: &str = "name = 'shop'\n[kafka]\nbrokers = ['BROKER']\n[cassandra]\nnodes = ['BROKER']\nkeyspace = 'shop'\n\
    [[binding]]\ntopics = ['orders']\nfunction = 'stock'\n[function.stock]\nmodule = 'stock.wat'\n";

#[test]
fn version_names_the_contract() {
    let output = veltrix(Path::new("."), &["--version"]);
    ends(&output, 0, "");
    let expected = format!("veltrix {} (contract veltrix:function@", env!("CARGO_PKG_VERSION"));
    assert!(stdout(&output).starts_with(&expected), "{}", stdout(&output));
}

#[test]
fn help_names_every_verb() {
    let help = stdout(&veltrix(Path::new("."), &["--help"]));
    let verbs = "new run check inspect publish tail cql dlq replay pause resume cassandra doctor completions man";
    for verb in verbs.split(' ') {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb} is not in {help}");
        ends(&veltrix(Path::new("."), &[verb, "--help"]), 0, "");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    let here = tempfile::tempdir().unwrap();
    for (arguments, told) in [
        (&[][..], "Usage: veltrix"),
        (&["launch"], "unrecognized subcommand 'launch'"),
        (&["chek"], "'check'"),
        (&["run", "--admin"], "--admin"),
        (&["check", "--output", "xml"], "[possible values: text, json]"),
        (&["run", "--kafka", "localhost"], "write host:port"),
        (&["publish"], "<TOPIC>"),
        (&["publish", "a b"], "a topic's name"),
        (&["publish", "t", "--value", "v", "--tombstone"], "cannot be used with"),
        (&["publish", "t", "--value", "v", "--file", "f"], "cannot be used with"),
        (&["publish", "t", "--key", "k"], "--key and --header go with --value or --tombstone"),
        (&["publish", "t", "--file", "missing.jsonl"], "missing.jsonl can't be opened"),
        (&["publish", "t", "--value", "v", "--partition=-1"], "--partition"),
        (&["tail", "t", "--from", "yesterday"], "write earliest, latest or an offset"),
        (&["tail", "t", "--count", "0"], "--count"),
        (&["tail", "t", "--timeout", "5sec"], "did you mean 5s?"),
        (&["cql"], "<STATEMENT>"),
        (&["inspect"], "<MODULE>"),
        (&["dlq"], "Usage: veltrix dlq"),
        (&["dlq", "show"], "<LETTER>"),
        (&["dlq", "show", "17"], "write PARTITION:OFFSET"),
        (&["dlq", "list", "--from", "yesterday"], "write an RFC 3339 time"),
        (&["dlq", "redrive", "--limit", "0"], "--limit"),
        (&["dlq", "redrive", "--offset", "9-3"], "write an offset, or two such as 17-25"),
        (&["replay", "--from", "yesterday"], "write an offset (120)"),
        (&["replay", "--from", "3", "--earliest"], "cannot be used with"),
        (&["replay", "--from", "a b/0:1"], "write an offset (120)"),
        (&["replay", "--topic", "a b"], "a topic's name"),
        (&["cassandra", "--port", "65536"], "65536"),
        (&["cassandra", "--host", "here"], "--host"),
        (&["new"], "<NAME>"),
        (
            &["new", "Orders"],
            "\"Orders\" can't be the project's name: crates are written in lower case; write `orders`",
        ),
        (&["new", "a/b"], "it is a path"),
        (&["new", "a", "--lang", "go"], "[possible values: rust]"),
        (&["new", "a", "--template", "event-sourced"], "[possible values: handler, cassandra]"),
        (&["new", "a", "--sdk", "nowhere"], "--sdk nowhere holds no veltrix-sdk; name the folder sdk/rust"),
        (&["completions", "cmd.exe"], "[possible values: bash, elvish, fish, powershell, zsh]"),
        (&["man", "dlq", "lost"], "veltrix dlq has no verb lost"),
    ] {
        let output = veltrix(here.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(told), "{arguments:?}: {told:?} is not in {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
    let left = std::fs::read_dir(here.path()).unwrap();
    assert_eq!(left.count(), 0, "what is refused leaves nothing behind");
}

#[test]
fn the_manual_has_a_page_for_every_verb() {
    let page = |verb: &[&str]| stdout(&veltrix(Path::new("."), &[&["man"], verb].concat()));
    let whole = page(&[]);
    assert!(whole.contains(".TH veltrix 1") && whole.contains("contract veltrix:function@"), "{whole}");
    assert!(whole.contains("veltrix\\-publish(1)"), "{whole}");
    let page = page(&["dlq", "redrive"]);
    assert!(page.contains(".TH veltrix-dlq-redrive 1") && page.contains("\\-\\-dry\\-run"), "{page}");
}

#[test]
fn bash_completes_verbs_and_flags() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("veltrix.bash"), veltrix(here.path(), &["completions", "bash"]).stdout).unwrap();
    let complete = |words: &str, at: usize| {
        let line = format!(
            "source veltrix.bash; COMP_WORDS=({words}); COMP_CWORD={at}; \
             _veltrix veltrix \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at}-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &line]).current_dir(here.path()).output().unwrap();
        stdout(&output).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete("veltrix pub", 1), ["publish"]);
    assert_eq!(complete("veltrix dlq red", 2), ["redrive"]);
    assert_eq!(complete("veltrix check --con", 2), ["--connect"]);
    assert_eq!(complete("veltrix new a --template c", 4), ["cassandra"]);
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        assert!(stdout(&veltrix(here.path(), &["completions", shell])).contains("publish"), "{shell}");
    }
}

#[test]
fn check_and_run_tell_all_problems_of_a_manifest() {
    let folder = folder("name = 'shop'\ncolour = 'red'\n[kafka]\nbrokers = []\n");
    for verb in ["check", "run"] {
        let output = veltrix(folder.path(), &[verb]);
        ends(&output, 2, "./veltrix.toml:2:1: unknown key \"colour\"");
        ends(&output, 2, "./veltrix.toml:4:11: `brokers` is empty");
        assert_eq!(stdout(&output), "");
    }
    let output = veltrix(folder.path(), &["check", "--output", "json"]);
    ends(&output, 2, "");
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["problems"].as_array().unwrap().len(), 3);
    assert_eq!((&report["problems"][1]["line"], &report["problems"][1]["column"]), (&2.into(), &1.into()));
    ends(&veltrix(folder.path(), &["check", "nowhere"]), 2, "nowhere: can't be read");
}

#[test]
fn check_and_inspect_refuse_what_is_no_function() {
    let folder = folder(&MANIFEST.replace("BROKER", "localhost:1"));
    for (module, told) in [("(module)", "component"), ("no wasm", "wasm"), ("(component)", "exports no")] {
        std::fs::write(folder.path().join("stock.wat"), module).unwrap();
        let output = veltrix(folder.path(), &["check"]);
        ends(&output, 2, "./veltrix.toml:11:10: function stock: stock.wat: ");
        ends(&output, 2, told);
        ends(&veltrix(folder.path(), &["inspect", "stock.wat"]), 2, told);
        let output = veltrix(folder.path(), &["check", "--output", "json"]);
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert!(report["problems"][0]["message"].as_str().unwrap().contains(told), "{report}");
    }
    ends(&veltrix(folder.path(), &["inspect", "missing.wasm"]), 2, "missing.wasm");
}

#[test]
fn dead_letters_are_asked_for_by_bindings_that_have_them() {
    let folder = folder(&MANIFEST.replace("BROKER", "localhost:1"));
    std::fs::write(folder.path().join("stock.wat"), HANDLER).unwrap();
    for verb in [&["dlq", "list"][..], &["dlq", "show", "0:1"], &["dlq", "redrive"]] {
        ends(&veltrix(folder.path(), verb), 2, "no binding here has a dead-letter topic");
        let unknown = veltrix(folder.path(), &[verb, &["--binding", "stok"]].concat());
        ends(&unknown, 2, "there is no binding stok; there are: shop.stock (function stock)");
    }
    let nobody = nobody();
    let more = MANIFEST.replace("BROKER", &nobody).replace("'stock'\n", "'stock'\ndead_letter = 'dead'\n");
    std::fs::write(folder.path().join("veltrix.toml"), more).unwrap();
    let children: Vec<_> = [&["dlq", "list"][..], &["dlq", "show", "0:1"], &["dlq", "redrive"]]
        .map(|verb| command(folder.path(), verb).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .into();
    for child in children {
        ends(&child.wait_with_output().unwrap(), 1, &format!("no Kafka broker answers at {nobody}"));
    }
}

#[test]
fn operators_name_bindings_that_are_there_and_hear_of_a_broker_that_is_not() {
    let nobody = nobody();
    let folder = folder(&MANIFEST.replace("BROKER", &nobody));
    std::fs::write(folder.path().join("stock.wat"), HANDLER).unwrap();
    let verbs = [&["pause"][..], &["resume"], &["replay", "--earliest"], &["replay", "--earliest", "--group", "side"]];
    for verb in verbs {
        let unknown = veltrix(folder.path(), &[verb, &["--binding", "stok"]].concat());
        ends(&unknown, 2, "there is no binding stok; there are: shop.stock (function stock)");
    }
    ends(&veltrix(folder.path(), &["replay"]), 2, "name a place with --from, or say --earliest");
    let children: Vec<_> = verbs
        .map(|verb| command(folder.path(), verb).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .into();
    for child in children {
        ends(&child.wait_with_output().unwrap(), 1, &format!("no Kafka broker answers at {nobody}"));
    }
}

#[test]
fn servers_that_do_not_answer_end_with_1_and_are_named() {
    let here = tempfile::tempdir().unwrap();
    let nobody = nobody();
    let children: Vec<_> = [
        &["publish", "orders", "--value", "v", "--kafka", &nobody][..],
        &["tail", "orders", "--kafka", &nobody],
        &["cql", "SELECT * FROM t", "--cassandra", &nobody],
    ]
    .map(|arguments| command(here.path(), arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    .into();
    for child in children {
        let output = child.wait_with_output().unwrap();
        ends(&output, 1, &format!("answers at {nobody}"));
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn the_environment_names_servers_and_the_manifest_is_the_last_to_be_asked() {
    let (by_manifest, by_environment) = (nobody(), nobody());
    let folder = folder(&MANIFEST.replace("BROKER", &by_manifest));
    let publish = |variable: &str| {
        let mut command = command(folder.path(), &["publish", "orders", "--value", "v"]);
        command.env("VELTRIX_KAFKA", variable).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (with, without) = (publish(&by_environment), publish(""));
    ends(&with.wait_with_output().unwrap(), 1, &by_environment);
    ends(&without.wait_with_output().unwrap(), 1, &by_manifest);
}

#[test]
fn a_reader_of_stdout_may_go_at_any_time() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("veltrix.toml"), "colour = 'red'").unwrap();
    // A pipe whose reading end is closed before anything is written to it.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command(here.path(), &["check", "--output", "json"])
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn check_warns_of_what_starts_but_was_perhaps_not_meant() {
    let more = "cassandra = { stock = 'read' }\n";
    let folder = folder(&(MANIFEST.replace("BROKER", "localhost:1") + more));
    std::fs::write(folder.path().join("stock.wat"), HANDLER).unwrap();
    let output = veltrix(folder.path(), &["check"]);
    ends(&output, 0, "warning: function stock: tables are granted, but its module does not import cassandra");
    assert_eq!(stdout(&output), "shop: 1 bindings, 1 functions: good\n");
}

#[test]
fn check_and_run_tell_all_that_is_wrong_with_functions_at_once() {
    let functions = "[function.core]\nmodule = 'core.wat'\n[function.alien]\nmodule = 'alien.wat'\n\
        [function.older]\nmodule = 'older.wat'\n[function.text]\nmodule = 'text.wasm'\n\
        [function.greedy]\nmodule = 'stock.wat'\nlimits = { memory = '2GiB' }\n";
    let bindings: String = ["core", "alien", "older", "text"]
        .map(|name| format!("[[binding]]\ntopics = ['orders']\nfunction = '{name}'\n"))
        .concat();
    let secrets = "secrets = { token = { env = 'SURELY_NOT_SET_HERE' }, other = { file = 'nowhere' } }\n";
    let manifest = MANIFEST.replace("BROKER", "localhost:1") + secrets + functions + &bindings;
    let folder = folder(&manifest);
    let alien = HANDLER.replacen(
        "(component",
        "(component (import \"acme:bank/pay@1.0.0\" (instance (export \"p\" (func))))",
        1,
    );
    let older = HANDLER.replace("handler-sync@1.0.0", "handler-sync@0.9.0");
    let files = [("stock", HANDLER), ("core", "(module)"), ("alien", &alien), ("older", &older)];
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(format!("{name}.wat")), text).unwrap());
    std::fs::write(folder.path().join("text.wasm"), "no wasm").unwrap();
    let told = [
        "function stock: secret other: ",
        "nowhere: No such file",
        "function stock: secret token: the environment variable SURELY_NOT_SET_HERE is not set",
        "function core: core.wat: a core WebAssembly module, not a component — build it for the target wasm32-wasip2",
        "function alien: alien.wat: imports `acme:bank/pay@1.0.0`",
        "function older: older.wat: built for veltrix:function@0.9.0",
        "function text: text.wasm: not a WebAssembly module: it begins with \"no wasm\" — build the function",
    ];
    let output = veltrix(folder.path(), &["check"]);
    told.iter().for_each(|told| ends(&output, 2, told));
    // The mistake of the manifest hides none of them; each has its place and what to do.
    let greedy = "./veltrix.toml:23:21: `memory` must be from 64KiB to 1GiB, not \"2GiB\" — write for example";
    ends(&output, 2, greedy);
    let lines: Vec<String> = stderr(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 7, "{lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with("./veltrix.toml:") && line.contains(" — ")), "{lines:#?}");
    let output = veltrix(folder.path(), &["check", "--no-secrets", "--output", "json"]);
    ends(&output, 2, "");
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let found: Vec<_> = report["problems"].as_array().unwrap().iter().map(|p| (&p["line"], &p["column"])).collect();
    assert_eq!(found.len(), 5, "{report}");
    assert_eq!(found[0], (&14.into(), &10.into()), "{report}");

    // What is not wrong in the manifest, `run` tells at once too.
    std::fs::write(folder.path().join("veltrix.toml"), manifest.replace("2GiB", "1GiB")).unwrap();
    let output = veltrix(folder.path(), &["run", "--admin", "127.0.0.1:0", "--cache", "cache"]);
    told.iter().for_each(|told| ends(&output, 2, told));
}

#[test]
fn check_connect_names_the_servers_that_do_not_answer() {
    let nobody = nobody();
    let folder = folder(&MANIFEST.replace("BROKER", &nobody));
    std::fs::write(folder.path().join("stock.wat"), HANDLER).unwrap();
    let output = veltrix(folder.path(), &["check", "--connect"]);
    ends(&output, 1, &format!("no Kafka broker answers at {nobody}"));
    ends(&output, 1, &format!("no Cassandra node answers at {nobody}"));
    assert_eq!(stdout(&output), "");
}

/// A handler that never gets an event: enough to load and to wait.
const HANDLER: &str = r#"(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "handle") (param i32 i32) (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func $handle (param "batch" (list u8)) (result (list u8))
    (canon lift (core func $i "handle") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $handler (export "handle" (func $handle)))
  (export "veltrix:function/handler-sync@1.0.0" (instance $handler)))"#;

#[test]
fn a_worker_without_servers_waits_and_ends_well_when_it_is_told_to_even_twice() {
    let folder = folder(&MANIFEST.replace("BROKER", &nobody()));
    std::fs::write(folder.path().join("stock.wat"), HANDLER).unwrap();
    ends(&veltrix(folder.path(), &["check"]), 0, "");
    let log = folder.path().join("log");
    let mut worker = command(folder.path(), &["run", "--admin", "127.0.0.1:0", "--cache", "cache"])
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let logged = || std::fs::read_to_string(&log).unwrap();
    while !logged().contains("bound") {
        assert!(worker.try_wait().unwrap().is_none(), "{}", logged());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let line = format!("kill -TERM {0}; kill -TERM {0}", worker.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    assert_eq!(worker.wait().unwrap().code(), Some(0), "{}", logged());
    assert!(logged().lines().all(|line| line.starts_with('{')), "{}", logged());
}

#[test]
fn a_cassandra_in_memory_answers_until_it_is_told_to_end() {
    let here = tempfile::tempdir().unwrap();
    let mut cassandra = command(here.path(), &["cassandra", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(cassandra.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let address = address.trim();
    let statement = "SELECT release_version FROM system.local";
    let rows = veltrix(here.path(), &["cql", statement, "--cassandra", address, "--output", "json"]);
    ends(&rows, 0, "");
    assert_eq!(stdout(&rows), "{\"release_version\":\"5.0.5\"}\n");
    let (_, port) = address.rsplit_once(':').unwrap();
    ends(&veltrix(here.path(), &["cassandra", "--port", port]), 1, &format!("{address} is in use"));
    let line = format!("kill -TERM {}", cassandra.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    assert_eq!(cassandra.wait().unwrap().code(), Some(0));
}

/// Speaks to Kafka's stand-in, which lives in this process.
mod against_a_broker {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;

    use super::*;

    fn broker() -> MockCluster<'static, DefaultProducerContext> {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("orders", 2, 1).unwrap();
        cluster
    }

    fn publish(here: &Path, servers: &str, arguments: &[&str], lines: &[u8]) -> Output {
        let mut arguments = [&["publish", "orders", "--kafka", servers], arguments].concat();
        arguments.push("--output=json");
        let mut command = command(here, &arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that ends early is met with a closed pipe, which the test tells by what it prints.
        let _ = stdin.write_all(lines);
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    fn tail(here: &Path, servers: &str, arguments: &[&str]) -> Output {
        veltrix(here, &[&["tail", "orders", "--kafka", servers, "--from", "earliest"], arguments].concat())
    }

    #[test]
    fn what_is_published_is_tailed_as_the_same_lines() {
        let (cluster, here) = (broker(), tempfile::tempdir().unwrap());
        let servers = cluster.bootstrap_servers();
        let lines = [
            r#"{"key":"a","value":{"n": 1.50},"headers":[["h","1"],["h",null],[{"base64":"/w=="},""]],"timestamp":5,"partition":0}"#,
            r#"{"key":{"base64":"AP8="},"value":null,"headers":[],"timestamp":6,"partition":0}"#,
            r#"{"key":null,"value":"","headers":[],"timestamp":7,"partition":0}"#,
            r#"{"key":"","value":"é\n","headers":[],"timestamp":8,"partition":0}"#,
        ];
        let output = publish(here.path(), &servers, &[], (lines.join("\n\n") + "\n").as_bytes());
        ends(&output, 0, "");
        assert_eq!(stdout(&output), "{\"failed\":0,\"published\":4,\"topic\":\"orders\"}\n");
        let output = tail(here.path(), &servers, &["--count", "4", "--timeout", "20s"]);
        ends(&output, 0, "");
        assert_eq!(stdout(&output).lines().collect::<Vec<_>>(), lines);
        let output = tail(here.path(), &servers, &["--count=4", "--timeout=20s", "--partition=0", "--output=json"]);
        assert!(stdout(&output).starts_with("{\"topic\":\"orders\",\"offset\":0,\"key\":\"a\""), "{}", stdout(&output));
        let arguments = ["tail", "orders", "--kafka", &servers, "--count=2", "--timeout=20s", "--from=2"];
        let output = veltrix(here.path(), &arguments);
        assert_eq!(stdout(&output).lines().collect::<Vec<_>>(), lines[2..]);
    }

    #[test]
    fn a_dead_letter_topic_that_is_not_there_is_named() {
        let cluster = broker();
        let manifest = MANIFEST.replace("BROKER", &cluster.bootstrap_servers());
        let folder = folder(&manifest.replace("'stock'\n", "'stock'\ndead_letter = 'absent'\n"));
        std::fs::write(folder.path().join("stock.wat"), HANDLER).unwrap();
        for verb in ["list", "redrive"] {
            ends(&veltrix(folder.path(), &["dlq", verb]), 1, "there is no topic absent");
        }
    }

    #[test]
    fn a_single_event_comes_from_flags() {
        let (cluster, here) = (broker(), tempfile::tempdir().unwrap());
        let servers = cluster.bootstrap_servers();
        let flags = ["--key=k", "--value=v=w", "--header=a=b=c", "--header=n", "--partition=1"];
        ends(&publish(here.path(), &servers, &flags, b""), 0, "");
        ends(&publish(here.path(), &servers, &["--key=k", "--tombstone", "--partition=1"], b""), 0, "");
        let output = tail(here.path(), &servers, &["--count=2", "--timeout=20s"]);
        let lines = stdout(&output);
        let lines: Vec<&str> = lines.lines().collect();
        assert!(lines[0].starts_with(r#"{"key":"k","value":"v=w","headers":[["a","b=c"],["n",null]],"#), "{lines:?}");
        assert!(lines[1].starts_with(r#"{"key":"k","value":null,"headers":[],"#), "{lines:?}");
    }

    #[test]
    fn bad_lines_are_told_by_number_and_the_others_published() {
        let (cluster, here) = (broker(), tempfile::tempdir().unwrap());
        let servers = cluster.bootstrap_servers();
        let mut lines = b"{\"value\": 1}\n{\"valu\": 2}\n\"\xff\"\n{\"value\": 3, \"partition\": 9}\n\n".to_vec();
        lines.extend(std::iter::repeat_n(b'x', 100 << 20));
        lines.extend(b"\n{\"value\": 4}");
        let output = publish(here.path(), &servers, &[], &lines);
        assert_eq!(stdout(&output), "{\"failed\":4,\"published\":2,\"topic\":\"orders\"}\n");
        for told in ["line 2: ", "line 3: not UTF-8", "line 4: not published: ", "line 6: longer than 64 MiB"] {
            ends(&output, 1, told);
        }
    }

    #[test]
    fn too_few_events_are_a_failure_only_if_some_were_counted_on() {
        let (cluster, here) = (broker(), tempfile::tempdir().unwrap());
        let servers = cluster.bootstrap_servers();
        ends(&tail(here.path(), &servers, &["--timeout=300ms"]), 0, "");
        ends(&tail(here.path(), &servers, &["--timeout=300ms", "--count=1"]), 1, "0 of 1 events came");
        ends(&tail(here.path(), &servers, &["--partition=7"]), 1, "no such partition; it has 2");
    }
}
