//! `replay`: events of a binding once more, into its own group or into one aside; or never.

mod place;
mod side;
mod skip;

use clap::Args;
use serde_json::json;
use veltrix_host::control::Seek;
use veltrix_manifest::{Binding, Manifest, is_pattern};

use crate::args::{CassandraArg, Format, Output, topic};
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::servers::Kafka;
use crate::verbs::application::{self, Application};
use crate::verbs::control::{self, Control};
use crate::verbs::log::Log;

use place::Place;

#[derive(Debug, Args)]
#[command(
    after_help = "PLACE is an offset (120: in every partition), offsets of some partitions (0:120,1:80 or orders/0:120), or an RFC 3339
time (2026-01-31T08:00:00Z: the first event that is at least as young), or `end`.

Without --group, the binding itself goes back, in whichever workers run it now, or when one starts: open calls end, the position is
committed back, and the events are handled again in their order. Events from --to on that were done stay done.
With --skip-to, the binding goes on at PLACE, and what it has not handled before is passed over for good: how much, is said first.
With --group, this process handles the range as a group aside, up to --to or to the ends that the topics have now, and the binding's
own group does not notice."
)]
pub(crate) struct Replay {
    #[command(flatten)]
    application: Application,
    /// Which binding; need not be named if there is only one
    #[arg(long, value_name = "GROUP|FUNCTION")]
    binding: Option<String>,
    /// Only this topic; needed where the binding's topics are patterns
    #[arg(long, value_parser = topic)]
    topic: Option<String>,
    /// Where to begin
    #[arg(long, value_name = "PLACE")]
    from: Option<Place>,
    /// Begin with the oldest events there are
    #[arg(long, conflicts_with = "from")]
    earliest: bool,
    /// Where to end; that place itself is left out
    #[arg(long, value_name = "PLACE")]
    to: Option<Place>,
    /// Pass over what lies before this place: its events are never handled
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["from", "earliest", "to", "group"])]
    skip_to: Option<Place>,
    /// Handle the range aside, as this consumer group; without --from or --earliest it goes on where it was
    #[arg(long, value_name = "SIDE")]
    group: Option<String>,
    /// Move back a binding that workers run now; pass over events
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    cassandra: CassandraArg,
    #[command(flatten)]
    output: Output,
}

impl Replay {
    fn begin(&self) -> Option<Place> {
        if self.earliest { Some(Place::Earliest) } else { self.from.clone() }
    }

    /// The topics that are meant.
    fn topics<'a>(&'a self, binding: &'a Binding) -> Result<Vec<&'a str>, Failure> {
        if let Some(topic) = &self.topic {
            if !application::takes(binding, topic) {
                let topics = binding.topics.join(", ");
                return Err(Failure::usage(format!("{} has no topic {topic}; it has: {topics}", binding.group)));
            }
            return Ok(vec![topic]);
        }
        if let Some(pattern) = binding.topics.iter().find(|topic| is_pattern(topic)) {
            return Err(Failure::usage(format!(
                "{} takes topics by the pattern {pattern}: name one with --topic",
                binding.group
            )));
        }
        let topics: Vec<&str> = binding.topics.iter().map(String::as_str).collect();
        let places = self.from.iter().chain(&self.to).chain(&self.skip_to);
        let named = places.flat_map(Place::topics).find(|named| !topics.contains(named));
        if let Some(named) = named {
            let topics = topics.join(", ");
            return Err(Failure::usage(format!("{} has no topic {named}; it has: {topics}", binding.group)));
        }
        Ok(topics)
    }
}

pub(crate) fn run(args: &Replay) -> Outcome {
    match (&args.group, &args.skip_to) {
        (Some(group), _) => side::run(args, group),
        (None, Some(place)) => skip::run(args, place),
        (None, None) => back(args),
    }
}

/// Moves the binding's own group back.
fn back(args: &Replay) -> Outcome {
    let manifest = args.application.load()?;
    let binding = application::binding(&manifest, args.binding.as_deref())?;
    let Some(from) = args.begin() else {
        return Err(Failure::usage("from where? name a place with --from, or say --earliest"));
    };
    let servers = application::kafka(&manifest);
    let group = &binding.group;
    let (seeks, running) = plan(args, binding, &from, &servers)?;
    let events: i64 = seeks.iter().map(|(_, events)| events).sum();
    let mut out = Out::new();
    if running && !args.yes && !seeks.is_empty() {
        return Err(Failure::usage(format!(
            "workers run {group} now: {} partitions would go back, and {events} offsets be handled again; add --yes to do it",
            seeks.len()
        )));
    }
    order(&manifest, group, seeks.iter().map(|(seek, _)| seek))?;
    match args.output.format {
        Format::Json => {
            let seeks: Vec<_> = seeks.iter().map(|(seek, events)| json!({
                "topic": seek.topic, "partition": seek.partition, "from": seek.offset, "to": seek.until, "offsets": events,
            })).collect();
            out.json(&json!({"binding": group, "function": binding.function, "running": running, "offsets": events, "partitions": seeks}))?;
        }
        Format::Text => {
            for (seek, events) in &seeks {
                let to = seek.until.map_or_else(String::new, |until| format!(" up to {until}"));
                out.line(&format!(
                    "{}/{} goes back by {events} offsets, to {}{to}",
                    seek.topic, seek.partition, seek.offset
                ))?;
            }
            out.line(&match (seeks.is_empty(), running) {
                (true, _) => format!("{group} has done nothing from there on: nothing to replay"),
                (false, true) => format!("{group} goes back now, in the workers that run it"),
                (false, false) => format!("no worker runs {group}: it goes back when one starts"),
            })?;
        }
    }
    out.flush()
}

/// Tells the workers, in place of what was wanted of the same partitions.
fn order<'a>(manifest: &Manifest, group: &str, seeks: impl Iterator<Item = &'a Seek> + Clone) -> Outcome {
    if seeks.clone().next().is_none() {
        return Ok(());
    }
    let control = Control::open(manifest)?;
    let mut wish = control.wish(group);
    wish.seeks.retain(|old| !seeks.clone().any(|new| (&new.topic, new.partition) == (&old.topic, old.partition)));
    wish.seeks.extend(seeks.cloned());
    control.write(group, &wish)
}

/// Which partitions go back, each with how many offsets it will pass again; and whether workers run the group.
fn plan(args: &Replay, binding: &Binding, from: &Place, servers: &Kafka) -> Result<(Vec<(Seek, i64)>, bool), Failure> {
    let topics = args.topics(binding)?;
    let id = format!("{:x}", control::now());
    let (mut seeks, mut running) = (Vec::new(), false);
    for topic in &topics {
        let log = Log::of(topic, servers)?;
        // Who can't be told from nobody is taken for somebody.
        running = log.has_members(&binding.group).unwrap_or(true);
        let only = topics.len() == 1;
        let begin = from.of(&log, only, "--from")?;
        let end = args.to.as_ref().map(|to| to.of(&log, only, "--to")).transpose()?.unwrap_or_default();
        let done = log.done_by(&binding.group)?;
        for (partition, offset) in begin {
            let Some(done) = done.get(&partition) else { continue };
            let until = end.get(&partition).copied();
            // Beyond the position some events may be done.
            let reached = done.notes.done.last().map_or(done.position, |(_, end)| *end);
            let events = until.unwrap_or(reached).min(reached) - offset;
            if events > 0 {
                let (id, topic) = (id.clone(), (*topic).to_owned());
                seeks.push((Seek { id, topic, partition, offset, until }, events));
            } else if offset > reached && !matches!(from, Place::Time(_)) {
                return Err(Failure::usage(format!(
                    "{topic}/{partition} has got to {reached}: to go on at {offset} would pass over events, and a replay does not; \
                     write --from {partition}:{reached} or less, or pass over them with --skip-to {partition}:{offset}"
                )));
            }
        }
    }
    Ok((seeks, running))
}
