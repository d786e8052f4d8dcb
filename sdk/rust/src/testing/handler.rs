//! [`Handler`]: the functions that `#[handler]` takes, as values.

use std::future::{Future, ready};

use crate::context::Context;
use crate::error::Result;
use crate::event::{Batch, Event};
use crate::run::{Verdicts, each, whole};

/// A function that `#[handler]` takes: `async` or not, of an [`Event`] or a [`Batch`], with or without `&Context`.
///
/// `Shape` tells these apart; it is inferred.
pub trait Handler<Shape> {
    /// Runs it over a frame of events and gives back the outcome's frame.
    #[doc(hidden)]
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>>;
}

/// Of `Handler`'s parameter: what the function takes, and what it gives.
#[derive(Debug)]
pub struct Takes<Input, Output>(std::marker::PhantomData<fn(Input) -> Output>);

/// A result by way of a future.
#[derive(Debug)]
pub struct Later<Output>(std::marker::PhantomData<Output>);

impl<H: Fn(Event) -> Result<()>> Handler<Takes<Event, Result<()>>> for H {
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>> {
        each(frame, |event| ready(self(event)))
    }
}

impl<H: Fn(Event) -> F, F: Future<Output = Result<()>>> Handler<Takes<Event, Later<F>>> for H {
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>> {
        each(frame, self)
    }
}

impl<H: Fn(Event, &'static Context) -> Result<()>> Handler<Takes<(Event, Context), Result<()>>> for H {
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>> {
        each(frame, |event| ready(self(event, Context::get())))
    }
}

impl<H, F> Handler<Takes<(Event, Context), Later<F>>> for H
where
    H: Fn(Event, &'static Context) -> F,
    F: Future<Output = Result<()>>,
{
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>> {
        each(frame, |event| self(event, Context::get()))
    }
}

impl<H: Fn(Batch) -> V, V: Verdicts> Handler<Takes<Batch, V>> for H {
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>> {
        whole(frame, |batch| ready(self(batch)))
    }
}

impl<H: Fn(Batch) -> F, F: Future<Output = V>, V: Verdicts> Handler<Takes<Batch, Later<F>>> for H {
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>> {
        whole(frame, self)
    }
}

impl<H: Fn(Batch, &'static Context) -> V, V: Verdicts> Handler<Takes<(Batch, Context), V>> for H {
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>> {
        whole(frame, |batch| ready(self(batch, Context::get())))
    }
}

impl<H, F, V> Handler<Takes<(Batch, Context), Later<F>>> for H
where
    H: Fn(Batch, &'static Context) -> F,
    F: Future<Output = V>,
    V: Verdicts,
{
    fn call(&self, frame: Vec<u8>) -> impl Future<Output = Vec<u8>> {
        whole(frame, |batch| self(batch, Context::get()))
    }
}
