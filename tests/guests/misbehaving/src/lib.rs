//! A function that does what the value of each event says, so that tests can watch a host bear it. Written on the bare
//! contract, because the SDK would not let it do most of this. The words are listed in [`act::act`].

// Elsewhere the exports of a component are no names that a linker takes.
#![cfg(target_family = "wasm")]

mod act;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use veltrix_frame::{Batch, OutcomeBuilder};

use crate::act::Act;

mod bindings {
    wit_bindgen::generate!({ path: "../../../sdk/wit", world: "veltrix:function/function" });
}

struct Misbehaving;

bindings::export!(Misbehaving with_types_in bindings);

/// What the call is to give back.
#[derive(Default)]
struct Reply {
    outcome: OutcomeBuilder,
    /// Sent instead of the outcome.
    instead: Option<Vec<u8>>,
}

impl bindings::exports::veltrix::function::handler::Guest for Misbehaving {
    async fn handle(frame: Vec<u8>) -> Vec<u8> {
        let batch = Batch::parse(&frame).expect("the host's frame is sound");
        let reply = Rc::new(RefCell::new(Reply::default()));
        let isolate = batch.control().isolate;
        let acts = (0..batch.len()).map(|row| {
            let value = String::from_utf8_lossy(batch.value(row).unwrap_or_default()).into_owned();
            let act = Act { event: row as u32, begun: batch.begun(row), reply: Rc::clone(&reply) };
            act::act(act, value)
        });
        if isolate {
            for (row, act) in acts.enumerate() {
                bindings::veltrix::function::host::mark(row as u32);
                act.await;
            }
        } else {
            all(acts.map(|act| Box::pin(act) as Pin<Box<dyn Future<Output = ()>>>).collect()).await;
        }
        let Reply { outcome, instead } = reply.take();
        instead.unwrap_or_else(|| {
            let mut bytes = Vec::new();
            outcome.finish(&mut bytes);
            bytes
        })
    }
}

/// Runs all at once.
async fn all(mut acts: Vec<Pin<Box<dyn Future<Output = ()>>>>) {
    poll_fn(|context| {
        acts.retain_mut(|act| act.as_mut().poll(context).is_pending());
        if acts.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
