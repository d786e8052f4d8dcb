//! Everything between an expression and its binary value: which types and functions it means, its bind markers,
//! and what it comes to for values of these and for a row.

mod collection;
mod compile;
mod evaluate;
mod literal;
mod operation;
mod preferred;
mod select;
mod text;
mod typing;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use veltrix_cql::Expr;

pub(crate) use operation::operation;
pub(crate) use select::select;
pub(crate) use text::term_text;

use crate::api::{Bound, Column, Error};
use crate::functions::Function;
use crate::functions::aggregate::{Kind, State as Running};
use crate::schema::{Keyspace, Table};
use crate::types::CqlType;

/// Where an expression stands.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    /// Whose types may be named.
    pub(crate) keyspace: &'a Keyspace,
    /// Whose columns selectors may name.
    pub(crate) table: &'a Table,
    /// Bind markers so far, in the order of the text; new ones are appended.
    pub(crate) markers: &'a mut Vec<Column>,
}

/// Where selectors stand, and what they want of rows.
#[derive(Debug)]
pub(crate) struct Selectors<'a> {
    /// As for any expression.
    pub(crate) scope: Scope<'a>,
    /// What a row must give, in this order.
    pub(crate) inputs: Vec<Input>,
    /// What runs over rows.
    pub(crate) aggregates: Vec<Aggregate>,
}

/// What a row gives to selectors.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// The column at this place of `Table.columns`; a collection as a whole.
    Column(usize),
    /// What is known of how a column was written.
    Meta {
        /// What.
        kind: Meta,
        /// Place in `Table.columns`.
        column: usize,
        /// Of which part.
        part: Part,
    },
}

/// What is known of how cells were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meta {
    /// `writetime`: microseconds, a `bigint`.
    WriteTime,
    /// `maxwritetime`: the last one of all cells, a `bigint`.
    MaxWriteTime,
    /// `ttl`: seconds that are left, an `int`.
    Ttl,
}

/// A part of a column that is not frozen. Of the whole, and of a slice, `writetime` and `ttl` are lists with an entry
/// for each cell (null where there is none); of all else they are single.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// All of it; also of columns that have but one cell.
    Whole,
    /// A field of a user-defined type, by its place.
    Field(usize),
    /// An element of a set or a map, by its value or key.
    Element(Term),
    /// Elements of a set or a map from one to another, both included.
    Slice(Option<Term>, Option<Term>),
}

/// What expressions are evaluated with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// Values of the bind markers.
    pub(crate) bound: &'a [Bound],
    /// What the row gives, in the order of `Selectors.inputs`.
    pub(crate) columns: &'a [Option<Bytes>],
    /// Results of `Selectors.aggregates`.
    pub(crate) aggregates: &'a [Option<Bytes>],
}

/// An expression that was understood.
#[derive(Debug, Clone)]
pub(crate) enum Term {
    /// Known beforehand.
    Constant(Option<Bytes>),
    /// A bind marker.
    Marker {
        /// Place among the markers.
        index: usize,
        /// Of which type it must be.
        of: CqlType,
    },
    /// What a row gives.
    Input(usize),
    /// The result of an aggregate.
    Aggregate(usize),
    /// A list, or with `sorted` a set.
    List {
        /// Elements.
        items: Vec<Term>,
        /// Of a set: the type by which elements are ordered.
        sorted: Option<CqlType>,
    },
    /// A map.
    Map {
        /// Type of the keys, by which they are ordered.
        key: CqlType,
        /// Keys and values.
        entries: Vec<(Term, Term)>,
    },
    /// A tuple or user-defined type.
    Tuple {
        /// Its type, for messages.
        of: CqlType,
        /// Its parts; there may be fewer than the type has.
        parts: Vec<Term>,
    },
    /// A vector.
    Vector {
        /// Type of the elements.
        element: CqlType,
        /// Elements.
        items: Vec<Term>,
    },
    /// A scalar function.
    Call {
        /// Which.
        function: Box<Function>,
        /// Its arguments.
        arguments: Vec<Term>,
    },
    /// A field of a user-defined type, by its place.
    Field(Box<Term>, usize),
    /// An element of a set or map.
    Element {
        /// The collection.
        value: Box<Term>,
        /// Its type.
        of: CqlType,
        /// Element or key.
        key: Box<Term>,
        /// Of what, for messages.
        name: String,
    },
    /// A part of a set or map.
    Slice {
        /// The collection.
        value: Box<Term>,
        /// Its type.
        of: CqlType,
        /// From which element or key, if not from the first.
        from: Option<Box<Term>>,
        /// To which one.
        to: Option<Box<Term>>,
        /// Of what, for messages.
        name: String,
    },
}

/// An aggregate function of a select list.
#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    kind: Kind,
    of: CqlType,
    argument: Option<Term>,
}

/// An aggregate function at work.
#[derive(Debug, Clone)]
pub(crate) struct State(Running);

impl Aggregate {
    /// Before any row.
    pub(crate) fn start(&self) -> State {
        State(Running::new(self.kind, &self.of))
    }

    /// Takes a row.
    ///
    /// # Errors
    /// Of its argument, or a sum that can't be.
    pub(crate) fn add(&self, state: &mut State, inputs: &Inputs<'_>) -> Result<(), Error> {
        let value = match &self.argument {
            Some(argument) => argument.value(inputs)?,
            None => None,
        };
        state.0.add(value.as_ref())
    }
}

impl State {
    /// After the last row.
    ///
    /// # Errors
    /// None so far.
    pub(crate) fn finish(self) -> Result<Option<Bytes>, Error> {
        Ok(self.0.finish())
    }
}

/// Understands an expression without columns, which becomes a value for the receiver.
///
/// # Errors
/// Mostly `Invalid`, in Cassandra's words.
pub(crate) fn compile(expr: &Expr, receiver: &Column, scope: &mut Scope<'_>) -> Result<Term, Error> {
    let typing = typing::Typing::new(scope.keyspace, scope.table, false);
    compile::Compiler { typing: &typing, markers: scope.markers, selected: None }.term(expr, receiver)
}
