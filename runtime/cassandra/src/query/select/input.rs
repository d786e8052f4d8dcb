//! What a row gives to selectors.

use bytes::Bytes;

use crate::api::{Bound, Error};
use crate::query::context::{Context, push_part};
use crate::query::read::{Row, metas};
use crate::schema::{Column, Table};
use crate::terms::{Input, Meta, Part, Term};
use crate::types::CqlType;

/// The value of an input.
pub(super) fn value(
    input: &Input,
    table: &Table,
    row: &Row<'_>,
    context: &Context<'_>,
) -> Result<Option<Bytes>, Error> {
    match input {
        Input::Column(column) => Ok(row.column(table, *column)),
        Input::Meta { kind, column, part } => {
            let column = &table.columns[*column];
            let Some(holder) = row.holder(column) else { return Ok(None) };
            let cells = metas(&holder, column, *kind, row.now);
            Ok(of_cells(*kind, column, &inside(cells, column, part, context)?, is_single(column, part)))
        }
    }
}

/// The cells of a part, with what is known of each.
type Cells = Vec<(Vec<u8>, Option<i64>)>;

fn inside(cells: Cells, column: &Column, part: &Part, context: &Context<'_>) -> Result<Cells, Error> {
    let path = match &column.of {
        CqlType::Set { element, .. } => element,
        CqlType::Map { key, .. } => key,
        _ => &CqlType::Blob.into(),
    };
    let value = |term: &Option<Term>| match term {
        None => Ok(None),
        Some(term) => match context.value(term)? {
            Bound::Value(value) => Ok::<_, Error>(Some(value)),
            Bound::Null | Bound::Unset => Ok(None),
        },
    };
    Ok(match part {
        Part::Whole => cells,
        Part::Field(number) => {
            let number = (*number as u16).to_be_bytes();
            cells.into_iter().filter(|(path, _)| path[..] == number).collect()
        }
        Part::Element(term) => match context.value(term)? {
            Bound::Value(key) => cells.into_iter().filter(|(at, _)| path.compare(at, &key).is_eq()).collect(),
            Bound::Null | Bound::Unset => Vec::new(),
        },
        Part::Slice(from, to) => {
            let (from, to) = (value(from)?, value(to)?);
            let within = |at: &[u8]| {
                from.as_ref().is_none_or(|from| path.compare(at, from).is_ge())
                    && to.as_ref().is_none_or(|to| path.compare(at, to).is_le())
            };
            cells.into_iter().filter(|(at, _)| within(at)).collect()
        }
    })
}

/// Whether the part has one cell, so that there is one value of it.
fn is_single(column: &Column, part: &Part) -> bool {
    match part {
        Part::Whole => !column.of.is_multicell(),
        Part::Field(_) | Part::Element(_) => true,
        Part::Slice(..) => false,
    }
}

fn of_cells(kind: Meta, column: &Column, cells: &Cells, single: bool) -> Option<Bytes> {
    let bytes = |value: i64| match kind {
        Meta::WriteTime | Meta::MaxWriteTime => value.to_be_bytes().to_vec(),
        Meta::Ttl => (value as i32).to_be_bytes().to_vec(),
    };
    if kind == Meta::MaxWriteTime {
        return cells.iter().filter_map(|(_, value)| *value).max().map(|value| bytes(value).into());
    }
    if single {
        return cells.first()?.1.map(|value| bytes(value).into());
    }
    // A user-defined type has an entry for each field: it is null if all fields are.
    let any = cells.iter().any(|(_, value)| value.is_some());
    if cells.is_empty() || (matches!(column.of, CqlType::Udt { .. }) && !any) {
        return None;
    }
    let mut out = (cells.len() as i32).to_be_bytes().to_vec();
    cells.iter().for_each(|(_, value)| push_part(&mut out, value.map(bytes).as_deref()));
    Some(out.into())
}
