//! Values out of stored rows.

use bytes::Bytes;

use super::context::{parts, push_part};
use crate::schema::{Column, Kind, Table};
use crate::storage::{Key, Life, RowRef, components};
use crate::terms::Meta;
use crate::types::CqlType;

/// A row as statements see it: with its partition's key and static columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Key of its partition.
    pub(crate) key: &'a Key,
    /// The static row.
    pub(crate) statics: Option<RowRef<'a>>,
    /// The row; `None` if only the static one is there.
    pub(crate) row: Option<RowRef<'a>>,
    /// Seconds since the epoch: what has expired by then is not there.
    pub(crate) now: i64,
}

impl Row<'_> {
    /// The value of a column.
    pub(crate) fn column(&self, table: &Table, position: usize) -> Option<Bytes> {
        let column = &table.columns[position];
        match column.kind {
            Kind::Partition(place) => key_part(self.key, table, place),
            Kind::Clustering { place, .. } => components(self.row?.clustering).nth(place).map(Bytes::copy_from_slice),
            Kind::Static => value(self.statics.as_ref()?, column, self.now),
            Kind::Regular => value(self.row.as_ref()?, column, self.now),
        }
    }

    /// The stored row that has the column.
    pub(crate) fn holder(&self, column: &Column) -> Option<RowRef<'_>> {
        match column.kind {
            Kind::Static => self.statics,
            Kind::Regular => self.row,
            Kind::Partition(_) | Kind::Clustering { .. } => None,
        }
    }
}

/// A column of the partition key.
fn key_part(key: &Key, table: &Table, place: usize) -> Option<Bytes> {
    if table.partition_keys == 1 {
        return Some(Bytes::copy_from_slice(&key.bytes));
    }
    let mut rest = &key.bytes[..];
    for i in 0..=place {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (part, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if i == place {
            return Some(Bytes::copy_from_slice(part));
        }
        rest = after.get(1..)?;
    }
    None
}

/// The value of a column in a stored row; of several cells their collection.
pub(crate) fn value(row: &RowRef<'_>, column: &Column, now: i64) -> Option<Bytes> {
    let mut cells = row.cells(column.id).filter(|cell| cell.life.is_live(now));
    if !column.of.is_multicell() {
        return cells.next().map(|cell| Bytes::copy_from_slice(cell.value));
    }
    if let CqlType::Udt { definition, .. } = &column.of {
        let mut fields = vec![None; definition.fields.len()];
        for cell in cells {
            let field = cell.path.first_chunk().map(|bytes| usize::from(u16::from_be_bytes(*bytes)));
            if let Some(slot) = field.and_then(|field| fields.get_mut(field)) {
                *slot = Some(cell.value);
            }
        }
        let any = fields.iter().any(Option::is_some);
        let mut out = Vec::new();
        fields.iter().for_each(|field| push_part(&mut out, *field));
        return any.then(|| out.into());
    }
    let mut out = vec![0; 4];
    let mut count = 0i32;
    for cell in cells {
        count += 1;
        match column.of {
            CqlType::List { .. } => push_part(&mut out, Some(cell.value)),
            CqlType::Set { .. } => push_part(&mut out, Some(cell.path)),
            _ => {
                push_part(&mut out, Some(cell.path));
                push_part(&mut out, Some(cell.value));
            }
        }
    }
    out[..4].copy_from_slice(&count.to_be_bytes());
    (count > 0).then(|| out.into())
}

fn of_cell(timestamp: i64, life: Life, meta: Meta, now: i64) -> Option<i64> {
    match (meta, life) {
        (Meta::WriteTime | Meta::MaxWriteTime, _) => Some(timestamp),
        (Meta::Ttl, Life::Expiring { expires, .. }) => Some(expires - now),
        (Meta::Ttl, Life::Live | Life::Tombstone { .. }) => None,
    }
}

/// What is known of the cells of a column, with their paths; of a user-defined type there is one for each field.
pub(crate) fn metas(row: &RowRef<'_>, column: &Column, meta: Meta, now: i64) -> Vec<(Vec<u8>, Option<i64>)> {
    let cells = row.cells(column.id).filter(|cell| cell.life.is_live(now));
    let all = cells.map(|cell| (cell.path.to_vec(), of_cell(cell.timestamp, cell.life, meta, now)));
    match &column.of {
        CqlType::Udt { definition, frozen: false } => {
            let all: Vec<_> = all.collect();
            let number = |field: usize| (field as u16).to_be_bytes().to_vec();
            let one = |field| all.iter().find(|(path, _)| *path == number(field)).and_then(|(_, meta)| *meta);
            (0..definition.fields.len()).map(|field| (number(field), one(field))).collect()
        }
        _ => all.collect(),
    }
}

/// A field of a user-defined type; types may have got fields after the value was written.
pub(crate) fn field(bytes: &[u8], number: usize) -> Option<Bytes> {
    parts(bytes).into_iter().nth(number).flatten()
}
