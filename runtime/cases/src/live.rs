//! Cases on a real Kafka: through topics of their own, and the worker's own pipeline.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use veltrix_host::bounded::{self, Bounded, Part, Range, Staged};
use veltrix_host::function::Function;
use veltrix_host::kafka::KafkaConfig;
use veltrix_host::stage::Stage;
use veltrix_manifest::{Binding, DeadLetter, Delivery, Manifest};

use crate::broker::Broker;
use crate::case::{Case, Input};
use crate::record::Emit;

/// A case that takes longer does not come to its end.
const LIMIT: Duration = Duration::from_secs(120);

/// A lane's Kafka.
pub(crate) struct Live {
    manifest: Manifest,
    broker: Arc<Broker>,
    name: String,
    cases: AtomicUsize,
}

/// Topics of a case, by the names that it knows: their names outside, and partitions.
pub(crate) struct Topics {
    group: String,
    topics: BTreeMap<String, (String, i32)>,
}

impl Topics {
    /// Names outside, by names inside.
    pub(crate) fn outside(&self) -> BTreeMap<String, String> {
        self.topics.iter().map(|(inside, (outside, _))| (inside.clone(), outside.clone())).collect()
    }

    fn partitions(&self) -> BTreeMap<String, i32> {
        self.topics.values().cloned().collect()
    }
}

impl Live {
    pub(crate) async fn open(manifest: &Manifest, brokers: &[String], name: &str) -> Result<Self, String> {
        let mut manifest = manifest.clone();
        manifest.override_kafka(brokers);
        // The function on the stage has its Cassandra already.
        manifest.cassandra = None;
        let kafka =
            KafkaConfig { brokers: manifest.kafka.brokers.clone(), properties: manifest.kafka.properties.clone() };
        let broker = Arc::new(Broker::open(&kafka)?);
        let asked = broker.clone();
        blocking(move || asked.check()).await?;
        Ok(Self { manifest, broker, name: name.to_owned(), cases: AtomicUsize::new(0) })
    }

    /// Topics for a case, which are not there yet.
    pub(crate) fn topics(&self, case: &Case, manifest: &Manifest) -> Topics {
        let binding = &manifest.bindings[case.binding];
        let group = format!("{}-{}", self.name, self.cases.fetch_add(1, Ordering::Relaxed));
        let mut wanted: BTreeMap<String, i32> = BTreeMap::new();
        let mut want = |topic: &str, partition: i32| {
            let count = wanted.entry(topic.to_owned()).or_insert(1);
            *count = (*count).max(partition + 1);
        };
        case.events.iter().for_each(|input| want(&input.topic, input.partition));
        manifest.functions[&binding.function].emits.iter().for_each(|topic| want(topic, 0));
        case.expected.emits.iter().for_each(|emit| want(&emit.topic, emit.event.partition.unwrap_or(0)));
        if let DeadLetter::Topic(topic) = &binding.dead_letter {
            want(topic, 0);
        }
        // Numbered, as the names of topics may be as long as Kafka allows.
        let named = wanted.into_iter().enumerate();
        let topics = named.map(|(number, (topic, count))| (topic, (format!("{group}.{number}"), count)));
        Topics { topics: topics.collect(), group }
    }

    /// Feeds the case's events, and gives back what was emitted.
    pub(crate) async fn feed(
        &self,
        case: &Case,
        topics: &Topics,
        stage: &Arc<Stage>,
        function: &Arc<Function>,
    ) -> Result<Vec<Emit>, String> {
        self.broker.create(&topics.partitions()).await?;
        let fed = self.feed_topics(case, topics, stage, function).await;
        self.broker.remove(&topics.partitions(), &topics.group).await;
        fed
    }

    async fn feed_topics(
        &self,
        case: &Case,
        topics: &Topics,
        stage: &Arc<Stage>,
        function: &Arc<Function>,
    ) -> Result<Vec<Emit>, String> {
        for inside in case.topics() {
            let (outside, _) = &topics.topics[&*inside];
            let inputs: Vec<&Input> = case.events.iter().filter(|input| input.topic == inside).collect();
            // Few and small: the broker's answer is all that is waited for.
            tokio::task::block_in_place(|| self.broker.produce(outside, &inputs))?;
            let mut partitions = BTreeMap::new();
            for input in inputs {
                partitions.insert(input.partition, Part { end: input.offset + 1, only: None });
            }
            let bounded = Bounded {
                manifest: self.manifest.clone(),
                binding: self.binding(case, outside, topics),
                group: topics.group.clone(),
                range: Range { topic: outside.clone(), partitions },
                letters: false,
                cache: None,
                staged: Some(Staged { stage: stage.clone(), function: function.clone() }),
            };
            let refused = tokio::time::timeout(LIMIT, stage.refused());
            let mut late = false;
            let stop = async { late = refused.await.is_err() };
            bounded::run(bounded, stop).await.map_err(|error| error.to_string())?;
            if late {
                return Err(format!("it does not come to its end within {} s", LIMIT.as_secs()));
            }
        }
        let mut emits = Vec::new();
        for topic in &self.manifest.functions[&*function.name].emits {
            let (outside, partitions) = &topics.topics[topic];
            emits.extend(tokio::task::block_in_place(|| self.broker.read(outside, topic, *partitions))?);
        }
        Ok(emits)
    }

    /// The binding, with the topics that the case has outside.
    fn binding(&self, case: &Case, topic: &str, topics: &Topics) -> Binding {
        let mut binding = self.manifest.bindings[case.binding].clone();
        binding.topics = vec![topic.to_owned()];
        if let DeadLetter::Topic(letters) = &mut binding.dead_letter {
            *letters = topics.topics[letters].0.clone();
        }
        // What is tried out is what it does, not how its effects are sent; and many cases are of failures.
        binding.delivery = Delivery::AtLeastOnce;
        binding.dead_letter_limit.percent = std::num::NonZeroU32::MIN.saturating_add(99);
        binding
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|ended| ended.to_string())?
}
