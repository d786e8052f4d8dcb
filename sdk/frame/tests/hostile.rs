//! Frames that are not what they say: refused or read, never a panic, and never memory on the word of a count.

#[path = "hostile/counting.rs"]
mod counting;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config;
use veltrix_frame::{
    Answer, Answers, Batch, BatchBuilder, Control, EmitIn, ErrorRef, EventIn, Headers, Outcome, OutcomeBuilder,
    PageRef, Request, Requests, Verdict, VerdictIn, column,
};

/// Cases of each test; there are six.
const CASES: u32 = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

/// Numbers that sizes and counts go wrong with.
const CLAIMS: [u32; 12] = [0, 1, 2, 7, 8, 255, 256, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_fff8, u32::MAX];
const BATCH: [u16; 20] = [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 20, 21, 23, 24, 25, 8];
const OUTCOME: [u16; 27] =
    [64, 65, 66, 67, 68, 69, 70, 71, 72, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 95, 96, 98, 99];

/// Reads the frame as both kinds, all of it. Says which kinds it is.
fn read(frame: &[u8]) -> (bool, bool) {
    counting::nothing_allocated(|| {
        let batch = Batch::parse(frame);
        let outcome = Outcome::parse(frame);
        if let Ok(batch) = &batch {
            read_batch(batch, frame.len());
        }
        if let Ok(outcome) = &outcome {
            read_outcome(outcome, frame.len());
        }
        (batch.is_ok(), outcome.is_ok())
    })
}

fn read_batch(batch: &Batch<'_>, frame: usize) {
    assert!(batch.len() <= frame / 8, "more events than offsets");
    let _ = (batch.topic().len(), batch.partition(), batch.control(), batch.is_empty());
    let (mut cells, mut headers) = (0, 0);
    for row in 0..batch.len() {
        let _ = (batch.offset(row), batch.timestamp(row), batch.lane(row), batch.begun(row));
        cells += batch.key(row).map_or(0, <[u8]>::len) + batch.value(row).map_or(0, <[u8]>::len);
        headers += read_headers(batch.headers(row), frame);
    }
    // Columns may lie upon each other, cells of one column can't.
    assert!(cells <= 2 * frame && headers <= 3 * frame, "what is read is more than the frame has");
}

fn read_outcome(outcome: &Outcome<'_>, frame: usize) {
    let (verdicts, emits) = (outcome.verdicts(), outcome.emits());
    assert!(verdicts.len() <= frame / 4 && emits.len() <= frame / 4, "more rows than cells");
    let (mut cells, mut headers) = (0, 0);
    for row in verdicts {
        let _ = (row.event, row.verdict.code(), row.retry_after_ms);
        cells += row.reason.map_or(0, <[u8]>::len) + row.message.map_or(0, <[u8]>::len);
    }
    let topics: usize = outcome.topics().map(str::len).sum();
    for row in emits {
        let _ = (row.cause, row.partition, row.timestamp, row.forward);
        assert!(outcome.topics().any(|topic| topic == row.topic), "a topic that is not in the table");
        cells += row.key.map_or(0, <[u8]>::len) + row.value.map_or(0, <[u8]>::len);
        headers += read_headers(row.headers, frame);
    }
    assert!(topics <= frame && cells <= 4 * frame && headers <= 3 * frame, "what is read is more than the frame has");
}

/// Headers and their bytes.
fn read_headers(headers: Headers<'_>, frame: usize) -> usize {
    let claimed = headers.len();
    assert!(claimed <= frame / 4, "more headers than names");
    let (mut count, mut size) = (0, 0);
    for (name, value) in headers {
        count += 1;
        size += name.len() + value.map_or(0, <[u8]>::len);
    }
    assert_eq!(count, claimed);
    count + size
}

type Cell = Option<Vec<u8>>;
type Header = (Vec<u8>, Cell);

fn cell() -> impl Strategy<Value = Cell> {
    proptest::option::of(vec(any::<u8>(), 0..6))
}

fn headers() -> impl Strategy<Value = Vec<Header>> {
    vec((vec(any::<u8>(), 0..4), cell()), 0..3)
}

fn batches() -> impl Strategy<Value = Vec<u8>> {
    let event = (any::<i64>(), 0..3u32, 0..2u32, cell(), cell(), headers());
    (any::<bool>(), vec(event, 0..10)).prop_map(|(isolate, events)| {
        let mut builder = BatchBuilder::new();
        builder.start("örders", 1, Control { isolate, lanes: 4, soft_ms: 5, event_ms: 6 });
        for (offset, lane, begun, key, value, headers) in &events {
            let (key, value) = (key.as_deref(), value.as_deref());
            builder.push(EventIn { offset: *offset, timestamp: -1, lane: *lane, begun: *begun, key, value });
            headers.iter().for_each(|(name, value)| builder.push_header(name, value.as_deref()));
        }
        let mut frame = Vec::new();
        builder.finish(&mut frame);
        frame
    })
}

fn outcomes() -> impl Strategy<Value = Vec<u8>> {
    let verdict = (0..4u32, 0..5u8, 0..2u32, proptest::option::of("[a-zé]{0,3}"));
    let emit = (select(vec!["a", "öl", "log"]), cell(), cell(), proptest::option::of(0..3i32), headers());
    (vec(verdict, 0..8), vec(emit, 0..8)).prop_map(|(verdicts, emits)| {
        let mut builder = OutcomeBuilder::new();
        for (event, code, retry_after_ms, reason) in &verdicts {
            let (event, verdict, retry_after_ms) = (*event, Verdict::from_code(*code), *retry_after_ms);
            builder.verdict(VerdictIn { event, verdict, retry_after_ms, reason: reason.as_deref(), message: None });
        }
        for (topic, key, value, partition, headers) in &emits {
            let (key, value, partition) = (key.as_deref(), value.as_deref(), *partition);
            builder.emit(EmitIn { cause: 0, topic, key, value, partition, timestamp: None });
            headers.iter().for_each(|(name, value)| builder.emit_header(name, value.as_deref()));
        }
        let mut frame = Vec::new();
        builder.finish(&mut frame);
        frame
    })
}

/// A wound to a valid frame.
#[derive(Debug, Clone)]
enum Wound {
    Flip { at: Index, bit: u8 },
    Byte { at: Index, to: u8 },
    Word { at: Index, to: u32 },
    Nudge { at: Index, by: i32 },
    Cut { at: Index },
    Grow { by: usize },
    Directory { entry: Index, field: usize, to: u32 },
    Swap { one: Index, other: Index },
}

fn wounds() -> impl Strategy<Value = Vec<Wound>> {
    let at = any::<Index>;
    let wound =
        prop_oneof![
            (at(), 0..8u8).prop_map(|(at, bit)| Wound::Flip { at, bit }),
            (at(), any::<u8>()).prop_map(|(at, to)| Wound::Byte { at, to }),
            (at(), select(&CLAIMS)).prop_map(|(at, to)| Wound::Word { at, to }),
            (at(), -9..9i32).prop_map(|(at, by)| Wound::Nudge { at, by }),
            at().prop_map(|at| Wound::Cut { at }),
            (1..40usize).prop_map(|by| Wound::Grow { by }),
            (at(), 0..3usize, prop_oneof![select(&CLAIMS), 0..512u32])
                .prop_map(|(entry, field, to)| Wound::Directory { entry, field, to }),
            (at(), at()).prop_map(|(one, other)| Wound::Swap { one, other }),
        ];
    vec(wound, 1..4)
}

fn hurt(mut frame: Vec<u8>, wounds: &[Wound]) -> Vec<u8> {
    for wound in wounds {
        let (bytes, words, entries) = (frame.len(), frame.len() / 4, frame.len().saturating_sub(12) / 12);
        match wound {
            Wound::Grow { by } => frame.resize(bytes + by, 0),
            _ if words < 6 => {}
            Wound::Flip { at, bit } => frame[at.index(bytes)] ^= 1 << bit,
            Wound::Byte { at, to } => frame[at.index(bytes)] = *to,
            Wound::Word { at, to } => set(&mut frame, at.index(words) * 4, *to),
            Wound::Nudge { at, by } => {
                let at = at.index(words) * 4;
                let word = u32::from_le_bytes(frame[at..at + 4].try_into().unwrap());
                set(&mut frame, at, word.wrapping_add_signed(*by));
            }
            Wound::Cut { at } => frame.truncate(at.index(bytes)),
            Wound::Directory { entry, field, to } => set(&mut frame, 12 + entry.index(entries) * 12 + field * 4, *to),
            Wound::Swap { one, other } => {
                let (one, other) = (12 + one.index(entries) * 12, 12 + other.index(entries) * 12);
                (0..4).for_each(|byte| frame.swap(one + byte, other + byte));
            }
        }
    }
    frame
}

fn set(frame: &mut [u8], at: usize, word: u32) {
    frame[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

/// A frame of columns that fit their rows, more or less; the cells are anything.
fn columns(ids: &'static [u16], required: &'static [(u16, usize)]) -> impl Strategy<Value = Vec<u8>> {
    let data = prop_oneof![
        // Ends that may well be right, anything of a size that may well be, and anything.
        4 => vec(0..3u32, 0..5).prop_map(|steps| {
            let mut end = 0;
            steps.iter().flat_map(|step| { end += step; u32::to_le_bytes(end) }).collect::<Vec<u8>>()
        }),
        2 => vec(any::<u8>(), 0..9),
        1 => Just(Vec::new()),
    ];
    let rows = prop_oneof![8 => 0..4u32, 1 => select(&CLAIMS)];
    (rows, vec((select(ids), data), 0..8), any::<u64>()).prop_map(move |(rows, mut columns, noise)| {
        // Now and then one of the required columns is not as it should be.
        for (index, (id, size)) in required.iter().enumerate() {
            if (noise >> index) & 0x101 != 0x101 {
                columns.retain(|(other, _)| other != id);
                let count = if *id <= column::CONTROL { 1 } else { (rows as usize).min(4) };
                columns.push((*id, vec![(noise >> 60) as u8 & 1; size * count]));
            }
        }
        if noise & 7 != 0 {
            columns.sort_by_key(|(id, _)| *id);
            columns.dedup_by_key(|(id, _)| *id);
        }
        assemble(rows, &columns)
    })
}

fn assemble(rows: u32, columns: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut frame = b"VXF1".to_vec();
    frame.extend_from_slice(&rows.to_le_bytes());
    frame.extend_from_slice(&(columns.len() as u32).to_le_bytes());
    let mut end = (12 + 12 * columns.len()).next_multiple_of(8);
    for (id, data) in columns {
        frame.extend_from_slice(&u32::from(*id).to_le_bytes());
        frame.extend_from_slice(&(end as u32).to_le_bytes());
        frame.extend_from_slice(&(data.len() as u32).to_le_bytes());
        end = (end + data.len()).next_multiple_of(8);
    }
    for (_, data) in columns {
        frame.resize(frame.len().next_multiple_of(8), 0);
        frame.extend_from_slice(data);
    }
    frame
}

proptest! {
    #![proptest_config(Config { cases: CASES, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_bytes(head in prop_oneof![Just(&b""[..]), Just(&b"VXF1"[..]), Just(&b"VXF1\x01\0\0\0\x02\0\0\0"[..])], tail in vec(any::<u8>(), 0..80)) {
        read(&[head, &tail].concat());
    }

    #[test]
    fn wounded_frames(frame in prop_oneof![batches(), outcomes()], wounds in wounds()) {
        let (batch, outcome) = read(&frame);
        prop_assert!(batch || outcome);
        read(&hurt(frame, &wounds));
    }

    #[test]
    fn batches_of_any_columns(frame in columns(&BATCH, &[(1, 3), (2, 4), (3, 16), (4, 8), (5, 8), (6, 4)])) {
        read(&frame);
    }

    #[test]
    fn outcomes_of_any_columns(frame in columns(&OUTCOME, &[(64, 4), (65, 1)])) {
        read(&frame);
    }
}

/// Requests and answers back to back.
fn exchanges() -> impl Strategy<Value = Vec<u8>> {
    let request = (any::<u32>(), vec(any::<[u8; 4]>(), 0..3), vec(any::<u8>(), 0..9), vec(any::<u8>(), 0..5));
    let answer = (any::<u32>(), 0..3u16, vec(any::<u8>(), 0..9), "[a-zé]{0,3}");
    (vec(request, 0..4), vec(answer, 0..4), any::<bool>()).prop_map(|(requests, answers, first)| {
        let mut frame = Vec::new();
        for (ticket, statements, values, next) in requests.iter().filter(|_| first) {
            let (event, timestamp) = (ticket / 2, i64::from(*ticket));
            let (what, kind, consistency, serial) = (1, 2, 3, 4);
            let (page_size, timeout_ms, flags) = (5, 6, 7);
            Request {
                ticket: *ticket,
                event,
                what,
                kind,
                consistency,
                serial,
                page_size,
                timeout_ms,
                flags,
                timestamp,
                statements,
                values,
                next,
            }
            .write(&mut frame);
        }
        for (ticket, kind, rows, message) in answers.iter().filter(|_| !first) {
            let result = match kind {
                0 => Ok(PageRef { count: 1, columns: b"c", rows, next: b"" }),
                kind => Err(ErrorRef { kind: *kind, applied: 1, code: 9, write_type: "CAS", message }),
            };
            Answer { ticket: *ticket, result }.write(&mut frame);
        }
        frame
    })
}

/// How many requests and answers the frame has, as each; reads all of them.
fn read_exchange(frame: &[u8]) -> (usize, usize) {
    counting::nothing_allocated(|| {
        let (mut sizes, mut counts) = ((0, 0), (0, 0));
        for request in Requests::new(frame).map_while(Result::ok) {
            sizes.0 += request.statements.as_flattened().len() + request.values.len() + request.next.len();
            counts.0 += 1;
        }
        for answer in Answers::new(frame).map_while(Result::ok) {
            sizes.1 += match answer.result {
                Ok(page) => page.columns.len() + page.rows.len() + page.next.len(),
                Err(error) => error.write_type.len() + error.message.len(),
            };
            counts.1 += 1;
        }
        assert!(sizes.0 <= frame.len() && sizes.1 <= frame.len(), "what is read is more than the frame has");
        counts
    })
}

proptest! {
    #![proptest_config(Config::with_cases(CASES))]

    #[test]
    fn wounded_exchanges(frame in exchanges(), wounds in wounds()) {
        let (requests, answers) = read_exchange(&frame);
        prop_assert!(frame.is_empty() || requests > 0 || answers > 0);
        read_exchange(&hurt(frame, &wounds));
    }

    #[test]
    fn exchanges_of_any_bytes(bytes in vec(any::<u8>(), 0..200), size in select(CLAIMS.to_vec())) {
        read_exchange(&bytes);
        read_exchange(&[&size.to_le_bytes(), &bytes[..]].concat());
    }
}

/// What the tests above are worth: many of their frames get past the directory, many are refused.
#[test]
fn hostile_frames_are_read_as_often_as_refused() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut share = |frames: BoxedStrategy<Vec<u8>>| {
        let parsed = |frame: Vec<u8>| read(&frame);
        let results = (0..1_000).map(|_| parsed(frames.new_tree(&mut runner).unwrap().current()));
        results.filter(|(batch, outcome)| *batch || *outcome).count()
    };
    let wounded = (prop_oneof![batches(), outcomes()], wounds()).prop_map(|(frame, wounds)| hurt(frame, &wounds));
    for frames in [
        wounded.boxed(),
        columns(&BATCH, &[(1, 3), (2, 4), (3, 16), (4, 8), (5, 8), (6, 4)]).boxed(),
        columns(&OUTCOME, &[(64, 4), (65, 1)]).boxed(),
    ] {
        let read = share(frames);
        assert!((20..980).contains(&read), "{read} of 1,000 frames are read");
    }
}

#[test]
fn claims_cost_nothing() {
    for rows in CLAIMS {
        for length in CLAIMS {
            for id in BATCH.iter().chain(&OUTCOME) {
                let mut frame = assemble(rows, &[(*id, vec![0; 8])]);
                set(&mut frame, 20, length);
                read(&frame);
                set(&mut frame, 16, length & !7);
                read(&frame);
                set(&mut frame, 8, length);
                read(&frame);
            }
        }
    }
}
