//! Requests of the guest to Cassandra: one by one, or many in one host call, with their answers until it fetches them.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use veltrix_frame::{Answer, ErrorRef, PageRef, Requests};

use crate::imports::over_limit;
use crate::services::{CqlError, Options, Page};
use crate::state::{MAX_OPEN, Open, OpenCall};
use crate::stop::Stop;

/// With fewer requests under way, the first answer wakes the guest at once.
const MANY: usize = 32;
/// Otherwise answers are gathered, so that it is not woken for each of them: this part of what is under way, or what
/// has come by the next tick.
const PART: usize = 8;

/// A Cassandra request of the guest.
#[derive(Debug)]
pub struct Request {
    /// Row of the batch that it is for, or [`WHOLE_BATCH`](crate::WHOLE_BATCH).
    pub event: u32,
    /// What is asked.
    pub ask: Ask,
    /// CQL `[value]`s of all the statements, in order.
    pub values: Vec<u8>,
    /// How.
    pub options: Options,
    /// Takes the answer.
    pub reply: Reply,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A page of a statement.
    Execute {
        /// As `prepare` numbered it.
        statement: u32,
        /// Paging state, empty at first.
        next: Vec<u8>,
    },
    /// Statements as one batch.
    Batch {
        /// 0 logged, 1 unlogged, 2 counter.
        kind: u8,
        /// As `prepare` numbered them.
        statements: Vec<u32>,
    },
}

impl Ask {
    /// Of its arguments, beside the values.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Execute { next, .. } => next.len(),
            Self::Batch { statements, .. } => size_of_val(&statements[..]),
        }
    }
}

/// Where one answer goes. Dropping it without an answer answers that the outcome is unknown.
#[derive(Debug)]
pub struct Reply(Option<To>);

#[derive(Debug)]
enum To {
    /// The import that asked for this alone.
    Import(oneshot::Sender<Result<Page, CqlError>>),
    Inbox {
        ticket: u32,
        inbox: Arc<Inbox>,
        open: OpenCall,
    },
}

impl Reply {
    /// To an import that waits for this answer alone.
    pub(crate) fn to_import() -> (Self, impl Future<Output = Result<Page, CqlError>> + Send + use<>) {
        let (reply, answer) = oneshot::channel();
        (Self(Some(To::Import(reply))), async { answer.await.expect("a reply answers, or its drop does") })
    }

    /// Answers.
    pub fn send(mut self, result: Result<Page, CqlError>) {
        self.put(result);
    }

    fn put(&mut self, result: Result<Page, CqlError>) {
        match self.0.take() {
            // It fails when the guest waits no longer.
            Some(To::Import(reply)) => drop(reply.send(result)),
            Some(To::Inbox { ticket, inbox, open }) => inbox.put(ticket, &result, Some(open)),
            None => {}
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let message = "the request ended without an answer".to_owned();
        self.put(Err(CqlError { kind: 3, applied: 1, message, ..CqlError::default() }));
    }
}

/// Answers that wait for the guest.
#[derive(Debug)]
pub(crate) struct Inbox {
    answers: Mutex<Answers>,
    /// Told when answers are due.
    due: Notify,
    gathering: Arc<Gathering>,
}

/// Inboxes with answers that wait for the next tick.
#[derive(Debug, Default)]
pub(crate) struct Gathering(Mutex<Vec<Arc<Inbox>>>);

impl Gathering {
    /// The tick: hands them out.
    pub(crate) fn end(&self) {
        let inboxes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for inbox in inboxes {
            let mut answers = inbox.lock();
            // None, when they were enough before the tick.
            if answers.there > 0 {
                answers.due = true;
                drop(answers);
                inbox.due.notify_one();
            }
        }
    }

    fn add(&self, inbox: &Arc<Inbox>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(inbox));
    }
}

#[derive(Debug, Default)]
struct Answers {
    /// Requests whose answers the guest has not fetched.
    under_way: usize,
    /// How many answers `frame` has.
    there: usize,
    frame: Vec<u8>,
    /// Requests count as open until their answers are fetched.
    open: Vec<OpenCall>,
    /// They are not to be gathered any longer.
    due: bool,
}

impl Inbox {
    pub(crate) fn new(gathering: Arc<Gathering>) -> Self {
        Self { answers: Mutex::default(), due: Notify::new(), gathering }
    }

    /// Reads a frame of requests. Those over a limit of the sandbox are answered at once.
    pub(crate) fn begin(self: &Arc<Self>, frame: &[u8], open: &Arc<Open>) -> Result<Vec<Request>, Stop> {
        let mut begun = Vec::new();
        for request in Requests::new(frame) {
            let request = request.map_err(|error| Stop::Malformed(format!("submit: {error}")))?;
            let bytes = request.values.len() + request.next.len() + request.statements.as_flattened().len();
            let counted = open.call(bytes);
            {
                let mut answers = self.lock();
                // Refusals that nobody fetches must not pile up either.
                if answers.under_way >= 2 * MAX_OPEN {
                    return Err(Stop::TooManyCalls { open: answers.under_way + 1, limit: 2 * MAX_OPEN });
                }
                answers.under_way += 1;
            }
            let open = match counted {
                Ok(open) => open,
                Err(stop) => {
                    self.put(request.ticket, &Err(over_limit(stop)), None);
                    continue;
                }
            };
            let reply = Reply(Some(To::Inbox { ticket: request.ticket, inbox: Arc::clone(self), open }));
            let Some(ask) = ask(&request) else {
                let message = format!(
                    "request of kind {}.{} with {} statements is unknown to this host",
                    request.what,
                    request.kind,
                    request.statements.len()
                );
                reply.send(Err(CqlError { kind: 1, message, ..CqlError::default() }));
                continue;
            };
            let options = Options {
                consistency: request.consistency,
                serial: request.serial,
                timestamp: (request.timestamp != i64::MIN).then_some(request.timestamp),
                page_size: request.page_size,
                timeout_ms: request.timeout_ms,
                flags: request.flags,
            };
            begun.push(Request { event: request.event, ask, values: request.values.to_vec(), options, reply });
        }
        Ok(begun)
    }

    /// All answers that are there, once there is one; none when no request is under way.
    pub(crate) fn fetch(self: &Arc<Self>) -> impl Future<Output = Vec<u8>> + Send + use<> {
        let inbox = Arc::clone(self);
        async move {
            loop {
                {
                    let answers = inbox.lock();
                    if answers.under_way == 0 {
                        return Vec::new();
                    }
                    if answers.due {
                        return inbox.take(answers);
                    }
                }
                inbox.due.notified().await;
            }
        }
    }

    /// Hands out what is there.
    fn take(&self, mut answers: MutexGuard<'_, Answers>) -> Vec<u8> {
        answers.due = false;
        answers.under_way -= std::mem::take(&mut answers.there);
        answers.open.clear();
        if answers.under_way == 0 {
            // A guest that asked twice has nothing more to wait for.
            self.due.notify_waiters();
        }
        std::mem::take(&mut answers.frame)
    }

    /// Whether every request was answered and every answer fetched.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().under_way == 0
    }

    fn put(self: &Arc<Self>, ticket: u32, result: &Result<Page, CqlError>, open: Option<OpenCall>) {
        let result = match result {
            Ok(page) => Ok(PageRef { count: page.count, columns: &page.columns, rows: &page.rows, next: &page.next }),
            Err(error) => Err(ErrorRef {
                // 0 would be a page.
                kind: error.kind.max(1),
                applied: error.applied,
                code: error.code,
                write_type: &error.write_type,
                message: &error.message,
            }),
        };
        let mut answers = self.lock();
        Answer { ticket, result }.write(&mut answers.frame);
        answers.there += 1;
        answers.open.extend(open);
        let enough = answers.under_way < MANY || answers.there >= answers.under_way / PART;
        let first = answers.there == 1;
        let due = enough && !answers.due;
        answers.due |= enough;
        drop(answers);
        if due {
            self.due.notify_one();
        } else if first && !enough {
            self.gathering.add(self);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ask(request: &veltrix_frame::Request<'_>) -> Option<Ask> {
    let mut ids = request.statements.iter().map(|id| u32::from_le_bytes(*id));
    match request.what {
        0 if request.statements.len() == 1 => {
            Some(Ask::Execute { statement: ids.next()?, next: request.next.to_vec() })
        }
        1 => Some(Ask::Batch { kind: request.kind.try_into().ok()?, statements: ids.collect() }),
        _ => None,
    }
}
