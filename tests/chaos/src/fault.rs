//! What is done to the system, and in which order: drawn from a seed, before anything runs.

use std::fmt;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};

use crate::link::Trouble;

/// A fault, for how long, and whom it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// Which worker, where it hits one.
    pub worker: usize,
    /// How long it lasts; of a server that is bounced: how long it is away before it is started again.
    pub lasts: Duration,
}

/// Sorts of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A worker gets SIGKILL and is started again.
    Kill,
    /// A worker is stopped (SIGSTOP) for less than the session time-out, then goes on.
    FreezeShort,
    /// The same for longer than the session time-out: its partitions go to others meanwhile.
    FreezeLong,
    /// A worker gets SIGTERM, drains, ends with 0, and is started again.
    Terminate,
    /// More workers join and leave quickly.
    Storm,
    /// The broker is stopped in an orderly way, and started again.
    StopKafka,
    /// The broker gets SIGKILL and is started again.
    KillKafka,
    /// Cassandra gets SIGKILL and is started again.
    KillCassandra,
    /// The link of a worker to Kafka.
    Kafka(Trouble),
    /// The same, and at its end the worker gets SIGKILL and is started again: what it had not sent is gone with it.
    KillBehind(Trouble),
    /// The link of a worker to Cassandra.
    Cassandra(Trouble),
    /// The link of the producer to Kafka, so that it doesn't know what became of its sends.
    Producer(Trouble),
}

const TROUBLES: [Trouble; 6] =
    [Trouble::Latency, Trouble::Cut, Trouble::HalfOpen, Trouble::Stall, Trouble::Slow, Trouble::Uneven];

impl Kind {
    /// Each sort once.
    pub fn all() -> Vec<Self> {
        use Kind::*;
        let mut all = vec![Kill, FreezeShort, FreezeLong, Terminate, Storm, StopKafka, KillKafka, KillCassandra];
        all.extend(TROUBLES.map(Kafka));
        all.extend([Trouble::Stall, Trouble::Uneven].map(KillBehind));
        all.extend(TROUBLES.map(Cassandra));
        all.extend([Trouble::Cut, Trouble::HalfOpen].map(Producer));
        all
    }

    /// How much more often than the rarest it comes.
    fn weight(self) -> u32 {
        match self {
            // These take as long as a server needs to start.
            Self::StopKafka | Self::KillKafka | Self::KillCassandra => 1,
            Self::Producer(_) | Self::FreezeLong | Self::Storm => 2,
            Self::Kafka(_) | Self::Cassandra(_) => 3,
            Self::KillBehind(_) => 4,
            Self::Terminate | Self::FreezeShort => 5,
            Self::Kill => 8,
        }
    }

    fn lasts(self, random: &mut SmallRng, session: Duration) -> Duration {
        let ms = |range: std::ops::Range<u64>, random: &mut SmallRng| Duration::from_millis(random.random_range(range));
        match self {
            Self::Kill | Self::Terminate => ms(0..1_500, random),
            Self::FreezeShort => session.mul_f64(random.random_range(0.1..0.6)),
            Self::FreezeLong => session + ms(1_500..4_000, random),
            Self::Storm => ms(2_000..5_000, random),
            Self::StopKafka | Self::KillKafka | Self::KillCassandra => ms(0..2_000, random),
            Self::Producer(_) | Self::Kafka(_) | Self::KillBehind(_) | Self::Cassandra(_) => ms(500..3_500, random),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Kill => "worker: kill -9",
            Self::FreezeShort => "worker: frozen within the session",
            Self::FreezeLong => "worker: frozen beyond the session",
            Self::Terminate => "worker: SIGTERM",
            Self::Storm => "workers join and leave",
            Self::StopKafka => "kafka: stopped, started",
            Self::KillKafka => "kafka: kill -9",
            Self::KillCassandra => "cassandra: kill -9",
            Self::Kafka(trouble) => return f.pad(&format!("link to kafka: {trouble}")),
            Self::KillBehind(trouble) => return f.pad(&format!("worker: kill -9, link {trouble}")),
            Self::Cassandra(trouble) => return f.pad(&format!("link to cassandra: {trouble}")),
            Self::Producer(trouble) => return f.pad(&format!("link of the producer: {trouble}")),
        };
        f.pad(text)
    }
}

/// The faults of a run: each of `all` once if there is room, the rest by weight, in random order.
pub fn schedule(seed: u64, count: usize, all: &[Kind], workers: usize, session: Duration) -> Vec<Fault> {
    let random = &mut SmallRng::seed_from_u64(seed);
    let mut kinds = all.to_vec();
    kinds.shuffle(random);
    kinds.truncate(count);
    while kinds.len() < count {
        kinds.push(*all.choose_weighted(random, |kind| kind.weight()).expect("weights are positive"));
    }
    kinds.shuffle(random);
    let fault =
        |kind: Kind| Fault { kind, worker: random.random_range(0..workers), lasts: kind.lasts(random, session) };
    kinds.into_iter().map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Duration = Duration::from_secs(4);

    #[test]
    fn a_seed_stands_for_one_schedule_with_every_sort_of_fault() {
        let all = Kind::all();
        let count = all.len();
        let faults = schedule(7, count + 15, &all, 3, SESSION);
        assert_eq!(faults, schedule(7, count + 15, &all, 3, SESSION));
        assert_ne!(faults, schedule(8, count + 15, &all, 3, SESSION));
        assert_eq!(faults.len(), count + 15);
        for kind in Kind::all() {
            assert!(faults.iter().any(|fault| fault.kind == kind), "{kind}");
        }
        let longest = |kind| faults.iter().filter(|fault| fault.kind == kind).map(|fault| fault.lasts).max();
        assert!(longest(Kind::FreezeShort) < Some(SESSION) && longest(Kind::FreezeLong) > Some(SESSION));
    }
}
