//! `veltrix dev`: what changes is built and taken; what fails leaves what runs as it is.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord};
use rdkafka::{Offset, TopicPartitionList};
use veltrix_tests::{App, Dev, Record, SOON, build, eventually};

use crate::dev::manifest;

/// One function whose module lies in the application's folder, as another revision of it will.
fn single(function: &str) -> App {
    let app = App::new(&manifest(function));
    app.write("relay.wasm", std::fs::read(build::guest("relay")).unwrap());
    app
}

/// The relay with another digest: a custom section says nothing to anybody.
fn revised(mark: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(build::guest("relay")).unwrap();
    bytes.extend_from_slice(&[0, 5, 4, b'n', b'e', b'w', mark]);
    bytes
}

/// As most editors do it: a new file takes the place of the old one.
fn save(app: &App, name: &str, text: &str) {
    app.write("saved.new", text);
    std::fs::rename(app.directory().join("saved.new"), app.directory().join(name)).unwrap();
}

/// Produces one event after the other until a dead letter names another revision than `old`; gives that.
fn handled_by_another(dev: &Dev, old: &str) -> String {
    let addresses = dev.addresses();
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", addresses["kafka"].as_str().unwrap()).set("group.id", "looks");
    config.set("fetch.wait.max.ms", "5").set("linger.ms", "0");
    let producer: BaseProducer = config.create().unwrap();
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    (0..4).for_each(|n| list.add_partition_offset("dead", n, Offset::Beginning).unwrap());
    consumer.assign(&list).unwrap();
    let deadline = Instant::now() + SOON;
    // One is there already.
    let mut first = true;
    loop {
        assert!(Instant::now() < deadline, "no event is handled by another revision");
        if !std::mem::take(&mut first) {
            producer.send(BaseRecord::to("in").key("k").payload("1")).map_err(|(error, _)| error).unwrap();
        }
        let letter = std::iter::repeat_with(|| {
            producer.poll(Duration::ZERO);
            consumer.poll(Duration::from_millis(5))
        });
        let letter = letter.take(10_000).flatten().next().expect("each has its letter").unwrap();
        let headers = letter.headers().unwrap();
        let revision = headers.iter().find(|header| header.key == "veltrix-dead-letter-revision").unwrap();
        let revision = String::from_utf8(revision.value.unwrap().to_vec()).unwrap();
        if revision != old {
            return revision;
        }
    }
}

#[test]
fn a_built_module_is_swapped_in_at_once_and_one_that_fails_is_not() {
    let app = single("vars = { dead = 'asked' }\nbuild = 'sh build.sh'\nwatch = ['src']");
    std::fs::create_dir(app.directory().join("src")).unwrap();
    app.write("build.sh", "true");
    let mut dev = Dev::start(&app, &[]);
    let kafka = dev.kafka();
    dev.wait_said("runs");
    let letters = |count: usize| kafka.read_at_least("dead", count, SOON);
    let revision = |letter: &Record| letter.header("veltrix-dead-letter-revision");
    kafka.produce("in", [Record::new("k", "0")]);
    let old = revision(&letters(1)[0]);

    // The end of the build is what is measured from.
    app.write("new.wasm", revised(1));
    app.write("build.sh", "cp new.wasm relay.wasm; date +%s%N > ended");
    app.write("src/lib.rs", "one");
    let first = handled_by_another(&dev, &old);
    let ended = std::fs::read_to_string(app.directory().join("ended")).unwrap().trim().parse::<u128>().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    println!(
        "from the end of the build to the first event handled by the new revision: {} ms",
        (now - ended) / 1_000_000
    );
    let said = dev.wait_said("swapped relay");
    println!("{}", said.lines().find(|line| line.contains("swapped relay")).unwrap());
    let new = first;

    app.write("build.sh", "echo 'error[E0308]: mismatched types' >&2; exit 101");
    app.write("src/lib.rs", "two");
    let said = dev.wait_said("the old version of relay goes on");
    assert!(said.contains("error[E0308]: mismatched types") && said.contains("exit status: 101"), "{said}");
    app.write("build.sh", "head -c 5000 new.wasm > relay.wasm");
    app.write("src/lib.rs", "three");
    let said = dev.wait_said("relay.wasm");
    assert!(said.contains("the old version of relay goes on"), "{said}");
    let before = kafka.count("dead");
    kafka.produce("in", [Record::new("k", "2")]);
    assert_eq!(revision(letters(before + 1).last().unwrap()), new, "what ran goes on");

    // A build that hangs is ended with `dev`, and all that it started.
    app.write("build.sh", "while true; do date > alive; sleep 0.05; done & wait");
    app.write("src/lib.rs", "four");
    let alive = app.directory().join("alive");
    eventually("it builds", SOON, || alive.exists().then_some(()));
    let ended = dev.signal("INT");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let wrote = || std::fs::metadata(&alive).and_then(|about| about.modified()).unwrap();
    let last = eventually("the build is gone", SOON, || {
        let last = wrote();
        std::thread::sleep(Duration::from_millis(300));
        (wrote() == last).then_some(last)
    });
    assert_eq!(wrote(), last);
}

#[test]
fn a_changed_manifest_restarts_the_bindings_and_a_broken_one_does_not() {
    let app = single("vars = { to = 'out' }");
    let mut dev = Dev::start(&app, &[]);
    let kafka = dev.kafka();
    dev.wait_said("runs");
    kafka.produce("in", (0..10).map(|n| Record::new("k", n.to_string())));
    kafka.read_at_least("out", 10, SOON);

    app.write("veltrix.toml", "name = 'single'\n[kafka\nbro");
    let said = dev.wait_said("the old version goes on");
    assert!(said.contains("veltrix.toml:2:"), "{said}");
    kafka.produce("in", [Record::new("k", "10")]);
    kafka.read_at_least("out", 11, SOON);

    app.write("veltrix.toml", manifest("vars = { to = 'other' }"));
    dev.wait_said("the manifest has changed");
    kafka.produce("in", [Record::new("k", "11")]);
    let other = kafka.read_at_least("other", 1, SOON);
    assert_eq!(other.iter().map(Record::text).collect::<Vec<_>>(), ["11"], "it goes on where it was");
    assert_eq!(kafka.count("out"), 11);

    // A module that is half written for a while is waited for; then the whole of it runs.
    let whole = revised(2);
    app.write("relay.wasm", &whole[..whole.len() / 2]);
    std::thread::sleep(Duration::from_millis(150));
    app.write("relay.wasm", &whole);
    let said = dev.wait_said("swapped relay");
    assert!(!said.contains("the old version of relay goes on"), "{said}");
    let ended = dev.signal("INT");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn what_fails_at_first_is_waited_for_and_what_changes_meanwhile_is_built_again() {
    let whole = "vars = { to = 'out' }\nbuild = 'sh build.sh'\nwatch = ['src']";
    let app = single(whole);
    app.write("new.wasm", revised(3));
    std::fs::remove_file(app.directory().join("relay.wasm")).unwrap();
    std::fs::create_dir(app.directory().join("src")).unwrap();
    app.write("src/lib.rs", "broken");
    app.write(
        "build.sh",
        "cat src/lib.rs > read; touch begun; while [ ! -e go ]; do sleep 0.02; done\n\
         if grep -q broken read; then echo 'error[E0425]: cannot find value' >&2; exit 101; fi; cp new.wasm relay.wasm",
    );
    let mut dev = Dev::start(&app, &["--cassandra-port", "0"]);
    let there = |name: &str| app.directory().join(name).exists().then_some(());
    eventually("the first build has begun", SOON, || there("begun"));
    save(&app, "src/lib.rs", "broken once more");
    app.write("go", "");
    let read = || std::fs::read_to_string(app.directory().join("read")).unwrap_or_default();
    eventually("what changed during the first build is built", SOON, || (read() == "broken once more").then_some(()));
    let said = dev.wait_said("waiting for a change of the files");
    assert!(said.contains("error[E0425]: cannot find value"), "{said}");

    save(&app, "veltrix.toml", "name = 'sing");
    dev.wait_said("veltrix.toml:1:");
    save(&app, "veltrix.toml", &manifest(whole));
    save(&app, "src/lib.rs", "good");
    dev.wait_said("single runs");
    let kafka = dev.kafka();
    let mut sent = 0;
    let mut handles_one_more = || {
        kafka.produce("in", [Record::new("k", "v")]);
        sent += 1;
        kafka.read_at_least("out", sent, SOON);
    };
    handles_one_more();

    // Its schema is looked at only when its worker starts.
    let tables = "[cassandra]\nnodes = ['not-here:1']\nkeyspace = 'k'\nschema = 'schema.cql'\n[[binding]]";
    save(&app, "schema.cql", "CREATE TABLE oops");
    save(&app, "veltrix.toml", &manifest(whole).replacen("[[binding]]", tables, 1));
    let said = dev.wait_said("the old version is begun again");
    assert!(said.contains("draining") && said.contains("schema.cql:1"), "{said}");
    handles_one_more();

    // Modules are looked at before anything ends for them.
    let drained = |said: &str| said.matches("draining").count();
    let before = drained(&said);
    app.write("other.wasm", "no module");
    save(&app, "veltrix.toml", &manifest(whole).replace("relay.wasm", "other.wasm").replace("'sh build.sh'", "'true'"));
    let said = dev.wait_said("other.wasm: ");
    assert_eq!(drained(&said), before, "{said}");
    handles_one_more();

    // What a manifest that is not taken yet names is watched as well.
    std::fs::create_dir(app.directory().join("more")).unwrap();
    app.write("more/lib.rs", "broken");
    let second = whole.replace("build.sh'", "more.sh'").replace("['src']", "['more']");
    app.write("more.sh", "if grep -q broken more/lib.rs; then echo 'error: no more' >&2; exit 1; fi");
    save(&app, "veltrix.toml", &manifest(&second));
    dev.wait_said("the manifest is taken once that builds");
    save(&app, "more/lib.rs", "good");
    eventually("it is taken", SOON, || (drained(&dev.said()) > before).then_some(()));
    handles_one_more();
    let ended = dev.signal("INT");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn a_build_that_hangs_after_megabytes_is_ended_and_told_in_bounds() {
    let app = single("build = 'yes a line of a build | head -c 20000000; echo last words; sleep 600'");
    app.write("in.jsonl", "{\"value\":\"v\"}\n");
    let told = |code: Option<i32>, said: &str| {
        let end = &said[said.len().saturating_sub(500)..];
        assert_eq!(code, Some(1), "{end}");
        assert!(end.contains("had not finished after 2s") && end.contains("--build-limit"), "{end}");
        assert!(said.len() < 200_000, "{} bytes", said.len());
    };
    let ended = Dev::start(&app, &["--exit", "--input", "in=in.jsonl", "--build-limit", "2s"]).wait();
    told(ended.code, &ended.err);
    let output = app.veltrix(&["test", "--build-limit", "2s"]);
    told(output.status.code(), &String::from_utf8_lossy(&output.stderr));
}
