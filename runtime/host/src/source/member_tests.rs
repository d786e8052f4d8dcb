//! Whose the partitions are, against a broker of the client's own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::mocking::MockCluster;
use rdkafka::{ClientConfig, TopicPartitionList};
use tokio::sync::mpsc;
use veltrix_manifest::Start;

use super::SourceContext;
use crate::kafka::{Health, membership};
use crate::metrics::Metrics;
use crate::source::{Input, Lease, SharedConsumer};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn partitions_that_came_to_another_member_are_let_go_of_as_lost() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("in", 2, 1).unwrap();
    let (send, mut inputs) = mpsc::channel(16);
    let metrics = Metrics::default().binding("g", "f");
    let context = SourceContext::new(Start::Earliest, send, Health::new(), metrics, Lease::off(), None);
    let consumer: SharedConsumer = Arc::new(
        ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "g")
            .set("enable.auto.commit", "false")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .create_with_context(context)
            .unwrap(),
    );
    consumer.subscribe(&["in"]).unwrap();
    let since = Instant::now();
    while consumer.assignment().unwrap().count() < 2 {
        assert!(since.elapsed() < LIMIT, "no partitions");
        consumer.poll(Duration::from_millis(50));
    }
    assert!(matches!(inputs.blocking_recv(), Some(Input::Assigned(partitions)) if partitions.len() == 2));
    let name = membership::name(&consumer).expect("it is a member");
    assert!(consumer.context().holds_as(&name));
    consumer.context().assign(&consumer, &TopicPartitionList::new());
    assert!(matches!(inputs.blocking_recv(), Some(Input::Assigned(_))), "the same member goes on");

    // As if the group had thrown it out meanwhile, and it had joined anew.
    *consumer.context().member.lock().unwrap() = Some("an earlier one".to_owned());
    assert!(!consumer.context().holds_as(&name), "no transaction may name it");
    consumer.context().assign(&consumer, &TopicPartitionList::new());
    assert!(matches!(inputs.blocking_recv(), Some(Input::Failed(why)) if why.contains("thrown")));
    assert!(!consumer.context().holds_as(&name));
    let held = consumer.assignment().unwrap();
    let revoking = std::thread::spawn({
        let consumer = consumer.clone();
        move || consumer.context().revoke(&consumer, &held)
    });
    assert!(matches!(inputs.blocking_recv(), Some(Input::Failed(_))));
    let Some(Input::Revoking { lost, reply, .. }) = inputs.blocking_recv() else { panic!("nothing is revoked") };
    assert!(lost, "nothing of it is committed");
    reply.send(TopicPartitionList::new()).unwrap();
    revoking.join().unwrap();
}
