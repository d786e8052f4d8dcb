//! A broker that says now and then that its cluster has none, as real ones do while they begin and end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::mpsc;

use super::Revival;
use crate::kafka::{Health, KafkaConfig};
use crate::outbox::{Outbox, Send};

const LIMIT: Duration = Duration::from_secs(30);
const TOPIC: &str = "out";

/// Speaks as much of the protocol as a producer needs.
#[derive(Default)]
struct Broker {
    port: u16,
    /// Says what is so, takes records, and hangs up on nobody.
    sound: AtomicBool,
    /// Questions for the cluster's brokers.
    asked: AtomicU64,
}

impl Broker {
    fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = Arc::new(Self { port: listener.local_addr().unwrap().port(), ..Self::default() });
        std::thread::spawn({
            let broker = broker.clone();
            move || {
                for stream in listener.incoming().flatten() {
                    let broker = broker.clone();
                    std::thread::spawn(move || broker.serve(stream));
                }
            }
        });
        broker
    }

    /// Answers until either end hangs up.
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let mut size = [0; 4];
            stream.read_exact(&mut size).ok()?;
            let mut request = vec![0; u32::from_be_bytes(size) as usize];
            stream.read_exact(&mut request).ok()?;
            let mut request = Request(&request);
            let (api, version, correlation) = (request.i16(), request.i16(), request.i32());
            request.text();
            let mut answer = Answer(correlation.to_be_bytes().to_vec());
            let mut hangs_up = false;
            match api {
                0 => produce(&mut request, &mut answer),
                3 => hangs_up = self.metadata(&mut answer),
                18 => versions(version, &mut answer),
                22 => drop(answer.i32(0).i16(0).i64(7).i16(0)),
                other => panic!("request {other} was not offered"),
            }
            stream.write_all(&(answer.0.len() as u32).to_be_bytes()).ok()?;
            stream.write_all(&answer.0).ok()?;
            if hangs_up {
                return None;
            }
        }
    }

    /// Every second answer knows of no broker, and is the last on its connection.
    fn metadata(&self, answer: &mut Answer) -> bool {
        let sound = self.sound.load(Ordering::Relaxed);
        let knows = sound || self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        answer.i32(0).i32(i32::from(knows));
        if knows {
            answer.i32(1).text("127.0.0.1").i32(self.port.into()).i16(-1);
        }
        let (error, leader) = if sound { (0, 1) } else { (5, -1) };
        answer.text("cluster").i32(if knows { 1 } else { -1 }).i32(1).i16(0).text(TOPIC).0.push(0);
        answer.i32(1).i16(error).i32(0).i32(leader).i32(1).i32(1).i32(1).i32(1);
        !knows
    }
}

fn versions(version: i16, answer: &mut Answer) {
    let known: [(i16, i16, i16); 7] = [(0, 0, 7), (1, 0, 4), (2, 0, 1), (3, 0, 4), (10, 0, 1), (18, 0, 0), (22, 0, 1)];
    answer.i16(if version > 0 { 35 } else { 0 }).i32(known.len() as i32);
    for (api, least, most) in known {
        answer.i16(api).i16(least).i16(most);
    }
}

fn produce(request: &mut Request<'_>, answer: &mut Answer) {
    request.text();
    request.i16();
    request.i32();
    assert_eq!((request.i32(), &*request.text(), request.i32(), request.i32()), (1, TOPIC, 1, 0));
    answer.i32(1).text(TOPIC).i32(1).i32(0).i16(0).i64(0).i64(-1).i64(0).i32(0);
}

struct Request<'a>(&'a [u8]);

impl Request<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk().expect("a whole request");
        self.0 = rest;
        *taken
    }

    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take())
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take())
    }

    /// Null is empty here.
    fn text(&mut self) -> String {
        let length = self.i16().max(0) as usize;
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8(text.to_vec()).unwrap()
    }
}

struct Answer(Vec<u8>);

impl Answer {
    fn i16(&mut self, value: i16) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn i32(&mut self, value: i32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.i16(text.len() as i16).0.extend(text.as_bytes());
        self
    }
}

#[test]
fn a_producer_that_was_told_of_no_brokers_comes_back() {
    let broker = Broker::start();
    let properties = [("reconnect.backoff.ms", "5"), ("reconnect.backoff.max.ms", "20"), ("retry.backoff.ms", "5")];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let kafka = KafkaConfig { brokers: vec![format!("127.0.0.1:{}", broker.port)], properties };
    let outbox = Outbox::start(&kafka, Health::new()).unwrap();
    let (done, mut back) = mpsc::unbounded_channel();
    let ticket = outbox.ticket(("in".into(), 0), 1, vec![7], done);
    let record = Send { topic: TOPIC, partition: None, key: None, value: Some(b"v"), timestamp: None, headers: None };
    outbox.send(record, &ticket).unwrap();
    outbox.seal(&ticket);
    // Until it asks no more, of itself, or has got over it often enough.
    let (mut asked, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_millis(900) && asked < 400 {
        let now = broker.asked.load(Ordering::Relaxed);
        if now != asked {
            (asked, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(asked > 1, "it was never told of no brokers");
    broker.sound.store(true, Ordering::Relaxed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ticket = runtime.block_on(async { tokio::time::timeout(LIMIT, back.recv()).await });
    assert!(!ticket.unwrap_or_else(|_| panic!("silent after {asked} questions")).expect("a ticket").is_lost());
}

#[test]
fn it_is_told_with_growing_pauses_and_then_no_more() {
    let revival = Revival::new(&["a:1".to_owned(), "b:2".to_owned()]);
    assert_eq!(revival.brokers.to_str(), Ok("a:1,b:2"));
    revival.heard(&KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure));
    assert_eq!(revival.left.load(Ordering::Relaxed), 0, "one of them is no reason");
    let begin = Instant::now();
    revival.heard(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown));
    let mut told = Vec::new();
    for second in 0..120 {
        if revival.left.load(Ordering::Relaxed) > 0 && revival.is_due(begin + Duration::from_secs(second)) {
            told.push(second);
        }
    }
    assert_eq!(told, [1, 3, 7, 15, 30]);
    revival.heard(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown));
    assert!(!revival.is_due(begin) && revival.is_due(begin + FIRST_AGAIN), "the next time is a new one");
}

const FIRST_AGAIN: Duration = Duration::from_secs(1);
