//! The words it understands.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use veltrix_frame::{Answers, EmitIn, OutcomeBuilder, Request, Verdict, VerdictIn};

use crate::Reply;
use crate::bindings::veltrix::function::cql::Options;
use crate::bindings::veltrix::function::{cassandra, flow, host};

/// One event at work.
pub(crate) struct Act {
    pub(crate) event: u32,
    pub(crate) begun: u32,
    pub(crate) reply: Rc<RefCell<Reply>>,
}

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
    static HOARD: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Does what `value` says: a word, or `word:argument`. Anything else is acked.
pub(crate) async fn act(act: Act, value: String) {
    let (word, argument) = value.split_once(':').unwrap_or((&value, ""));
    let number = || argument.parse::<u64>().unwrap_or(0);
    let event = act.event;
    match word {
        // Verdicts.
        "skip" => act.say(Verdict::Skip, None, None),
        "retry" => act.verdict(VerdictIn { retry_after_ms: number() as u32, ..act.plain(Verdict::Retry) }),
        "dead-letter" => act.say(Verdict::DeadLetter, Some(argument), None),
        "defer" => act.say(Verdict::Deferred, None, None),
        // Fails so many times, then acks.
        "until" if u64::from(act.begun) < number() => act.say(Verdict::Retry, Some("not yet"), None),
        "none" => {}
        "twice" => {
            act.say(Verdict::Ack, None, None);
            act.say(Verdict::DeadLetter, Some("twice"), None);
        }
        "beyond" => act.verdict(VerdictIn { event: 1_000_000, ..act.plain(Verdict::Ack) }),
        "garbage" => act.reply.borrow_mut().instead = Some(b"not a frame at all".to_vec()),
        "empty" => act.reply.borrow_mut().instead = Some(Vec::new()),
        // Ends that are not returns.
        "trap" => std::process::abort(),
        "panic" => panic!("{argument}"),
        "panic-named" => {
            host::log(event, 6, argument, &[]);
            std::process::abort();
        }
        "misconfigured" => {
            host::log(u32::MAX, 7, argument, &[]);
            std::process::abort();
        }
        "exit" => std::process::exit(3),
        "spin" => loop {
            std::hint::black_box(());
        },
        "spin-ms" => {
            let since = std::time::Instant::now();
            while since.elapsed().as_millis() < u128::from(number()) {}
            act.ack();
        }
        "recurse" => act.answer(&recurse(1).to_string()),
        "allocate" => loop {
            HOARD.with_borrow_mut(|hoard| hoard.push(vec![1; 1 << 20]));
        },
        "hold" => {
            HOARD.with_borrow_mut(|hoard| hoard.push(vec![1; number() as usize]));
            act.ack();
        }
        // Waits.
        "sleep" => {
            flow::sleep(number()).await;
            act.ack();
        }
        "block" => {
            std::thread::sleep(std::time::Duration::from_millis(number()));
            act.ack();
        }
        "hang" => flow::sleep(u64::MAX).await,
        "deadlock" => pending().await,
        "hangs" => act.many(number()).await,
        "leave-open" => {
            let mut open = Box::pin(flow::sleep(60_000));
            poll_fn(|context| Poll::Ready(open.as_mut().poll(context).is_ready())).await;
            Box::leak(Box::new(open));
            act.ack();
        }
        "abandon" => {
            let mut open = Box::pin(flow::sleep(60_000));
            poll_fn(|context| Poll::Ready(open.as_mut().poll(context).is_ready())).await;
            drop(open);
            act.ack();
        }
        // Effects.
        "emit" => {
            act.emit(argument, Some(b"emitted"));
            act.ack();
        }
        "emit-bytes" => {
            let (topic, bytes) = argument.split_once(':').unwrap_or((argument, "0"));
            act.emit(topic, Some(&vec![b'x'; bytes.parse().unwrap_or(0)]));
            act.ack();
        }
        "emit-retry" => {
            act.emit(argument, Some(b"of an event that failed"));
            act.say(Verdict::Retry, Some("after an emit"), None);
        }
        "settle" | "settle-trap" | "settle-twice" => {
            flow::settle(act.settled()).await;
            if word == "settle-twice" {
                flow::settle(act.settled()).await;
            }
            if word == "settle-trap" {
                std::process::abort();
            }
        }
        "settle-garbage" => flow::settle(b"not a frame".to_vec()).await,
        "settle-bytes" => flow::settle(vec![0; number() as usize]).await,
        // Cassandra: the argument is one statement without parameters.
        "cql" => act.answer(&query(event, argument, Vec::new()).await),
        "cql-garbage" => {
            // A length that promises more than there is.
            let values = [&i32::MAX.to_be_bytes()[..], b"abc"].concat();
            act.answer(&query(event, argument, values).await);
        }
        "cql-bytes" => {
            // A value of three bytes, whatever its type.
            let values = [&3i32.to_be_bytes()[..], b"abc"].concat();
            act.answer(&query(event, argument, values).await);
        }
        "cql-unprepared" => {
            let page = cassandra::execute(event, 4_000_000, Vec::new(), Vec::new(), options()).await;
            act.answer(&match page {
                Ok(_) => "ok".to_owned(),
                Err(error) => format!("{}: {}", error.kind, error.message),
            });
        }
        // Many requests in one call: the argument says how many.
        "submit" => {
            cassandra::submit(&requests(event, number(), 0));
            act.answer(&answers(number()).await);
        }
        "submit-unknown" => {
            cassandra::submit(&requests(event, 1, 9));
            act.answer(&answers(1).await);
        }
        "submit-leave" => {
            cassandra::submit(&requests(event, number(), 0));
            act.ack();
        }
        "submit-garbage" => cassandra::submit(&requests(event, 2, 0)[..61]),
        "submit-flood" => loop {
            cassandra::submit(&requests(event, 1000, 0));
        },
        "answers-of-nothing" => act.answer(&answers(0).await),
        // Noise.
        "flood" => {
            for line in 0..number() {
                host::log(event, 3, &format!("line {line}"), &[]);
            }
            act.ack();
        }
        // Says that it has begun and takes its time: whoever watches can kill the worker meanwhile.
        "lethal" => {
            host::log(event, 4, "a lethal event begins", &[]);
            flow::sleep(15_000).await;
            act.ack();
        }
        "print" => {
            println!("{argument}");
            eprint!("{argument} again");
            act.ack();
        }
        "print-bytes" => {
            print!("{}", "x".repeat(number() as usize));
            act.ack();
        }
        "log" => {
            host::log(event, 4, argument, &[("field".to_owned(), "value".to_owned())]);
            act.ack();
        }
        // Questions, answered in the message of a dead letter.
        "count" => {
            CALLS.set(CALLS.get() + 1);
            act.answer(&CALLS.get().to_string());
        }
        "var" => act.answer(&format!("{:?}", host::var(argument))),
        "secret" => act.answer(&format!("{:?}", host::secret(argument))),
        "traceparent" => act.answer(&format!("{:?}", host::traceparent(event))),
        "environment" => {
            let variables = std::env::vars().count();
            let arguments = std::env::args().count();
            let files = std::fs::read_dir("/").is_ok();
            let net = std::net::TcpStream::connect("127.0.0.1:1").map_err(|error| error.kind());
            act.answer(&format!("{variables} {arguments} {files} {}", net.is_ok()));
        }
        "random" => {
            use std::hash::{BuildHasher, RandomState};
            act.answer(&RandomState::new().hash_one(1).to_string());
        }
        "now" => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            act.answer(&now.unwrap_or_default().as_millis().to_string());
        }
        _ => act.ack(),
    }
}

impl Act {
    fn plain(&self, verdict: Verdict) -> VerdictIn<'static> {
        VerdictIn { event: self.event, verdict, retry_after_ms: 0, reason: None, message: None }
    }

    fn verdict(&self, verdict: VerdictIn<'_>) {
        self.reply.borrow_mut().outcome.verdict(verdict);
    }

    fn ack(&self) {
        self.say(Verdict::Ack, None, None);
    }

    fn say(&self, verdict: Verdict, reason: Option<&str>, message: Option<&str>) {
        self.verdict(VerdictIn { reason, message, ..self.plain(verdict) });
    }

    fn answer(&self, message: &str) {
        self.say(Verdict::DeadLetter, Some("answer"), Some(message));
    }

    fn emit(&self, topic: &str, value: Option<&[u8]>) {
        self.reply.borrow_mut().outcome.emit(EmitIn {
            cause: self.event,
            topic,
            key: Some(b"key"),
            value,
            partition: None,
            timestamp: None,
        });
    }

    /// An outcome that acks this event.
    fn settled(&self) -> Vec<u8> {
        let mut outcome = OutcomeBuilder::new();
        outcome.ack(self.event);
        let mut bytes = Vec::new();
        outcome.finish(&mut bytes);
        bytes
    }

    /// Opens so many sleeps that never end.
    async fn many(&self, count: u64) {
        let mut open: Vec<_> = (0..count).map(|_| Box::pin(flow::sleep(u64::MAX))).collect();
        poll_fn(|context| {
            for sleep in &mut open {
                if sleep.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
            }
            Poll::Pending
        })
        .await;
    }
}

async fn query(event: u32, text: &str, values: Vec<u8>) -> String {
    let statement = match cassandra::prepare(event, text.to_owned()).await {
        Ok(statement) => statement,
        Err(error) => return format!("prepare {}: {}", error.kind, error.message),
    };
    match cassandra::execute(event, statement.id, values, Vec::new(), options()).await {
        Ok(page) => format!("{} rows", page.count),
        Err(error) => format!("execute {}: {}", error.kind, error.message),
    }
}

/// Requests of the statement that the host numbers `event + 7`, each with its ticket as value.
fn requests(event: u32, count: u64, what: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    for ticket in 0..count as u32 {
        let request = Request {
            ticket,
            event,
            what,
            kind: 0,
            consistency: 0xffff,
            serial: 0xffff,
            page_size: 0,
            timeout_ms: 0,
            flags: 0,
            timestamp: i64::MIN,
            statements: &[(event + 7).to_le_bytes()],
            values: &ticket.to_le_bytes(),
            next: &[],
        };
        request.write(&mut frame);
    }
    frame
}

/// Fetches until so many answers are there: how many brought their ticket back, how many said what else, in how many
/// fetches.
async fn answers(count: u64) -> String {
    let (mut right, mut errors, mut fetches) = (0, std::collections::BTreeMap::<String, u64>::new(), 0);
    loop {
        let frame = cassandra::answers().await;
        if frame.is_empty() {
            break;
        }
        fetches += 1;
        for answer in Answers::new(&frame) {
            let answer = answer.expect("the host's answers can be read");
            match answer.result {
                Ok(page) => right += u64::from(page.rows == answer.ticket.to_le_bytes()),
                Err(error) => *errors.entry(format!("{}: {}", error.kind, error.message)).or_default() += 1,
            }
        }
    }
    let answered = right + errors.values().sum::<u64>();
    format!(
        "{right} right, {errors:?}, {} missing, {}",
        count - answered,
        if fetches * 4 <= count { "few fetches" } else { "many fetches" }
    )
}

fn options() -> Options {
    Options { consistency: 0xffff, serial: 0xffff, timestamp: None, page_size: 0, timeout_ms: 0, flags: 0 }
}

fn recurse(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    let here = std::hint::black_box([depth; 64]);
    let below = recurse(depth + 1);
    below + std::hint::black_box(here)[usize::from(below > 0)]
}
