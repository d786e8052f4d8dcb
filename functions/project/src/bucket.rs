//! One bucket: read what is there, add what is new, write both if nobody else was faster.

use std::collections::BTreeSet;
use std::time::Duration;

use veltrix_sdk::cql::{Applied, Consistency, Cql, CqlError, Row, SerialConsistency, Value, batch, cql};
use veltrix_sdk::{Error, Result, sleep};

use crate::group::{Counted, Group, overflow};
use crate::marks::Marks;
use crate::setup::{Setup, TOTALS};
use crate::sum::Sum;

/// How often a bucket is read and added up anew because others wrote it meanwhile.
const TRIES: u32 = 12;
/// How often nobody could say what became of the write.
const UNKNOWN: u32 = 3;

/// What is in a bucket.
#[derive(Debug, Default)]
struct Totals {
    /// How often it was written; none: never.
    version: Option<i64>,
    count: i64,
    sums: Vec<Sum>,
    marks: Marks,
}

/// Counts the events of a group that are not counted yet. A fate for each of its events.
pub(crate) async fn add(setup: &Setup, group: &Group) -> Vec<(usize, Result<()>)> {
    let mut overflown = BTreeSet::new();
    let written = write(setup, group, &mut overflown).await;
    let fate = |event: &Counted| match &written {
        Err(error) => Err(Error::retry(error)),
        Ok(()) if overflown.contains(&event.row) => Err(overflow()),
        Ok(()) => Ok(()),
    };
    group.events.iter().map(|event| (event.row, fate(event))).collect()
}

async fn write(setup: &Setup, group: &Group, overflown: &mut BTreeSet<usize>) -> Result<(), String> {
    let mut unknown = 0;
    for attempt in 0..TRIES {
        let mut totals = read(setup, group).await.map_err(|error| error.to_string())?;
        let before = totals.version;
        let fresh: Vec<&Counted> = group.events.iter().filter(|event| !event.mark.is_in(&totals.marks)).collect();
        overflown.clear();
        let entries: BTreeSet<&str> = fresh
            .into_iter()
            .filter(|event| {
                let fits = totals.add(setup, event);
                if !fits {
                    overflown.insert(event.row);
                }
                fits
            })
            .map(|event| event.mark.entry.as_str())
            .collect();
        if entries.is_empty() {
            // By an earlier run of these events, or by an attempt of which no answer came.
            return Ok(());
        }
        let mut writes = batch().serial(SerialConsistency::LocalSerial).add(totals.statement(setup, group, before));
        for entry in entries {
            writes = writes.add(mark(setup, group, entry, &totals.marks[entry]));
        }
        match writes.run().await {
            Ok(outcome) if outcome.applied => return Ok(()),
            // Read again: what is there now decides.
            Ok(_) => sleep(pause(attempt, group)).await,
            Err(error) if error.applied() == Applied::NotApplied => return Err(error.to_string()),
            Err(error) => {
                unknown += 1;
                if unknown == UNKNOWN {
                    return Err(error.to_string());
                }
            }
        }
    }
    Err(format!("the bucket was written by others {TRIES} times: more than one partition has events of this key"))
}

/// Longer each time, and not the same for all.
fn pause(attempt: u32, group: &Group) -> Duration {
    let spread = group.events.first().map_or(0, |event| event.row as u64 * 7 % 13);
    Duration::from_millis((1 << attempt.min(6)) + spread)
}

/// Serially: what an earlier write left that is not all over the replicas yet is finished first.
async fn read(setup: &Setup, group: &Group) -> Result<Totals, CqlError> {
    let mut entries: Vec<&str> = group.events.iter().map(|event| event.mark.entry.as_str()).collect();
    entries.push(TOTALS);
    entries.sort_unstable();
    entries.dedup();
    let select = bind(cql(&setup.select), &group.key).bind(entries);
    let rows: Vec<Row> = select.consistency(Consistency::LocalSerial).all().await?;
    let mut totals = Totals { sums: vec![Sum::default(); setup.sums.len()], ..Totals::default() };
    for row in &rows {
        let entry: String = row.get("entry")?;
        if entry != TOTALS {
            totals.marks.insert(entry, row.get::<Option<Vec<u8>>>("seen")?.unwrap_or_default());
            continue;
        }
        totals.version = row.get("version")?;
        totals.count = row.get::<Option<i64>>(setup.count.as_str())?.unwrap_or_default();
        for (sum, mapping) in totals.sums.iter_mut().zip(&setup.sums) {
            *sum = Sum::read(row, &mapping.column)?;
        }
    }
    Ok(totals)
}

impl Totals {
    /// Adds an event, unless a sum has no room for it.
    fn add(&mut self, setup: &Setup, event: &Counted) -> bool {
        let sums: Option<Vec<Sum>> = self
            .sums
            .iter()
            .zip(&event.sums)
            .zip(&setup.sums)
            .map(|((sum, more), mapping)| sum.plus(*more).filter(|sum| sum.value(&mapping.kind).is_some()))
            .collect();
        let Some(sums) = sums else { return false };
        self.sums = sums;
        self.count += 1;
        event.mark.set(&mut self.marks);
        true
    }

    /// The totals, on condition that they are still what was read.
    fn statement<'s>(&self, setup: &'s Setup, group: &'s Group, before: Option<i64>) -> Cql<'s> {
        let sums = self.sums.iter().zip(&setup.sums);
        let sums: Vec<Option<Value>> = sums.map(|(sum, mapping)| sum.value(&mapping.kind)).collect();
        let version = before.unwrap_or(0) + 1;
        match before {
            None => {
                let insert = bind(cql(&setup.insert), &group.key).bind(TOTALS).bind(version).bind(self.count);
                let insert = sums.into_iter().fold(insert, Cql::bind);
                with_ttl(insert, setup)
            }
            Some(before) => {
                let update = with_ttl(cql(&setup.update), setup).bind(version).bind(self.count);
                let update = sums.into_iter().fold(update, Cql::bind);
                bind(update, &group.key).bind(TOTALS).bind(before)
            }
        }
    }
}

fn mark<'s>(setup: &'s Setup, group: &'s Group, entry: &'s str, bits: &[u8]) -> Cql<'s> {
    with_ttl(bind(cql(&setup.mark), &group.key).bind(entry).bind(bits.to_vec()), setup)
}

fn bind<'s>(statement: Cql<'s>, values: &'s [Value]) -> Cql<'s> {
    values.iter().fold(statement, |statement, value| statement.bind(value))
}

fn with_ttl<'s>(statement: Cql<'s>, setup: &Setup) -> Cql<'s> {
    setup.ttl.iter().fold(statement, |statement, seconds| statement.bind(*seconds))
}
