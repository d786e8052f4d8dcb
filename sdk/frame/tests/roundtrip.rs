//! What is written is read again, cell by cell.

use veltrix_frame::{
    Batch, BatchBuilder, Control, EmitIn, EventIn, FrameError, Outcome, OutcomeBuilder, Problem, Verdict, VerdictIn,
};

fn event(offset: i64) -> EventIn<'static> {
    EventIn { offset, timestamp: -1, lane: 0, begun: 0, key: None, value: None }
}

fn emit(cause: u32, topic: &str) -> EmitIn<'_> {
    EmitIn { cause, topic, key: Some(b"k"), value: Some(b"v"), partition: None, timestamp: None }
}

fn batch_frame(builder: &BatchBuilder) -> Vec<u8> {
    let mut frame = Vec::new();
    builder.finish(&mut frame);
    frame
}

fn outcome_frame(builder: &OutcomeBuilder) -> Vec<u8> {
    let mut frame = Vec::new();
    builder.finish(&mut frame);
    frame
}

#[test]
fn batch_keeps_every_field_and_tells_null_from_empty() {
    let control = Control { isolate: true, lanes: 256, soft_ms: 10_000, event_ms: 30_000 };
    let mut builder = BatchBuilder::new();
    builder.start("örders", 7, control);
    builder.push(EventIn {
        offset: i64::MAX,
        timestamp: 1_700_000_000_000,
        lane: 3,
        begun: 2,
        key: Some(b""),
        value: Some(b"\xff\x00"),
    });
    builder.push_header(b"a", Some(b"1"));
    builder.push_header(b"a", None);
    builder.push_header(b"", Some(b""));
    builder.push(event(0));
    builder.push(EventIn { key: Some(b"k"), value: Some(b""), ..event(1) });
    builder.push_header(b"last", None);

    let frame = batch_frame(&builder);
    let batch = Batch::parse(&frame).unwrap();
    assert_eq!((batch.len(), batch.topic(), batch.partition()), (3, "örders", 7));
    assert_eq!(batch.control(), control);
    assert_eq!(
        (batch.offset(0), batch.timestamp(0), batch.lane(0), batch.begun(0)),
        (i64::MAX, 1_700_000_000_000, 3, 2)
    );
    assert_eq!((batch.timestamp(1), batch.begun(1)), (-1, 0));
    let keys: Vec<_> = (0..3).map(|row| batch.key(row)).collect();
    assert_eq!(keys, [Some(&b""[..]), None, Some(b"k")]);
    let values: Vec<_> = (0..3).map(|row| batch.value(row)).collect();
    assert_eq!(values, [Some(&b"\xff\x00"[..]), None, Some(b"")]);
    let headers: Vec<Vec<_>> = (0..3).map(|row| batch.headers(row).collect()).collect();
    assert_eq!(headers[0], [(&b"a"[..], Some(&b"1"[..])), (b"a", None), (b"", Some(b""))]);
    assert_eq!(headers[1], []);
    assert_eq!(headers[2], [(&b"last"[..], None)]);
}

#[test]
fn batch_without_begun_headers_and_nulls_leaves_their_columns_out() {
    let mut builder = BatchBuilder::new();
    builder.start("t", 0, Control::default());
    builder.push(EventIn { key: Some(b"k"), value: Some(b"v"), ..event(1) });
    let frame = batch_frame(&builder);
    assert_eq!(frame[8..12], 10u32.to_le_bytes());
    builder.start("t", 0, Control::default());
    builder.push(event(1));
    let frame = batch_frame(&builder);
    assert_eq!(frame[8..12], 6u32.to_le_bytes());
    let batch = Batch::parse(&frame).unwrap();
    assert_eq!((batch.key(0), batch.value(0), batch.headers(0).len()), (None, None, 0));
}

#[test]
fn empty_frames_are_valid() {
    assert!(Batch::parse(&batch_frame(&BatchBuilder::new())).unwrap().is_empty());
    let frame = outcome_frame(&OutcomeBuilder::new());
    let outcome = Outcome::parse(&frame).unwrap();
    assert_eq!((outcome.verdicts().len(), outcome.emits().len(), outcome.topics().len()), (0, 0, 0));
}

#[test]
fn a_cleared_builder_writes_what_a_new_one_does() {
    let mut used = BatchBuilder::new();
    used.start("old", 1, Control { isolate: true, ..Control::default() });
    used.push(EventIn { begun: 1, ..event(5) });
    used.push_header(b"h", None);
    let mut new = BatchBuilder::new();
    for builder in [&mut used, &mut new] {
        builder.start("t", 0, Control::default());
        builder.push(EventIn { value: Some(b"v"), ..event(1) });
    }
    assert_eq!(batch_frame(&used), batch_frame(&new));

    let mut used = OutcomeBuilder::new();
    used.emit(EmitIn { partition: Some(1), ..emit(0, "old") });
    used.verdict(VerdictIn {
        event: 0,
        verdict: Verdict::Retry,
        retry_after_ms: 5,
        reason: Some("r"),
        message: Some("m"),
    });
    used.clear();
    assert!(used.is_empty());
    let mut new = OutcomeBuilder::new();
    for builder in [&mut used, &mut new] {
        builder.ack(1);
        builder.emit(emit(1, "t"));
    }
    assert_eq!(outcome_frame(&used), outcome_frame(&new));
}

#[test]
fn outcome_keeps_every_field() {
    let mut builder = OutcomeBuilder::new();
    builder.ack(0);
    builder.emit(emit(0, "a"));
    builder.emit_header(b"h", None);
    builder.emit(EmitIn { cause: 2, topic: "b", key: None, value: Some(b""), partition: Some(3), timestamp: Some(0) });
    builder.emit(emit(0, "a"));
    builder.verdict(VerdictIn {
        event: 1,
        verdict: Verdict::Retry,
        retry_after_ms: 250,
        reason: None,
        message: Some("no answer"),
    });
    builder.verdict(VerdictIn {
        event: 3,
        verdict: Verdict::DeadLetter,
        retry_after_ms: 0,
        reason: Some("decode"),
        message: Some(""),
    });
    builder.ack(2);

    let frame = outcome_frame(&builder);
    let outcome = Outcome::parse(&frame).unwrap();
    let verdicts: Vec<_> =
        outcome.verdicts().map(|row| (row.event, row.verdict, row.retry_after_ms, row.reason, row.message)).collect();
    assert_eq!(
        verdicts,
        [
            (0, Verdict::Ack, 0, None, None),
            (1, Verdict::Retry, 250, None, Some(&b"no answer"[..])),
            (3, Verdict::DeadLetter, 0, Some(&b"decode"[..]), Some(b"")),
            (2, Verdict::Ack, 0, None, None),
        ]
    );
    assert_eq!(outcome.topics().collect::<Vec<_>>(), ["a", "b"]);
    let emits: Vec<_> = outcome.emits().collect();
    assert_eq!(
        (emits[0].cause, emits[0].topic, emits[0].key, emits[0].value),
        (0, "a", Some(&b"k"[..]), Some(&b"v"[..]))
    );
    assert_eq!(emits[0].headers.clone().collect::<Vec<_>>(), [(&b"h"[..], None)]);
    assert_eq!((emits[0].partition, emits[0].timestamp), (None, None));
    assert_eq!((emits[1].topic, emits[1].key, emits[1].value), ("b", None, Some(&b""[..])));
    assert_eq!((emits[1].partition, emits[1].timestamp, emits[1].headers.len()), (Some(3), Some(0), 0));
    assert_eq!((emits[2].topic, emits[2].headers.len()), ("a", 0));
}

#[test]
fn acks_cost_two_columns() {
    let mut builder = OutcomeBuilder::new();
    (0..10).for_each(|event| builder.ack(event));
    assert_eq!(outcome_frame(&builder)[8..12], 2u32.to_le_bytes());
}

#[test]
fn truncated_emits_leave_nothing_behind() {
    let mut builder = OutcomeBuilder::new();
    builder.emit(emit(0, "a"));
    builder.emit_header(b"h", Some(b"1"));
    let before = outcome_frame(&builder);
    let mark = builder.emit_mark();
    builder.emit(EmitIn { key: None, value: None, ..emit(1, "a") });
    builder.emit_header(b"x", None);
    builder.truncate_emits(mark);
    assert_eq!(outcome_frame(&builder), before);
}

#[test]
fn moved_emits_arrive_whole_and_leave() {
    let (mut from, mut to) = (OutcomeBuilder::new(), OutcomeBuilder::new());
    from.emit(emit(0, "a"));
    from.emit_header(b"stay", Some(b"1"));
    let mark = from.emit_mark();
    from.emit(EmitIn { key: None, partition: Some(9), ..emit(1, "b") });
    from.emit_header(b"go", None);
    from.emit(EmitIn { value: None, ..emit(1, "c") });
    to.emit(EmitIn { key: None, ..emit(7, "c") });
    to.emit_header(b"first", Some(b"x"));
    from.move_emits(mark, &mut to);

    let frame = outcome_frame(&from);
    assert_eq!(Outcome::parse(&frame).unwrap().emits().map(|row| row.topic).collect::<Vec<_>>(), ["a"]);
    let frame = outcome_frame(&to);
    let emits: Vec<_> = Outcome::parse(&frame).unwrap().emits().collect();
    let fields: Vec<_> = emits.iter().map(|row| (row.cause, row.topic, row.key, row.value, row.partition)).collect();
    assert_eq!(
        fields,
        [
            (7, "c", None::<&[u8]>, Some(&b"v"[..]), None),
            (1, "b", None, Some(b"v"), Some(9)),
            (1, "c", Some(b"k"), None, None),
        ]
    );
    assert_eq!(emits[0].headers.clone().collect::<Vec<_>>(), [(&b"first"[..], Some(&b"x"[..]))]);
    assert_eq!(emits[1].headers.clone().collect::<Vec<_>>(), [(&b"go"[..], None)]);
    assert_eq!(emits[2].headers.len(), 0);
}

#[test]
fn forwards_move_with_the_others_and_leave_nothing_behind() {
    let (mut from, mut to) = (OutcomeBuilder::new(), OutcomeBuilder::new());
    from.forward(0, "a");
    let mark = from.emit_mark();
    from.emit(emit(1, "b"));
    from.forward(1, "a");
    from.emit(EmitIn { key: None, ..emit(1, "a") });
    to.emit(emit(7, "c"));
    from.move_emits(mark, &mut to);
    from.forward(2, "b");
    from.truncate_emits(mark);
    type Seen = (u32, String, bool, Option<Vec<u8>>, Option<Vec<u8>>);
    let seen = |builder: &OutcomeBuilder| -> Vec<Seen> {
        let frame = outcome_frame(builder);
        let owned = |cell: Option<&[u8]>| cell.map(<[u8]>::to_vec);
        let row = |row: veltrix_frame::EmitRow<'_>| {
            (row.cause, row.topic.to_owned(), row.forward, owned(row.key), owned(row.value))
        };
        Outcome::parse(&frame).unwrap().emits().map(row).collect()
    };
    let (key, value) = (Some(b"k".to_vec()), Some(b"v".to_vec()));
    assert_eq!(seen(&from), [(0, "a".into(), true, None, None)]);
    assert_eq!(
        seen(&to),
        [
            (7, "c".into(), false, key.clone(), value.clone()),
            (1, "b".into(), false, key, value.clone()),
            (1, "a".into(), true, None, None),
            (1, "a".into(), false, None, value),
        ]
    );
    to.clear();
    to.emit(emit(0, "a"));
    assert!(!seen(&to)[0].2);
}

#[test]
fn a_failed_writer_adds_no_emit() {
    let mut builder = OutcomeBuilder::new();
    let failed = builder.emit_with(emit(0, "a"), |out| {
        out.extend_from_slice(b"half");
        Err("no")
    });
    assert_eq!(failed, Err("no"));
    builder
        .emit_with(emit(0, "a"), |out| {
            out.extend_from_slice(b"all");
            Ok::<_, ()>(())
        })
        .unwrap();
    let frame = outcome_frame(&builder);
    let values: Vec<_> = Outcome::parse(&frame).unwrap().emits().map(|row| row.value).collect();
    assert_eq!(values, [Some(&b"all"[..])]);
}

/// One column's entry of a valid frame changed.
fn with_entry(frame: &[u8], id: u16, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let columns = u32::from_le_bytes(frame[8..12].try_into().unwrap()) as usize;
    let at = (0..columns).map(|index| 12 + index * 12).find(|at| frame[*at..at + 2] == id.to_le_bytes()).unwrap();
    change(&mut frame[at..at + 12]);
    frame
}

#[test]
fn refusals_name_the_column_and_the_problem() {
    let mut builder = BatchBuilder::new();
    builder.start("t", 0, Control::default());
    builder.push(EventIn { key: Some(b"abc"), ..event(1) });
    builder.push(EventIn { key: Some(b"d"), ..event(2) });
    let frame = batch_frame(&builder);
    let refused = |frame: &[u8]| Batch::parse(frame).unwrap_err();
    let column = |id, problem| FrameError::Column { id, problem };

    assert_eq!(refused(b"VXF"), FrameError::Truncated { need: 12, have: 3 });
    assert_eq!(refused(&[0; 12]), FrameError::Magic(0));
    assert!(matches!(refused(&frame[..40]), FrameError::Truncated { .. }));
    let long = with_entry(&frame, 4, |entry| entry[8..].copy_from_slice(&u32::MAX.to_le_bytes()));
    assert_eq!(refused(&long), column(4, Problem::OutOfBounds));
    let odd = with_entry(&frame, 4, |entry| entry[4] += 1);
    assert_eq!(refused(&odd), column(4, Problem::Misaligned));
    let short = with_entry(&frame, 6, |entry| entry[8] = 4);
    assert_eq!(refused(&short), column(6, Problem::Length { want: 8, have: 4 }));
    let gone = with_entry(&frame, 5, |entry| entry[0] = 9);
    assert_eq!(refused(&gone), column(5, Problem::Missing));
    let twice = with_entry(&frame, 5, |entry| entry[0] = 4);
    assert_eq!(refused(&twice), column(4, Problem::Twice));
    let cut = with_entry(&frame, 11, |entry| entry[8] = 2);
    assert_eq!(refused(&cut), column(10, Problem::Ends));
    let must = with_entry(&frame, 5, |entry| (entry[0], entry[2]) = (77, 1));
    assert_eq!(refused(&must), column(77, Problem::Unknown));
    assert_eq!(must_say(&must), "column 77 must be understood, and is not known to this version");
}

fn must_say(frame: &[u8]) -> String {
    Batch::parse(frame).unwrap_err().to_string()
}

#[test]
fn unknown_columns_are_skipped() {
    let mut builder = OutcomeBuilder::new();
    builder.ack(0);
    builder.verdict(VerdictIn { event: 1, verdict: Verdict::Retry, retry_after_ms: 9, reason: None, message: None });
    let frame = with_entry(&outcome_frame(&builder), 66, |entry| entry[..2].copy_from_slice(&900u16.to_le_bytes()));
    let after: Vec<_> = Outcome::parse(&frame).unwrap().verdicts().map(|row| row.retry_after_ms).collect();
    assert_eq!(after, [0, 0]);
}

#[test]
fn columns_of_the_other_kind_and_gaps_between_ids_are_unknown() {
    let mut batch = BatchBuilder::new();
    batch.start("t", 0, Control::default());
    batch.push(EventIn { key: Some(b"k"), ..event(0) });
    let mut outcome = OutcomeBuilder::new();
    outcome.verdict(VerdictIn { event: 0, verdict: Verdict::Retry, retry_after_ms: 9, reason: None, message: None });
    for (id, must) in
        [(8, true), (8, false), (19, true), (66, true), (100, true), (127, true), (128, true), (900, false)]
    {
        let change = |entry: &mut [u8]| {
            entry[..2].copy_from_slice(&u16::to_le_bytes(id));
            entry[2] = u8::from(must);
        };
        // Its bytes gone, the key's ends point at nothing.
        let frame = with_entry(&batch_frame(&batch), 11, change);
        let want = FrameError::Column { id, problem: Problem::Unknown };
        let end = FrameError::Column { id: 10, problem: Problem::Ends };
        assert_eq!(Batch::parse(&frame).unwrap_err(), if must { want } else { end });
    }
    for (id, must) in [(7, true), (7, false), (73, true), (79, true), (79, false), (100, true), (127, true)] {
        let frame = with_entry(&outcome_frame(&outcome), 66, |entry| {
            entry[..2].copy_from_slice(&u16::to_le_bytes(id));
            entry[2] = u8::from(must);
        });
        let parsed = Outcome::parse(&frame);
        assert_eq!(parsed.err(), must.then_some(FrameError::Column { id, problem: Problem::Unknown }));
    }
}

#[test]
fn a_topic_index_outside_of_the_table_is_refused() {
    let mut builder = OutcomeBuilder::new();
    builder.emit(emit(0, "a"));
    let frame = outcome_frame(&builder);
    // The cause column (0) is as good as an index; a length beyond the table is not.
    let none = with_entry(&frame, 81, |entry| entry[0..2].copy_from_slice(&900u16.to_le_bytes()));
    assert!(Outcome::parse(&none).is_err());
    let key_as_index = with_entry(&frame, 80, |entry| entry[0..2].copy_from_slice(&84u16.to_le_bytes()));
    assert_eq!(Outcome::parse(&key_as_index).unwrap_err(), FrameError::Column { id: 84, problem: Problem::Twice });
}
