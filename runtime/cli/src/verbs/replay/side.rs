//! A replay aside: a range of the binding's topics, handled by this process as a group of its own.

use std::collections::BTreeMap;

use serde_json::json;
use veltrix_host::bounded::{Bounded, Part, Range, Summary};
use veltrix_manifest::{Binding, Manifest};

use super::Replay;
use crate::args::Format;
use crate::failure::{Failure, Outcome};
use crate::out::{self, Out};
use crate::servers::Kafka;
use crate::verbs::application;
use crate::verbs::dlq::redrive::perform_bounded;
use crate::verbs::log::Log;
use crate::verbs::run::user_cache;

pub(super) fn run(args: &Replay, group: &str) -> Outcome {
    let manifest = args.application.load_to_run(&args.cassandra)?;
    let binding = application::binding(&manifest, args.binding.as_deref())?;
    if manifest.bindings.iter().any(|other| other.group == *group) {
        return Err(Failure::usage(format!("{group} is the group of a binding: name another, such as {group}.replay")));
    }
    let servers = application::kafka(&manifest);
    let topics = args.topics(binding)?;
    let ranges: Vec<Range> =
        topics.iter().map(|topic| range(args, topic, topics.len() == 1, group, &servers)).collect::<Result<_, _>>()?;
    let mut total = Summary::default();
    // One topic after another: the end of a partition is told by its number alone.
    for range in ranges.into_iter().filter(|range| !range.partitions.is_empty()) {
        let done = perform_bounded(bounded(&manifest, binding, group, range))?;
        total.handled += done.handled;
        total.dead_lettered += done.dead_lettered;
        total.stopped += done.stopped;
        total.interrupted |= done.interrupted;
        if total.interrupted {
            break;
        }
    }
    report(args, binding, group, total)
}

fn bounded(manifest: &Manifest, binding: &Binding, group: &str, range: Range) -> Bounded {
    Bounded {
        manifest: manifest.clone(),
        binding: binding.clone(),
        group: group.to_owned(),
        range,
        letters: false,
        cache: user_cache(),
        staged: None,
    }
}

/// Sets the group's position and says what is to be handled of a topic.
fn range(args: &Replay, topic: &str, only: bool, group: &str, servers: &Kafka) -> Result<Range, Failure> {
    let log = Log::of(topic, servers)?;
    let ends = args.to.as_ref().map(|to| to.of(&log, only, "--to")).transpose()?;
    let end = |partition: i32| {
        let now = log.ends[&partition].1;
        ends.as_ref().map_or(Some(now), |ends| ends.get(&partition).copied())
    };
    let begin: BTreeMap<i32, i64> = match args.begin() {
        Some(place) => {
            let begin = place.of(&log, only, "--from")?;
            if log.has_members(group).unwrap_or(false) {
                return Err(Failure::run(format!(
                    "group {group} has members: another replay runs as it; wait for its end, or name another group"
                )));
            }
            log.set_position(group, &begin)?;
            begin
        }
        None => log.done_by(group)?.into_iter().map(|(partition, done)| (partition, done.position)).collect(),
    };
    if begin.is_empty() && args.begin().is_none() {
        return Err(Failure::usage(format!(
            "group {group} has no position in {topic} to go on from: say where to begin with --from, or --earliest"
        )));
    }
    // A partition that has nothing to handle is not waited for.
    let parts = begin.iter().filter_map(|(partition, begin)| Some((*partition, *begin, end(*partition)?)));
    let parts =
        parts.filter(|(_, begin, end)| begin < end).map(|(partition, _, end)| (partition, Part { end, only: None }));
    Ok(Range { topic: topic.to_owned(), partitions: parts.collect() })
}

fn report(args: &Replay, binding: &Binding, group: &str, total: Summary) -> Outcome {
    let Summary { handled, dead_lettered, stopped, interrupted } = total;
    let function = &binding.function;
    let mut out = Out::new();
    match args.output.format {
        Format::Json => out.json(&json!({
            "binding": binding.group, "function": function, "group": group, "handled": handled,
            "dead_lettered": dead_lettered, "lanes_stopped": stopped, "interrupted": interrupted,
        }))?,
        Format::Text => out.line(&format!(
            "replayed to {function} as {group}: {handled} handled, {dead_lettered} dead letters, {stopped} lanes stopped"
        ))?,
    }
    out.flush()?;
    if interrupted {
        out::error(&format!(
            "interrupted: without --from or --earliest, the same command goes on where it was, as {group}"
        ));
    }
    if stopped > 0 {
        out::error(
            "events of stopped lanes were not handled: mend the function, then run it again without --from or --earliest",
        );
    }
    if interrupted || stopped > 0 { Err(Failure::Said) } else { Ok(()) }
}
