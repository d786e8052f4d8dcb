//! Prepared statements: once per text and instance, however many lanes ask for it at the same time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::encode::ToCql;
use super::error::{CqlError, CqlErrorKind};
use super::row::list;
use super::spec::parse_columns;
use super::types::Column;
use crate::{host, task};

const WRITES: u32 = 1;
const CONDITIONAL: u32 = 2;

thread_local! {
    /// An instance has one thread.
    static CACHE: RefCell<HashMap<Box<str>, Slot>> = RefCell::new(HashMap::new());
}

enum Slot {
    /// Someone asks the host; who else wants it waits.
    Preparing(Vec<Waker>),
    Ready(Rc<Statement>),
}

/// A statement as the host prepared it.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) id: u32,
    params: Vec<Column>,
    pub(crate) results: Arc<[Column]>,
    traits: u32,
}

/// A value to bind, by position or by name.
pub(crate) struct Bound<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) value: Box<dyn ToCql + 'a>,
}

/// The statement of a text, from the cache or from the host.
pub(crate) async fn prepare(text: &str) -> Result<Rc<Statement>, CqlError> {
    prepare_by(text, async |text| host::prepare(task::current(), text).await).await
}

pub(crate) async fn prepare_by(
    text: &str,
    host: impl AsyncFn(&str) -> Result<host::Statement, host::CqlError>,
) -> Result<Rc<Statement>, CqlError> {
    loop {
        if let Some(statement) = poll_fn(|context| look_up(text, context.waker())).await {
            return Ok(statement);
        }
        let preparing = Preparing(text);
        let statement = host(text).await?;
        let statement = Statement::parse(statement)?;
        preparing.finish(Some(Slot::Ready(Rc::new(statement))));
    }
}

/// Ready with `None`: it is up to the caller to prepare it.
fn look_up(text: &str, waker: &Waker) -> Poll<Option<Rc<Statement>>> {
    CACHE.with_borrow_mut(|cache| match cache.get_mut(text) {
        Some(Slot::Ready(statement)) => Poll::Ready(Some(statement.clone())),
        Some(Slot::Preparing(waiting)) => {
            if !waiting.iter().any(|other| other.will_wake(waker)) {
                waiting.push(waker.clone());
            }
            Poll::Pending
        }
        None => {
            cache.insert(text.into(), Slot::Preparing(Vec::new()));
            Poll::Ready(None)
        }
    })
}

/// Forgets all statements: another host may know others.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn forget() {
    for slot in CACHE.take().into_values() {
        wake(slot);
    }
}

/// Takes the slot back when preparing fails or is given up at a deadline; the next one who waits tries again.
struct Preparing<'a>(&'a str);

impl Preparing<'_> {
    fn finish(self, slot: Option<Slot>) {
        settle(self.0, slot);
        std::mem::forget(self);
    }
}

impl Drop for Preparing<'_> {
    fn drop(&mut self) {
        settle(self.0, None);
    }
}

fn settle(text: &str, slot: Option<Slot>) {
    let before = CACHE.with_borrow_mut(|cache| match slot {
        Some(slot) => cache.insert(text.into(), slot),
        None => cache.remove(text),
    });
    before.into_iter().for_each(wake);
}

fn wake(slot: Slot) {
    if let Slot::Preparing(waiting) = slot {
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Names and types, as the host tells them.
pub(crate) fn columns(bytes: &[u8]) -> Result<Vec<Column>, CqlError> {
    parse_columns(bytes).map_err(|error| CqlError::new(CqlErrorKind::Type, format!("the host's types: {error}")))
}

impl Statement {
    fn parse(statement: host::Statement) -> Result<Self, CqlError> {
        let host::Statement { id, params, results, key: _, traits } = statement;
        Ok(Self { id, params: columns(&params)?, results: columns(&results)?.into(), traits })
    }

    pub(crate) fn parameters(&self) -> &[Column] {
        &self.params
    }

    pub(crate) fn is_conditional(&self) -> bool {
        self.traits & CONDITIONAL != 0
    }

    /// What failed after the host answered may have been applied, if it was a write.
    pub(crate) fn after_answer(&self, error: CqlError) -> CqlError {
        if self.traits & WRITES == 0 { error } else { error.unknown_outcome() }
    }

    /// Appends the values in the order of the parameters: those with a name by it, the others in turn.
    pub(crate) fn encode(&self, bound: &[Bound<'_>], out: &mut Vec<u8>) -> Result<(), CqlError> {
        let invalid = |message| Err(CqlError::new(CqlErrorKind::Type, message));
        let is_param = |name: &str| self.params.iter().any(|param| param.name == name);
        if let Some(name) = bound.iter().filter_map(|bound| bound.name).find(|name| !is_param(name)) {
            return invalid(format!("no parameter `{name}`, there are {}", list(&self.params)));
        }
        let mut in_turn = bound.iter().filter(|bound| bound.name.is_none());
        for (i, param) in self.params.iter().enumerate() {
            let named = bound.iter().rfind(|bound| bound.name == Some(&param.name));
            let Some(bound) = named.or_else(|| in_turn.next()) else {
                return invalid(self.wrong_count(bound.len()));
            };
            write_param(&*bound.value, &param.ty, out).map_err(|error| {
                let place = format!("parameter {i} `{}`", param.name);
                CqlError::of_type(error.at(place))
            })?;
        }
        if in_turn.next().is_some() {
            return invalid(self.wrong_count(bound.len()));
        }
        Ok(())
    }

    fn wrong_count(&self, bound: usize) -> String {
        let (count, names) = (self.params.len(), list(&self.params));
        format!("{count} parameters ({names}), but {bound} values are bound")
    }
}

#[cfg(target_family = "wasm")]
use super::encode::write_value as write_param;

/// Where the type isn't known, the value's own goes in front of it: the stand-in reads both.
#[cfg(not(target_family = "wasm"))]
fn write_param(
    value: &dyn ToCql,
    ty: &super::CqlType,
    out: &mut Vec<u8>,
) -> Result<super::encode::Encoded, super::error::ValueError> {
    if *ty != super::CqlType::Any {
        return super::encode::write_value(value, ty, out);
    }
    super::encode::write_value(&super::script::Typed(value), ty, out)
}
