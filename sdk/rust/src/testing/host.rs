//! [`Host`]: what a handler finds around it in a test.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use veltrix_frame::{BatchBuilder, Control, EventIn};

use super::handler::Handler;
use super::record::Record;
use super::run::Run;
use crate::cql::script::Script;
use crate::host::Cassandra;
use crate::host::native::World;

/// Runs a handler in a [`Host`] without variables, secrets or rows.
///
/// # Panics
/// As [`Host::run`].
#[track_caller]
pub fn run<Shape>(handler: impl Handler<Shape>, events: impl IntoIterator<Item = Record>) -> Run {
    Host::new().run(handler, events)
}

/// What a handler finds around it in a test. It can run many handlers, one after another; each run starts at time 0.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Host {
    vars: BTreeMap<String, String>,
    topics: Option<Vec<String>>,
    secrets: BTreeMap<String, String>,
    cassandra: Option<Script>,
    control: Control,
    nameless: bool,
}

impl Host {
    /// A host that has nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable, as the manifest's `vars` do.
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Tells the function that it may emit to these topics, as the manifest's `emits` do. Nothing is refused here.
    pub fn emits<'t>(mut self, topics: impl IntoIterator<Item = &'t str>) -> Self {
        self.topics = Some(topics.into_iter().map(str::to_owned).collect());
        self
    }

    /// Sets a secret, as the manifest's `secrets` do.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// What Cassandra answers. Without it, each statement is refused as *not granted*.
    pub fn cassandra(mut self, script: &Script) -> Self {
        self.cassandra = Some(script.clone());
        self
    }

    /// Most events that are under way at a time; 0, as at the start: no limit.
    pub fn concurrency(mut self, lanes: u32) -> Self {
        self.control.lanes = lanes;
        self
    }

    /// One event at a time, as a host calls after a trap that nobody named. A handler of batches gets batches of one.
    pub fn isolate(mut self) -> Self {
        self.control.isolate = true;
        self
    }

    /// Longest that an event may wait for timers, in milliseconds; it is then to be retried. 0, as at the start: no limit.
    pub fn deadline_ms(mut self, milliseconds: u32) -> Self {
        self.control.event_ms = milliseconds;
        self
    }

    /// Does not know what names an event for ever, as a host whose broker has no ids of topics:
    /// [`Event::identity`](crate::Event::identity) is `None`. Otherwise its cluster is `cluster`, its group `group`.
    pub fn nameless(mut self) -> Self {
        self.nameless = true;
        self
    }

    /// Runs a handler over the events, in one call.
    ///
    /// # Panics
    /// The handler panics, or waits for something that is not the SDK's, or the events are of different topics or
    /// partitions.
    #[track_caller]
    pub fn run<Shape>(&self, handler: impl Handler<Shape>, events: impl IntoIterator<Item = Record>) -> Run {
        let records: Vec<Record> = events.into_iter().collect();
        let frame = self.frame(&records);
        let world = Rc::new(self.world(&records));
        let last = world.run(handler.call(frame));
        let mut outcomes = world.settled.take();
        outcomes.push(last);
        Run::new(&records, &outcomes, world.logs.take())
    }

    fn world(&self, records: &[Record]) -> World {
        let traced = records.iter().zip(0..).filter_map(|(record, row)| Some((row, record.traceparent.clone()?)));
        let mut world = World::default();
        world.vars.clone_from(&self.vars);
        world.topics.clone_from(&self.topics);
        world.secrets.clone_from(&self.secrets);
        world.traceparents = traced.collect();
        world.cassandra = RefCell::new(self.cassandra.clone().map(|script| Box::new(script) as Box<dyn Cassandra>));
        world
    }

    #[track_caller]
    fn frame(&self, records: &[Record]) -> Vec<u8> {
        let (topic, partition) = records.first().map_or(("", 0), |first| (&*first.topic, first.partition));
        let mut batch = BatchBuilder::new();
        batch.start(topic, partition, self.control);
        if !self.nameless {
            batch.source(&format!("cluster/topic-of-{topic}/group"));
        }
        let (mut offset, mut lanes) = (0, HashMap::new());
        for (record, row) in records.iter().zip(0..) {
            assert!(
                record.topic == topic && record.partition == partition,
                "a call has events of one topic and partition: run those of {topic}/{partition} and of {}/{} apart",
                record.topic,
                record.partition,
            );
            offset = record.offset.unwrap_or(offset);
            // Events without a key wait for no other.
            let lane = record.key.as_ref().map_or(row, |key| *lanes.entry(key).or_insert(row));
            let Record { timestamp, begun, key, value, headers, .. } = record;
            batch.push(EventIn {
                offset,
                timestamp: *timestamp,
                lane,
                begun: *begun,
                key: key.as_deref(),
                value: value.as_deref(),
            });
            headers.iter().for_each(|(name, value)| batch.push_header(name, value.as_deref()));
            offset += 1;
        }
        let mut frame = Vec::new();
        batch.finish(&mut frame);
        frame
    }
}
