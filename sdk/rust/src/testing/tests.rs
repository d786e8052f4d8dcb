//! The stand-in against handlers of every shape, and what it promises of order, emits and time.

use std::time::Duration;

use super::*;
use crate::log::Level;
use crate::prelude::*;
use crate::{DecodeError, secret};

fn plain(event: Event) -> Result<()> {
    event.forward("out")
}

async fn later(event: Event) -> Result<()> {
    event.forward("out")
}

fn plain_context(event: Event, context: &Context) -> Result<()> {
    event.forward(&context.require("to")?)
}

async fn later_context(event: Event, context: &Context) -> Result<()> {
    event.forward(&context.require("to")?)
}

fn plain_batch(batch: Batch) -> Result<()> {
    batch.events().try_for_each(|event| event.forward("out"))
}

async fn later_batch(batch: Batch, context: &Context) -> Vec<Result<()>> {
    let to = context.var("to").unwrap_or_default();
    batch.events().map(|event| event.forward(&to)).collect()
}

#[test]
fn runs_handlers_of_every_shape() {
    let host = Host::new().var("to", "out");
    let events = || [event("in").key("a").value("1"), event("in").key("b").value("2")];
    let runs = [
        host.run(plain, events()),
        host.run(later, events()),
        host.run(plain_context, events()),
        host.run(later_context, events()),
        host.run(plain_batch, events()),
        host.run(later_batch, events()),
        host.clone().isolate().run(plain, events()),
        host.clone().isolate().run(later_batch, events()),
        run(|event: Event| event.forward("out"), events()),
        run(async |event: Event| event.forward("out"), events()),
    ];
    for run in runs {
        assert_eq!(run.verdicts(), [Verdict::Ack, Verdict::Ack]);
        let emits: Vec<_> =
            run.emits_to("out").iter().map(|emit| (emit.cause(), emit.key_text(), emit.value())).collect();
        assert_eq!(emits, [(0, Some("a"), Some(&b"1"[..])), (1, Some("b"), Some(b"2"))]);
    }
}

#[test]
fn events_are_what_the_test_said() {
    async fn look(event: Event) -> Result<()> {
        assert_eq!((event.topic(), event.partition(), event.offset()), ("in", 7, 41));
        assert_eq!((event.key(), event.text()), (Some(&b"k"[..]), Ok("\"v\"")));
        assert_eq!((event.timestamp_ms(), event.begun_before()), (Some(5), 2));
        let headers: Vec<_> = event.headers().collect();
        assert_eq!(headers, [(&b"h"[..], Some(&b"1"[..])), (b"h", None)]);
        assert_eq!(Context::get().traceparent().as_deref(), Some("00-1-2-01"));
        Ok(())
    }
    let record = event("in").partition(7).offset(41).key("k").json("v").timestamp(5).begun(2);
    let record = record.header("h", "1").null_header("h").traceparent("00-1-2-01");
    assert_eq!(run(look, [record]).verdict(), Verdict::Ack);
}

#[test]
fn offsets_go_on_and_values_are_absent_by_default() {
    async fn look(event: Event) -> Result<()> {
        assert!(event.is_tombstone() && event.key().is_none() && event.timestamp_ms().is_none());
        log::info!("{}", event.offset());
        Ok(())
    }
    let run = run(look, [event("in"), event("in").offset(9).value("").tombstone(), event("in")]);
    let offsets: Vec<_> = run.logs().iter().map(|line| (line.event(), line.message())).collect();
    assert_eq!(offsets, [(Some(0), "0"), (Some(1), "9"), (Some(2), "10")]);
}

#[test]
fn verdicts_and_messages_are_those_of_the_errors() {
    async fn fail(event: Event) -> Result<()> {
        emit("out").value("never sent")?;
        match event.text()? {
            "retry" => Err(Error::retry("not yet")),
            "after" => Err(Error::retry_after(Duration::from_secs(3))),
            "dead" => Err(Error::dead_letter("odd").with_message("very")),
            "skip" => Err(Error::skip()),
            "other" => Err("x".parse::<i32>().unwrap_err().into()),
            other => Err(DecodeError::new(other).into()),
        }
    }
    let run = run(fail, ["retry", "after", "dead", "skip", "other", "decode"].map(|text| event("in").value(text)));
    let expected = [
        Verdict::retry(),
        Verdict::retry_after(Duration::from_secs(3)),
        Verdict::dead_letter("odd"),
        Verdict::Skip,
        Verdict::retry(),
        Verdict::dead_letter("decode"),
    ];
    assert_eq!(run.verdicts(), expected);
    assert_eq!((run.message(0), run.message(1), run.message(2)), (Some("not yet"), None, Some("very")));
    assert!(run.emits().is_empty());
}

#[test]
fn events_of_a_key_keep_their_order_and_wait_behind_failures() {
    async fn slow_first(event: Event) -> Result<()> {
        sleep(Duration::from_secs(if event.offset() == 0 { 60 } else { 1 })).await;
        log::info!("{}", event.offset());
        if event.text()? == "bad" { Err(Error::retry("bad")) } else { Ok(()) }
    }
    let events = [("a", "good"), ("a", "bad"), ("a", "good"), ("b", "good")];
    let run = run(slow_first, events.map(|(key, value)| event("in").key(key).value(value)));
    assert_eq!(run.verdicts(), [Verdict::Ack, Verdict::retry(), Verdict::Deferred, Verdict::Ack]);
    let order: Vec<_> = run.logs().iter().map(LogLine::message).collect();
    assert_eq!(order, ["3", "0", "1"]);
}

#[test]
fn what_was_settled_on_the_way_is_part_of_the_run() {
    async fn wait(event: Event) -> Result<()> {
        sleep(Duration::from_millis(10 * event.offset() as u64)).await;
        event.forward("out")
    }
    let run = run(wait, (0..20).map(|i: i32| event("in").value(i.to_string())));
    assert!(run.verdicts().iter().all(|verdict| *verdict == Verdict::Ack));
    let sent: Vec<_> = run.emits().iter().map(Emitted::json::<i32>).collect();
    assert_eq!(sent, (0..20).collect::<Vec<_>>());
}

#[test]
fn secrets_fields_and_headers_can_be_looked_at() {
    async fn tell(_: Event) -> Result<()> {
        log::field("token", secret("token").or_retry()?).warn("told");
        emit("out").header("h", "1").header("h", "2").partition(3).timestamp(4).json(&[1, 2])
    }
    let run = Host::new().secret("token", "t").run(tell, [event("in")]);
    let line = &run.logs()[0];
    assert_eq!(
        (line.level(), line.message(), line.field("token"), line.field("x")),
        (Level::Warn, "told", Some("t"), None)
    );
    let emit = &run.emits()[0];
    assert_eq!((emit.key(), emit.json::<Vec<i32>>(), emit.header("h")), (None, vec![1, 2], Some(&b"2"[..])));
    assert_eq!((emit.partition(), emit.timestamp_ms(), emit.headers().len()), (Some(3), Some(4), 2));
}

#[test]
fn without_rows_cassandra_refuses() {
    async fn read(_: Event) -> Result<()> {
        cql("SELECT a FROM t").one::<i32>().await?;
        Ok(())
    }
    let refused = run(read, [event("in")]);
    assert_ne!(refused.verdict(), Verdict::Ack);
    assert!(refused.message(0).unwrap().contains("no rows were scripted"), "{refused:?}");
    let script = Script::new().on("SELECT a FROM t", Rows::of([1]));
    assert_eq!(Host::new().cassandra(&script).run(read, [event("in")]).verdict(), Verdict::Ack);
    assert_eq!(script.calls().len(), 1);
}

#[test]
fn events_that_a_batch_handler_forgets_have_no_verdict() {
    fn first(batch: Batch) -> Vec<Result<()>> {
        batch.events().take(1).map(|_| Ok(())).collect()
    }
    assert_eq!(run(first, [event("in"), event("in")]).verdicts(), [Verdict::Ack, Verdict::Missing]);
}

#[test]
#[should_panic(expected = "one topic and partition")]
fn events_of_two_topics_are_two_calls() {
    run(plain, [event("in"), event("on")]);
}

#[test]
fn a_function_can_ask_what_it_was_given() {
    fn asks(_: Event, context: &Context) -> Result<()> {
        emit(&context.variables().unwrap().join(",")).value(format!("{:?}", context.topics()))
    }
    let run = Host::new().var("b", "1").var("a", "2").emits(["x", "y"]).run(asks, [event("t")]);
    assert_eq!((run.emits()[0].topic(), run.emits()[0].value()), ("a,b", Some(&br#"Some(["x", "y"])"#[..])));
    let untold = Host::new().var("a", "").run(asks, [event("t")]);
    assert_eq!(untold.emits()[0].value(), Some(&b"None"[..]));
}

#[test]
#[should_panic(expected = "misconfigured: no table")]
fn a_deployment_that_can_not_work_fails_the_test() {
    fn stops(_: Event) -> Result<()> {
        crate::misconfigured("no table")
    }
    Host::new().run(stops, [event("t")]);
}
