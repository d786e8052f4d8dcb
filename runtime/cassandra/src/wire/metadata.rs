//! Columns of results and bind markers, as the protocol describes them.

use sha2::{Digest, Sha256};

use super::marshal;
use super::writer::Put;
use crate::api::Column;
use crate::types::CqlType;

/// Set where all columns are of one table, which then is named once.
pub(super) const GLOBAL_TABLE: i32 = 0x1;

/// Whether the table can be named once for all of them.
pub(super) fn one_table(columns: &[Column]) -> bool {
    let Some((first, rest)) = columns.split_first() else { return false };
    rest.iter().all(|column| column.table == first.table && column.keyspace == first.keyspace)
}

/// What stands behind flags and counts.
pub(super) fn put_columns(out: &mut Vec<u8>, columns: &[Column]) {
    let global = one_table(columns);
    if global {
        out.string(&columns[0].keyspace);
        out.string(&columns[0].table);
    }
    for column in columns {
        if !global {
            out.string(&column.keyspace);
            out.string(&column.table);
        }
        out.string(&column.name);
        put_type(out, &column.of);
    }
}

fn put_type(out: &mut Vec<u8>, of: &CqlType) {
    let number = match of {
        CqlType::Ascii => 0x01,
        CqlType::Bigint => 0x02,
        CqlType::Blob => 0x03,
        CqlType::Boolean => 0x04,
        CqlType::Counter => 0x05,
        CqlType::Decimal => 0x06,
        CqlType::Double => 0x07,
        CqlType::Float => 0x08,
        CqlType::Int => 0x09,
        CqlType::Timestamp => 0x0b,
        CqlType::Uuid => 0x0c,
        CqlType::Text => 0x0d,
        CqlType::Varint => 0x0e,
        CqlType::Timeuuid => 0x0f,
        CqlType::Inet => 0x10,
        CqlType::Date => 0x11,
        CqlType::Time => 0x12,
        CqlType::Smallint => 0x13,
        CqlType::Tinyint => 0x14,
        CqlType::Duration => 0x15,
        CqlType::List { element, .. } => {
            out.short(0x20);
            return put_type(out, element);
        }
        CqlType::Map { key, value, .. } => {
            out.short(0x21);
            put_type(out, key);
            return put_type(out, value);
        }
        CqlType::Set { element, .. } => {
            out.short(0x22);
            return put_type(out, element);
        }
        CqlType::Udt { definition, .. } => {
            out.short(0x30);
            out.string(&definition.keyspace);
            out.string(&definition.name);
            out.short(definition.fields.len() as u16);
            for (name, of) in &definition.fields {
                out.string(name);
                put_type(out, of);
            }
            return;
        }
        CqlType::Tuple(elements) => {
            out.short(0x31);
            out.short(elements.len() as u16);
            return elements.iter().for_each(|element| put_type(out, element));
        }
        CqlType::Vector { .. } => {
            out.short(0x00);
            return out.string(&marshal::class(of));
        }
    };
    out.short(number);
}

/// Digest of the columns of a result: two results with the same one are read the same way.
pub(crate) fn columns_id(columns: &[Column]) -> [u8; 16] {
    let mut described = Vec::new();
    put_columns(&mut described, columns);
    let digest = Sha256::digest(&described);
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}
