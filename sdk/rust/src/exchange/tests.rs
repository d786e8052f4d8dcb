use std::collections::VecDeque;
use std::rc::Rc;

use futures_util::future::{join, join_all};
use veltrix_frame::{Answer, ErrorRef, PageRef, Requests};

use super::*;

/// A host that answers in the opposite order, as many at a time as it is told.
#[derive(Clone, Default)]
struct Host(Rc<RefCell<Seen>>);

#[derive(Default)]
struct Seen {
    /// Tickets, statements and values, a list for each frame.
    frames: Vec<Vec<(u32, u32, Vec<u8>)>>,
    open: VecDeque<(u32, Vec<u8>)>,
}

impl Port for Host {
    fn woken(&self) {}

    fn submit(&self, requests: Vec<u8>) {
        let mut seen = self.0.borrow_mut();
        let requests: Vec<_> = Requests::new(&requests).map(Result::unwrap).collect();
        let frame = requests.iter().map(|r| (r.event, u32::from_le_bytes(r.statements[0]), r.values.to_vec()));
        seen.frames.push(frame.collect());
        for request in requests {
            seen.open.push_front((request.ticket, request.values.to_vec()));
        }
    }

    fn answers(&self) -> impl Future<Output = Vec<u8>> + 'static {
        let host = self.clone();
        async move {
            let mut frame = Vec::new();
            for (ticket, values) in host.0.borrow_mut().open.drain(..) {
                let result = match values.as_slice() {
                    b"fail" => {
                        Err(ErrorRef { kind: 4, applied: 1, code: 7, write_type: "SIMPLE", message: "too late" })
                    }
                    values => Ok(PageRef { count: 1, columns: b"c", rows: values, next: b"n" }),
                };
                Answer { ticket, result }.write(&mut frame);
            }
            frame
        }
    }
}

fn block_on<F: Future>(host: &Host, call: F) -> F::Output {
    let mut running = pin!(run(host.clone(), call));
    match running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing is left that could wake it"),
    }
}

async fn one(event: u32, values: &[u8]) -> Result<Vec<u8>, CqlError> {
    ask(event, Ask::Execute(9, b""), values, &Options::default()).await.map(|page| page.rows)
}

#[test]
fn lanes_that_wait_share_a_frame_and_get_their_own_answers() {
    let host = Host::default();
    let texts: Vec<Vec<u8>> = (0..5).map(|i| vec![b'a' + i]).collect();
    let twice = async |i: usize| {
        let first = one(i as u32, &texts[i]).await.unwrap();
        let second = one(i as u32, &[&first[..], b"2"].concat()).await.unwrap();
        (first, second)
    };
    let answers = block_on(&host, join_all((0..5).map(twice)));
    for (text, (first, second)) in texts.iter().zip(answers) {
        assert_eq!((&first, second), (text, [&text[..], b"2"].concat()));
    }
    let sizes: Vec<usize> = host.0.borrow().frames.iter().map(Vec::len).collect();
    assert_eq!(sizes, [5, 5], "one frame for each time that all wait");
    assert_eq!(host.0.borrow().frames[0][3], (3, 9, b"d".to_vec()));
}

#[test]
fn an_error_reaches_the_one_who_asked() {
    let host = Host::default();
    let (good, bad) = block_on(&host, join(one(0, b"good"), one(1, b"fail")));
    assert_eq!(good.unwrap(), b"good");
    let expected = CqlError { kind: 4, applied: 1, code: 7, write_type: "SIMPLE".into(), message: "too late".into() };
    assert_eq!(bad.unwrap_err(), expected);
}

#[test]
fn an_answer_that_nobody_waits_for_is_dropped() {
    let host = Host::default();
    block_on(&host, async {
        let mut given_up = Box::pin(one(0, b"given up"));
        assert!(futures_util::poll!(&mut given_up).is_pending());
        drop(given_up);
        one(1, b"kept").await.unwrap();
    });
    assert_eq!(host.0.borrow().frames[0].len(), 2, "it was asked for nevertheless");
    EXCHANGE.with_borrow(|exchange| assert_eq!((exchange.free.len(), exchange.under_way), (exchange.slots.len(), 0)));
}

#[test]
fn what_an_earlier_call_left_neither_goes_out_nor_hangs() {
    let host = Host::default();
    let mut left = Box::pin(one(0, b"left"));
    block_on(&host, async { assert!(futures_util::poll!(&mut left).is_pending()) });
    block_on(&host, async {
        assert_eq!(left.await.unwrap_err().message, "the call that began the request is over");
        one(1, b"mine").await.unwrap();
    });
    let frames = &host.0.borrow().frames;
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0][0].2, b"mine");
}

#[test]
fn a_batch_tells_its_kind_and_statements() {
    let _asked = ask(7, Ask::Batch(2, &[1, 256]), b"vv", &Options { timestamp: Some(5), ..Options::default() });
    let frame = EXCHANGE.with_borrow(|exchange| exchange.frame.clone());
    let requests: Vec<Request<'_>> = Requests::new(&frame).map(Result::unwrap).collect();
    let [Request { event: 7, what: 1, kind: 2, statements, values: b"vv", next: b"", timestamp: 5, .. }] =
        &requests[..]
    else {
        panic!("{requests:?}")
    };
    assert_eq!(*statements, [[1, 0, 0, 0], [0, 1, 0, 0]]);
}
