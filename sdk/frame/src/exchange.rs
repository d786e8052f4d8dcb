//! Cassandra requests and their answers, many in one host call: records back to back, each led by its size in bytes.

use alloc::vec::Vec;

use crate::error::FrameError;

/// Bytes of a request before its statements, of which the first four say the size of all of it.
const REQUEST: usize = 52;
/// Bytes of an answer before its first field of variable size, likewise.
const ANSWER: usize = 24;

/// A request: one statement, or several as a batch. Fields as those of `execute` and `batch` in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Chosen by who asks, and given back with the answer.
    pub ticket: u32,
    /// The event it is for, [`WHOLE`](crate::WHOLE) for none.
    pub event: u32,
    /// 0 execute, 1 batch; the host answers others as invalid.
    pub what: u16,
    /// Of a batch: 0 logged, 1 unlogged, 2 counter.
    pub kind: u16,
    /// CQL number, 0xffff the binding's.
    pub consistency: u16,
    /// CQL number, 0xffff the binding's.
    pub serial: u16,
    /// Rows per page, 0 the default.
    pub page_size: u32,
    /// Milliseconds, 0 the binding's.
    pub timeout_ms: u32,
    /// Bit 0 idempotent, bit 1 event-time timestamp.
    pub flags: u32,
    /// Write timestamp, µs; `i64::MIN` none.
    pub timestamp: i64,
    /// Ids of prepared statements, four bytes each, little-endian; one for execute.
    pub statements: &'a [[u8; 4]],
    /// CQL `[value]`s of all the statements, in order.
    pub values: &'a [u8],
    /// Paging state, empty at first.
    pub next: &'a [u8],
}

impl Request<'_> {
    /// Appends the request.
    pub fn write(&self, out: &mut Vec<u8>) {
        let size = REQUEST + 4 * self.statements.len() + self.values.len() + self.next.len();
        out.reserve(size);
        for word in [size as u32, self.ticket, self.event] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for half in [self.what, self.kind, self.consistency, self.serial] {
            out.extend_from_slice(&half.to_le_bytes());
        }
        for word in [self.page_size, self.timeout_ms, self.flags] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&self.timestamp.to_le_bytes());
        for count in [self.statements.len(), self.values.len(), self.next.len()] {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        out.extend_from_slice(self.statements.as_flattened());
        out.extend_from_slice(self.values);
        out.extend_from_slice(self.next);
    }
}

/// Requests of a frame, in order. A malformed one is the last.
#[derive(Debug, Clone)]
pub struct Requests<'a>(Records<'a>);

impl<'a> Requests<'a> {
    /// Those of the frame.
    pub fn new(frame: &'a [u8]) -> Self {
        Self(Records { rest: frame })
    }
}

impl<'a> Iterator for Requests<'a> {
    type Item = Result<Request<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_as(REQUEST, |mut fields| {
            let (ticket, event) = (fields.word(), fields.word());
            let (what, kind, consistency, serial) = (fields.half(), fields.half(), fields.half(), fields.half());
            let (page_size, timeout_ms, flags) = (fields.word(), fields.word(), fields.word());
            let timestamp = i64::from_le_bytes(fields.take());
            let [statements, values, next] = [fields.word(), fields.word(), fields.word()].map(|n| n as usize);
            let statements = fields.bytes(statements.checked_mul(4)?)?.as_chunks().0;
            let (values, next) = (fields.bytes(values)?, fields.bytes(next)?);
            fields.rest.is_empty().then_some(Request {
                ticket,
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
            })
        })
    }
}

/// An answer to a request: a page, or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// That of the request.
    pub ticket: u32,
    /// What the host says.
    pub result: Result<PageRef<'a>, ErrorRef<'a>>,
}

/// A page of rows; fields as those of `page` in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRef<'a> {
    /// Number of rows.
    pub count: u32,
    /// Names and types; empty: those of the statement.
    pub columns: &'a [u8],
    /// `count` × columns of CQL `[bytes]`.
    pub rows: &'a [u8],
    /// Paging state, empty at the end.
    pub next: &'a [u8],
}

/// An error; fields as those of `error` in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorRef<'a> {
    /// Not 0, which stands for a page.
    pub kind: u16,
    /// 0 not applied, 1 unknown.
    pub applied: u8,
    /// The server's code.
    pub code: u32,
    /// The server's write type.
    pub write_type: &'a str,
    /// For people.
    pub message: &'a str,
}

impl Answer<'_> {
    /// Appends the answer.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kind, applied, number, parts) = match &self.result {
            Ok(page) => (0, 0, page.count, [page.columns, page.next, page.rows]),
            Err(error) => {
                (error.kind, error.applied, error.code, [error.write_type.as_bytes(), &[], error.message.as_bytes()])
            }
        };
        let size = ANSWER + parts.iter().map(|part| part.len()).sum::<usize>();
        out.reserve(size);
        out.extend_from_slice(&(size as u32).to_le_bytes());
        out.extend_from_slice(&self.ticket.to_le_bytes());
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&[applied, 0]);
        for word in [number, parts[0].len() as u32, parts[1].len() as u32] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }
}

/// Answers of a frame, in order. A malformed one is the last.
#[derive(Debug, Clone)]
pub struct Answers<'a>(Records<'a>);

impl<'a> Answers<'a> {
    /// Those of the frame.
    pub fn new(frame: &'a [u8]) -> Self {
        Self(Records { rest: frame })
    }
}

impl<'a> Iterator for Answers<'a> {
    type Item = Result<Answer<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_as(ANSWER, |mut fields| {
            let ticket = fields.word();
            let kind = fields.half();
            let [applied, _] = fields.take();
            let number = fields.word();
            let [first, second] = [fields.word(), fields.word()].map(|n| n as usize);
            let (first, second) = (fields.bytes(first)?, fields.bytes(second)?);
            let text = |bytes| core::str::from_utf8(bytes).ok();
            let result = match kind {
                0 => Ok(PageRef { count: number, columns: first, rows: fields.rest, next: second }),
                _ => {
                    Err(ErrorRef { kind, applied, code: number, write_type: text(first)?, message: text(fields.rest)? })
                }
            };
            Some(Answer { ticket, result })
        })
    }
}

/// Records, each led by its size.
#[derive(Debug, Clone)]
struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// The next record as `read` sees it, which gets at least `head` bytes, the size left out.
    fn next_as<T>(&mut self, head: usize, read: impl FnOnce(Fields<'a>) -> Option<T>) -> Option<Result<T, FrameError>> {
        let rest = core::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let Some((size, fields)) = rest.split_first_chunk() else {
            return Some(Err(FrameError::Truncated { need: head, have: rest.len() }));
        };
        let size = u32::from_le_bytes(*size) as usize;
        if size > rest.len() || size < head {
            return Some(Err(FrameError::Truncated { need: size.max(head), have: rest.len().min(size) }));
        }
        let (fields, after) = fields.split_at(size - 4);
        self.rest = after;
        let record = read(Fields { rest: fields });
        if record.is_none() {
            self.rest = &[];
        }
        Some(record.ok_or(FrameError::Record))
    }
}

/// Fields of a record, one after another. Those of fixed size are known to be there.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.rest.split_first_chunk().expect("within the head, which was checked");
        self.rest = rest;
        *field
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn half(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn bytes(&mut self, size: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(field)
    }
}
