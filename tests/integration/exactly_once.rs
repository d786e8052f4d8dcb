//! `delivery = "exactly-once"`: readers of committed events see every effect once, whatever happens to workers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use veltrix_tests::case::CaseBuilder;
use veltrix_tests::wait::throughout;
use veltrix_tests::{Case, Record, SOON, Worker, eventually, servers};

const KEYS: usize = 50;
/// One record in so many asks to be dead-lettered.
const DEAD: usize = 10;

fn exactly_once(guest: &'static str) -> CaseBuilder<'static> {
    Case::of(servers(), guest).binding("delivery = \"exactly-once\"")
}

fn relay(partitions: i32) -> Case {
    exactly_once("relay").partitions(partitions).function("vars = { to = \"$OUT\" }").build()
}

fn record(number: usize) -> Record {
    let record = Record::new(format!("k{}", number % KEYS), number.to_string());
    if number.is_multiple_of(DEAD) { record.with_header("dead", Some(b"asked to")) } else { record }
}

/// Produces without a pause to speak of until told to stop, while `trouble` is made; returns how many there were.
fn while_events_flow(case: &Case, trouble: impl FnOnce()) -> usize {
    while_events_flow_from(case, 0, trouble)
}

/// The same with numbers from `first` on; returns how many there were of those.
fn while_events_flow_from(case: &Case, first: usize, trouble: impl FnOnce()) -> usize {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let mut next = first;
            while !done.load(Ordering::Relaxed) {
                case.produce((next..next + 100).map(record));
                next += 100;
                std::thread::sleep(Duration::from_millis(20));
            }
            next - first
        });
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(trouble));
        done.store(true, Ordering::Relaxed);
        let produced = producer.join().expect("the producer does not fail");
        if let Err(panic) = made {
            std::panic::resume_unwind(panic);
        }
        produced
    })
}

/// Waits until every number below `count` has its one effect, and fails if any has two or a key's are out of order.
#[track_caller]
fn each_effect_once(case: &Case, count: usize) {
    case.wait_committed(count as i64);
    let (emitted, dead) = (case.kafka.read(&case.output.name), case.dead_letters());
    let numbers = |records: &[Record]| -> Vec<usize> { records.iter().map(|r| r.text().parse().unwrap()).collect() };
    let (emitted_numbers, dead_numbers) = (numbers(&emitted), numbers(&dead));
    for (what, numbers) in [("emitted", &emitted_numbers), ("dead-lettered", &dead_numbers)] {
        let mut times: BTreeMap<usize, usize> = BTreeMap::new();
        for number in numbers {
            *times.entry(*number).or_default() += 1;
        }
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).take(5).collect();
        assert!(twice.is_empty(), "{what} more than once: {twice:?} and perhaps others");
    }
    let wanted = |dead: bool| -> BTreeSet<usize> { (0..count).filter(|n| n.is_multiple_of(DEAD) == dead).collect() };
    let missing = |have: Vec<usize>, want: BTreeSet<usize>| -> Vec<usize> {
        let have: BTreeSet<usize> = have.into_iter().collect();
        want.difference(&have).copied().take(5).collect()
    };
    assert_eq!(missing(emitted_numbers, wanted(false)), [0; 0], "emits are missing");
    assert_eq!(missing(dead_numbers, wanted(true)), [0; 0], "dead letters are missing");
    let mut last: HashMap<String, usize> = HashMap::new();
    for record in &emitted {
        let number: usize = record.text().parse().unwrap();
        let before = last.insert(record.key_text(), number);
        assert!(before.is_none_or(|before| before < number), "key {}: {number} after {before:?}", record.key_text());
    }
}

/// Waits until readers of committed events see more than before.
#[track_caller]
fn wait_for_more(case: &Case) {
    let seen = |case: &Case| case.kafka.read(&case.output.name).len();
    let before = seen(case);
    eventually("committed effects appear", SOON, || (seen(case) > before + 50).then_some(()));
}

fn transactions(worker: &mut Worker, kind: &str) -> f64 {
    let labels = [&*format!("kind=\"{kind}\"")];
    worker.metrics().sum("veltrix_transactions_total", &labels).unwrap_or(0.0)
}

#[test]
fn exactly_once_through_kills_of_two_workers() {
    let case = relay(6);
    let mut workers = vec![case.app.start(), case.app.start()];
    let produced = while_events_flow(&case, || {
        wait_for_more(&case);
        for round in 0..6u64 {
            // Each round meets another moment of a transaction.
            std::thread::sleep(Duration::from_millis(150 + round * 41));
            workers.remove(0).kill9();
            // It takes the name of the one that died, and with it what that one left open.
            workers.push(case.app.start());
            if round % 2 == 1 {
                wait_for_more(&case);
            }
        }
    });
    each_effect_once(&case, produced);
    for worker in workers {
        assert_eq!(worker.terminate().code, Some(0));
    }
}

#[test]
fn exactly_once_through_workers_that_come_and_go() {
    let case = relay(6);
    let mut workers = vec![case.app.ready()];
    let produced = while_events_flow(&case, || {
        for _ in 0..3 {
            workers.push(case.app.ready());
            wait_for_more(&case);
        }
        for _ in 0..3 {
            let exit = workers.remove(0).terminate();
            assert_eq!(exit.code, Some(0), "{}", exit.log);
            wait_for_more(&case);
        }
    });
    each_effect_once(&case, produced);
    let mut last = workers.remove(0);
    assert!(transactions(&mut last, "committed") > 0.0);
    eventually("lag is known and 0", SOON, || {
        let lag = last.metrics().sum("veltrix_lag", &[])?;
        (lag == 0.0).then_some(())
    });
    assert_eq!(last.terminate().code, Some(0));
}

#[test]
fn a_frozen_worker_that_comes_back_adds_no_effect() {
    let case = relay(4);
    let frozen = case.app.ready();
    let produced = while_events_flow(&case, || {
        wait_for_more(&case);
        let _other = case.app.ready();
        wait_for_more(&case);
        // Past the session's time-out, within the life of its transaction: the group's generation stops it.
        frozen.freeze();
        std::thread::sleep(Duration::from_millis(4_500));
        frozen.thaw();
        wait_for_more(&case);
        // Until others have its partitions and have gone on: the end of its producer's epoch stops it.
        frozen.freeze();
        let before = case.committed();
        eventually("the other goes on", SOON, || (case.committed() > before + 500).then_some(()));
        frozen.thaw();
        wait_for_more(&case);
    });
    let _another = case.app.ready();
    each_effect_once(&case, produced);
    assert_eq!(frozen.terminate().code, Some(0));
}

#[test]
fn another_worker_waits_for_what_a_killed_one_left_open() {
    let case = relay(1);
    // One event holds back the offset, so that what is done beyond it is known from notes alone.
    case.produce([record(0), record(1).with_header("sleep", Some(b"15000"))]);
    case.produce((2..KEYS).map(record));
    let first = case.app.ready();
    let produced = KEYS
        + while_events_flow_from(&case, KEYS, || {
            wait_for_more(&case);
            first.kill9();
            // Not the name of the one that died: the broker has to end what that one left open.
            let _other = case.app.start_with(&["--worker-id", "another"]);
            wait_for_more(&case);
        });
    let _another = case.app.start_with(&["--worker-id", "another"]);
    each_effect_once(&case, produced);
}

#[test]
fn done_events_and_attempts_are_in_the_transaction() {
    let case = exactly_once("misbehaving")
        .partitions(1)
        .binding("retry = { attempts = 6, backoff = \"1s\", max_backoff = \"1s\" }")
        .build();
    let emit = format!("emit:{}", case.output.name);
    case.produce([Record::new("bad", "retry")]);
    case.produce((0..50).map(|n| Record::new(format!("good{n}"), &emit)));
    case.produce([Record::new("poison", "trap")]);
    let mut first = case.app.ready();
    case.wait_output(50);
    eventually("two attempts of each are charged", SOON, || {
        (first.metrics().sum("veltrix_events_retried_total", &[])? >= 4.0).then_some(())
    });
    // Longer than a charged attempt waits for its transaction, shorter than its back-off.
    std::thread::sleep(Duration::from_millis(400));
    first.kill9();

    let mut second = case.app.ready();
    let dead = case.wait_dead(2);
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().all(|dead| dead.header("veltrix-dead-letter-attempts") == "6"), "{dead:?}");
    case.wait_committed(52);
    assert_eq!(
        case.kafka.read(&case.output.name).len(),
        50,
        "what was done behind the failing event does not run again"
    );
    let metrics = second.metrics();
    assert_eq!(metrics.sum("veltrix_events_handled_total", &["kind=\"ack\""]), Some(0.0));
    // Counted anew it would be ten.
    let retried = metrics.sum("veltrix_events_retried_total", &[]);
    assert!(retried <= Some(7.0), "attempts go on counting: {retried:?} were left to the second");
}

#[test]
fn an_emit_that_the_broker_refuses_stops_its_lane_and_the_others_go_on() {
    let case = exactly_once("misbehaving")
        .partitions(1)
        .property("message.max.bytes", "6000000")
        // Else the broker would measure what is left of equal bytes.
        .property("compression.type", "none")
        .build();
    let emit = |key: &str, bytes: usize| Record::new(key, format!("emit-bytes:{}:{bytes}", case.output.name));
    case.produce([emit("a", 10), emit("large", 5_000_000)]);
    let mut worker = case.app.ready();
    eventually("the lane is stopped", SOON, || {
        (worker.metrics().sum("veltrix_lanes_stopped", &[])? >= 1.0).then_some(())
    });
    case.produce((0..20).map(|n| emit(&format!("b{n}"), 10)));
    eventually("the others' effects appear", SOON, || (case.kafka.read(&case.output.name).len() >= 20).then_some(()));
    assert!(transactions(&mut worker, "aborted") >= 1.0);
    assert!(case.committed() <= 1, "nothing is committed past it");
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn a_pause_and_replays_beside_open_transactions_show_each_effect_as_often_as_asked() {
    const AGAIN: i64 = 100;
    // Long transactions: one is open whenever an operator says something.
    let case = exactly_once("relay")
        .partitions(4)
        .binding("transaction = \"500ms\"")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let mut workers = [case.app.ready(), case.app.ready()];
    let verb = |arguments: &[&str]| {
        let output = case.app.veltrix(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let effects = || case.kafka.read(&case.output.name).len() + case.dead_letters().len();
    let produced = while_events_flow(&case, || {
        eventually("enough is done to go back", SOON, || {
            case.kafka.committed(&case.group, &case.input).iter().all(|at| *at >= Some(AGAIN)).then_some(())
        });
        verb(&["pause"]);
        eventually("what was under way is committed, and both stand still", SOON, || {
            let paused = |worker: &mut Worker| worker.metrics().sum("veltrix_binding_paused", &[]) == Some(1.0);
            (workers.iter_mut().all(paused) && case.committed() == effects() as i64).then_some(())
        });
        let at = case.committed();
        throughout("nothing begins", Duration::from_secs(1), || case.committed() == at);
        verb(&["replay", "--from", "0", "--to", "50", "--yes"]);
        verb(&["resume"]);
        eventually("it went back, and on from where it was", SOON, || (case.committed() > at + 500).then_some(()));
        verb(&["replay", "--from", "50", "--to", &AGAIN.to_string(), "--yes"]);
        wait_for_more(&case);
    });
    let input = case.kafka.read(&case.input.name);
    let wanted: BTreeMap<usize, usize> =
        input.iter().map(|r| (r.text().parse().unwrap(), 1 + usize::from(r.offset < Some(AGAIN)))).collect();
    eventually("all is done", SOON, || {
        (case.committed() == produced as i64 && effects() >= wanted.values().sum()).then_some(())
    });
    let (mut seen, mut keys): (BTreeMap<usize, usize>, HashMap<_, [Vec<usize>; 2]>) = Default::default();
    for record in case.kafka.read(&case.output.name).into_iter().chain(case.dead_letters()) {
        let number = record.text().parse().unwrap();
        let times = seen.entry(number).or_default();
        *times += 1;
        assert!(*times <= wanted[&number], "{number} has {times} effects");
        keys.entry((record.key_text(), number.is_multiple_of(DEAD))).or_default()[*times - 1].push(number);
    }
    assert_eq!(seen, wanted);
    for ((key, _), [first, again]) in keys {
        assert!(first.is_sorted() && again.is_sorted(), "{key}: {first:?}, then again {again:?}");
    }
    for worker in workers {
        assert_eq!(worker.terminate().code, Some(0));
    }
}
