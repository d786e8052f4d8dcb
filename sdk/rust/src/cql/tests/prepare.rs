//! One prepare per text, however many ask for it.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::super::statement::{Statement, forget, prepare_by};
use super::super::*;
use crate::host;

/// A host that answers when told to.
#[derive(Default)]
struct Slow {
    asked: Cell<u32>,
    answers: Cell<bool>,
    fails: Cell<bool>,
}

impl Slow {
    async fn prepare(&self, text: &str) -> Result<Rc<Statement>, CqlError> {
        prepare_by(text, async |_| {
            self.asked.set(self.asked.get() + 1);
            std::future::poll_fn(|_| if self.answers.get() { Poll::Ready(()) } else { Poll::Pending }).await;
            match self.fails.get() {
                true => Err(host::CqlError { kind: 3, ..host::CqlError::default() }),
                false => Ok(host::Statement { id: self.asked.get(), ..host::Statement::default() }),
            }
        })
        .await
    }
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn id(result: Poll<Result<Rc<Statement>, CqlError>>) -> Option<u32> {
    match result {
        Poll::Ready(result) => Some(result.unwrap().id),
        Poll::Pending => None,
    }
}

#[test]
fn lanes_share_one_prepare() {
    forget();
    let host = Slow::default();
    let (mut first, mut second) = (pin!(host.prepare("SELECT 1")), pin!(host.prepare("SELECT 1")));
    assert_eq!((id(poll(first.as_mut())), id(poll(second.as_mut()))), (None, None));
    host.answers.set(true);
    assert_eq!(id(poll(second.as_mut())), None);
    assert_eq!(id(poll(first.as_mut())), Some(1));
    assert_eq!(id(poll(second.as_mut())), Some(1));
    assert_eq!(id(poll(pin!(host.prepare("SELECT 1")))), Some(1));
    assert_eq!(id(poll(pin!(host.prepare("SELECT 2")))), Some(2));
    assert_eq!(host.asked.get(), 2);
}

#[test]
fn a_lane_given_up_hands_over() {
    forget();
    let host = Slow::default();
    let mut first = Box::pin(host.prepare("SELECT 1"));
    let mut second = pin!(host.prepare("SELECT 1"));
    assert_eq!((id(poll(first.as_mut())), id(poll(second.as_mut()))), (None, None));
    drop(first);
    host.answers.set(true);
    assert_eq!(id(poll(second.as_mut())), Some(2));
}

#[test]
fn a_failure_is_not_kept() {
    forget();
    let host = Slow::default();
    host.answers.set(true);
    host.fails.set(true);
    assert!(matches!(poll(pin!(host.prepare("SELECT 1"))), Poll::Ready(Err(_))));
    host.fails.set(false);
    assert_eq!(id(poll(pin!(host.prepare("SELECT 1")))), Some(2));
}
