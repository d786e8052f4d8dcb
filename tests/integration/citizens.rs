//! Workers as members of their group: the broker's own protocol (KIP-848), static members, and bindings that fail alone.

use std::collections::HashSet;

use veltrix_tests::{App, Case, Record, Worker, eventually, servers};

fn numbered(range: std::ops::Range<i64>) -> impl Iterator<Item = Record> {
    range.map(|n| Record::new(format!("k{}", n % 50), n.to_string()))
}

fn handled(case: &Case) -> usize {
    let records = case.kafka.read(&case.output.name);
    records.iter().filter_map(|record| record.text().parse::<i64>().ok()).collect::<HashSet<_>>().len()
}

fn wait_handled(case: &Case, count: usize) {
    eventually("every event was handled", veltrix_tests::SOON, || (handled(case) == count).then_some(()));
}

fn consumed(worker: &mut Worker) -> f64 {
    worker.metrics().sum("veltrix_events_consumed_total", &[]).unwrap_or(0.0)
}

fn of_broker() -> Case {
    Case::of(servers(), "relay")
        .partitions(6)
        .function("vars = { to = \"$OUT\" }")
        .property("group.protocol", "consumer")
        .build()
}

#[test]
fn the_brokers_protocol_assigns_hands_over_and_commits_through_new_epochs() {
    let case = of_broker();
    case.produce(numbered(0..600));
    let mut first = case.app.ready();
    wait_handled(&case, 600);
    // Another joins while events flow: partitions are handed over, and the epoch of the first goes up under its commits.
    let mut second = case.app.ready();
    let mut next = 600;
    eventually("both have work", veltrix_tests::SOON, || {
        case.produce(numbered(next..next + 60));
        next += 60;
        (consumed(&mut second) > 0.0).then_some(())
    });
    wait_handled(&case, next as usize);
    case.wait_committed(next);
    assert_eq!(case.kafka.read(&case.output.name).len() as i64, next, "a hand-over repeats nothing");
    // One leaves, the other takes all.
    assert_eq!(second.terminate().code, Some(0));
    case.produce(numbered(next..next + 300));
    next += 300;
    case.wait_committed(next);
    assert!(consumed(&mut first) > 0.0);
    assert!(case.dead_letters().is_empty());
    // It is killed, and its successor joins at once; the broker lets go of the dead one in its own time.
    first.kill9();
    case.produce(numbered(next..next + 60));
    let third = case.app.ready();
    assert_eq!(third.logged("panicked"), 0);
}

#[test]
fn a_static_member_that_is_killed_comes_back_to_its_partitions() {
    let case = Case::of(servers(), "relay")
        .partitions(4)
        .function("vars = { to = \"$OUT\" }")
        .property("group.instance.id", "one")
        .build();
    case.produce(numbered(0..100));
    let first = case.app.ready();
    case.wait_committed(100);
    first.kill9();
    case.produce(numbered(100..200));
    let second = case.app.ready();
    case.wait_committed(200);
    assert_eq!(handled(&case), 200);
    assert_eq!(second.terminate().code, Some(0));
}

#[test]
fn a_worker_that_was_given_a_name_comes_back_to_its_partitions_and_disturbs_nobody() {
    let case = Case::of(servers(), "relay").partitions(4).function("vars = { to = \"$OUT\" }").build();
    let ready = |name: &str| {
        let mut worker = case.app.start_with(&["--worker-id", name]);
        worker.wait_ready();
        worker
    };
    let first = ready("w-1");
    let second = ready("w-2");
    eventually("the second has partitions", veltrix_tests::SOON, || {
        (second.logged("\"message\":\"assigned\"") > 0 && first.logged("\"message\":\"revoked\"") > 0).then_some(())
    });
    case.produce(numbered(0..100));
    case.wait_committed(100);
    let moves = || first.logged("\"message\":\"assigned\"") + first.logged("\"message\":\"revoked\"");
    let before = moves();
    second.kill9();
    let second = ready("w-2");
    case.produce(numbered(100..200));
    case.wait_committed(200);
    assert_eq!(moves(), before, "the group noticed");
    assert_eq!(handled(&case), 200);
    assert_eq!((first.terminate().code, second.terminate().code), (Some(0), Some(0)));
}

#[test]
fn two_workers_under_one_static_name_do_not_die_of_it() {
    let case = Case::of(servers(), "relay")
        .partitions(2)
        .function("vars = { to = \"$OUT\" }")
        .property("group.instance.id", "same")
        .build();
    case.produce(numbered(0..50));
    let mut first = case.app.ready();
    case.wait_committed(50);
    // The second takes the name; the first is fenced off for good as a client, begins anew after a pause, and so on.
    let mut second = case.app.start();
    eventually("the first says what happened, in its log, its metrics and its readiness", veltrix_tests::SOON, || {
        case.produce(numbered(0..1));
        let restarts = first.metrics().sum("veltrix_binding_restarts_total", &[])?
            + second.metrics().sum("veltrix_binding_restarts_total", &[])?;
        let told = first.logged("started anew soon") + second.logged("started anew soon");
        (restarts >= 1.0 && told >= 1).then_some(())
    });
    assert!(first.is_running() && second.is_running(), "a binding that fails does not end its worker");
    // Once the name is one worker's alone it works again.
    second.ask_to_end();
    drop(second);
    case.produce(numbered(50..100));
    eventually("the first works again", veltrix_tests::SOON, || (handled(&case) == 100).then_some(()));
    assert_eq!(first.terminate().code, Some(0));
}

#[test]
fn a_binding_that_fails_for_good_is_begun_anew_and_the_others_go_on() {
    // Both bindings run in each worker; only the group of the first has its static name taken by another worker.
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .function("vars = { to = \"$OUT\" }")
        .property("group.instance.id", "contested")
        .build();
    let other = servers().kafka().topic("untouched", 1);
    let group = veltrix_tests::unique("untouched");
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    let both = App::new(&format!(
        "{manifest}\n[[binding]]\ntopics = [\"{}\"]\nfunction = \"guest\"\ngroup = \"{group}\"\n",
        other.name
    ));
    let mut worker = both.ready();
    case.produce(numbered(0..10));
    wait_handled(&case, 10);
    // A worker with the first binding alone takes its name again and again.
    let _rival = case.app.start();
    eventually("the contested binding is begun anew", veltrix_tests::SOON, || {
        case.produce(numbered(0..1));
        let label = format!("group=\"{}\"", case.group);
        (worker.metrics().sum("veltrix_binding_restarts_total", &[&label])? >= 1.0).then_some(())
    });
    case.kafka.produce(&other.name, numbered(1_000..1_050));
    eventually("the other binding works on", veltrix_tests::SOON, || {
        (case.kafka.committed_total(&group, &other) == 50).then_some(())
    });
    let label = format!("group=\"{group}\"");
    assert_eq!(worker.metrics().sum("veltrix_binding_restarts_total", &[&label]), Some(0.0));
    let (_, body) = worker.get("/readyz").expect("it answers");
    assert!(body.contains("\"error\"") && body.contains("\"running\""), "{body}");
    assert!(worker.is_running());
}
