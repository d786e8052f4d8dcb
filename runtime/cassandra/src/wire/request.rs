//! What clients ask.

use bytes::Bytes;

use super::compression::Compression;
use super::envelope::{Envelope, Opcode, Version, flag};
use super::parameters;
use super::reader::Reader;
use crate::api::{Batch, BatchKind, BatchStatement, Error, Parameters};

/// A request, read in full.
#[derive(Debug)]
pub(crate) enum Request {
    Startup(Startup),
    Options,
    Register(Vec<Topic>),
    Query { text: String, parameters: Parameters, skip_metadata: bool },
    Prepare { text: String, keyspace: Option<String> },
    Execute(Execute),
    Batch { batch: Batch, parameters: Parameters },
}

impl Request {
    /// As error messages name it.
    pub(crate) fn name(&self) -> &'static str {
        self.opcode().name()
    }

    /// Those that can be traced.
    pub(crate) fn is_statement(&self) -> bool {
        matches!(self.opcode(), Opcode::Query | Opcode::Prepare | Opcode::Execute | Opcode::Batch)
    }

    fn opcode(&self) -> Opcode {
        match self {
            Self::Startup(_) => Opcode::Startup,
            Self::Options => Opcode::Options,
            Self::Register(_) => Opcode::Register,
            Self::Query { .. } => Opcode::Query,
            Self::Prepare { .. } => Opcode::Prepare,
            Self::Execute(_) => Opcode::Execute,
            Self::Batch { .. } => Opcode::Batch,
        }
    }
}

/// How a connection wants to go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Startup {
    pub(crate) compression: Option<Compression>,
}

/// A prepared statement with its values.
#[derive(Debug)]
pub(crate) struct Execute {
    pub(crate) id: [u8; 16],
    /// Of the columns which the client knows (version 5).
    pub(crate) columns_id: Option<Bytes>,
    pub(crate) parameters: Parameters,
    pub(crate) skip_metadata: bool,
}

/// Kinds of events a client can register for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Topology,
    Status,
    Schema,
}

/// Reads the body of an envelope.
pub(crate) fn decode(envelope: &Envelope) -> Result<Request, Error> {
    let opcode = Opcode::of_request(envelope.opcode)?;
    let mut reader = Reader::new(envelope.body.clone());
    if envelope.flags & flag::PAYLOAD != 0 {
        // For query handlers that this server does not have; Cassandra drops it likewise.
        reader.list(|reader| Ok((reader.string()?, reader.bytes()?)))?;
    }
    match opcode {
        Opcode::Startup => startup(&mut reader, envelope.version).map(Request::Startup),
        Opcode::Options => Ok(Request::Options),
        Opcode::Register => reader.list(topic).map(Request::Register),
        Opcode::Query => {
            let text = reader.long_string()?;
            let (parameters, skip_metadata) = parameters::query(&mut reader, envelope.version)?;
            Ok(Request::Query { text, parameters, skip_metadata })
        }
        Opcode::Prepare => prepare(&mut reader, envelope.version),
        Opcode::Execute => execute(&mut reader, envelope.version).map(Request::Execute),
        Opcode::Batch => batch(&mut reader, envelope.version),
        Opcode::AuthResponse => {
            Err(Error::Protocol("Unexpected message AUTH_RESPONSE: no authentication is asked for".to_owned()))
        }
        Opcode::Error | Opcode::Ready | Opcode::Supported | Opcode::Result | Opcode::Event => {
            Err(Error::Protocol(format!("Wrong protocol direction for {}", opcode.name())))
        }
    }
}

fn startup(reader: &mut Reader, version: Version) -> Result<Startup, Error> {
    let options = reader.list(|reader| Ok((reader.string()?, reader.string()?)))?;
    let option =
        |name: &str| options.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    let cql = option("CQL_VERSION")
        .ok_or_else(|| Error::Protocol("Missing value CQL_VERSION in STARTUP message".to_owned()))?;
    // Drivers say 3.0.0, some 4.0.0; what is older is refused.
    if cql.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < 3) {
        return Err(Error::Protocol(format!(
            "CQL version {cql} is not supported by the binary protocol (supported version are >= 3.0.0)"
        )));
    }
    let compression = option("COMPRESSION").filter(|name| !name.is_empty()).map(Compression::of).transpose()?;
    if version == Version::V5 && compression == Some(Compression::Snappy) {
        return Err(Error::Protocol("Snappy compression is not supported in protocol V5".to_owned()));
    }
    Ok(Startup { compression })
}

fn topic(reader: &mut Reader) -> Result<Topic, Error> {
    match reader.string()?.to_ascii_uppercase().as_str() {
        "TOPOLOGY_CHANGE" => Ok(Topic::Topology),
        "STATUS_CHANGE" => Ok(Topic::Status),
        "SCHEMA_CHANGE" => Ok(Topic::Schema),
        other => Err(Error::Protocol(format!("Invalid value '{other}' for Type"))),
    }
}

fn prepare(reader: &mut Reader, version: Version) -> Result<Request, Error> {
    let text = reader.long_string()?;
    let keyspace = match version {
        Version::V4 => None,
        Version::V5 => match reader.int()? {
            0 => None,
            1 => Some(reader.string()?),
            other => return Err(Error::Protocol(format!("Unknown flags {other:#x} of a PREPARE"))),
        },
    };
    Ok(Request::Prepare { text, keyspace })
}

fn execute(reader: &mut Reader, version: Version) -> Result<Execute, Error> {
    let id = statement_id(reader)?;
    let columns_id = match version {
        Version::V4 => None,
        Version::V5 => Some(reader.short_bytes()?),
    };
    let (parameters, skip_metadata) = parameters::query(reader, version)?;
    Ok(Execute { id, columns_id, parameters, skip_metadata })
}

fn batch(reader: &mut Reader, version: Version) -> Result<Request, Error> {
    let kind = match reader.byte()? {
        0 => BatchKind::Logged,
        1 => BatchKind::Unlogged,
        2 => BatchKind::Counter,
        other => return Err(Error::Protocol(format!("Invalid batch type {other}"))),
    };
    let statements = reader.list(|reader| {
        let statement = match reader.byte()? {
            0 => BatchStatement::Text(reader.long_string()?),
            1 => BatchStatement::Prepared(statement_id(reader)?),
            other => {
                return Err(Error::Protocol(format!(
                    "Invalid query kind in BATCH messages. Must be 0 or 1 but got {other}"
                )));
            }
        };
        Ok((statement, reader.list(Reader::value)?))
    })?;
    let parameters = parameters::batch(reader, version)?;
    Ok(Request::Batch { batch: Batch { kind, statements }, parameters })
}

fn statement_id(reader: &mut Reader) -> Result<[u8; 16], Error> {
    let id = reader.short_bytes()?;
    <[u8; 16]>::try_from(&id[..])
        .map_err(|_| Error::Protocol(format!("The id of a prepared statement has {} bytes, not 16", id.len())))
}
