//! The frames in `sdk/wit/golden`: each reads as its JSON says, and is written from it byte for byte.
//!
//! `VELTRIX_GOLDEN=write cargo test -p veltrix-frame --test golden` writes the `.hex` files anew from the `.json` files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use veltrix_frame::{
    Answer, Answers, Batch, BatchBuilder, Control, EmitIn, ErrorRef, EventIn, FrameError, Headers, Outcome,
    OutcomeBuilder, PageRef, Request, Requests, Verdict, VerdictIn,
};

const VERDICTS: [(Verdict, &str); 5] = [
    (Verdict::Ack, "ack"),
    (Verdict::Retry, "retry"),
    (Verdict::DeadLetter, "dead-letter"),
    (Verdict::Skip, "skip"),
    (Verdict::Deferred, "deferred"),
];

#[test]
fn golden_frames_are_what_their_descriptions_say() {
    let write = std::env::var("VELTRIX_GOLDEN").is_ok_and(|mode| mode == "write");
    let names = names("json");
    assert!(names.len() >= 20, "{names:?}");
    for name in &names {
        let golden = folder().join(name);
        let case: Value = serde_json::from_str(&read(&golden.with_extension("json"))).expect(name);
        let written = encode(&case);
        let hex = golden.with_extension("hex");
        if write {
            fs::write(&hex, to_lines(&written)).unwrap();
        }
        let frame = from_hex(&read(&hex));
        assert_eq!(to_lines(&written), to_lines(&frame), "{name}: what is written from the JSON is not the frame");

        let parsed = match case["kind"].as_str().unwrap() {
            "batch" => Batch::parse(&frame).map(describe_batch),
            "outcome" => Outcome::parse(&frame).map(describe_outcome),
            "requests" => Requests::new(&frame).map(|request| request.map(describe_request)).collect(),
            "answers" => Answers::new(&frame).map(|answer| answer.map(describe_answer)).collect(),
            kind => panic!("{name}: no such kind: {kind}"),
        };
        match (parsed, case.get("error")) {
            (Ok(content), None) => assert_eq!(content, case["content"], "{name}"),
            (Err(error), Some(expected)) => assert_eq!(describe_error(error), *expected, "{name}"),
            (Ok(_), Some(expected)) => panic!("{name}: was read, not refused with {expected}"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
    assert_eq!(self::names("hex"), names, "every frame has a description, and the other way round");
}

#[test]
fn the_worked_example_of_the_readme_is_a_golden_frame() {
    let readme = read(&folder().join("../README.md"));
    let (_, example) = readme.split_once("<!-- batch-minimal -->").expect("the README has a worked example");
    let rows = example.lines().skip_while(|line| !line.starts_with("```")).skip(1);
    let mut bytes = Vec::new();
    for row in rows.take_while(|line| !line.starts_with("```")) {
        let at = usize::from_str_radix(&row[..4], 16).expect(row);
        assert_eq!(at, bytes.len(), "{row}");
        let cells = row[4..].trim_start();
        bytes.extend(from_hex(cells.split("  ").next().expect(row)));
    }
    assert_eq!(to_lines(&bytes), read(&folder().join("batch-minimal.hex")));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/golden")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(extension: &str) -> BTreeSet<String> {
    let paths = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Sixteen bytes a line.
fn to_lines(bytes: &[u8]) -> String {
    let line = |row: &[u8]| row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ") + "\n";
    bytes.chunks(16).map(line).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect(text);
    digits.chunks(2).map(byte).collect()
}

/// Bytes as JSON: null, a string if they are UTF-8, else `{"hex": …}`.
fn describe(bytes: Option<&[u8]>) -> Value {
    let hex = |bytes: &[u8]| json!({ "hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() });
    bytes.map_or(Value::Null, |bytes| std::str::from_utf8(bytes).map_or_else(|_| hex(bytes), Value::from))
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        other => Some(from_hex(other["hex"].as_str().expect("null, text, or hex"))),
    }
}

fn describe_headers(headers: Headers<'_>) -> Value {
    headers.map(|(name, value)| json!([describe(Some(name)), describe(value)])).collect()
}

fn describe_batch(batch: Batch<'_>) -> Value {
    let Control { isolate, lanes, soft_ms, event_ms } = batch.control();
    let event = |row| {
        json!({
            "offset": batch.offset(row), "timestamp": batch.timestamp(row), "lane": batch.lane(row),
            "begun": batch.begun(row), "key": describe(batch.key(row)), "value": describe(batch.value(row)),
            "headers": describe_headers(batch.headers(row)),
        })
    };
    let mut content = json!({
        "topic": batch.topic(), "partition": batch.partition(),
        "control": { "isolate": isolate, "lanes": lanes, "soft_ms": soft_ms, "event_ms": event_ms },
        "events": (0..batch.len()).map(event).collect::<Value>(),
    });
    if let Some(source) = batch.source() {
        content["source"] = source.into();
    }
    content
}

fn describe_outcome(outcome: Outcome<'_>) -> Value {
    let verdicts = outcome.verdicts().map(|row| {
        json!({
            "event": row.event, "verdict": VERDICTS.iter().find(|(verdict, _)| *verdict == row.verdict).unwrap().1,
            "retry_after_ms": row.retry_after_ms, "reason": describe(row.reason), "message": describe(row.message),
        })
    });
    let emits = outcome.emits().map(|row| match row.forward {
        true => json!({ "cause": row.cause, "topic": row.topic, "forward": true }),
        false => json!({
            "cause": row.cause, "topic": row.topic, "key": describe(row.key), "value": describe(row.value),
            "partition": row.partition, "timestamp": row.timestamp, "headers": describe_headers(row.headers),
        }),
    });
    json!({ "verdicts": verdicts.collect::<Value>(), "emits": emits.collect::<Value>() })
}

fn describe_request(request: Request<'_>) -> Value {
    json!({
        "ticket": request.ticket, "event": request.event, "what": request.what, "kind": request.kind,
        "consistency": request.consistency, "serial": request.serial, "page_size": request.page_size,
        "timeout_ms": request.timeout_ms, "flags": request.flags, "timestamp": request.timestamp,
        "statements": request.statements.iter().map(|id| u32::from_le_bytes(*id)).collect::<Vec<_>>(),
        "values": describe(Some(request.values)), "next": describe(Some(request.next)),
    })
}

fn describe_answer(answer: Answer<'_>) -> Value {
    match answer.result {
        Ok(page) => json!({
            "ticket": answer.ticket, "count": page.count, "columns": describe(Some(page.columns)),
            "rows": describe(Some(page.rows)), "next": describe(Some(page.next)),
        }),
        Err(error) => json!({
            "ticket": answer.ticket, "error": error.kind, "applied": error.applied, "code": error.code,
            "write_type": error.write_type, "message": error.message,
        }),
    }
}

fn describe_error(error: FrameError) -> Value {
    match error {
        FrameError::Column { id, .. } => json!({ "column": id, "message": error.to_string() }),
        other => json!({ "message": other.to_string() }),
    }
}

fn encode(case: &Value) -> Vec<u8> {
    let content = &case["content"];
    let mut frame = match case["kind"].as_str() {
        Some("batch") => encode_batch(content),
        Some("requests") => encode_requests(content),
        Some("answers") => encode_answers(content),
        _ => encode_outcome(content),
    };
    if let Some(cut) = case.get("cut") {
        frame.truncate(number(cut));
    }
    for extra in rows(&case["extra"]) {
        frame = with_column(&frame, number(&extra["id"]), number(&extra["flags"]), &hex_of(extra));
    }
    for patch in rows(&case["patches"]) {
        let (id, at, change) = (number::<u16>(&patch["column"]), number::<usize>(&patch["at"]), hex_of(patch));
        let start = offset_of(&frame, id) + at;
        frame[start..start + change.len()].copy_from_slice(&change);
    }
    frame
}

fn encode_batch(content: &Value) -> Vec<u8> {
    let control = &content["control"];
    let mut builder = BatchBuilder::new();
    builder.start(
        text(&content["topic"]),
        number(&content["partition"]),
        Control {
            isolate: control["isolate"].as_bool().unwrap(),
            lanes: number(&control["lanes"]),
            soft_ms: number(&control["soft_ms"]),
            event_ms: number(&control["event_ms"]),
        },
    );
    if let Some(source) = content["source"].as_str() {
        builder.source(source);
    }
    for event in rows(&content["events"]) {
        builder.push(EventIn {
            offset: number(&event["offset"]),
            timestamp: number(&event["timestamp"]),
            lane: number(&event["lane"]),
            begun: number(&event["begun"]),
            key: bytes(&event["key"]).as_deref(),
            value: bytes(&event["value"]).as_deref(),
        });
        for header in rows(&event["headers"]) {
            builder.push_header(&bytes(&header[0]).unwrap(), bytes(&header[1]).as_deref());
        }
    }
    let mut frame = Vec::new();
    builder.finish(&mut frame);
    frame
}

fn encode_outcome(content: &Value) -> Vec<u8> {
    let mut builder = OutcomeBuilder::new();
    for row in rows(&content["verdicts"]) {
        let name = text(&row["verdict"]);
        builder.verdict(VerdictIn {
            event: number(&row["event"]),
            verdict: VERDICTS.iter().find(|(_, known)| *known == name).expect(name).0,
            retry_after_ms: number(&row["retry_after_ms"]),
            reason: row["reason"].as_str(),
            message: row["message"].as_str(),
        });
    }
    for emit in rows(&content["emits"]) {
        if emit["forward"] == true {
            builder.forward(number(&emit["cause"]), text(&emit["topic"]));
            continue;
        }
        builder.emit(EmitIn {
            cause: number(&emit["cause"]),
            topic: text(&emit["topic"]),
            key: bytes(&emit["key"]).as_deref(),
            value: bytes(&emit["value"]).as_deref(),
            partition: emit["partition"].as_i64().map(|partition| partition.try_into().unwrap()),
            timestamp: emit["timestamp"].as_i64(),
        });
        for header in rows(&emit["headers"]) {
            builder.emit_header(&bytes(&header[0]).unwrap(), bytes(&header[1]).as_deref());
        }
    }
    let mut frame = Vec::new();
    builder.finish(&mut frame);
    frame
}

fn encode_requests(content: &Value) -> Vec<u8> {
    let mut frame = Vec::new();
    for row in rows(content) {
        let ids: Vec<[u8; 4]> = rows(&row["statements"]).iter().map(|id| number::<u32>(id).to_le_bytes()).collect();
        let request = Request {
            ticket: number(&row["ticket"]),
            event: number(&row["event"]),
            what: number(&row["what"]),
            kind: number(&row["kind"]),
            consistency: number(&row["consistency"]),
            serial: number(&row["serial"]),
            page_size: number(&row["page_size"]),
            timeout_ms: number(&row["timeout_ms"]),
            flags: number(&row["flags"]),
            timestamp: number(&row["timestamp"]),
            statements: &ids,
            values: &bytes(&row["values"]).unwrap(),
            next: &bytes(&row["next"]).unwrap(),
        };
        request.write(&mut frame);
    }
    frame
}

fn encode_answers(content: &Value) -> Vec<u8> {
    let mut frame = Vec::new();
    for row in rows(content) {
        let field = |name: &str| bytes(&row[name]).unwrap_or_default();
        let (columns, cells, next) = (field("columns"), field("rows"), field("next"));
        let result = match row.get("error") {
            None => Ok(PageRef { count: number(&row["count"]), columns: &columns, rows: &cells, next: &next }),
            Some(kind) => Err(ErrorRef {
                kind: number(kind),
                applied: number(&row["applied"]),
                code: number(&row["code"]),
                write_type: text(&row["write_type"]),
                message: text(&row["message"]),
            }),
        };
        Answer { ticket: number(&row["ticket"]), result }.write(&mut frame);
    }
    frame
}

/// The frame with one more column at its end.
fn with_column(frame: &[u8], id: u16, flags: u16, data: &[u8]) -> Vec<u8> {
    let columns = u32_at(frame, 8);
    let directory = 12 + columns as usize * 12;
    // The directory grows by 12 bytes, the data moves by 8 or 16.
    let moved = (directory + 12).next_multiple_of(8) - directory.next_multiple_of(8);
    let mut out = frame[..directory].to_vec();
    out[8..12].copy_from_slice(&(columns + 1).to_le_bytes());
    for entry in out[12..].chunks_mut(12) {
        let offset = u32_at(entry, 4) + moved as u32;
        entry[4..8].copy_from_slice(&offset.to_le_bytes());
    }
    let end = (frame.len() + moved).next_multiple_of(8);
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&(end as u32).to_le_bytes());
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    out.resize(out.len().next_multiple_of(8), 0);
    out.extend_from_slice(&frame[directory.next_multiple_of(8).min(frame.len())..]);
    out.resize(end, 0);
    out.extend_from_slice(data);
    out
}

fn offset_of(frame: &[u8], id: u16) -> usize {
    let mut entries = frame[12..].chunks(12).take(u32_at(frame, 8) as usize);
    let entry = entries.find(|entry| entry[..2] == id.to_le_bytes()).expect("the column is there");
    u32_at(entry, 4) as usize
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn number<T: TryFrom<i64, Error: std::fmt::Debug>>(value: &Value) -> T {
    T::try_from(value.as_i64().expect("a number")).expect("in range")
}

fn hex_of(value: &Value) -> Vec<u8> {
    from_hex(text(&value["hex"]))
}
