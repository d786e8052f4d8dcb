//! Outcomes of events, kept until their transaction is committed: after an abort they are sent again.

use std::collections::HashMap;
use std::sync::Arc;

use rdkafka::message::OwnedHeaders;
use veltrix_frame::Outcome;

use crate::event::Chunk;
use crate::flow::Seq;
use crate::outbox::Send;
use crate::source::TopicPartition;

/// What some events of a partition led to, all of it or nothing.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Names it; they rise.
    pub(crate) number: u64,
    /// Where the events came from.
    pub(crate) source: TopicPartition,
    /// The assignment of the partition that the events belong to.
    pub(crate) epoch: u64,
    /// The events, whose verdicts are final.
    pub(crate) events: Vec<Seq>,
    effects: Effects,
}

#[derive(Debug)]
enum Effects {
    None,
    /// The outcome frame itself: the client copies what it sends, and a second copy would be the dearest part.
    Emits {
        frame: Vec<u8>,
        rows: Vec<Row>,
        /// Of the rows that have one.
        traceparents: HashMap<u32, String>,
        /// Timestamp of what carries none.
        sent_at: i64,
    },
    Letter(Box<Letter>),
}

/// What the emits of a row of the frame are to us.
#[derive(Debug, Clone, Default)]
pub(crate) enum Row {
    /// They don't count.
    #[default]
    Silent,
    /// They are sent.
    Emits,
    /// They are sent, and may be copies of the event that caused them: held by itself, as the partition lets go of it.
    Forwards(Arc<Chunk>, usize),
}

/// A dead letter.
#[derive(Debug)]
pub(crate) struct Letter {
    topic: String,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp: Option<i64>,
    headers: Option<OwnedHeaders>,
}

impl Letter {
    /// A copy of a record.
    pub(crate) fn of(record: Send<'_>) -> Self {
        Self {
            topic: record.topic.to_owned(),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            timestamp: record.timestamp,
            headers: record.headers,
        }
    }
}

impl Kept {
    /// Events without effects.
    pub(crate) fn silent(number: u64, source: TopicPartition, epoch: u64, events: Vec<Seq>) -> Self {
        Self { number, source, epoch, events, effects: Effects::None }
    }

    /// The same events with the emits of a good frame, as far as `rows` says that they count.
    pub(crate) fn with_emits(
        self,
        frame: Vec<u8>,
        rows: Vec<Row>,
        traceparents: HashMap<u32, String>,
        sent_at: i64,
    ) -> Self {
        Self { effects: Effects::Emits { frame, rows, traceparents, sent_at }, ..self }
    }

    /// The same event with a dead letter.
    pub(crate) fn with_letter(self, letter: Letter) -> Self {
        Self { effects: Effects::Letter(Box::new(letter)), ..self }
    }

    /// About how much memory it holds.
    pub(crate) fn bytes(&self) -> usize {
        let effects = match &self.effects {
            Effects::None => 0,
            Effects::Emits { frame, rows, .. } => {
                let held = |row: &Row| match row {
                    Row::Silent | Row::Emits => 0,
                    Row::Forwards(chunk, index) => chunk.event(*index).size(),
                };
                frame.len() + size_of_val(&rows[..]) + rows.iter().map(held).sum::<usize>()
            }
            Effects::Letter(letter) => {
                letter.key.as_ref().map_or(0, Vec::len) + letter.value.as_ref().map_or(0, Vec::len) + 1_024
            }
        };
        effects + self.events.len() * size_of::<Seq>() + size_of::<Self>()
    }

    /// Shows every record, in order, until one is refused.
    pub(crate) fn each<E>(&self, mut send: impl FnMut(Send<'_>) -> Result<(), E>) -> Result<(), E> {
        match &self.effects {
            Effects::None => Ok(()),
            Effects::Letter(letter) => send(Send {
                topic: &letter.topic,
                partition: None,
                key: letter.key.as_deref(),
                value: letter.value.as_deref(),
                timestamp: letter.timestamp,
                headers: letter.headers.clone(),
            }),
            Effects::Emits { frame, rows, traceparents, sent_at } => {
                // Parsed when its verdicts were taken; nothing has changed it since.
                let Ok(outcome) = Outcome::parse(frame) else { return Ok(()) };
                for emit in outcome.emits() {
                    let forwarded = match rows.get(emit.cause as usize) {
                        None | Some(Row::Silent) => continue,
                        Some(Row::Forwards(chunk, index)) if emit.forward => Some(chunk.event(*index)),
                        Some(Row::Emits | Row::Forwards(..)) => None,
                    };
                    let mut record = Send::of(&emit, forwarded, traceparents.get(&emit.cause).map(String::as_str));
                    record.timestamp.get_or_insert(*sent_at);
                    send(record)?;
                }
                Ok(())
            }
        }
    }
}
