//! One connection: reads, has every request answered in the order of arrival, writes. Events go between.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::session::{Session, Then};
use crate::api::{Error, SchemaChange};
use crate::wire::{Decoded, Decoder, Encoder, Extras, Fatal, Outgoing, Version};

/// Room that is made for every read.
const READ: usize = 16 << 10;
/// Answers that wait together before they are written, while there are more requests at hand.
const WRITE: usize = 64 << 10;
/// Stream of events.
const EVENT: i16 = -1;

/// A client's connection and what is on its way in either direction.
pub(super) struct Connection {
    stream: TcpStream,
    session: Session,
    decoder: Decoder,
    encoder: Encoder,
    /// That of the last message: errors and events are written in it.
    version: Version,
}

/// What ends the wait for requests.
enum Woken {
    Read(usize),
    Change(Result<Arc<SchemaChange>, RecvError>),
    Stop,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, session: Session) -> Self {
        Self { stream, session, decoder: Decoder::default(), encoder: Encoder::default(), version: Version::V4 }
    }

    /// Until the client goes, breaks the protocol, or the server stops.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<()>) -> io::Result<()> {
        loop {
            match self.answer_all().await? {
                Ok(()) => {}
                Err(Fatal { stream, error }) => {
                    self.encoder.put(self.version, stream, &Outgoing::Error(&error), &Extras::default());
                    self.flush().await?;
                    return self.stream.shutdown().await;
                }
            }
            self.decoder.rest();
            match self.wait(&mut stopping).await? {
                Woken::Read(0) | Woken::Change(Err(RecvError::Closed)) | Woken::Stop => return Ok(()),
                Woken::Read(_) => {}
                Woken::Change(Ok(change)) => {
                    self.encoder.put(self.version, EVENT, &Outgoing::Event(&change), &Extras::default());
                    self.flush().await?;
                }
                // The client misses changes: it reads the schema anew when it connects again.
                Woken::Change(Err(RecvError::Lagged(_))) => return Ok(()),
            }
        }
    }

    /// Answers what has been read, as far as it is whole.
    async fn answer_all(&mut self) -> io::Result<Result<(), Fatal>> {
        loop {
            match self.decoder.next() {
                Err(fatal) => return Ok(Err(fatal)),
                Ok(None) => break,
                Ok(Some(Decoded::Rejected { stream, error })) => self.reject(stream, &error),
                Ok(Some(Decoded::Envelope(envelope))) => {
                    self.version = envelope.version;
                    match self.session.answer(&envelope, &mut self.encoder) {
                        Then::Continue => {}
                        Then::Establish(compression) => {
                            // The answer to STARTUP is the last one in the framing of the beginning.
                            self.flush().await?;
                            self.decoder.established(envelope.version, compression);
                            self.encoder.established(envelope.version, compression);
                        }
                    }
                }
            }
            if self.encoder.waiting() >= WRITE {
                self.flush().await?;
            }
        }
        self.flush().await?;
        Ok(Ok(()))
    }

    fn reject(&mut self, stream: i16, error: &Error) {
        self.encoder.put(self.version, stream, &Outgoing::Error(error), &Extras::default());
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.encoder.waiting() > 0 {
            self.stream.write_all(self.encoder.bytes()).await?;
            self.encoder.sent();
        }
        Ok(())
    }

    async fn wait(&mut self, stopping: &mut watch::Receiver<()>) -> io::Result<Woken> {
        self.decoder.input.reserve(READ);
        tokio::select! {
            read = self.stream.read_buf(&mut self.decoder.input) => read.map(Woken::Read),
            change = next_change(self.session.changes()) => Ok(Woken::Change(change)),
            _ = stopping.changed() => Ok(Woken::Stop),
        }
    }
}

async fn next_change(
    changes: Option<&mut broadcast::Receiver<Arc<SchemaChange>>>,
) -> Result<Arc<SchemaChange>, RecvError> {
    match changes {
        Some(changes) => changes.recv().await,
        None => std::future::pending().await,
    }
}
