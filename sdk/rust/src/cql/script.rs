//! What Cassandra answers in a unit test, statement by statement: [`Script`].

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

pub use self::answer::{Answer, IntoRow, Rows};
pub use self::call::Call;
use self::text::normalised;
use super::encode::{Encoded, ToCql, write_value};
use super::error::ValueError;
use super::spec::parse_one;
use super::spec_write::{write_columns, write_type};
use super::types::{Column, CqlType};
use super::value::Value;
use super::wire::{Reader, WireError};
use crate::host;

mod answer;
mod call;
mod serve;
pub(crate) mod text;

/// What Cassandra answers in a unit test, and what it was asked.
///
/// Answers are given per text; spaces and line breaks don't matter. A text without an answer is an error that says so.
/// Clones share one script, so that a test can look at the [`calls`](Self::calls) after the handler ran.
///
/// ```
/// use veltrix_sdk::cql::script::{Rows, Script};
///
/// let script = Script::new()
///     .on("SELECT left FROM stock WHERE sku = ?", Rows::of([3]))
///     .on("UPDATE stock SET left = ? WHERE sku = ? IF left = ?", Rows::applied());
/// ```
#[derive(Clone, Default)]
pub struct Script(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    statements: HashMap<String, Scripted>,
    calls: Vec<Call>,
    /// Pages still to be asked for; the token is the index.
    open: Vec<serve::Rest>,
    batches: usize,
}

#[derive(Default)]
struct Scripted {
    once: VecDeque<Box<dyn Answer>>,
    always: Option<Box<dyn Answer>>,
    params: Option<Vec<CqlType>>,
}

impl Script {
    /// A script without answers.
    pub fn new() -> Self {
        // Another script may give the same texts other types.
        super::statement::forget();
        Self::default()
    }

    /// Answers a statement, every time: with [`Rows`], with a [`CqlError`](crate::cql::CqlError), or by a closure from the [`Call`].
    #[must_use]
    pub fn on(self, text: &str, answer: impl Answer + 'static) -> Self {
        self.scripted(text, |scripted| scripted.always = Some(Box::new(answer)));
        self
    }

    /// Answers a statement one time. Such answers come in the order in which they were given, and before that of
    /// [`on`](Self::on).
    #[must_use]
    pub fn once(self, text: &str, answer: impl Answer + 'static) -> Self {
        self.scripted(text, |scripted| scripted.once.push_back(Box::new(answer)));
        self
    }

    /// Says what types a statement's parameters have, so that values of other types are refused as a server's are. Without it,
    /// each value goes as the type it has by itself.
    #[must_use]
    pub fn params(self, text: &str, types: impl IntoIterator<Item = CqlType>) -> Self {
        super::statement::forget();
        self.scripted(text, |scripted| scripted.params = Some(types.into_iter().collect()));
        self
    }

    /// What was executed, in order; each statement of a batch is a call.
    pub fn calls(&self) -> Vec<Call> {
        self.0.borrow().calls.clone()
    }

    /// The calls of one text.
    pub fn calls_of(&self, text: &str) -> Vec<Call> {
        let text = normalised(text);
        self.0.borrow().calls.iter().filter(|call| call.text() == text).cloned().collect()
    }

    fn scripted(&self, text: &str, change: impl FnOnce(&mut Scripted)) {
        change(self.0.borrow_mut().statements.entry(normalised(text)).or_default());
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.try_borrow() {
            Ok(state) => f
                .debug_struct("Script")
                .field("statements", &state.statements.keys())
                .field("calls", &state.calls)
                .finish_non_exhaustive(),
            Err(_) => f.write_str("Script(at work)"),
        }
    }
}

/// A value with its own type in front: how values go where the types of the parameters aren't known.
pub(crate) struct Typed<'a>(pub(crate) &'a dyn ToCql);

impl ToCql for Typed<'_> {
    fn cql_type(&self) -> CqlType {
        self.0.cql_type()
    }

    fn encode(&self, _: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let ty = self.0.cql_type();
        write_type(&ty, out);
        self.0.encode(&ty, out)
    }
}

/// A `[value]`: `None` is unset.
fn read_value(reader: &mut Reader<'_>, ty: &CqlType) -> Result<Option<Value>, WireError> {
    let len = reader.i32()?;
    let Ok(len) = usize::try_from(len) else {
        return Ok((len == -1).then(|| Value::raw(ty.clone(), None)));
    };
    let mut bytes = Reader::new(reader.take(len)?);
    let ty = if *ty == CqlType::Any { parse_one(&mut bytes)? } else { ty.clone() };
    Ok(Some(Value::raw(ty, Some(bytes.rest().to_vec()))))
}

/// Rows as the host hands them over.
fn write_page(columns: &[Column], rows: &[Vec<Value>]) -> host::Page {
    let mut page = host::Page { count: rows.len() as u32, ..host::Page::default() };
    write_columns(columns.iter().map(|column| (column.name.as_str(), &column.ty)), &mut page.columns);
    for (value, column) in rows.iter().flat_map(|row| row.iter().zip(columns)) {
        write_value(value, &column.ty, &mut page.rows).expect("the columns have the types of the values");
    }
    page
}
