//! What goes where, and settings that are wrong.

use veltrix_sdk::testing::{Host, Record, Run, Verdict, event};

use super::route;

const RULES: &str = r#"
    # What is broken first.
    /error exists -> errors
    /type = "order" -> orders
    /amount >= 1000.00 -> large
    /country in ["DE", "AT", null] -> near
    /sku prefix "BOOK-" -> books
    /paid != true -> open
"#;

fn host() -> Host {
    Host::new().var("rules", RULES).var("default", "-> rest")
}

fn topics(run: &Run) -> Vec<&str> {
    run.emits().iter().map(|emit| emit.topic()).collect()
}

fn of(value: &str) -> Run {
    host().run(route, [event("in").key("k").value(value)])
}

#[test]
fn the_first_rule_that_matches_decides() {
    for (value, topic) in [
        (r#"{"type": "order", "error": null}"#, "errors"),
        (r#"{"type": "order", "amount": 5000}"#, "orders"),
        (r#"{"type": "\u006frder"}"#, "orders"),
        (r#"{"type": "Order"}"#, "rest"),
        (r#"{"type": ["order"]}"#, "rest"),
        (r#"{"amount": 1e3}"#, "large"),
        (r#"{"amount": 999.99}"#, "rest"),
        (r#"{"amount": 99999999999999999999999}"#, "large"),
        (r#"{"amount": "5000"}"#, "rest"),
        (r#"{"country": "AT"}"#, "near"),
        (r#"{"country": null}"#, "near"),
        (r#"{"sku": "BOOK-1"}"#, "books"),
        (r#"{"sku": "A-BOOK-1"}"#, "rest"),
        (r#"{"paid": false}"#, "open"),
        (r#"{"paid": true}"#, "rest"),
        (r#"{"type": "order", "type": "other"}"#, "rest"),
        ("[]", "rest"),
    ] {
        let run = of(value);
        assert_eq!((run.verdict(), topics(&run)), (Verdict::Ack, vec![topic]), "{value}");
    }
}

#[test]
fn an_event_goes_on_as_it_is() {
    let value = " {\"type\" :\t\"order\"} ";
    let record = event("in").key([0xff, 0]).value(value).header("h", "1").null_header([0xfe]).header("h", "");
    let run = host().run(route, [record]);
    let emit = &run.emits()[0];
    assert_eq!((emit.key(), emit.value()), (Some(&[0xff, 0][..]), Some(value.as_bytes())));
    assert_eq!(emit.headers().len(), 3);
    let tombstone = host().run(route, [event("in").key("k")]);
    assert_eq!((topics(&tombstone), tombstone.emits()[0].value()), (vec!["rest"], None));
}

#[test]
fn all_that_match_if_so_said() {
    let run = host().var("match", "all").run(route, [event("in").value(r#"{"type": "order", "sku": "BOOK-1"}"#)]);
    assert_eq!(topics(&run), ["orders", "books"]);
}

#[test]
fn what_no_rule_matches_goes_where_the_default_says() {
    let with = |default: Option<&str>| {
        let host = Host::new().var("rules", "/a exists -> a");
        let host = default.into_iter().fold(host, |host, default| host.var("default", default));
        let run = host.run(route, [event("in").value("{}")]);
        (run.verdict(), run.emits().len())
    };
    assert_eq!(with(None), (Verdict::dead_letter("no-rule"), 0));
    assert_eq!(with(Some("dead-letter")), (Verdict::dead_letter("no-rule"), 0));
    assert_eq!(with(Some("skip")), (Verdict::Skip, 0));
    assert_eq!(with(Some("-> a")), (Verdict::Ack, 1));
}

#[test]
fn what_is_no_json_goes_to_the_dead_letters() {
    for value in [&b""[..], b"{", b"\xff", b"{} {}"] {
        assert_eq!(host().run(route, [event("in").value(value)]).verdict(), Verdict::dead_letter("decode"));
    }
}

fn split(value: &str) -> Run {
    let host = Host::new().var("rules", "/kind = \"book\" -> books").var("default", "-> others").var("split", "/lines");
    host.var("key", "/id").var("most", "3").run(route, [event("in").key("order").header("h", "1").value(value)])
}

#[test]
fn each_element_is_an_event_of_its_own() {
    let run = split(r#"{"lines": [ {"id": "a", "kind" : "book"} ,{"id":2,"kind":"pen"}, {"id": true} ]}"#);
    assert_eq!((run.verdict(), topics(&run)), (Verdict::Ack, vec!["books", "others", "others"]));
    let keys: Vec<_> = run.emits().iter().map(|emit| emit.key_text().unwrap()).collect();
    assert_eq!(keys, ["a", "2", "true"]);
    assert_eq!(run.emits()[0].value(), Some(&br#"{"id": "a", "kind" : "book"}"#[..]));
    assert!(run.emits().iter().all(|emit| emit.headers().len() == 1));
    let none = split(r#"{"lines": []}"#);
    assert_eq!((none.verdict(), none.emits().len()), (Verdict::Ack, 0));
}

#[test]
fn an_event_that_can_not_be_split_whole_is_not_split_at_all() {
    for (value, reason) in [
        (r#"{"lines": [{"id": "a"}, {}]}"#, "key: /id is missing"),
        (r#"{"lines": [{"id": "a"}, {"id": null}]}"#, "key: /id is null"),
        (r#"{"lines": {"id": "a"}}"#, "/lines is no array"),
        (r#"{}"#, "/lines is no array"),
        (r#"{"lines": [1, 2, 3, 4]}"#, "too-many-elements"),
    ] {
        let run = split(value);
        assert_eq!((run.verdict(), run.emits().len()), (Verdict::dead_letter(reason), 0), "{value}");
    }
}

#[test]
fn a_key_of_its_own_without_splitting() {
    let record: Record = event("in").key("old").header("h", "1").value(r#"{"id": "new"}"#);
    let run = Host::new().var("default", "-> out").var("key", "/id").run(route, [record]);
    let emit = &run.emits()[0];
    assert_eq!((emit.key_text(), emit.value(), emit.headers().len()), (Some("new"), Some(&br#"{"id": "new"}"#[..]), 1));
}

fn problems(host: Host) -> String {
    let run = std::panic::AssertUnwindSafe(|| host.run(route, [event("in").value("{}")]));
    let panic = std::panic::catch_unwind(run).expect_err("it says what is wrong");
    panic.downcast_ref::<String>().expect("in words").clone()
}

#[test]
fn mistakes_say_where_and_what_to_write() {
    for (rule, says) in [
        ("/a = \"x\"", "has no `-> TOPIC`"),
        ("/a -> t", "has no operator"),
        ("a = 1 -> t", "no JSON pointer"),
        ("/a == 1 -> t", "no operator, these are: =,"),
        ("/a = x -> t", "takes a JSON value"),
        ("/a = [1] -> t", "an array is compared with nothing"),
        ("/a in 1 -> t", "takes a list"),
        ("/a in [] -> t", "takes a list"),
        ("/a < \"1\" -> t", "takes a number"),
        ("/a prefix 1 -> t", "takes a string"),
        ("/a exists 1 -> t", "takes no value"),
        ("/a exists -> a b", "no topic"),
    ] {
        let said = problems(Host::new().var("rules", &format!("/z exists -> z\n{rule}")));
        assert!(said.contains("`rules`, line 2: ") && said.contains(says), "{rule}: {said}");
    }
    let said = problems(Host::new().var("default", "rest").var("match", "any").var("split", "lines").var("keys", "/a"));
    for says in ["`default` is", "`match` is one of first, all", "`split`: ", "`keys` is no variable", "neither a rule"]
    {
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn topics_that_are_not_granted_are_told_before_the_first_event_goes_there() {
    let said = problems(Host::new().var("rules", "/a exists -> a").var("default", "-> b").emits(["c", "a"]));
    assert!(said.contains("`default`: the topic \"b\" is not among the function's `emits`"), "{said}");
    assert!(!said.contains("\"a\""), "{said}");
}

#[test]
fn what_is_huge_or_deep_neither_panics_nor_takes_long() {
    let started = std::time::Instant::now();
    let long = format!("{{\"pad\": \"{}\", \"type\": \"order\"}}", "x".repeat(1 << 20));
    assert_eq!(topics(&of(&long)), ["orders"]);
    let wide = format!("{{{}\"type\": \"order\"}}", "\"a\": [1, {\"b\": \"]\"}], ".repeat(40_000));
    assert_eq!(topics(&of(&wide)), ["orders"]);
    let digits = format!("{{\"amount\": {}}}", "9".repeat(1 << 20));
    assert_eq!(topics(&of(&digits)), ["large"]);
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(of(&deep).verdict(), Verdict::dead_letter("decode"));
    let many = format!("{{\"lines\": [{}]}}", vec!["{\"id\": 1}"; 100_001].join(","));
    assert_eq!(split(&many).verdict(), Verdict::dead_letter("too-many-elements"));
    // Natively, without optimisation: many times what it takes on Wasm.
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}
