//! Against scripts: repetitions, unknown outcomes, conflicts.

use std::cell::Cell;
use std::time::Duration;

use super::{Done, once};
use crate::cql::{CqlError, CqlErrorKind, cql};
use crate::testing::{Host, Record, Rows, Run, Script, Verdict, event};
use crate::{Error, Event, Result, emit};

const LOOK_UP: &str = "SELECT emits FROM t WHERE k = ? AND entry = ?";
const INSERT: &str = "INSERT INTO t (k, entry, emits) VALUES (?, ?, ?) IF NOT EXISTS";
const UPDATE: &str = "UPDATE t SET n = ? WHERE k = ? AND entry = '' IF n = ?";

thread_local! {
    static DECIDED: Cell<i32> = const { Cell::new(0) };
    static DONE: Cell<Option<Done>> = const { Cell::new(None) };
}

async fn handle(event: Event) -> Result<()> {
    emit("before").value("not of the effect")?;
    let done = once(&event, "t")
        .key("k", "key")
        .run(async |effect| {
            let decided = DECIDED.get() + 1;
            DECIDED.set(decided);
            emit("out").key("k").header("h", "1").partition(3).timestamp(7).value(format!("{decided}"))?;
            effect.write(cql(UPDATE).bind(decided).bind("key").bind(0)).await?;
            crate::sleep(Duration::from_millis(1)).await;
            emit("out").tombstone()
        })
        .await?;
    DONE.set(Some(done));
    Ok(())
}

fn run(script: &Script) -> Run {
    DECIDED.set(0);
    DONE.set(None);
    Host::new().cassandra(script).run(handle, [record()])
}

fn record() -> Record {
    event("in").partition(2).offset(41).key("a")
}

fn unknown() -> CqlError {
    CqlError::new(CqlErrorKind::Timeout, "no answer").unknown_outcome()
}

/// What a first run keeps.
fn kept() -> Vec<u8> {
    let script = Script::new().on(LOOK_UP, Rows::none()).on(UPDATE, Rows::applied()).on(INSERT, Rows::applied());
    run(&script);
    script.calls_of(INSERT)[0].named("emits").unwrap()
}

#[test]
fn the_effect_and_the_row_that_names_the_event_go_out_together() {
    let script = Script::new().on(LOOK_UP, Rows::none()).on(UPDATE, Rows::applied()).on(INSERT, Rows::applied());
    let run = run(&script);
    assert_eq!((run.verdict(), DONE.get(), DECIDED.get()), (Verdict::Ack, Some(Done::Now), 1));
    let topics: Vec<&str> = run.emits().iter().map(|emit| emit.topic()).collect();
    assert_eq!(topics, ["before", "out", "out"]);
    let calls = script.calls();
    assert_eq!(calls.iter().map(|call| call.batch()).collect::<Vec<_>>(), [None, Some(0), Some(0)]);
    let id: String = calls[2].named("entry").unwrap();
    assert_eq!(id, "once/cluster/topic-of-in/group/2/41/0");
    assert_eq!(calls[0].named::<String>("entry").unwrap(), id);
}

#[test]
fn a_repetition_decides_nothing_and_emits_the_same_again() {
    let kept = kept();
    let first = run(&Script::new().on(LOOK_UP, Rows::none()).on(UPDATE, Rows::applied()).on(INSERT, Rows::applied()));
    let again = run(&Script::new().on(LOOK_UP, Rows::of([kept])));
    assert_eq!((DONE.get(), DECIDED.get()), (Some(Done::Before), 0));
    assert_eq!(again.emits(), first.emits());
    let without = run(&Script::new().on(LOOK_UP, Rows::of([(None::<Vec<u8>>,)])));
    assert_eq!((without.emits().len(), DONE.get()), (1, Some(Done::Before)));
}

#[test]
fn an_unknown_outcome_is_looked_up_and_if_need_be_sent_again_the_same() {
    let found = Script::new()
        .once(LOOK_UP, Rows::none())
        .on(LOOK_UP, Rows::of([kept()]))
        .on(UPDATE, Rows::applied())
        .on(INSERT, unknown());
    let emits = run(&found).emits().len();
    assert_eq!((emits, DONE.get(), DECIDED.get()), (3, Some(Done::Before), 1));

    let again = Script::new()
        .on(LOOK_UP, Rows::none())
        .on(UPDATE, Rows::applied())
        .once(INSERT, unknown())
        .on(INSERT, Rows::applied());
    run(&again);
    assert_eq!((DONE.get(), DECIDED.get()), (Some(Done::Now), 1), "the same is sent, not decided anew");
    let entries: Vec<String> = again.calls_of(INSERT).iter().map(|call| call.named("entry").unwrap()).collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0], entries[1]);

    let never = Script::new().on(LOOK_UP, Rows::none()).on(UPDATE, Rows::applied()).on(INSERT, unknown());
    let run = run(&never);
    assert_eq!((run.verdict(), run.emits().len()), (Verdict::retry(), 0));
    assert_eq!(never.calls_of(INSERT).len(), 3);
}

#[test]
fn a_conflict_is_decided_anew_unless_it_was_our_own_doing() {
    let conflict = Script::new()
        .on(LOOK_UP, Rows::none())
        .once(UPDATE, Rows::none().not_applied())
        .on(UPDATE, Rows::applied())
        .on(INSERT, Rows::applied());
    let run_of = run(&conflict);
    assert_eq!((DONE.get(), DECIDED.get()), (Some(Done::Now), 2));
    assert_eq!(run_of.emits()[1].value(), Some(&b"2"[..]), "what the first decision emitted is dropped");

    let own = Script::new()
        .once(LOOK_UP, Rows::none())
        .once(LOOK_UP, Rows::none())
        .on(LOOK_UP, Rows::of([kept()]))
        .on(UPDATE, Rows::applied())
        .once(INSERT, unknown())
        .on(INSERT, Rows::none().not_applied());
    let run_of = run(&own);
    assert_eq!((DONE.get(), DECIDED.get(), run_of.emits().len()), (Some(Done::Before), 1, 3));

    let always =
        Script::new().on(LOOK_UP, Rows::none()).on(UPDATE, Rows::none().not_applied()).on(INSERT, Rows::applied());
    assert_eq!((run(&always).verdict(), DECIDED.get()), (Verdict::retry(), 8));
}

#[test]
fn a_decision_that_fails_writes_nothing_and_emits_nothing() {
    async fn refuses(event: Event) -> Result<()> {
        let refused = once(&event, "t").key("k", "key").run(async |effect| {
            effect.write(cql(UPDATE).bind(1).bind("key").bind(0)).await?;
            emit("out").value("never")?;
            Err(Error::dead_letter("no"))
        });
        let refused = refused.await;
        emit("after").value("not of the effect")?;
        assert!(refused.is_err());
        Ok(())
    }
    let script = Script::new().on(LOOK_UP, Rows::none()).on(UPDATE, Rows::applied());
    let run = Host::new().cassandra(&script).run(refuses, [record()]);
    assert_eq!(run.emits().iter().map(|emit| emit.topic()).collect::<Vec<_>>(), ["after"]);
    assert_eq!(script.calls_of(UPDATE).len(), 0);
}

#[test]
fn other_columns_ordinals_and_times_to_live_are_as_said() {
    const INSERT: &str = "INSERT INTO t (k, kind, name, kept) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?";
    async fn other(event: Event) -> Result<()> {
        let once = once(&event, "t").key("k", "key").key("kind", 7).at("name").keep("kept").ordinal(5);
        once.expire(Duration::from_millis(100)).run(async |_| Ok(())).await.map(drop)
    }
    let script = Script::new()
        .on("SELECT kept FROM t WHERE k = ? AND kind = ? AND name = ?", Rows::none())
        .on(INSERT, Rows::applied());
    let run = Host::new().cassandra(&script).run(other, [record()]);
    assert_eq!(run.verdict(), Verdict::Ack);
    let call = &script.calls_of(INSERT)[0];
    assert!(call.named::<String>("name").unwrap().ends_with("/41/5"));
    assert_eq!((call.get::<i32>(4).unwrap(), call.named::<Vec<u8>>("kept").unwrap()), (1, Vec::new()));
}

#[test]
fn without_what_names_the_event_nothing_is_done() {
    let script = Script::new();
    let run = Host::new().cassandra(&script).nameless().run(handle, [record()]);
    assert_eq!(run.verdict(), Verdict::retry());
    assert!(script.calls().is_empty());
}
