//! The producer's thread against a broker that answers with errors as they are told to: what is rare on a real one.
//!
//! The mock checks no generations, keeps no offsets of transactions and takes nothing back when one is aborted: that is for
//! the tests on a real broker.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as E;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey as Api;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Command, Identity, Kept, Letter, Report, Setup, Transactions};
use crate::kafka::membership::membership;
use crate::kafka::{Health, KafkaConfig};
use crate::outbox::Send;

const LIMIT: Duration = Duration::from_secs(30);

struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
    consumer: Arc<BaseConsumer>,
    transactions: Transactions,
    reports: UnboundedReceiver<Report>,
    runtime: tokio::runtime::Runtime,
    next: u64,
}

fn kafka(cluster: &MockCluster<'static, DefaultProducerContext>) -> KafkaConfig {
    let properties = [("retry.backoff.ms", "20"), ("retry.backoff.max.ms", "50")];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    KafkaConfig { brokers: vec![cluster.bootstrap_servers()], properties }
}

impl Mock {
    /// A producer, and a member of the group, at a broker that is told `errors` before either begins.
    fn start(errors: &[(Api, &[E])]) -> Self {
        let cluster = MockCluster::new(3).unwrap();
        cluster.create_topic("in", 1, 3).unwrap();
        cluster.create_topic("out", 2, 3).unwrap();
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "g")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        consumer.subscribe(&["in"]).unwrap();
        let consumer = Arc::new(consumer);
        let since = std::time::Instant::now();
        while membership(&*consumer).is_none() {
            assert!(since.elapsed() < LIMIT, "never a member");
            consumer.poll(Duration::from_millis(50));
        }
        for (api, errors) in errors {
            cluster.request_errors(*api, errors);
        }
        let (report, reports) = unbounded_channel();
        let setup = Setup {
            kafka: kafka(&cluster),
            group: "g".into(),
            identity: Identity::new("shop", "g", "w"),
            health: Health::new(),
            membership: Box::new({
                let consumer = consumer.clone();
                move || membership(&*consumer)
            }),
        };
        let transactions = Transactions::start(setup, report).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut mock = Self { cluster, consumer, transactions, reports, runtime, next: 0 };
        assert!(matches!(mock.report(), Report::Ready));
        mock
    }

    fn report(&mut self) -> Report {
        let report = async { tokio::time::timeout(LIMIT, self.reports.recv()).await };
        self.runtime.block_on(report).expect("a report in time").expect("the thread lives")
    }

    fn emit(&mut self) -> u64 {
        let letter = Letter::of(Send {
            topic: "out",
            partition: None,
            key: Some(b"k"),
            value: Some(b"v"),
            timestamp: None,
            headers: None,
        });
        let number = self.next;
        self.next += 1;
        let unit = Kept::silent(number, ("in".into(), 0), 1, vec![number]).with_letter(letter);
        self.transactions.tell(Command::Emit(Arc::new(unit)));
        number
    }

    fn flush(&mut self) -> Report {
        self.transactions.tell(Command::Flush);
        self.report()
    }

    fn commit(&mut self) -> Report {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset("in", 0, Offset::Offset(self.next as i64)).unwrap();
        self.transactions.tell(Command::Commit(offsets));
        self.report()
    }

    fn abort(&mut self) -> Report {
        self.transactions.tell(Command::Abort);
        self.report()
    }

    /// One whole transaction, which has to succeed.
    fn succeed(&mut self) {
        self.emit();
        let flushed = self.flush();
        assert!(matches!(flushed, Report::Flushed), "{flushed:?}");
        let committed = self.commit();
        assert!(matches!(committed, Report::Committed), "{committed:?}");
    }

    /// The same, perhaps after more aborts: the client may still be clearing up after what went wrong before.
    fn succeed_soon(&mut self) {
        for _ in 0..5 {
            self.emit();
            match self.flush() {
                Report::Flushed => {
                    let committed = self.commit();
                    assert!(matches!(committed, Report::Committed), "{committed:?}");
                    return;
                }
                Report::Broken { .. } => assert!(matches!(self.abort(), Report::Aborted)),
                other => panic!("{other:?}"),
            }
        }
        panic!("no transaction succeeds");
    }

    fn errors(&self, api: Api, errors: &[E]) {
        self.cluster.request_errors(api, errors);
    }

    fn written(&self) -> i64 {
        let end = |partition| self.consumer.fetch_watermarks("out", partition, LIMIT).unwrap().1;
        end(0) + end(1)
    }
}

#[test]
fn what_passes_is_waited_for() {
    let mut mock = Mock::start(&[(
        Api::InitProducerId,
        &[E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, E::RD_KAFKA_RESP_ERR_NOT_COORDINATOR],
    )]);
    mock.succeed();
    for (api, error) in [
        (Api::AddPartitionsToTxn, E::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS),
        (Api::AddOffsetsToTxn, E::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS),
        (Api::AddOffsetsToTxn, E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
        (Api::TxnOffsetCommit, E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS),
        (Api::EndTxn, E::RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        (Api::EndTxn, E::RD_KAFKA_RESP_ERR__TRANSPORT),
        (Api::Produce, E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT),
        (Api::Produce, E::RD_KAFKA_RESP_ERR__TRANSPORT),
    ] {
        let before = mock.written();
        mock.errors(api, &[error]);
        mock.succeed();
        assert_eq!(mock.written(), before + 1, "{api:?} {error:?}: it is written once");
    }
}

#[test]
fn a_coordinator_that_moves_is_followed() {
    let mut mock = Mock::start(&[]);
    for broker in [1, 2, 3] {
        mock.cluster.coordinator(MockCoordinator::Transaction("shop.g.w".into()), broker).unwrap();
        mock.succeed();
    }
}

#[test]
fn an_illegal_generation_aborts_and_the_next_transaction_goes_on() {
    for error in [
        E::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
        E::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
        E::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
    ] {
        let mut mock = Mock::start(&[]);
        mock.succeed();
        mock.errors(Api::TxnOffsetCommit, &[error]);
        mock.emit();
        assert!(matches!(mock.flush(), Report::Flushed));
        let report = mock.commit();
        assert!(matches!(report, Report::Aborted), "{error:?}: {report:?}");
        mock.succeed();
    }
}

#[test]
fn a_record_that_is_refused_is_named_and_nothing_else_is() {
    let mut mock = Mock::start(&[]);
    mock.succeed();
    mock.errors(Api::Produce, &[E::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    let number = mock.emit();
    match mock.flush() {
        Report::Broken { refused, .. } => assert_eq!(refused.iter().map(|r| r.0).collect::<Vec<_>>(), [number]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(mock.abort(), Report::Aborted));
    mock.succeed_soon();

    // The producer's own trouble is no record's.
    mock.errors(Api::AddPartitionsToTxn, &[E::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID]);
    mock.emit();
    match mock.flush() {
        Report::Broken { refused, .. } => assert!(refused.is_empty(), "{refused:?}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(mock.abort(), Report::Aborted));
    mock.succeed_soon();
}

#[test]
fn a_fenced_producer_is_made_anew_and_the_groups_offsets_are_asked() {
    let mut mock = Mock::start(&[]);
    mock.succeed();
    mock.errors(Api::EndTxn, &[E::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    mock.emit();
    assert!(matches!(mock.flush(), Report::Flushed));
    match mock.commit() {
        Report::Anew { committed: Some(committed), .. } => {
            assert!(committed.find_partition("in", 0).is_some());
        }
        other => panic!("{other:?}"),
    }
    mock.succeed();
    // Before its end was asked for nothing is in doubt.
    mock.errors(Api::TxnOffsetCommit, &[E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH]);
    mock.emit();
    assert!(matches!(mock.flush(), Report::Flushed));
    let report = mock.commit();
    assert!(matches!(report, Report::Aborted | Report::Anew { committed: None, .. }), "{report:?}");
    mock.succeed();
}

#[test]
fn without_a_member_nothing_is_committed() {
    let mut mock = Mock::start(&[]);
    mock.succeed();
    mock.consumer.unsubscribe();
    let since = std::time::Instant::now();
    while membership(&*mock.consumer).is_some() {
        assert!(since.elapsed() < LIMIT, "it stays a member");
        mock.consumer.poll(Duration::from_millis(20));
    }
    mock.emit();
    let report = mock.flush();
    assert!(matches!(report, Report::Broken { .. }), "{report:?}");
    assert!(matches!(mock.abort(), Report::Aborted));
}
