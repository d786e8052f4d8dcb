//! `veltrix test`: the same cases on embedded and on real servers, what is told of failures, and `--update`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use veltrix_tests::{SOON, build, copy_application, eventually, servers};

/// An application of this tree in a folder of its own, with its modules as the tests have built them.
struct Copied(tempfile::TempDir);

impl Copied {
    fn of(application: &str) -> Self {
        let copied = Self(tempfile::tempdir().unwrap());
        copy_application(application, copied.path());
        copied
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs `veltrix test` on it.
    fn test(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(build::veltrix());
        command.arg("test").arg(self.path()).args(arguments).stdin(Stdio::null());
        // Real servers are named by flags alone.
        command.env("VELTRIX_KAFKA", "127.0.0.1:1").env("VELTRIX_CASSANDRA", "127.0.0.1:1");
        command.output().unwrap()
    }

    /// The same on the shared servers.
    fn test_live(&self, arguments: &[&str]) -> Output {
        let (kafka, cassandra) = (servers().kafka_address(), servers().cassandra_address());
        self.test(&[&["--kafka", kafka, "--cassandra", cassandra], arguments].concat())
    }

    /// Every file with what is in it.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        list(self.path(), &mut files);
        files.sort();
        files
    }
}

fn list(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => list(&path, files),
            false => files.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
}

#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{errors}");
    out.into_owned()
}

const APPLICATIONS: [&str; 8] = [
    "examples/hello",
    "examples/fulfilment",
    "functions/archive",
    "functions/materialize",
    "functions/project",
    "functions/route",
    "tests/cases/behaviour",
    "tests/cases/types",
];

#[test]
fn the_cases_of_this_tree_pass_on_embedded_servers_the_same_each_time() {
    for application in APPLICATIONS {
        let copied = Copied::of(application);
        let before = copied.files();
        for _ in 0..2 {
            let out = ended(&copied.test(&[]), 0);
            assert!(out.contains(" cases passed, 0 failed"), "{out}");
        }
        assert_eq!(copied.files(), before, "nothing is written");
    }
}

#[test]
fn the_same_cases_pass_on_real_servers_and_leave_nothing_there() {
    // The others forward bytes and write plain rows, which tests of their own see on real servers.
    for application in APPLICATIONS.into_iter().filter(|name| !["functions/archive", "functions/route"].contains(name))
    {
        ended(&Copied::of(application).test_live(&[]), 0);
    }
    let cassandra = servers().cassandra();
    // Other tests run cases there at the same time, which leave nothing either.
    eventually("no keyspace of a case is left", SOON, || {
        let keyspaces = cassandra.rows::<(String,)>("SELECT keyspace_name FROM system_schema.keyspaces");
        (!keyspaces.iter().any(|(name,)| name.starts_with("veltrix_case_"))).then_some(())
    });
}

#[test]
fn a_wrong_expectation_fails_in_both_worlds_and_update_mends_it_and_writes_nothing_else() {
    let copied = Copied::of("examples/fulfilment");
    let (folder, table) = ("cases/inventory/reserves/out.jsonl", "cases/billing.toml");
    let (good, good_table) = (copied.read(folder), copied.read(table));
    copied.write(folder, &good.replace("\"left\": 3", "\"left\": 4"));
    copied.write(table, &good_table.replacen("\"tax_cents\": 714", "\"tax_cents\": 715", 1));
    let wrong = copied.files();
    for live in [false, true] {
        let arguments = ["--filter", "reserves", "--output", "json"];
        let out = ended(&if live { copied.test_live(&arguments) } else { copied.test(&arguments) }, 1);
        let result: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
        assert_eq!((&result["case"], &result["result"]), (&"inventory/reserves".into(), &"failed".into()));
        let difference = result["difference"].as_str().unwrap();
        let changed: Vec<&str> = difference.lines().filter(|line| !line.starts_with(' ')).collect();
        let (minus, plus): (Vec<&str>, Vec<&str>) = changed.iter().partition(|line| line.starts_with('-'));
        assert!(!minus.is_empty() && minus.iter().all(|line| line.contains("\"left\": 4")), "{difference}");
        assert!(!plus.is_empty() && plus.iter().all(|line| line.contains("\"left\": 3")), "{difference}");
    }
    assert_eq!(copied.files(), wrong, "nothing is written without --update");

    let text = ended(&copied.test(&[]), 1);
    assert!(text.contains("FAILED   billing/bills") && text.contains("FAILED   inventory/reserves"), "{text}");
    assert!(text.contains("2 failed"), "{text}");

    let text = ended(&copied.test(&["--update"]), 0);
    assert!(text.contains("2 updated, 0 failed"), "{text}");
    ended(&copied.test(&[]), 0);
    let changed: Vec<PathBuf> =
        copied.files().into_iter().zip(wrong).filter(|(now, then)| now != then).map(|(now, _)| now.0).collect();
    assert_eq!(changed, [copied.path().join(table), copied.path().join(folder)]);
    // Of the table only what the one case expects.
    let (now, then) = (copied.read(table), good_table);
    let one = |text: &str| text.split("[[case]]").map(str::to_owned).collect::<Vec<_>>();
    let differ = one(&now).iter().zip(one(&then)).filter(|(now, then)| **now != *then).count();
    assert_eq!(differ, 1, "{now}");
}

#[test]
fn update_writes_what_a_case_without_expectations_gives() {
    let copied = Copied::of("examples/hello");
    std::fs::remove_dir_all(copied.path().join("cases")).unwrap();
    let event = r#"{"key": "v", "value": {"name": "Ada"}}"#;
    copied.write("cases/folder/in.jsonl", event);
    copied.write(
        "cases/table.toml",
        &format!("# kept\n[[case]]\nname = \"one\" # kept too\nvars = {{}}\nin = '{event}'\n"),
    );
    copied.write("cases/lines.jsonl", &format!("{{\"in\": [{event}], \"name\": \"one\"}}\n"));
    let errors = copied.test(&[]);
    ended(&errors, 2);
    let errors = String::from_utf8_lossy(&errors.stderr).into_owned();
    assert_eq!(errors.matches("expects nothing").count(), 3, "{errors}");
    ended(&copied.test(&["--update"]), 0);
    let expected =
        "{\"verdict\": \"ack\"}\n{\"emit\": \"greetings\", \"key\": \"v\", \"value\": {\"text\": \"Hello, Ada!\"}}";
    assert_eq!(copied.read("cases/folder/out.jsonl"), format!("{expected}\n"));
    let table = format!(
        "# kept\n[[case]]\nname = \"one\" # kept too\nout = '''\n{expected}\n'''\nvars = {{}}\nin = '{event}'\n"
    );
    assert_eq!(copied.read("cases/table.toml"), table);
    let line = expected.replace('\n', ", ");
    assert_eq!(
        copied.read("cases/lines.jsonl"),
        format!("{{\"in\": [{event}], \"name\": \"one\", \"out\": [{line}]}}\n")
    );
    ended(&copied.test(&[]), 0);
}

#[test]
fn what_a_case_leaves_is_not_there_for_the_next() {
    let copied = Copied::of("examples/fulfilment");
    std::fs::remove_dir_all(copied.path().join("cases")).unwrap();
    let order = include_str!("../../examples/fulfilment/cases/inventory/reserves/in.jsonl").trim();
    let row = r#"{"table": "stock", "row": {"sku": "mug", "left": 5}}"#;
    let out = include_str!("../../examples/fulfilment/cases/inventory/reserves/out.jsonl").trim().replace('\n', ", ");
    let one = |name: &str| {
        format!(
            "{{\"name\": \"{name}\", \"binding\": \"inventory\", \"rows\": [{row}], \"in\": [{order}], \"out\": [{out}]}}\n"
        )
    };
    copied.write("cases/same.jsonl", &(0..40).map(|n| one(&format!("n{n}"))).collect::<String>());
    ended(&copied.test(&[]), 0);
}

#[test]
fn a_secret_that_is_not_given_and_a_row_that_does_not_fit_are_told() {
    let copied = Copied::of("tests/cases/behaviour");
    std::fs::remove_dir_all(copied.path().join("cases")).unwrap();
    copied.write("cases/secret.jsonl", "{\"name\": \"n\", \"in\": [{\"topic\": \"acts\", \"value\": \"secret:token\"}], \"out\": [{\"verdict\": \"ack\"}]}\n");
    copied.write("cases/row/in.jsonl", "{\"topic\": \"in\", \"value\": \"x\"}\n");
    copied.write("cases/row/rows.jsonl", "\n{\"table\": \"journal\", \"row\": {\"partition\": \"one\"}}\n");
    copied.write("cases/row/out.jsonl", "{\"verdict\": \"ack\"}\n");
    copied.write("cases/table.jsonl", "{\"name\": \"n\", \"in\": [{\"topic\": \"in\", \"value\": \"x\"}], \"out\": [{\"table\": \"no_such\", \"row\": null}]}\n");
    let out = ended(&copied.test(&["--output", "json"]), 1);
    let problems: Vec<Value> =
        out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["problem"].take()).collect();
    assert!(problems[0].as_str().unwrap().contains("rows.jsonl:2: "), "{out}");
    assert!(problems[1].as_str().unwrap().contains("write `secrets = { token = \"…\" }`"), "{out}");
    assert!(problems[2].as_str().unwrap().contains("table no_such"), "{out}");
    let out = ended(&copied.test(&["--filter", "secret"]), 1);
    assert!(out.contains("0 of 1 cases passed, 1 failed"), "{out}");
}

#[test]
fn results_go_to_junit_and_paths_and_filters_choose() {
    let copied = Copied::of("examples/hello");
    copied.write("cases/wrong/in.jsonl", "{\"value\": {\"name\": \"A & <B>\"}}");
    copied.write("cases/wrong/out.jsonl", "{\"verdict\": \"skip\"}");
    let file = copied.path().join("junit.xml");
    ended(&copied.test(&["--junit", file.to_str().unwrap()]), 1);
    let xml = std::fs::read_to_string(file).unwrap();
    assert!(xml.contains("tests=\"4\"") && xml.contains("failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"refused/nobody\"") && xml.contains("A &amp; &lt;B&gt;"), "{xml}");

    let names = |arguments: &[&str]| {
        let out = ended(&copied.test(&[arguments, &["--output", "json"]].concat()), 0);
        let name = |line: &str| Some(serde_json::from_str::<Value>(line).unwrap()["case"].as_str()?.to_owned());
        out.lines().filter_map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&["refused.toml"]), ["refused/nobody", "refused/not-a-visitor"]);
    assert_eq!(names(&["cases/greets"]), ["greets"]);
    assert_eq!(names(&["--filter", "nobod"]), ["refused/nobody"]);
    let nothing = copied.test(&["--filter", "no-such-case"]);
    ended(&nothing, 2);
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("none of 4 cases"));
    ended(&copied.test(&["no-such-case"]), 2);
    ended(&copied.test(&["--update", "--kafka", "127.0.0.1:1"]), 2);
}

#[test]
fn modules_are_built_first_unless_told_otherwise() {
    let copied = Copied::of("examples/hello");
    let manifest = copied.read("veltrix.toml");
    let module = build::guest("hello");
    let building = manifest.replace(module.to_str().unwrap(), "built.wasm")
        + &format!("build = \"cp '{}' built.wasm\"\n", module.display());
    copied.write("veltrix.toml", &building);
    let missing = copied.test(&["--no-build"]);
    ended(&missing, 2);
    ended(&copied.test(&[]), 0);
    ended(&copied.test(&["--no-build"]), 0);
    copied.write("veltrix.toml", &building.replace("cp '", "echo it does not compile; exit 3; '"));
    let failed = copied.test(&[]);
    ended(&failed, 1);
    let errors = String::from_utf8_lossy(&failed.stderr);
    assert!(errors.contains("function hello: it does not compile"), "{errors}");
}

/// What the README says of speed comes from here.
#[test]
fn a_thousand_cases_take_seconds() {
    let copied = Copied::of("examples/fulfilment");
    std::fs::remove_dir_all(copied.path().join("cases")).unwrap();
    let case = |n: i64| {
        format!(
            "{{\"name\": \"n{n}\", \"binding\": \"inventory\", \"rows\": [{{\"table\": \"stock\", \"row\": {{\"sku\": \"mug\", \"left\": {n}}}}}], \
             \"in\": [{order}], \"out\": [{{\"emit\": \"stock-reserved\", \"key\": \"o-1\", \"value\": {{\"order_id\": \"o-1\", \"sku\": \"mug\", \"quantity\": 2, \"left\": {left}}}}}, \
             {{\"table\": \"stock\", \"row\": {{\"sku\": \"mug\", \"order_id\": \"o-1\", \"left\": {left}, \"left_after\": {left}, \"quantity\": 2, \"reserved\": true}}}}]}}\n",
            order = include_str!("../../examples/fulfilment/cases/inventory/reserves/in.jsonl").trim(),
            left = n - 2,
        )
    };
    copied.write("cases/generated.jsonl", &(2..1_002).map(case).collect::<String>());
    let started = Instant::now();
    let out = ended(&copied.test(&[]), 0);
    let took = started.elapsed();
    println!("{} ({:.0} a second, start and end included)", out.lines().last().unwrap(), 1_000.0 / took.as_secs_f64());
    assert!(out.contains("1000 of 1000 cases passed"), "{out}");
    // Not a measurement on a machine that does other things, but a sign of what goes wrong.
    assert!(took.as_secs() < 60, "{took:?}");
}
