//! An effect in Cassandra and its emits, once for each event: [`once()`].

mod capture;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use veltrix_frame::{EmitIn, Outcome, OutcomeBuilder};

use crate::cql::{Applied, Consistency, Cql, CqlError, SerialConsistency, ToCql, Writes, cql};
use crate::emit::with_outcome;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::host;
use capture::Capture;

/// How often an effect is decided anew because others changed what it had read.
const DECISIONS: u32 = 8;
/// How often the same is sent again when nobody can say what became of it.
const SENDS: u32 = 3;

/// Writes rows for an event once, whatever is repeated: the effectively-once way into Cassandra.
///
/// The writes go out as one conditional batch together with a row that names the event. When the event comes again, after a
/// crash between the write and the ack, say, that row is found, nothing is written, and what was emitted the first time is
/// emitted again, byte for byte: a repetition loses no emit.
///
/// The table reserves rows for this beside its own, **in the same partition**, as a conditional batch spans no more:
///
/// ```sql
/// CREATE TABLE accounts (
///     account text,      -- the partition
///     entry text,        -- '' is the account itself; 'once/…' are the rows that name events
///     balance bigint,
///     emits blob,        -- what those events emitted
///     PRIMARY KEY (account, entry)
/// );
/// ```
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use veltrix_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Payment {
///     account: String,
///     amount: i64,
/// }
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Paid {
///     balance: i64,
/// }
///
/// #[handler]
/// async fn pay(event: Event) -> Result<()> {
///     let payment: Payment = event.json()?;
///     let account = &payment.account;
///     once(&event, "accounts")
///         .key("account", account)
///         .run(async |effect| {
///             let balance = cql("SELECT balance FROM accounts WHERE account = ? AND entry = ''").bind(account);
///             let before = balance.one::<i64>().await.or_dead_letter("no-account")?;
///             let after = before + payment.amount;
///             if after < 0 {
///                 return Err(Error::dead_letter("not-enough"));
///             }
///             let update = "UPDATE accounts SET balance = ? WHERE account = ? AND entry = '' IF balance = ?";
///             effect.write(cql(update).bind(after).bind(account).bind(before)).await?;
///             emit("paid").key(account).json(&Paid { balance: after })
///         })
///         .await?;
///     Ok(())
/// }
///
/// // Its test, without Wasm, Kafka or Cassandra:
/// use veltrix_sdk::testing::{Host, Rows, Script, Verdict, event};
///
/// let insert = "INSERT INTO accounts (account, entry, emits) VALUES (?, ?, ?) IF NOT EXISTS";
/// let look_up = "SELECT emits FROM accounts WHERE account = ? AND entry = ?";
/// let rows = Script::new()
///     .once(look_up, Rows::none())
///     .on("SELECT balance FROM accounts WHERE account = ? AND entry = ''", Rows::of([10_i64]))
///     .on("UPDATE accounts SET balance = ? WHERE account = ? AND entry = '' IF balance = ?", Rows::applied())
///     .on(insert, Rows::applied());
/// let payment = event("payments").value(r#"{"account": "ann", "amount": -3}"#);
/// let first = Host::new().cassandra(&rows).run(pay, [payment.clone()]);
/// assert_eq!((first.verdict(), first.emits()[0].json()), (Verdict::Ack, Paid { balance: 7 }));
///
/// // The event comes again: the row is there, with what was emitted.
/// let kept: Vec<u8> = rows.calls_of(insert)[0].named("emits").unwrap();
/// let rows = Script::new().on(look_up, Rows::of([kept]));
/// let again = Host::new().cassandra(&rows).run(pay, [payment]);
/// assert_eq!(again.emits(), first.emits());
/// ```
///
/// **The decision** (the closure) runs only if the event has no row yet. What it reads and what it emits is up to it; it runs
/// again when a condition of its writes is not met and the event has no row, as others were faster. If it fails, nothing is
/// written. What it does outside of `effect.write` and emits is not covered.
///
/// **Limits.** One partition of one table, or the server refuses the batch; nothing is claimed across partitions: for a
/// second one, emit an event and write there once for that. Statements with `USING TIMESTAMP` are refused, counters and
/// options of their own too. Never mix conditional and plain writes in such a partition. The rows that name
/// events stay for good unless [`expire`](Once::expire) says how long an event may come again. Rows are looked up serially: a
/// second round of messages for each event.
///
/// **What names the event** is its cluster, topic (by id, so that a topic created anew is another), group, partition and
/// offset, and the [`ordinal`](Once::ordinal): [`Event::identity`]. A redriven dead letter has its original's.
pub fn once<'a>(event: &'a Event, table: &'a str) -> Once<'a> {
    Once {
        event,
        table,
        key: Vec::new(),
        at: "entry",
        keep: "emits",
        ordinal: 0,
        expire: None,
        serial: SerialConsistency::LocalSerial,
    }
}

/// An effect being put together: see [`once()`].
#[must_use = "nothing happens before run"]
pub struct Once<'a> {
    event: &'a Event,
    table: &'a str,
    key: Vec<(&'a str, Box<dyn ToCql + 'a>)>,
    at: &'a str,
    keep: &'a str,
    ordinal: u32,
    expire: Option<Duration>,
    serial: SerialConsistency,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The effect was applied now.
    Now,
    /// It was applied before, by an earlier run of the event or an earlier attempt of this one; its emits were made again.
    Before,
}

/// The writes of an effect: what its closure fills.
#[derive(Default)]
pub struct Effect {
    writes: Writes,
}

impl Effect {
    /// Adds an INSERT, UPDATE or DELETE of the partition. It is prepared now and executed with all the others.
    ///
    /// # Errors
    /// The statement can't be prepared, a value doesn't go with its parameter, or it has options of its own.
    pub async fn write(&mut self, statement: Cql<'_>) -> Result<(), CqlError> {
        self.writes.add(&statement).await
    }
}

/// What a batch came to.
enum Sent {
    Applied,
    /// The event has a row, which keeps this.
    Found(Vec<u8>),
    /// A condition was not met, and the event has no row.
    Conflict,
}

impl<'a> Once<'a> {
    /// A column of the partition key, or a clustering column with one value for all rows that name events.
    pub fn key(mut self, column: &'a str, value: impl ToCql + 'a) -> Self {
        self.key.push((column, Box::new(value)));
        self
    }

    /// The clustering column, a text, in which rows name events; `entry` unless said.
    pub fn at(mut self, column: &'a str) -> Self {
        self.at = column;
        self
    }

    /// The column, a blob, that keeps what was emitted; `emits` unless said.
    pub fn keep(mut self, column: &'a str) -> Self {
        self.keep = column;
        self
    }

    /// Tells the effects of one event apart, if it has several in one partition; 0 unless said.
    pub fn ordinal(mut self, ordinal: u32) -> Self {
        self.ordinal = ordinal;
        self
    }

    /// Has the row that names the event go after this time, in whole seconds, at least one. A repetition after it is a new
    /// effect: longer than the group's retention of offsets and the topic's of events, and than anybody replays.
    pub fn expire(mut self, after: Duration) -> Self {
        self.expire = Some(after);
        self
    }

    /// Among which replicas conditions are decided; the data centre's unless said. One for all that write the table.
    pub fn serial(mut self, serial: SerialConsistency) -> Self {
        self.serial = serial;
        self
    }

    /// Has the effect decided and applied, or finds that it was.
    ///
    /// # Errors
    /// The decision's own; Cassandra's; the host does not know what names the event (its broker is too old to have ids of
    /// topics); or others wrote the partition each time. The event is tried again, and what was applied is found then.
    pub async fn run(self, mut decide: impl AsyncFnMut(&mut Effect) -> Result<()>) -> Result<Done> {
        let Some(identity) = self.event.identity() else {
            return Err(Error::retry(
                "the host does not know the ids of the topic and its cluster: nothing names the event",
            ));
        };
        let id = format!("once/{identity}/{}", self.ordinal);
        if let Some(kept) = self.look_up(&id).await? {
            return self.emit_again(&kept);
        }
        for _ in 0..DECISIONS {
            let mut effect = Effect::default();
            let (decided, mut emits) = Capture::new(decide(&mut effect)).await;
            decided?;
            effect.writes.add(&self.insert(&id, &encode(&emits))).await?;
            match self.send(&effect.writes, &id).await? {
                Sent::Applied => {
                    with_outcome(|outcome| emits.move_emits(OutcomeBuilder::new().emit_mark(), outcome));
                    return Ok(Done::Now);
                }
                Sent::Found(kept) => return self.emit_again(&kept),
                Sent::Conflict => {}
            }
        }
        let table = self.table;
        Err(Error::retry(format!(
            "the conditions on {table} were not met {DECISIONS} times: others write the same rows"
        )))
    }

    async fn send(&self, writes: &Writes, id: &str) -> Result<Sent> {
        let options = host::Options { serial: self.serial as u16, ..host::Options::default() };
        let mut sent = 0;
        loop {
            sent += 1;
            match writes.run(&options).await {
                Ok(outcome) if outcome.applied => return Ok(Sent::Applied),
                // Not met by others, or by an attempt of our own whose outcome nobody knew.
                Ok(_) => return Ok(self.look_up(id).await?.map_or(Sent::Conflict, Sent::Found)),
                Err(error) if error.applied() == Applied::NotApplied => return Err(error.into()),
                Err(error) => match self.look_up(id).await? {
                    Some(kept) => return Ok(Sent::Found(kept)),
                    None if sent == SENDS => return Err(error.into()),
                    // With the same name: it is applied once, however many of these arrive late.
                    None => {}
                },
            }
        }
    }

    /// What the row that names the event keeps, if it is there.
    async fn look_up(&self, id: &str) -> Result<Option<Vec<u8>>, CqlError> {
        let (table, keep, at) = (self.table, self.keep, self.at);
        let key: String = self.key.iter().map(|(column, _)| format!("{column} = ? AND ")).collect();
        let text = format!("SELECT {keep} FROM {table} WHERE {key}{at} = ?");
        let serial = match self.serial {
            SerialConsistency::Serial => Consistency::Serial,
            SerialConsistency::LocalSerial => Consistency::LocalSerial,
        };
        let found = self.bind(cql(text)).bind(id).consistency(serial).optional::<Option<Vec<u8>>>().await?;
        Ok(found.map(Option::unwrap_or_default))
    }

    fn insert<'s>(&'s self, id: &'s str, kept: &'s [u8]) -> Cql<'s> {
        let (table, keep, at) = (self.table, self.keep, self.at);
        let (columns, marks): (String, String) =
            self.key.iter().map(|(column, _)| (format!("{column}, "), "?, ")).unzip();
        let ttl = if self.expire.is_some() { " USING TTL ?" } else { "" };
        let text = format!("INSERT INTO {table} ({columns}{at}, {keep}) VALUES ({marks}?, ?) IF NOT EXISTS{ttl}");
        let insert = self.bind(cql(text)).bind(id).bind(kept);
        match self.expire {
            Some(after) => insert.bind(i32::try_from(after.as_secs()).unwrap_or(i32::MAX).max(1)),
            None => insert,
        }
    }

    fn bind<'s>(&'s self, statement: Cql<'s>) -> Cql<'s> {
        self.key.iter().fold(statement, |statement, (_, value)| statement.bind(&**value))
    }

    fn emit_again(&self, kept: &[u8]) -> Result<Done> {
        if kept.is_empty() {
            return Ok(Done::Before);
        }
        let (table, keep) = (self.table, self.keep);
        let outcome =
            Outcome::parse(kept).map_err(|error| Error::retry(format!("what {table}.{keep} keeps: {error}")))?;
        with_outcome(|all| {
            for emit in outcome.emits() {
                if emit.forward {
                    all.forward(self.event.row(), emit.topic);
                    continue;
                }
                let (topic, key, value) = (emit.topic, emit.key, emit.value);
                let (partition, timestamp) = (emit.partition, emit.timestamp);
                all.emit(EmitIn { cause: self.event.row(), topic, key, value, partition, timestamp });
                emit.headers.clone().for_each(|(name, value)| all.emit_header(name, value));
            }
        });
        Ok(Done::Before)
    }
}

impl fmt::Debug for Once<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("event", self.event).field("table", &self.table).finish_non_exhaustive()
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effect").field("writes", &self.writes.len()).finish_non_exhaustive()
    }
}

/// Emits as they are kept: an outcome frame without verdicts; nothing if there are none.
fn encode(emits: &OutcomeBuilder) -> Vec<u8> {
    let mut frame = Vec::new();
    if emits.emits() > 0 {
        emits.finish(&mut frame);
    }
    frame
}
