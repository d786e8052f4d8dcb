//! What parts of a manifest must be to one another, and what this version can do.

use crate::model::{DeadLetter, Delivery};
use crate::options::Options;
use crate::problem::Report;
use crate::read::Draft;
use crate::read_binding::DraftBinding;
use crate::read_function::DraftFunction;
use crate::section::quoted;
use crate::{suggest, topics};

pub(crate) fn draft(report: &mut Report<'_>, draft: &Draft, options: &Options) {
    for (index, binding) in draft.bindings.iter().enumerate() {
        function_exists(report, draft, binding);
        group_is_its_own(report, binding, &draft.bindings[..index]);
        feeds_not_itself(report, draft, binding);
        dead_letters_leave(report, binding);
        delivery_can_be_kept(report, draft, binding);
    }
    for function in draft.functions.values() {
        module_is_usable(report, function, options);
        if !function.function.cassandra.is_empty() && draft.cassandra.is_none() {
            let fix = "write [cassandra] with `nodes` and `keyspace`";
            report.add(&function.grants, "tables are granted, but there is no [cassandra]", fix);
        }
    }
    let schema = draft.cassandra.as_ref().and_then(|cassandra| cassandra.schema.as_ref());
    if let Some(schema) = schema.filter(|schema| options.files && !schema.is_file()) {
        let message = format!("there is no file `{}`", schema.display());
        report.add(&draft.schema_at, message, "write the path of the schema, relative to the manifest");
    }
}

fn function_exists(report: &mut Report<'_>, draft: &Draft, binding: &DraftBinding) {
    let name = &binding.binding.function;
    let Some(at) = binding.function.as_ref().filter(|_| !draft.functions.contains_key(name)) else { return };
    let known: Vec<&str> = draft.functions.keys().map(String::as_str).collect();
    let fix = match suggest::nearest(name, known) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("write [function.{name}]"),
    };
    report.add(at, format!("there is no function {}", quoted(name)), fix);
}

fn group_is_its_own(report: &mut Report<'_>, binding: &DraftBinding, earlier: &[DraftBinding]) {
    let group = &binding.binding.group;
    if binding.function.is_some() && earlier.iter().any(|other| other.binding.group == *group) {
        let fix = format!("write another `group`, for example `group = \"{group}-2\"`");
        report.add(&binding.group, format!("another binding has the group {} too", quoted(group)), fix);
    }
}

fn feeds_not_itself(report: &mut Report<'_>, draft: &Draft, binding: &DraftBinding) {
    let Some(function) = draft.functions.get(&binding.binding.function) else { return };
    for topic in &binding.topics {
        for emit in function.function.emits.iter().filter(|emit| topics::takes_in(&topic.value, emit)) {
            let name = &binding.binding.function;
            let message = format!("topic {} feeds itself: `{name}` reads it and may emit to it", quoted(emit));
            let fix = format!("remove it from `emits` of [function.{name}], or bind another topic");
            report.add(&topic.at, message, fix);
        }
    }
}

fn dead_letters_leave(report: &mut Report<'_>, binding: &DraftBinding) {
    let DeadLetter::Topic(dead) = &binding.binding.dead_letter else { return };
    if binding.topics.iter().any(|topic| topics::takes_in(&topic.value, dead)) {
        let message = format!("the dead-letter topic {} is its own source", quoted(dead));
        let fix = "write a topic that the binding does not read, or \"pause\"";
        report.add(&binding.dead_letter, message, fix);
    }
}

/// A transaction of Kafka takes nothing back that a function has written elsewhere: a row would be written again whenever
/// one is aborted. So the promise is refused, rather than kept in part. Reading is harmless.
fn delivery_can_be_kept(report: &mut Report<'_>, draft: &Draft, binding: &DraftBinding) {
    match (binding.binding.delivery, &binding.transaction) {
        (Delivery::AtLeastOnce, Some(at)) => {
            let fix = "remove it, or write `delivery = \"exactly-once\"` too";
            report.add(at, "`transaction` means nothing with delivery \"at-least-once\"", fix);
        }
        (Delivery::AtLeastOnce, None) => {}
        (Delivery::ExactlyOnce, _) => {
            let name = &binding.binding.function;
            let Some(function) = draft.functions.get(name) else { return };
            let mut tables = function.function.cassandra.iter();
            if let Some((table, _)) = tables.find(|(_, grant)| grant.writes()) {
                let message = format!(
                    "delivery \"exactly-once\" is from Kafka to Kafka: `{name}` may write to table {} of Cassandra, which \
                     takes part in no transaction",
                    quoted(table)
                );
                let fix = format!("write \"at-least-once\", or grant [function.{name}] \"read\" only");
                report.add(&binding.delivery, message, fix);
            }
        }
    }
}

fn module_is_usable(report: &mut Report<'_>, function: &DraftFunction, options: &Options) {
    let DraftFunction { function, module: at, .. } = function;
    let path = function.module.to_string_lossy();
    if path.contains("oci://") || path.contains("oci:/") {
        report.unsupported(at, "modules from a registry", "write the path of a .wasm or .wat file");
        return;
    }
    let extension = function.module.extension().and_then(|extension| extension.to_str());
    if !matches!(extension, Some("wasm" | "wat")) {
        report.add(at, format!("a module is a .wasm or .wat file, not `{path}`"), "write the path of one");
        return;
    }
    if options.files && !function.module.is_file() {
        let fix = match &function.build {
            Some(build) => format!("build it with `{build}`, or write the path of a .wasm or .wat file"),
            None => "write the path of a .wasm or .wat file, relative to the manifest".to_owned(),
        };
        report.add(at, format!("there is no module `{path}`"), fix);
    }
}
