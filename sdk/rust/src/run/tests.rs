//! The executor against frames: order, time, limits, and what is settled when.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use veltrix_frame::{BatchBuilder, Control, EventIn, Outcome, Verdict};

use super::{each, whole};
use crate::host::native::World;
use crate::prelude::*;

/// A batch of events on these lanes, whose values are their rows.
fn frame(control: Control, lanes: &[u32]) -> Vec<u8> {
    let mut batch = BatchBuilder::new();
    batch.start("in", 0, control);
    for (row, lane) in lanes.iter().enumerate() {
        let value = row.to_string();
        let (offset, value) = (row as i64, Some(value.as_bytes()));
        batch.push(EventIn { offset, timestamp: -1, lane: *lane, begun: 0, key: None, value });
    }
    let mut frame = Vec::new();
    batch.finish(&mut frame);
    frame
}

/// Verdicts and topics of emits.
type Seen = (Vec<(u32, Verdict)>, Vec<String>);

fn seen(outcome: &[u8]) -> Seen {
    let outcome = Outcome::parse(outcome).unwrap();
    let verdicts = outcome.verdicts().map(|row| (row.event, row.verdict)).collect();
    (verdicts, outcome.emits().map(|row| row.topic.to_owned()).collect())
}

/// What was settled, in order, and what was returned at the end.
fn run<F: Future<Output = Result<()>>>(
    control: Control,
    lanes: &[u32],
    handler: impl Fn(Event) -> F,
) -> (Rc<World>, Vec<Seen>) {
    let world = Rc::new(World::default());
    let last = world.run(each(frame(control, lanes), handler));
    let mut all: Vec<Seen> = world.settled.take().iter().map(|outcome| seen(outcome)).collect();
    all.push(seen(&last));
    (world, all)
}

fn verdicts(all: &[Seen]) -> Vec<(u32, Verdict)> {
    let mut verdicts: Vec<_> = all.iter().flat_map(|(verdicts, _)| verdicts.clone()).collect();
    verdicts.sort_by_key(|(event, _)| *event);
    verdicts
}

fn row(event: &Event) -> u64 {
    event.offset() as u64
}

async fn wait(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}

const ANY: Control = Control { isolate: false, lanes: 0, soft_ms: 0, event_ms: 0 };

#[test]
fn events_that_wait_for_nothing_cost_no_call_to_the_host() {
    let (_, all) = run(ANY, &[0, 1, 0], async |_| Ok(()));
    assert_eq!(all, [(vec![(0, Verdict::Ack), (1, Verdict::Ack), (2, Verdict::Ack)], vec![])]);
}

#[test]
fn lanes_go_on_side_by_side_and_their_events_one_by_one() {
    let (world, all) = run(ANY, &[0, 0, 1, 1], async |event| {
        log::info!("begin {}", row(&event));
        wait(if row(&event) == 0 { 3 } else { 1 }).await;
        log::info!("end {}", row(&event));
        Ok(())
    });
    assert_eq!(verdicts(&all), [0, 1, 2, 3].map(|row| (row, Verdict::Ack)));
    let logs = world.logs.borrow();
    let order: Vec<_> = logs.iter().map(|line| &*line.message).collect();
    assert_eq!(order, ["begin 0", "begin 2", "end 2", "begin 3", "end 3", "end 0", "begin 1", "end 1"]);
    // Lines written after an await still know their event.
    assert!(logs.iter().all(|line| line.message.ends_with(&line.event.to_string())));
}

#[test]
fn a_failure_stops_its_lane_alone_and_a_skip_stops_none() {
    let (_, all) = run(ANY, &[0, 0, 1, 1, 2, 2, 0], async |event| match row(&event) {
        0 => Err(Error::retry("")),
        2 => {
            wait(1).await;
            Err(Error::dead_letter("bad"))
        }
        4 => Err(Error::skip()),
        _ => Ok(()),
    });
    let expected = [
        Verdict::Retry,
        Verdict::Deferred,
        Verdict::DeadLetter,
        Verdict::Deferred,
        Verdict::Skip,
        Verdict::Ack,
        Verdict::Deferred,
    ];
    assert_eq!(verdicts(&all), (0..).zip(expected).collect::<Vec<_>>());
}

#[test]
fn emits_of_what_does_not_ack_are_dropped_and_the_others_keep_their_order() {
    let (_, all) = run(ANY, &[0, 1, 2, 3], async |event| {
        let row = row(&event);
        emit(&format!("{row}-before")).value("")?;
        if row < 2 {
            wait(1 + row).await;
        }
        emit(&format!("{row}-after")).value("")?;
        if row.is_multiple_of(2) { Err(Error::retry("")) } else { Ok(()) }
    });
    let emits: Vec<_> = all.iter().flat_map(|(_, emits)| emits.clone()).collect();
    assert_eq!(emits, ["3-before", "3-after", "1-before", "1-after"]);
}

#[test]
fn no_more_lanes_are_under_way_than_allowed() {
    let (busy, most) = (Cell::new(0), Cell::new(0));
    let control = Control { lanes: 3, ..ANY };
    let lanes: Vec<u32> = (0..10).collect();
    let (_, all) = run(control, &lanes, async |_| {
        busy.set(busy.get() + 1);
        most.set(most.get().max(busy.get()));
        wait(1).await;
        busy.set(busy.get() - 1);
        Ok(())
    });
    assert_eq!((verdicts(&all).len(), most.get()), (10, 3));
}

#[test]
fn after_the_soft_limit_no_event_begins() {
    let control = Control { soft_ms: 10, lanes: 1, ..ANY };
    let (_, all) = run(control, &[0, 0, 1, 2], async |_| {
        wait(6).await;
        Ok(())
    });
    // The second event begins at 6 ms, in time; at 12 ms none does.
    let expected = [Verdict::Ack, Verdict::Ack, Verdict::Deferred, Verdict::Deferred];
    assert_eq!(verdicts(&all), (0..).zip(expected).collect::<Vec<_>>());
}

#[test]
fn the_soft_limit_holds_for_events_that_only_compute() {
    let world = Rc::new(World::default());
    let clock = world.clone();
    let compute = async |_| {
        clock.now.set(clock.now.get() + Duration::from_millis(20));
        Ok(())
    };
    let control = Control { soft_ms: 100, ..ANY };
    let outcome = world.run(each(frame(control, &(0..200).collect::<Vec<_>>()), compute));
    let acked = seen(&outcome).0.iter().filter(|(_, verdict)| *verdict == Verdict::Ack).count();
    assert!((5..=8).contains(&acked), "{acked} events of 20 ms began within 100 ms");
}

#[test]
fn an_event_that_takes_too_long_is_retried_and_its_lane_deferred() {
    let control = Control { event_ms: 50, ..ANY };
    let (world, all) = run(control, &[0, 0, 1], async |event| {
        wait(if row(&event) == 0 { 60_000 } else { 20 }).await;
        Ok(())
    });
    assert_eq!(verdicts(&all), [(0, Verdict::Retry), (1, Verdict::Deferred), (2, Verdict::Ack)]);
    assert!(world.now.get() < Duration::from_millis(60), "{:?}", world.now.get());
}

#[test]
fn each_event_has_its_own_time() {
    let control = Control { event_ms: 50, ..ANY };
    let (_, all) = run(control, &[0, 0, 0, 1], async |event| {
        wait(if row(&event) == 2 { 60 } else { 40 }).await;
        Ok(())
    });
    let expected = [Verdict::Ack, Verdict::Ack, Verdict::Retry, Verdict::Ack];
    assert_eq!(verdicts(&all), (0..).zip(expected).collect::<Vec<_>>());
}

#[test]
fn what_has_ended_is_settled_while_one_event_still_waits() {
    let (world, when) = (Rc::new(World::default()), Cell::new(None));
    let seen_by = world.clone();
    let handler = async |event: Event| {
        if row(&event) == 0 {
            // Long before this one ends, the others' verdicts have left.
            wait(6).await;
            when.set(Some(seen_by.settled.borrow().len()));
            wait(10_000).await;
        }
        Ok(())
    };
    let last = world.run(each(frame(ANY, &[0, 1, 2]), handler));
    assert_eq!(when.get(), Some(1));
    assert_eq!(seen(&world.settled.borrow()[0]).0, [(1, Verdict::Ack), (2, Verdict::Ack)]);
    assert_eq!(seen(&last).0, [(0, Verdict::Ack)]);
}

#[test]
fn emits_of_an_event_under_way_are_not_settled_with_others() {
    let (_, all) = run(ANY, &[0, 1], async |event| {
        emit(if row(&event) == 0 { "slow" } else { "fast" }).value("")?;
        wait(if row(&event) == 0 { 100 } else { 1 }).await;
        Ok(())
    });
    let expected =
        [(vec![(1, Verdict::Ack)], vec!["fast".to_owned()]), (vec![(0, Verdict::Ack)], vec!["slow".to_owned()])];
    assert_eq!(all, expected);
}

#[test]
fn isolated_events_are_marked_begin_one_by_one_and_are_settled_at_once() {
    let control = Control { isolate: true, ..ANY };
    let (world, all) = run(control, &[0, 1, 0], async |event| {
        wait(1).await;
        if row(&event) == 0 { Err(Error::retry("")) } else { Ok(()) }
    });
    assert_eq!(*world.marks.borrow(), [0, 1]);
    assert_eq!(verdicts(&all), [(0, Verdict::Retry), (1, Verdict::Ack), (2, Verdict::Deferred)]);
    assert_eq!(all[0].0, [(0, Verdict::Retry)]);
    assert_eq!(all[1].0, [(1, Verdict::Ack)]);
}

#[test]
fn a_batch_handler_in_isolation_gets_no_event_of_a_stopped_lane() {
    let world = Rc::new(World::default());
    let control = Control { isolate: true, ..ANY };
    let handler = async |batch: Batch| match batch.events().next().map(|event| row(&event)) {
        Some(0) => Err(Error::retry("")),
        _ => Ok(()),
    };
    let last = world.run(whole(frame(control, &[0, 1, 0]), handler));
    let mut all: Vec<Seen> = world.settled.take().iter().map(|outcome| seen(outcome)).collect();
    all.push(seen(&last));
    assert_eq!(*world.marks.borrow(), [0, 1]);
    assert_eq!(verdicts(&all), [(0, Verdict::Retry), (1, Verdict::Ack), (2, Verdict::Deferred)]);
}

#[test]
#[should_panic(expected = "the host's batch is malformed: not a frame")]
fn a_malformed_batch_is_the_hosts_mistake() {
    Rc::new(World::default()).run(each(vec![0; 12], async |_: Event| Ok(())));
}
