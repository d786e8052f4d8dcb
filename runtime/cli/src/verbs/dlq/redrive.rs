//! `dlq redrive`: feeds letters to their function again, each once.

use std::collections::BTreeMap;

use clap::Args;
use rdkafka::message::Message;
use serde_json::json;
use veltrix_host::bounded::{self, Bounded, Counts, Planner, Range, Sort, Summary};
use veltrix_manifest::{Binding, Manifest};

use super::filter::Filter;
use super::letters;
use super::list;
use crate::args::{CassandraArg, Format, Output};
use crate::failure::{Failure, Outcome};
use crate::out::{self, Out};
use crate::signals::Signals;
use crate::verbs::application::{self, Application};
use crate::verbs::log::Log;
use crate::verbs::run::{stop, user_cache};
use crate::{clients, servers};

#[derive(Debug, Args)]
#[command(
    after_help = "What was redriven is noted with the position of the consumer group GROUP.redrive, so that each letter is redriven
once: a second redrive does nothing again, and one that was interrupted goes on. Letters that the filter does not take wait for a
later redrive. It ends at the letters that were there when it began: those that fail again are written to the dead-letter
topic again, as new letters."
)]
pub(crate) struct Redrive {
    #[command(flatten)]
    application: Application,
    /// Only letters of this binding
    #[arg(long, value_name = "GROUP|FUNCTION")]
    binding: Option<String>,
    /// Say what would be redriven, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Redrive so many letters at most, of each binding; the oldest of each partition first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    cassandra: CassandraArg,
    #[command(flatten)]
    output: Output,
}

/// What is to be done for one binding.
struct Plan {
    range: Range,
    counts: Counts,
    /// Letters whose values are at their sources alone.
    omitted: u64,
    reasons: BTreeMap<String, u64>,
    /// Partition, offset where the notes are full, and the first letter that is left.
    full: Option<(i32, i64, i64)>,
}

pub(crate) fn run(args: Redrive) -> Outcome {
    let manifest = args.application.load_to_run(&args.cassandra)?;
    let servers = application::kafka(&manifest);
    let bindings = application::bindings(&manifest, args.binding.as_deref())?;
    let mut good = true;
    let mut out = Out::new();
    for (topic, writers) in super::topics(&bindings)? {
        for binding in writers {
            let plan = plan(&args, topic, binding, &manifest, &servers)?;
            let summary = match args.dry_run || plan.counts.taken == 0 {
                true => None,
                false => Some(perform(&manifest, binding, &plan)?),
            };
            good &= report(&args, &mut out, topic, binding, &plan, summary)?;
        }
    }
    if good { Ok(()) } else { Err(Failure::Said) }
}

fn plan(
    args: &Redrive,
    topic: &str,
    binding: &Binding,
    manifest: &Manifest,
    servers: &servers::Kafka,
) -> Result<Plan, Failure> {
    let group = super::group(binding);
    if manifest.bindings.iter().any(|other| other.group == group) {
        return Err(Failure::usage(format!(
            "a binding has the group {group}, which a redrive of {} needs",
            binding.group
        )));
    }
    let log = Log::of(topic, servers)?;
    let done = log.done_by(&group)?;
    let noted = |partition| done.get(&partition).map_or(0, |done| done.notes.done.len());
    let mut planners: BTreeMap<i32, Planner> =
        log.ends.keys().map(|partition| (*partition, Planner::new(noted(*partition)))).collect();
    let (mut counts, mut omitted, mut reasons) = (Counts::default(), 0, BTreeMap::new());
    letters::each(&log, |place, message, letter| {
        let letter = letter.filter(|letter| list::owns(binding, letter));
        let sort = match &letter {
            None => Sort::Foreign,
            Some(_) if done.get(&place.partition).is_some_and(|done| done.has(place.offset)) => Sort::Done,
            Some(letter) if !args.filter.takes(place, letter, message.key()) => Sort::Leave,
            Some(letter) if letter.left_out.any() => {
                omitted += 1;
                Sort::Leave
            }
            Some(_) => Sort::Take,
        };
        let room = args.limit.is_none_or(|limit| counts.taken < limit);
        let planner = planners.get_mut(&place.partition).expect("a planner for each partition");
        if planner.letter(place.offset, sort, room, &mut counts)
            && let Some(letter) = letter
        {
            *reasons.entry(letter.reason).or_default() += 1;
        }
        Ok(())
    })?;
    let full = planners.iter().find_map(|(partition, p)| p.full_at().map(|(at, first)| (*partition, at, first)));
    let parts = planners.into_iter().map(|(partition, p)| (partition, p.finish(log.ends[&partition].1)));
    Ok(Plan { range: Range { topic: topic.to_owned(), partitions: parts.collect() }, counts, omitted, reasons, full })
}

fn perform(manifest: &Manifest, binding: &Binding, plan: &Plan) -> Result<Summary, Failure> {
    let bounded = Bounded {
        manifest: manifest.clone(),
        binding: binding.clone(),
        group: super::group(binding),
        range: plan.range.clone(),
        letters: true,
        cache: user_cache(),
        staged: None,
    };
    perform_bounded(bounded)
}

/// Runs it until its end, or until SIGTERM or SIGINT.
pub(crate) fn perform_bounded(bounded: Bounded) -> Result<Summary, Failure> {
    let runtime = clients::runtime()?;
    let ended = runtime.block_on(async {
        let stop = stop(Signals::listen()?);
        bounded::run(bounded, stop).await.map_err(|error| match error.is_configuration() {
            true => Failure::usage(error),
            false => Failure::run(error),
        })
    });
    runtime.shutdown_background();
    ended
}

/// Says what was done; whether all of it was and went well.
fn report(
    args: &Redrive,
    out: &mut Out,
    topic: &str,
    binding: &Binding,
    plan: &Plan,
    summary: Option<Summary>,
) -> Result<bool, Failure> {
    let Counts { taken, left, done, beyond_notes } = plan.counts;
    let done_now = summary.unwrap_or_default();
    let Summary { handled, dead_lettered, interrupted, .. } = done_now;
    let (function, group) = (&binding.function, super::group(binding));
    if args.output.format == Format::Json {
        out.json(&json!({
            "binding": binding.group, "function": function, "topic": topic, "dry_run": args.dry_run,
            "taken": taken, "handled": handled, "failed_again": dead_lettered, "left": left,
            "redriven_before": done, "too_large": plan.omitted, "beyond_notes": beyond_notes,
            "interrupted": interrupted, "reasons": plan.reasons,
        }))?;
    } else {
        let (what, how) = match summary {
            None if args.dry_run => ("would be redriven", String::new()),
            None => ("to redrive", String::new()),
            Some(_) => ("redriven", format!(": {handled} handled, {dead_lettered} failed again")),
        };
        out.line(&format!("{topic} to {function}: {taken} {what}{how}; {left} left, {done} redriven before"))?;
        if args.dry_run {
            plan.reasons.iter().try_for_each(|(reason, count)| out.line(&format!("  {count} {reason}")))?;
        }
    }
    out.flush()?;
    if dead_lettered > 0 {
        out::error(&format!(
            "{dead_lettered} failed again; they are new letters of {topic}: see `veltrix dlq list --waiting`"
        ));
    }
    if plan.omitted > 0 {
        out::error(&format!(
            "{} letters of {topic} are not whole, as their events were too large for a dead letter: they are left; replay the events from their sources",
            plan.omitted
        ));
    }
    if let Some((partition, at, first)) = plan.full {
        out::error(&format!(
            "the notes of group {group} are full: {beyond_notes} letters from {partition}:{at} on are left. Letters that were left before \
             that keep the position at {partition}:{first}: redrive those first, for example without a filter and with --limit, then go on"
        ));
    }
    if interrupted {
        out::error("interrupted: the same command goes on where it was");
    }
    Ok(dead_lettered == 0 && plan.omitted == 0 && plan.full.is_none() && !interrupted)
}
