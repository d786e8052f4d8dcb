//! The outbox against a broker that answers with errors as it is told to.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as E;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey as Api;
use tokio::sync::mpsc;

use super::{Outbox, Send, Ticket};
use crate::kafka::{Health, KafkaConfig};

const LIMIT: Duration = Duration::from_secs(30);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(3).unwrap();
    cluster.create_topic("out", 1, 3).unwrap();
    cluster
}

fn outbox(cluster: &Cluster) -> Outbox {
    let properties = [("retry.backoff.ms".to_owned(), "20".to_owned())].into();
    Outbox::start(&KafkaConfig { brokers: vec![cluster.bootstrap_servers()], properties }, Health::new()).unwrap()
}

/// Sends one record and waits for its ticket.
fn send(outbox: &Outbox) -> Arc<Ticket> {
    let (done, mut back) = mpsc::unbounded_channel();
    let ticket = outbox.ticket(("in".into(), 0), 1, vec![7], done);
    let record = Send { topic: "out", partition: None, key: None, value: Some(b"v"), timestamp: None, headers: None };
    outbox.send(record, &ticket).unwrap();
    outbox.seal(&ticket);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, back.recv()).await }).expect("in time").expect("a ticket")
}

#[test]
fn what_passes_is_sent_again_until_it_is_acknowledged() {
    let cluster = cluster();
    let outbox = outbox(&cluster);
    for errors in [
        // It may have been taken, for all the client knows, and is sent again under the same sequence number. This broker
        // answers an error instead of taking it, and looks at no sequence numbers: a real one is asked elsewhere.
        &[E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT][..],
        &[E::RD_KAFKA_RESP_ERR__TRANSPORT],
        &[E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS],
        &[E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND],
        &[E::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER],
    ] {
        cluster.request_errors(Api::Produce, errors);
        assert!(!send(&outbox).is_lost(), "{errors:?}");
    }
    cluster.partition_leader("out", 0, Some(2)).unwrap();
    assert!(!send(&outbox).is_lost());
    assert!(!outbox.is_fatal());
    assert_eq!(outbox.waiting(), 0);
}

#[test]
fn what_the_broker_refuses_is_lost_and_the_next_is_not() {
    let cluster = cluster();
    let outbox = outbox(&cluster);
    for error in [E::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, E::RD_KAFKA_RESP_ERR_POLICY_VIOLATION] {
        cluster.request_errors(Api::Produce, &[error]);
        assert!(send(&outbox).is_lost(), "{error:?}");
        assert!(!send(&outbox).is_lost(), "after {error:?}");
        assert!(!outbox.is_fatal(), "{error:?}");
    }
}

#[test]
fn a_producer_that_may_not_be_one_is_fatal() {
    let cluster = cluster();
    cluster.request_errors(Api::InitProducerId, &[E::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED]);
    let outbox = outbox(&cluster);
    assert!(send(&outbox).is_lost());
    // The client tells of the record first, then of itself.
    let since = std::time::Instant::now();
    while !outbox.is_fatal() {
        assert!(since.elapsed() < LIMIT, "it says nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
}
