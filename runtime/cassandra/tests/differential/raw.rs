//! A small client that speaks protocol v4 by itself, where the driver hides what is to be compared.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::answer::{Answer, Prepared, Refusal, Rows};
use crate::support::request::{Kind, Request, Statement};
use crate::support::types::Type;
use crate::support::values::{Cell, encode};
use crate::wire::{Body, bytes, string};

const ERROR: u8 = 0x00;
const STARTUP: u8 = 0x01;
const QUERY: u8 = 0x07;
const RESULT: u8 = 0x08;
const PREPARE: u8 = 0x09;
const EXECUTE: u8 = 0x0a;
const BATCH: u8 = 0x0d;

/// A connection.
pub(crate) struct Raw {
    stream: TcpStream,
}

/// The opcode and body of a frame that came.
struct Frame {
    opcode: u8,
    warnings: Vec<String>,
    body: Vec<u8>,
}

impl Raw {
    /// Connects to `host:port` and uses a keyspace.
    pub(crate) fn connect(address: &str, keyspace: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("connecting to {address}: {error}"));
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket takes a time-out");
        stream.set_nodelay(true).expect("a socket takes options");
        let mut raw = Self { stream };
        let options = [&1_u16.to_be_bytes()[..], &string("CQL_VERSION"), &string("3.4.7")].concat();
        raw.ask(STARTUP, &options).expect("the server starts");
        let answer = raw.run(&Request::text(format!("USE {keyspace}")), None);
        assert!(matches!(answer, Answer::Done(_)), "{answer:?}");
        raw
    }

    /// Sends, and reads all pages. A connection that the server ends is an error without a code.
    pub(crate) fn run(&mut self, request: &Request, names: Option<&[String]>) -> Answer {
        self.try_run(request, names).unwrap_or_else(|error| {
            Answer::Error(Refusal { code: -1, body: "not an answer:".to_owned(), message: error.to_string() })
        })
    }

    fn try_run(&mut self, request: &Request, names: Option<&[String]>) -> std::io::Result<Answer> {
        if let Some(kind) = request.batch {
            return self.batch(kind, request);
        }
        let statement = &request.statements[0];
        let mut opcode = QUERY;
        let mut head = bytes(statement.text.as_bytes());
        let mut cells = None;
        if let Some(values) = &statement.values {
            let (id, prepared) = match self.prepare(&statement.text)? {
                Ok(prepared) => prepared,
                Err(refused) => return Ok(refused),
            };
            cells = Some(bind(&prepared, values));
            // Named values go with the text, as no driver binds by name what it has prepared.
            if names.is_none() {
                (opcode, head) =
                    (EXECUTE, [&u16::try_from(id.len()).expect("ids are short").to_be_bytes()[..], &id].concat());
            }
        }
        let mut rows: Option<Rows> = None;
        let mut state = None;
        loop {
            let parameters = parameters(request, cells.as_deref(), names, state.as_deref());
            let frame = self.ask(opcode, &[&head[..], &parameters].concat())?;
            let (answer, next) = decode(&frame);
            let Answer::Rows(page) = answer else { return Ok(answer) };
            match &mut rows {
                Some(rows) => {
                    rows.rows.extend(page.rows);
                    rows.pages.extend(page.pages);
                    rows.warnings.extend(page.warnings);
                }
                None => rows = Some(page),
            }
            match next {
                Some(next) => state = Some(next),
                None => return Ok(Answer::Rows(rows.expect("a page was read"))),
            }
        }
    }

    fn batch(&mut self, kind: Kind, request: &Request) -> std::io::Result<Answer> {
        let count = u16::try_from(request.statements.len()).expect("batches are short");
        let mut body = vec![match kind {
            Kind::Logged => 0,
            Kind::Unlogged => 1,
            Kind::Counter => 2,
        }];
        body.extend(count.to_be_bytes());
        for Statement { text, values } in &request.statements {
            match values {
                None => {
                    body.push(0);
                    body.extend(bytes(text.as_bytes()));
                    body.extend(0_u16.to_be_bytes());
                }
                Some(values) => {
                    let (id, prepared) = match self.prepare(text)? {
                        Ok(prepared) => prepared,
                        Err(refused) => return Ok(refused),
                    };
                    body.push(1);
                    body.extend(u16::try_from(id.len()).expect("ids are short").to_be_bytes());
                    body.extend(id);
                    body.extend(listed(&bind(&prepared, values), None));
                }
            }
        }
        body.extend(parameters(request, None, None, None));
        let frame = self.ask(BATCH, &body)?;
        Ok(decode(&frame).0)
    }

    fn prepare(&mut self, text: &str) -> std::io::Result<Result<(Vec<u8>, Prepared), Answer>> {
        let frame = self.ask(PREPARE, &bytes(text.as_bytes()))?;
        let (Answer::Prepared(prepared), _) = decode(&frame) else { return Ok(Err(decode(&frame).0)) };
        let mut body = Body(&frame.body);
        body.int();
        Ok(Ok((body.short_bytes().to_vec(), prepared)))
    }

    fn ask(&mut self, opcode: u8, body: &[u8]) -> std::io::Result<Frame> {
        let length = u32::try_from(body.len()).expect("requests are short").to_be_bytes();
        self.stream.write_all(&[&[4, 0, 0, 1, opcode], &length[..], body].concat())?;
        let mut header = [0; 9];
        self.stream.read_exact(&mut header)?;
        assert_eq!(header[0], 0x84, "the answer is of protocol v4");
        let length = u32::from_be_bytes(header[5..].try_into().expect("four bytes"));
        let mut body = vec![0; length as usize];
        self.stream.read_exact(&mut body)?;
        let mut warnings = Vec::new();
        if header[1] & 0x08 != 0 {
            let mut rest = Body(&body);
            warnings = rest.strings();
            body = rest.0.to_vec();
        }
        Ok(Frame { opcode: header[4], warnings, body })
    }
}

fn bind(prepared: &Prepared, literals: &[String]) -> Vec<Cell> {
    let blob = Type::Native("blob");
    let types = prepared.markers.iter().map(|marker| &marker.of).chain(std::iter::repeat(&blob));
    literals.iter().zip(types).map(|(literal, of)| encode(of, literal)).collect()
}

fn listed(cells: &[Cell], names: Option<&[String]>) -> Vec<u8> {
    let mut list = u16::try_from(cells.len()).expect("few values").to_be_bytes().to_vec();
    for (at, cell) in cells.iter().enumerate() {
        if let Some(name) = names.map(|names| &names[at]) {
            list.extend(string(name));
        }
        match cell {
            Cell::Value(value) => list.extend(bytes(value)),
            Cell::Null => list.extend((-1_i32).to_be_bytes()),
            Cell::Unset => list.extend((-2_i32).to_be_bytes()),
        }
    }
    list
}

fn parameters(request: &Request, cells: Option<&[Cell]>, names: Option<&[String]>, state: Option<&[u8]>) -> Vec<u8> {
    let mut flags = 0;
    let mut tail = Vec::new();
    if let Some(cells) = cells {
        flags |= 0x01;
        tail.extend(listed(cells, names));
    }
    if let Some(page) = request.page {
        flags |= 0x04;
        tail.extend(page.to_be_bytes());
    }
    if let Some(state) = state {
        flags |= 0x08;
        tail.extend(bytes(state));
    }
    if let Some(serial) = request.serial {
        flags |= 0x10;
        tail.extend(serial.to_be_bytes());
    }
    if let Some(timestamp) = request.timestamp {
        flags |= 0x20;
        tail.extend(timestamp.to_be_bytes());
    }
    if names.is_some() {
        flags |= 0x40;
    }
    let consistency = request.consistency.unwrap_or(1).to_be_bytes();
    [&consistency[..], &[flags], &tail].concat()
}

/// The answer, and where the next page begins.
fn decode(frame: &Frame) -> (Answer, Option<Vec<u8>>) {
    let mut body = Body(&frame.body);
    match frame.opcode {
        ERROR => (refusal(&mut body), None),
        RESULT => result(&mut body, &frame.warnings),
        // READY, AUTHENTICATE and the like, as they are.
        opcode => (Answer::Done(format!("opcode {opcode:#x} {}", body.rest())), None),
    }
}

fn refusal(body: &mut Body<'_>) -> Answer {
    let (code, message) = (body.int(), body.string());
    let body = match code {
        0x2400 => format!("keyspace {}, table {}", body.string(), body.string()),
        0x1400 => format!("function {}.{}({})", body.string(), body.string(), body.strings().join(", ")),
        0x1000 => format!("consistency {:#x}, required {}, alive {}", body.short(), body.int(), body.int()),
        // The id is a digest of more than the text.
        0x2500 => format!("an id of {} bytes", body.short_bytes().len()),
        _ => body.rest(),
    };
    Answer::Error(Refusal { code, body, message })
}

fn result(body: &mut Body<'_>, warnings: &[String]) -> (Answer, Option<Vec<u8>>) {
    let done = |words: String| (Answer::Done(format!("{words}{}", warnings.concat())), None);
    match body.int() {
        1 => done("void".to_owned()),
        2 => rows(body, warnings),
        3 => done(format!("keyspace {}", body.string())),
        4 => {
            let id = body.short_bytes().len();
            assert_eq!(id, 16, "ids of prepared statements are MD5 digests");
            let (flags, count) = (body.int(), body.int());
            let key = (0..body.int()).map(|_| body.short()).collect();
            let markers = body.columns(count, flags & 1 != 0);
            let (flags, count) = (body.int(), body.int());
            let columns = if flags & 4 == 0 { body.columns(count, flags & 1 != 0) } else { Vec::new() };
            (Answer::Prepared(Prepared { markers, key, columns }), None)
        }
        5 => {
            let (change, target, keyspace) = (body.string(), body.string(), body.string());
            let name = if target == "KEYSPACE" { String::new() } else { format!(".{}", body.string()) };
            done(format!("schema {change} {target} {keyspace}{name}"))
        }
        other => panic!("{other} is no kind of result"),
    }
}

fn rows(body: &mut Body<'_>, warnings: &[String]) -> (Answer, Option<Vec<u8>>) {
    let (flags, count) = (body.int(), body.int());
    let state = if flags & 2 != 0 { body.bytes().map(<[u8]>::to_vec) } else { None };
    let columns = body.columns(count, flags & 1 != 0);
    let number = body.int();
    let row = |body: &mut Body<'_>| columns.iter().map(|_| body.bytes().map(<[u8]>::to_vec)).collect();
    let rows: Vec<Vec<_>> = (0..number).map(|_| row(body)).collect();
    let pages = vec![rows.len()];
    (Answer::Rows(Rows { columns, rows, pages, warnings: warnings.to_vec() }), state)
}
