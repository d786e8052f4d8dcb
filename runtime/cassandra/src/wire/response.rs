//! What clients are answered.

use super::compression::Compression;
use super::envelope::{Opcode, Version};
use super::metadata::{GLOBAL_TABLE, one_table, put_columns};
use super::writer::Put;
use crate::api::{Column, Error, Prepared, Rows, SchemaChange};

const MORE_PAGES: i32 = 0x2;
const NO_METADATA: i32 = 0x4;
const METADATA_CHANGED: i32 = 0x8;

/// Too many connections.
pub(crate) const ERROR_OVERLOADED: i32 = 0x1001;

/// A message to a client.
#[derive(Debug)]
pub(crate) enum Outgoing<'a> {
    Error(&'a Error),
    /// A class of error that no statement can have.
    Refusal {
        code: i32,
        message: &'a str,
    },
    Ready,
    Supported,
    Void,
    Keyspace(&'a str),
    Schema(&'a SchemaChange),
    Prepared(&'a Prepared),
    Rows {
        rows: &'a Rows,
        metadata: Metadata,
    },
    Event(&'a SchemaChange),
}

/// How much of its columns a result tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metadata {
    Full,
    /// The client knows them.
    Skip,
    /// The client knows others; this is the new id (version 5).
    Changed([u8; 16]),
}

impl Outgoing<'_> {
    pub(crate) fn opcode(&self) -> Opcode {
        match self {
            Self::Error(_) | Self::Refusal { .. } => Opcode::Error,
            Self::Ready => Opcode::Ready,
            Self::Supported => Opcode::Supported,
            Self::Void | Self::Keyspace(_) | Self::Schema(_) | Self::Prepared(_) | Self::Rows { .. } => Opcode::Result,
            Self::Event(_) => Opcode::Event,
        }
    }

    /// Appends the body.
    pub(crate) fn put(&self, out: &mut Vec<u8>, version: Version) {
        match self {
            Self::Error(error) => put_error(out, error),
            Self::Refusal { code, message } => {
                out.int(*code);
                out.string(message);
            }
            Self::Ready => {}
            Self::Supported => put_supported(out),
            Self::Void => out.int(1),
            Self::Rows { rows, metadata } => {
                out.int(2);
                put_rows(out, rows, *metadata);
            }
            Self::Keyspace(name) => {
                out.int(3);
                out.string(name);
            }
            Self::Prepared(prepared) => {
                out.int(4);
                put_prepared(out, prepared, version);
            }
            Self::Schema(change) => {
                out.int(5);
                put_change(out, change);
            }
            Self::Event(change) => {
                out.string("SCHEMA_CHANGE");
                put_change(out, change);
            }
        }
    }
}

fn put_error(out: &mut Vec<u8>, error: &Error) {
    out.int(match error {
        Error::Server(_) => 0x0000,
        Error::Protocol(_) => 0x000a,
        Error::FunctionFailure { .. } => 0x1400,
        Error::Syntax(_) => 0x2000,
        Error::Unauthorized(_) => 0x2100,
        Error::Invalid(_) => 0x2200,
        Error::Configuration(_) => 0x2300,
        Error::AlreadyExists { .. } => 0x2400,
        Error::Unprepared(_) => 0x2500,
    });
    out.string(&error.to_string());
    match error {
        Error::AlreadyExists { keyspace, table, .. } => {
            out.string(keyspace);
            out.string(table);
        }
        Error::Unprepared(id) => out.short_bytes(id),
        Error::FunctionFailure { keyspace, function, arguments, .. } => {
            out.string(keyspace);
            out.string(function);
            out.string_list(arguments);
        }
        Error::Server(_)
        | Error::Protocol(_)
        | Error::Syntax(_)
        | Error::Unauthorized(_)
        | Error::Invalid(_)
        | Error::Configuration(_) => {}
    }
}

fn put_supported(out: &mut Vec<u8>) {
    out.short(3);
    out.string("CQL_VERSION");
    out.string_list(&[crate::system::CQL_VERSION]);
    out.string("COMPRESSION");
    out.string_list(&Compression::NAMES);
    out.string("PROTOCOL_VERSIONS");
    out.string_list(&Version::NAMES);
}

fn put_rows(out: &mut Vec<u8>, rows: &Rows, metadata: Metadata) {
    let width = rows.columns.len();
    put_metadata(out, &rows.columns, metadata, rows.paging_state.as_deref());
    out.int(rows.cells.len().checked_div(width).unwrap_or(0) as i32);
    for cell in &rows.cells {
        out.bytes(cell.as_deref());
    }
}

fn put_metadata(out: &mut Vec<u8>, columns: &[Column], metadata: Metadata, paging_state: Option<&[u8]>) {
    let more = if paging_state.is_some() { MORE_PAGES } else { 0 };
    let global = if one_table(columns) { GLOBAL_TABLE } else { 0 };
    out.int(match metadata {
        Metadata::Full => more | global,
        Metadata::Skip => more | NO_METADATA,
        Metadata::Changed(_) => more | global | METADATA_CHANGED,
    });
    out.int(columns.len() as i32);
    if paging_state.is_some() {
        out.bytes(paging_state);
    }
    if let Metadata::Changed(id) = metadata {
        out.short_bytes(&id);
    }
    if metadata != Metadata::Skip {
        put_columns(out, columns);
    }
}

fn put_prepared(out: &mut Vec<u8>, prepared: &Prepared, version: Version) {
    out.short_bytes(&prepared.id);
    match version {
        Version::V4 => {}
        Version::V5 => out.short_bytes(&prepared.columns_id),
    }
    out.int(if one_table(&prepared.markers) { GLOBAL_TABLE } else { 0 });
    out.int(prepared.markers.len() as i32);
    out.int(prepared.partition_key.len() as i32);
    for index in &prepared.partition_key {
        out.short(*index);
    }
    put_columns(out, &prepared.markers);
    let known = if prepared.columns.is_empty() { Metadata::Skip } else { Metadata::Full };
    put_metadata(out, &prepared.columns, known, None);
}

fn put_change(out: &mut Vec<u8>, change: &SchemaChange) {
    out.string(change.change);
    out.string(change.target);
    out.string(&change.keyspace);
    if let Some(name) = &change.name {
        out.string(name);
    }
}
