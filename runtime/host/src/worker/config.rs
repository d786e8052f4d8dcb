//! What a manifest says, as the pipeline takes it.

use std::sync::Arc;

use veltrix_manifest::{Binding, DeadLetter, Dedupe, DedupeWindow, Manifest};

use crate::control;
use crate::flow::{Bounds, Identify, RetryPolicy, Rule};
use crate::kafka::KafkaConfig;
use crate::pipeline::{BindingConfig, DedupeConfig};
use crate::rate::Limit;

pub(crate) fn binding_config(binding: &Binding, manifest: &Manifest) -> BindingConfig {
    let retry = &binding.retry;
    BindingConfig {
        group: binding.group.clone(),
        concurrency: binding.concurrency.get() as usize,
        batch: Bounds { events: binding.batch.events.get() as usize, bytes: binding.batch.bytes.get() as usize },
        wait: binding.batch.wait,
        retry: RetryPolicy {
            attempts: retry.attempts.get(),
            backoff: retry.backoff,
            max_backoff: retry.max_backoff,
            max_age: retry.max_age,
        },
        dead_letter: match &binding.dead_letter {
            DeadLetter::Topic(topic) => Some(topic.clone()),
            DeadLetter::Pause => None,
        },
        dead_letter_limit: Limit {
            percent: binding.dead_letter_limit.percent.get().into(),
            events: binding.dead_letter_limit.events.get().into(),
            window: binding.dead_letter_limit.window,
        },
        // The client library's default.
        max_record: manifest
            .kafka
            .properties
            .get("message.max.bytes")
            .and_then(|n| n.parse().ok())
            .unwrap_or(1_000_000),
        resume: control::resume_command(&manifest.dir, &binding.group),
        dedupe: binding.dedupe.as_ref().map(|dedupe| dedupe_config(dedupe, manifest)),
        exactly_once: None,
    }
}

fn dedupe_config(dedupe: &Dedupe, manifest: &Manifest) -> DedupeConfig {
    let most = i64::try_from(dedupe.most()).unwrap_or(i64::MAX);
    let rule = match dedupe.window {
        DedupeWindow::Offsets(offsets) => {
            Rule { most: i64::try_from(offsets.get()).unwrap_or(most).min(most), within: None }
        }
        DedupeWindow::Time(time) => Rule { most, within: Some(time.as_millis() as i64) },
    };
    let kafka = KafkaConfig { brokers: manifest.kafka.brokers.clone(), properties: manifest.kafka.properties.clone() };
    DedupeConfig { identify: Arc::new(Identify::new(&dedupe.by)), rule, kafka }
}

/// Topics that functions write to.
pub(crate) fn topics_to_create(manifest: &Manifest) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for binding in &manifest.bindings {
        names.extend(manifest.functions[&binding.function].emits.iter().cloned());
        if let DeadLetter::Topic(topic) = &binding.dead_letter {
            names.push(topic.clone());
        }
    }
    names.sort();
    names.dedup();
    names
}
