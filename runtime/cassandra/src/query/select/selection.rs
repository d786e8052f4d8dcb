//! The select list: how a result row is made of a row.

use bytes::Bytes;
use veltrix_cql::{Expr, Name};

use crate::api::{Bound, Error};
use crate::query::context::Context;
use crate::query::read::Row;
use crate::schema::Table;
use crate::terms::{Aggregate, Input, Inputs, Term};

/// How result rows are made.
#[derive(Debug)]
pub(super) enum Selection {
    /// Columns as they are, by position.
    Columns(Vec<usize>),
    /// Anything else.
    Computed(Computed),
}

/// Result rows that are computed.
#[derive(Debug)]
pub(super) struct Computed {
    /// One for each column of the result.
    pub(super) terms: Vec<Term>,
    /// What each row must give.
    pub(super) inputs: Vec<Input>,
    /// What runs over rows.
    pub(super) aggregates: Vec<Aggregate>,
    /// By what rows are grouped.
    pub(super) group_by: Vec<Term>,
}

impl Selection {
    /// Columns of the result.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Columns(columns) => columns.len(),
            Self::Computed(computed) => computed.terms.len(),
        }
    }

    /// Appends the result row of a row.
    pub(super) fn push(
        &self,
        table: &Table,
        context: &Context<'_>,
        row: &Row<'_>,
        cells: &mut Vec<Option<Bytes>>,
    ) -> Result<(), Error> {
        match self {
            Self::Columns(columns) => {
                cells.extend(columns.iter().map(|column| row.column(table, *column)));
                Ok(())
            }
            Self::Computed(computed) => {
                let inputs = computed.inputs(table, row, context)?;
                computed.push(&Inputs { columns: &inputs, ..context.inputs() }, cells)
            }
        }
    }
}

impl Computed {
    /// Whether several rows make one.
    pub(super) fn groups(&self) -> bool {
        !self.aggregates.is_empty() || !self.group_by.is_empty()
    }

    /// What a row gives.
    pub(super) fn inputs(
        &self,
        table: &Table,
        row: &Row<'_>,
        context: &Context<'_>,
    ) -> Result<Vec<Option<Bytes>>, Error> {
        self.inputs.iter().map(|input| super::input::value(input, table, row, context)).collect()
    }

    /// Appends a result row.
    pub(super) fn push(&self, inputs: &Inputs<'_>, cells: &mut Vec<Option<Bytes>>) -> Result<(), Error> {
        for term in &self.terms {
            cells.push(match term.evaluate(inputs)? {
                Bound::Value(value) => Some(value),
                Bound::Null => None,
                Bound::Unset => return Err(Error::Invalid("Invalid unset value in the selection clause".into())),
            });
        }
        Ok(())
    }
}

/// Names of the columns in a selector.
pub(super) fn columns<'e>(expr: &'e Expr, out: &mut Vec<&'e Name>) {
    match expr {
        Expr::Column(name) => out.push(name),
        Expr::Literal(_) | Expr::Marker(_) | Expr::CountAll => {}
        Expr::Call { args, .. } => args.iter().for_each(|arg| columns(arg, out)),
        Expr::Cast { value, .. } | Expr::Hint { value, .. } | Expr::Field(value, _) | Expr::Negate(value) => {
            columns(value, out);
        }
        Expr::List(items) | Expr::Set(items) | Expr::Tuple(items) => items.iter().for_each(|item| columns(item, out)),
        Expr::Map(entries) => entries.iter().for_each(|(key, value)| {
            columns(key, out);
            columns(value, out);
        }),
        Expr::Udt(fields) => fields.iter().for_each(|(_, value)| columns(value, out)),
        Expr::Element(value, key) => {
            columns(value, out);
            columns(key, out);
        }
        Expr::Slice(value, from, to) => {
            columns(value, out);
            [from, to].into_iter().flatten().for_each(|bound| columns(bound, out));
        }
        Expr::Binary { left, right, .. } => {
            columns(left, out);
            columns(right, out);
        }
    }
}
