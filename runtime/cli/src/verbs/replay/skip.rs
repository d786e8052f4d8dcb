//! `replay --skip-to`: a binding goes on further ahead, and what lies between is never handled.

use serde_json::json;
use veltrix_host::control::Seek;
use veltrix_manifest::Binding;

use super::{Replay, order};
use crate::args::Format;
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::servers::Kafka;
use crate::verbs::log::Log;
use crate::verbs::replay::place::Place;
use crate::verbs::{application, control};

/// A partition that goes on elsewhere.
struct Skip {
    seek: Seek,
    /// Where it is.
    from: i64,
    /// Offsets that are passed over; those that were done beyond `from` are not.
    passed_over: i64,
}

pub(super) fn run(args: &Replay, place: &Place) -> Outcome {
    let manifest = args.application.load()?;
    let binding = application::binding(&manifest, args.binding.as_deref())?;
    let (skips, running) = plan(args, binding, place, &application::kafka(&manifest))?;
    let group = &binding.group;
    let total: i64 = skips.iter().map(|skip| skip.passed_over).sum();
    if !skips.is_empty() && !args.yes {
        let each: Vec<String> =
            skips.iter().map(|skip| format!("{}/{}", skip.seek.topic, skip.seek.partition)).collect();
        return Err(Failure::usage(format!(
            "{group} would pass over {total} offsets in {} partitions ({}) and never handle their events; add --yes to do it",
            skips.len(),
            each.join(", ")
        )));
    }
    order(&manifest, group, skips.iter().map(|skip| &skip.seek))?;
    let mut out = Out::new();
    match args.output.format {
        Format::Json => {
            let partitions: Vec<_> = skips.iter().map(|Skip { seek, from, passed_over }| json!({
                "topic": seek.topic, "partition": seek.partition, "from": from, "to": seek.offset, "passed_over": passed_over,
            })).collect();
            out.json(&json!({"binding": group, "function": binding.function, "running": running, "passed_over": total, "partitions": partitions}))?;
        }
        Format::Text => {
            for Skip { seek, from, passed_over } in &skips {
                let Seek { topic, partition, offset, .. } = seek;
                out.line(&format!(
                    "{topic}/{partition} goes on at {offset}: {passed_over} offsets passed over, from {from}"
                ))?;
            }
            out.line(&match (skips.is_empty(), running) {
                (true, _) => format!("{group} has got there everywhere: nothing to pass over"),
                (false, true) => format!("{group} passes over {total} offsets now, in the workers that run it"),
                (false, false) => format!("no worker runs {group}: it passes over {total} offsets when one starts"),
            })?;
        }
    }
    out.flush()
}

/// Which partitions go on further ahead; and whether workers run the group.
fn plan(args: &Replay, binding: &Binding, place: &Place, servers: &Kafka) -> Result<(Vec<Skip>, bool), Failure> {
    let topics = args.topics(binding)?;
    let id = format!("{:x}", control::now());
    let (mut skips, mut running) = (Vec::new(), false);
    for topic in &topics {
        let log = Log::of(topic, servers)?;
        running = log.has_members(&binding.group).unwrap_or(true);
        let mut done = log.done_by(&binding.group)?;
        for (partition, offset) in place.of(&log, topics.len() == 1, "--skip-to")? {
            let done = done.remove(&partition).unwrap_or_default();
            let from = done.position.max(log.ends[&partition].0);
            if from < offset {
                let seek = Seek { id: id.clone(), topic: (*topic).to_owned(), partition, offset, until: Some(offset) };
                skips.push(Skip { seek, from, passed_over: done.notes.open_between(from, offset) });
            }
        }
    }
    Ok((skips, running))
}
