//! What a connection has reached, and the answer to each of its requests.

use std::sync::Arc;

use tokio::sync::broadcast;
use uuid::Uuid;

use super::Changes;
use crate::api::{Error, Parameters, Response, Rows, SchemaChange};
use crate::engine::Engine;
use crate::wire::{
    Compression, Encoder, Envelope, Execute, Extras, Metadata, Outgoing, Request, Topic, Version, columns_id, decode,
    flag,
};

/// State of a connection apart from its bytes.
pub(super) struct Session {
    engine: Arc<Engine>,
    /// `USE`
    keyspace: Option<String>,
    /// After a good `STARTUP`.
    ready: bool,
    changes: Changes,
    /// Of a client that registered for changes of the schema.
    registered: Option<broadcast::Receiver<Arc<SchemaChange>>>,
}

/// What follows an answer.
pub(super) enum Then {
    Continue,
    /// The framing of the version and this compression.
    Establish(Option<Compression>),
}

impl Session {
    pub(super) fn new(engine: Arc<Engine>, changes: Changes) -> Self {
        Self { engine, keyspace: None, ready: false, changes, registered: None }
    }

    pub(super) fn changes(&mut self) -> Option<&mut broadcast::Receiver<Arc<SchemaChange>>> {
        self.registered.as_mut()
    }

    /// Answers into `encoder`: always exactly one message.
    pub(super) fn answer(&mut self, envelope: &Envelope, encoder: &mut Encoder) -> Then {
        let (version, stream) = (envelope.version, envelope.stream);
        let mut reply = Reply { encoder, version, stream, tracing: None, warnings: Vec::new() };
        let done = decode(envelope).and_then(|request| {
            self.check(&request)?;
            if envelope.flags & flag::TRACING != 0 && request.is_statement() {
                reply.tracing = Some(Uuid::new_v4().into_bytes());
            }
            self.perform(request, &mut reply)
        });
        match done {
            Ok(then) => then,
            Err(error) => {
                reply.send(&Outgoing::Error(&error));
                Then::Continue
            }
        }
    }

    /// `STARTUP` once and first.
    fn check(&self, request: &Request) -> Result<(), Error> {
        let refused = match (request, self.ready) {
            (Request::Startup(_), false) | (Request::Options, _) => return Ok(()),
            (Request::Startup(_), true) => {
                "Unexpected message STARTUP, the connection is already initialized".to_owned()
            }
            (_, true) => return Ok(()),
            (other, false) => format!("Unexpected message {}, expecting STARTUP or OPTIONS", other.name()),
        };
        Err(Error::Protocol(refused))
    }

    fn perform(&mut self, request: Request, reply: &mut Reply<'_>) -> Result<Then, Error> {
        match request {
            Request::Startup(startup) => {
                self.ready = true;
                reply.send(&Outgoing::Ready);
                return Ok(Then::Establish(startup.compression));
            }
            Request::Options => reply.send(&Outgoing::Supported),
            Request::Register(topics) => {
                // Nodes neither come nor go nor move: the other topics never have any events.
                if topics.contains(&Topic::Schema) && self.registered.is_none() {
                    self.registered = Some(self.changes.subscribe());
                }
                reply.send(&Outgoing::Ready);
            }
            Request::Query { text, mut parameters, skip_metadata } => {
                self.default_keyspace(&mut parameters);
                let response = self.engine.query(&text, &parameters)?;
                let metadata = if skip_metadata { Metadata::Skip } else { Metadata::Full };
                self.respond(response, reply, |_| metadata);
            }
            Request::Prepare { text, keyspace } => {
                let keyspace = keyspace.as_deref().or(self.keyspace.as_deref());
                let prepared = self.engine.prepare(&text, keyspace)?;
                reply.send(&Outgoing::Prepared(&prepared));
            }
            Request::Execute(mut execute) => {
                self.default_keyspace(&mut execute.parameters);
                let response = self.engine.execute(execute.id, &execute.parameters)?;
                let engine = self.engine.clone();
                let version = reply.version;
                self.respond(response, reply, |rows| metadata(&engine, &execute, rows, version));
            }
            Request::Batch { batch, mut parameters } => {
                self.default_keyspace(&mut parameters);
                let response = self.engine.batch(&batch, &parameters)?;
                self.respond(response, reply, |_| Metadata::Full);
            }
        }
        Ok(Then::Continue)
    }

    fn default_keyspace(&self, parameters: &mut Parameters) {
        if parameters.keyspace.is_none() {
            parameters.keyspace.clone_from(&self.keyspace);
        }
    }

    fn respond(&mut self, response: Response, reply: &mut Reply<'_>, metadata: impl FnOnce(&Rows) -> Metadata) {
        match response {
            Response::Void => reply.send(&Outgoing::Void),
            Response::Rows(mut rows) => {
                reply.warnings.append(&mut rows.warnings);
                let metadata = metadata(&rows);
                reply.send(&Outgoing::Rows { rows: &rows, metadata });
            }
            Response::Keyspace(name) => {
                reply.send(&Outgoing::Keyspace(&name));
                self.keyspace = Some(name);
            }
            Response::Schema(change) => {
                reply.send(&Outgoing::Schema(&change));
                // Fails if nobody listens.
                let _ = self.changes.send(Arc::new(change));
            }
            Response::Warned { response, mut warnings } => {
                reply.warnings.append(&mut warnings);
                self.respond(*response, reply, metadata);
            }
        }
    }
}

/// Whether the client has to be told the columns. Those of conditional statements vary from one execution to the next,
/// so that nothing was said of them at PREPARE and clients must not keep them.
fn metadata(engine: &Engine, execute: &Execute, rows: &Rows, version: Version) -> Metadata {
    let Some(prepared) = engine.prepared(execute.id).filter(|prepared| !prepared.columns.is_empty()) else {
        return Metadata::Full;
    };
    let same = prepared.columns[..] == rows.columns[..];
    let known = match version {
        Version::V4 => same,
        Version::V5 => {
            let id = if same { prepared.columns_id } else { columns_id(&rows.columns) };
            if execute.columns_id.as_deref() != Some(&id) {
                return Metadata::Changed(id);
            }
            true
        }
    };
    if known && execute.skip_metadata { Metadata::Skip } else { Metadata::Full }
}

/// Where an answer goes.
struct Reply<'a> {
    encoder: &'a mut Encoder,
    version: Version,
    stream: i16,
    tracing: Option<[u8; 16]>,
    warnings: Vec<String>,
}

impl Reply<'_> {
    fn send(&mut self, message: &Outgoing<'_>) {
        let extras = Extras { tracing: self.tracing, warnings: &self.warnings };
        self.encoder.put(self.version, self.stream, message, &extras);
    }
}
