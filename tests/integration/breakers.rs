//! What a binding needs is away, or it can do nothing with what it is fed: it pauses, and loses no event to its dead letters.

use std::time::Duration;

use veltrix_tests::wait::throughout;
use veltrix_tests::{App, Case, Record, eventually, servers};

#[test]
fn a_function_that_gives_everything_up_pauses_its_binding_before_the_topic_is_gone() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .binding("batch = { events = 20 }")
        .function("vars = { dead = \"bad deploy\", to = \"$OUT\" }")
        .build();
    let count = 2_000;
    case.produce((0..count).map(|n| Record::new(format!("k{n}"), n.to_string())));
    let mut worker = case.app.start();
    eventually("the binding pauses, and says so", veltrix_tests::SOON, || {
        let told = worker.logged("too many events become dead letters") > 0;
        let (status, body) = worker.get("/readyz")?;
        let open = worker.metrics().sum("veltrix_breaker_state", &["dependency=\"dead-letters\""]) == Some(2.0);
        (told && open && status == 503 && body.contains("\"dead-letters\":\"open\"")).then_some(())
    });
    // What had begun when it paused is still written.
    let dead = eventually("what had begun has ended", veltrix_tests::SOON, || {
        (worker.metrics().sum("veltrix_events_in_flight", &[]) == Some(0.0)).then(|| case.kafka.count(&case.dead.name))
    });
    assert!(dead < count / 2, "{dead} of {count} events were given up before it paused");
    throughout("no more are given up", Duration::from_secs(3), || case.kafka.count(&case.dead.name) <= dead + 20);
    assert_eq!(worker.terminate().code, Some(0));

    // The function is mended: what is left is handled, and what was given up is in the dead letters.
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    let mended = App::new(&manifest.replace("dead = \"bad deploy\", ", ""));
    let _worker = mended.ready();
    case.wait_committed(count as i64);
    let (given_up, emitted) = (case.dead_letters().len(), case.kafka.count(&case.output.name));
    assert_eq!(given_up + emitted, count, "each event is in one of them");
}
