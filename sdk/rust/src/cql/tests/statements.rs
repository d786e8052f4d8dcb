//! Statements from their text to their outcome, against a script.

use std::time::Duration;

use super::super::script::{Call, Rows};
use super::super::*;
use super::with;
use super::{Script, address};
use crate::task;

const SELECT: &str = "SELECT left FROM stock WHERE sku = ?";
const TAKE: &str = "UPDATE stock SET left = ? WHERE sku = ? IF left = ?";
const WRITE: &str = "INSERT INTO stock (sku, left) VALUES (?, ?)";

#[test]
fn one_optional_all() {
    let script = Script::new().on(SELECT, |call: &Call| {
        let sku: String = call.get(0).unwrap();
        Ok(if sku == "none" { Rows::none() } else { Rows::of([3, 4]) })
    });
    let some = || cql(SELECT).bind("some");
    let none = || cql(SELECT).bind("none");
    with(&script, async {
        assert_eq!(some().one::<i32>().await, Ok(3));
        assert_eq!(some().optional::<i32>().await, Ok(Some(3)));
        assert_eq!(some().all::<i32>().await, Ok(vec![3, 4]));
        assert_eq!(none().optional::<i32>().await, Ok(None));
        assert_eq!(none().all::<i32>().await, Ok(vec![]));
        let error = none().one::<i32>().await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (CqlErrorKind::NoRow, Applied::NotApplied));
        assert!(error.message().contains(SELECT));
    });
}

#[test]
fn pages_are_followed() {
    let script = Script::new().on("SELECT n FROM t", Rows::of(0..5));
    with(&script, async {
        assert_eq!(cql("SELECT n FROM t").page_size(2).all::<i32>().await, Ok(vec![0, 1, 2, 3, 4]));
        let mut pages = cql("SELECT n FROM t").page_size(3).pages::<i32>();
        assert_eq!(pages.next().await, Ok(Some(vec![0, 1, 2])));
        assert_eq!(pages.next().await, Ok(Some(vec![3, 4])));
        assert_eq!(pages.next().await, Ok(None));
        let first = cql("SELECT n FROM t").page_size(4).page::<i32>(None).await.unwrap();
        let kept = first.next.unwrap().into_bytes();
        let second = cql("SELECT n FROM t").page_size(4).page::<i32>(PageToken::from_bytes(kept)).await.unwrap();
        assert_eq!((first.rows, second.rows, second.next), (vec![0, 1, 2, 3], vec![4], None));
    });
}

#[test]
fn conditional_writes_tell_whether_they_applied() {
    let script = Script::new()
        .once(TAKE, Rows::of([(2, "o-1")]).named(["left", "last_order"]).not_applied())
        .on(TAKE, Rows::applied());
    with(&script, async {
        let take = || cql(TAKE).bind(1).bind("sku").bind(3).run();
        let refused = take().await.unwrap();
        assert!(!refused.applied);
        assert_eq!(refused.get::<i32>("left"), Ok(2));
        assert_eq!(refused.row().unwrap().get::<String>("last_order"), Ok("o-1".to_owned()));
        let applied = take().await.unwrap();
        assert!(applied.applied && applied.row().is_none());
    });
}

#[test]
fn calls_are_recorded_with_their_values() {
    let script = Script::new().on(WRITE, Rows::none());
    with(&script, async {
        let write = cql("INSERT INTO stock (sku, left)\n VALUES (?, ?)").bind_named("left", MaybeUnset::<i32>::Unset);
        let write = write.bind("sku-1").consistency(Consistency::LocalQuorum).serial(SerialConsistency::LocalSerial);
        assert!(write.timestamp(5).idempotent().run().await.unwrap().applied);
    });
    let calls = script.calls_of(WRITE);
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.get::<String>(0).unwrap(), "sku-1");
    assert_eq!(call.named::<String>("sku").unwrap(), "sku-1");
    assert!(call.is_unset(1) && call.get::<i32>(1).is_err() && call.get::<String>(2).is_err());
    assert_eq!(call.get::<i32>(0).unwrap_err().to_string(), "CQL text and Rust i32 don't go together");
    assert_eq!(
        (call.consistency(), call.serial()),
        (Some(Consistency::LocalQuorum), Some(SerialConsistency::LocalSerial))
    );
    assert_eq!((call.timestamp(), call.is_idempotent(), call.is_event_time()), (Some(5), true, false));
}

#[test]
fn values_are_checked_against_the_types_of_parameters() {
    let script = Script::new().on(WRITE, Rows::none()).params(WRITE, [CqlType::Text, CqlType::SmallInt]);
    with(&script, async {
        let error = cql(WRITE).bind("a").bind(5i32).run().await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (CqlErrorKind::Type, Applied::NotApplied));
        assert!(error.message().contains("parameter 1 `left`: CQL smallint and Rust i32 don't go together"), "{error}");
        assert!(error.message().contains(WRITE), "{error}");
        assert!(cql(WRITE).bind("a").bind(5i8).run().await.is_ok());
    });
    assert_eq!(script.calls()[0].get::<i16>(1).unwrap(), 5);
}

#[test]
fn a_wrong_number_of_values_names_the_parameters() {
    let script = Script::new().on(WRITE, Rows::none());
    let error = |cql: Cql<'static>| with(&script, cql.run()).unwrap_err().message().to_owned();
    assert!(error(cql(WRITE).bind("a")).contains("2 parameters (sku, left), but 1 values are bound"));
    assert!(error(cql(WRITE).bind("a").bind(1).bind(2)).contains("3 values are bound"));
    assert!(error(cql(WRITE).bind("a").bind_named("amount", 1)).contains("no parameter `amount`, there are sku, left"));
}

#[test]
fn a_text_without_an_answer_says_so() {
    let script = Script::new().once(SELECT, Rows::of([1]));
    with(&script, async {
        let error = cql("SELECT x FROM y").all::<i32>().await.unwrap_err();
        assert!(error.message().contains("no answer for `SELECT x FROM y`; it has `SELECT left FROM"), "{error}");
        assert_eq!(cql(SELECT).bind("a").one::<i32>().await, Ok(1));
        let error = cql(SELECT).bind("a").one::<i32>().await.unwrap_err();
        assert!(error.message().contains("no more answers"), "{error}");
    });
    let plain = Script::new().on(TAKE, Rows::none());
    assert!(with(&plain, cql(TAKE).bind(1).bind("a").bind(2).run()).unwrap_err().message().contains("Rows::applied"));
}

#[test]
fn errors_keep_what_the_host_said() {
    let down = CqlError::new(CqlErrorKind::Timeout, "no answer in 2 s").unknown_outcome().with_code(0x1100);
    let script = Script::new().on(WRITE, down);
    let error = with(&script, cql(WRITE).bind("a").bind(1).run()).unwrap_err();
    assert_eq!((error.kind(), error.applied(), error.code()), (CqlErrorKind::Timeout, Applied::Unknown, 0x1100));
    assert!(error.message().starts_with("no answer in 2 s"));
}

#[test]
fn a_batch_goes_as_one() {
    let script = Script::new().on(WRITE, Rows::none()).on(TAKE, Rows::applied());
    with(&script, async {
        let write = |sku: &'static str| cql(WRITE).bind(sku).bind(1);
        assert!(batch().unlogged().add(write("a")).add(write("b")).run().await.unwrap().applied);
        assert!(batch().add(write("c")).add(cql(TAKE).bind(0).bind("c").bind(1)).run().await.unwrap().applied);
        assert!(batch().run().await.unwrap().applied);
        let error = batch().add(write("d").timestamp(1)).run().await.unwrap_err();
        assert!(error.message().contains("set them on the batch"), "{error}");
    });
    let calls = script.calls();
    let skus: Vec<String> = calls.iter().map(|call| call.named("sku").unwrap()).collect();
    assert_eq!(skus, ["a", "b", "c", "c"]);
    assert_eq!(calls.iter().map(Call::batch).collect::<Vec<_>>(), [Some(0), Some(0), Some(1), Some(1)]);
}

#[test]
fn a_batch_is_refused_as_a_whole() {
    let script = Script::new().on(TAKE, |call: &Call| {
        Ok(match call.named::<String>("sku").as_deref() {
            Ok("empty") => Rows::of([0]).named(["left"]).not_applied(),
            _ => Rows::applied(),
        })
    });
    with(&script, async {
        let take = |sku: &'static str| cql(TAKE).bind(0).bind(sku).bind(1);
        let outcome = batch().add(take("full")).add(take("empty")).run().await.unwrap();
        assert!(!outcome.applied);
        assert_eq!(outcome.get::<i32>("left"), Ok(0));
    });
}

#[test]
fn calls_belong_to_their_event() {
    let script = Script::new().on(SELECT, Rows::of([1]));
    with(&script, async {
        let mut query = Box::pin(cql(SELECT).bind("a").one::<i32>());
        std::future::poll_fn(|context| task::with_current(7, || query.as_mut().poll(context))).await.unwrap();
    });
    assert_eq!(script.calls()[0].event(), 7);
}

#[test]
fn options_contradict() {
    let script = Script::new().on(WRITE, Rows::none());
    let both = cql(WRITE).bind("a").bind(1).timestamp(1).event_time().timeout(Duration::from_micros(1));
    assert_eq!(both.options.timeout_ms, 1);
    assert_eq!(with(&script, both.run()).unwrap_err().kind(), CqlErrorKind::Invalid);
}

#[test]
fn by_question_mark_an_error_is_tried_again() {
    let error = crate::error::Error::from(CqlError::new(CqlErrorKind::Invalid, "x"));
    assert_eq!(error.fate(), crate::error::Fate::Retry { after: None });
}

#[test]
fn user_defined_types_pass_through_the_script() {
    const PUT: &str = "INSERT INTO homes (id, home) VALUES (?, ?)";
    let home = Udt::new().with("zip", 5).unwrap().with("street", "a").unwrap();
    let script = Script::new().on(PUT, Rows::none()).params(PUT, [CqlType::Int, address()]);
    with(&script, cql(PUT).bind(1).bind(&home).run()).unwrap();
    assert_eq!(script.calls()[0].named::<Udt>("home").unwrap().get::<i32>("zip"), Ok(5));
    let select = Script::new().on("SELECT home FROM homes", Rows::of([home.clone()]));
    let read = with(&select, cql("SELECT home FROM homes").one::<Udt>()).unwrap();
    assert_eq!(read, home);
}
