//! The instance's Cassandra requests: sent many at a time, answered in any order. A host call for each would cost more
//! than the rest of a small handler.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use veltrix_frame::{Answers, Request};

use crate::host::{CqlError, Options, Page};

/// What a request asks for: one page of a statement, or a batch.
#[derive(Clone, Copy)]
pub(crate) enum Ask<'a> {
    /// Of this statement, after this paging state.
    Execute(u32, &'a [u8]),
    /// Of this kind, with these statements.
    Batch(u8, &'a [u32]),
}

/// The host's side of the exchange.
pub(crate) trait Port {
    /// The call is about to go on.
    fn woken(&self);
    /// Begins the requests of a frame.
    fn submit(&self, requests: Vec<u8>);
    /// Answers, once there are some.
    fn answers(&self) -> impl Future<Output = Vec<u8>> + 'static;
}

thread_local! {
    /// An instance has one thread.
    static EXCHANGE: RefCell<Exchange> = RefCell::default();
}

#[derive(Default)]
struct Exchange {
    /// Requests to send.
    frame: Vec<u8>,
    /// By ticket: those not answered yet, and those whose answer was not taken yet.
    slots: Vec<Slot>,
    /// Slots that are free.
    free: Vec<u32>,
    /// Sent, or to send, and not answered.
    under_way: usize,
    /// Which call it is of this instance.
    call: u64,
}

enum Slot {
    Free,
    Waiting(Option<Waker>),
    Answered(Result<Page, CqlError>),
    /// Nobody waits any more.
    Abandoned,
}

/// Asks with the next frame that goes out; the future gives the answer. It runs within [`run`] only.
pub(crate) fn ask(event: u32, ask: Ask<'_>, values: &[u8], options: &Options) -> Asked {
    EXCHANGE.with_borrow_mut(|exchange| {
        let ticket = exchange.open();
        let single;
        let several: Vec<[u8; 4]>;
        let (what, kind, statements, next) = match ask {
            Ask::Execute(statement, next) => {
                single = [statement.to_le_bytes()];
                (0, 0, &single[..], next)
            }
            Ask::Batch(kind, statements) => {
                several = statements.iter().map(|id| id.to_le_bytes()).collect();
                (1, kind.into(), &several[..], &[][..])
            }
        };
        let Options { consistency, serial, timestamp, page_size, timeout_ms, flags } = *options;
        let timestamp = timestamp.unwrap_or(i64::MIN);
        let request = Request {
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
        };
        request.write(&mut exchange.frame);
        Asked { call: exchange.call, ticket }
    })
}

/// Runs a call: sends what it asks for each time that it waits, and hands out the answers.
pub(crate) async fn run<F: Future>(port: impl Port, call: F) -> F::Output {
    // What an earlier call left behind is no concern of this one.
    EXCHANGE.with_borrow_mut(|exchange| *exchange = Exchange { call: exchange.call + 1, ..Exchange::default() });
    let mut call = pin!(call);
    let mut answers = None;
    poll_fn(|context| {
        loop {
            port.woken();
            if let Poll::Ready(output) = call.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            let (frame, under_way) =
                EXCHANGE.with_borrow_mut(|exchange| (std::mem::take(&mut exchange.frame), exchange.under_way));
            if !frame.is_empty() {
                port.submit(frame);
            }
            if under_way == 0 {
                return Poll::Pending;
            }
            let waiting = answers.get_or_insert_with(|| Box::pin(port.answers()));
            match waiting.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(frame) => {
                    answers = None;
                    deliver(&frame);
                }
            }
        }
    })
    .await
}

/// Wakes those who wait for the answers of a frame.
fn deliver(frame: &[u8]) {
    for answer in Answers::new(frame) {
        let answer = answer.unwrap_or_else(|error| panic!("the host's answers: {error}"));
        let result = match answer.result {
            Ok(page) => Ok(Page {
                count: page.count,
                columns: page.columns.to_vec(),
                rows: page.rows.to_vec(),
                next: page.next.to_vec(),
            }),
            Err(error) => Err(CqlError {
                kind: error.kind,
                applied: error.applied,
                code: error.code,
                write_type: error.write_type.to_owned(),
                message: error.message.to_owned(),
            }),
        };
        let waker = EXCHANGE.with_borrow_mut(|exchange| exchange.answer(answer.ticket, result));
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Exchange {
    fn open(&mut self) -> u32 {
        self.under_way += 1;
        let ticket = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            self.slots.len() as u32 - 1
        });
        self.slots[ticket as usize] = Slot::Waiting(None);
        ticket
    }

    fn close(&mut self, ticket: u32) -> Slot {
        self.free.push(ticket);
        std::mem::replace(&mut self.slots[ticket as usize], Slot::Free)
    }

    fn answer(&mut self, ticket: u32, result: Result<Page, CqlError>) -> Option<Waker> {
        let slot = self.slots.get_mut(ticket as usize)?;
        match slot {
            Slot::Waiting(waker) => {
                let waker = waker.take();
                *slot = Slot::Answered(result);
                self.under_way -= 1;
                waker
            }
            Slot::Abandoned => {
                self.close(ticket);
                self.under_way -= 1;
                None
            }
            Slot::Free | Slot::Answered(_) => panic!("the host answers request {ticket}, which was not made"),
        }
    }
}

/// The wait for an answer. Dropping it does not take the request back.
pub(crate) struct Asked {
    call: u64,
    ticket: u32,
}

impl Asked {
    /// Its slot, unless the call that it belongs to is over.
    fn slot<'a>(&self, exchange: &'a mut Exchange) -> Option<&'a mut Slot> {
        (exchange.call == self.call).then(|| &mut exchange.slots[self.ticket as usize])
    }
}

impl Future for Asked {
    type Output = Result<Page, CqlError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        EXCHANGE.with_borrow_mut(|exchange| {
            match self.slot(exchange) {
                Some(Slot::Waiting(waker)) => {
                    match waker {
                        Some(waker) => waker.clone_from(context.waker()),
                        None => *waker = Some(context.waker().clone()),
                    }
                    return Poll::Pending;
                }
                Some(Slot::Answered(_)) => {
                    let closed = exchange.close(self.ticket);
                    // The slot may be another's from now on.
                    self.call = u64::MAX;
                    if let Slot::Answered(result) = closed {
                        return Poll::Ready(result);
                    }
                }
                Some(Slot::Free | Slot::Abandoned) | None => {}
            }
            Poll::Ready(Err(CqlError {
                kind: 6,
                applied: 1,
                message: "the call that began the request is over".into(),
                ..CqlError::default()
            }))
        })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        EXCHANGE.with_borrow_mut(|exchange| match self.slot(exchange) {
            Some(slot @ Slot::Waiting(_)) => *slot = Slot::Abandoned,
            Some(Slot::Answered(_)) => {
                exchange.close(self.ticket);
            }
            Some(Slot::Free | Slot::Abandoned) | None => {}
        });
    }
}

#[cfg(test)]
mod tests;
