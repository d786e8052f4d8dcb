//! The identities that a partition has seen lately, and what of its past is not known.
//!
//! Pure. Whether an event is a copy is a function of the log: of the events before it with the same identity, one lies at
//! most `most` offsets before it and, with a window of time, has a timestamp no more than `within` below its own. So
//! whoever reads the log anew finds the same.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::identify::Id;

/// When an earlier event with the same identity makes an event a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// It is at most so many offsets before.
    pub most: i64,
    /// Its timestamp is at most so many milliseconds lower; `None`: offsets alone count.
    pub within: Option<i64>,
}

/// A part of the log that has to be read before an event can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// First offset.
    pub from: i64,
    /// End, excluded.
    pub to: i64,
    /// What lies before the first event of this timestamp or a later one is not needed.
    pub since: Option<i64>,
}

/// What is remembered of the partition. At any time every event is in it that lies within `most` of the newest, but for
/// those before `edge` whose time is below `since`.
#[derive(Debug)]
pub struct Seen {
    rule: Rule,
    /// In offset order.
    events: VecDeque<Event>,
    /// Number of `events[0]`.
    first: u32,
    /// Number of the newest event of each identity.
    newest: HashTable<u32>,
    edge: Option<i64>,
    since: i64,
    /// Up to this offset nothing is let go for its time: events have come that were older than that.
    thorough_until: i64,
    cut: u64,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    id: Id,
    offset: i64,
    time: i64,
    /// So far back is the next older event of that identity whose time is higher; those between decide nothing that this
    /// one does not. 0: none.
    older: u32,
}

const ALL: i64 = i64::MIN;
const NONE: i64 = i64::MAX;

impl Seen {
    /// Nothing is known yet.
    pub fn new(rule: Rule) -> Self {
        Self {
            rule,
            events: VecDeque::new(),
            first: 0,
            newest: HashTable::new(),
            edge: None,
            since: NONE,
            thorough_until: ALL,
            cut: 0,
        }
    }

    /// For a part of the past that is read from `edge` on. `since`: events before it are older than that; `None`: there
    /// are none that matter.
    pub fn from_past(rule: Rule, edge: i64, since: Option<i64>) -> Self {
        Self { edge: Some(edge), since: since.unwrap_or(ALL), ..Self::new(rule) }
    }

    /// Takes in the next event. `Some`: it is a copy of the one at that offset.
    ///
    /// # Errors
    /// The past has to be read first; nothing is changed.
    pub fn see(&mut self, id: Id, offset: i64, time: i64) -> Result<Option<i64>, Past> {
        // Without a window of time all times are the same.
        let time = if self.is_timed() { time } else { 0 };
        let least = time.saturating_sub(self.rule.within.unwrap_or(0));
        self.expire(offset, least);
        let found = self.find(id, least);
        let edge = *self.edge.get_or_insert(offset);
        let from = offset.saturating_sub(self.rule.most).max(0);
        if from >= edge {
            // What is not known is out of reach for good.
            self.since = ALL;
        } else if found.is_none() && least < self.since {
            let since = self.rule.within.map(|within| least.saturating_sub(within));
            return Err(Past { from, to: edge, since: since.filter(|since| *since > 0) });
        }
        self.push(id, offset, time);
        if let Some(within) = self.rule.within {
            self.let_go(offset, time.saturating_sub(within.saturating_mul(2)));
        }
        Ok(found)
    }

    /// Adds an event behind all others.
    pub fn push(&mut self, id: Id, offset: i64, time: i64) {
        let time = if self.is_timed() { time } else { 0 };
        if self.events.len() == self.events.capacity() {
            // Doubling would waste more than half of what the operator allows.
            self.events.reserve_exact(self.events.len() / 4 + 64);
        }
        let number = self.first.wrapping_add(self.events.len() as u32);
        let (events, first) = (&self.events, self.first);
        let at = |number: u32| number.wrapping_sub(first) as usize;
        let mut older = 0;
        match self.newest.find_mut(id.0, |n| events[at(*n)].id == id) {
            Some(newest) => {
                let mut back = number.wrapping_sub(*newest);
                *newest = number;
                // Events that this one outdoes are passed over once, here, and never again.
                while back as usize <= events.len() {
                    let event = &events[events.len() - back as usize];
                    if event.time > time {
                        older = back;
                        break;
                    }
                    if event.older == 0 {
                        break;
                    }
                    back += event.older;
                }
            }
            None => {
                let _ = self.newest.insert_unique(id.0, number, |n| match *n == number {
                    true => id.0,
                    false => events[at(*n)].id.0,
                });
            }
        }
        self.events.push_back(Event { id, offset, time, older });
    }

    /// Puts what was read of the past before what has come since.
    pub fn recall(&mut self, mut past: Seen) {
        let newest = self.events.back().map_or(past.edge.unwrap_or(0), |event| event.offset);
        if self.since != NONE {
            // Older events than expected come: were they let go again, the next one would have the past read again.
            past.thorough_until = newest.saturating_add(self.rule.most);
        }
        past.cut = self.cut;
        for event in &self.events {
            past.push(event.id, event.offset, event.time);
        }
        *self = past;
    }

    /// Events that are remembered.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether timestamps count.
    pub fn is_timed(&self) -> bool {
        self.rule.within.is_some()
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.events.capacity() * size_of::<Event>() + self.newest.allocation_size()
    }

    /// Events let go because of the bound that were still within the window of time.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Offset of an earlier event of that identity with that time or a later one.
    fn find(&self, id: Id, least: i64) -> Option<i64> {
        let at = |number: u32| number.wrapping_sub(self.first) as usize;
        let newest = *self.newest.find(id.0, |n| self.events[at(*n)].id == id)?;
        let mut index = at(newest);
        loop {
            let event = &self.events[index];
            if event.time >= least {
                return Some(event.offset);
            }
            // What is passed over here is outdone by the event at hand, and not looked at again.
            index = index.checked_sub(event.older as usize).filter(|_| event.older > 0)?;
        }
    }

    /// Lets go what is further back than the rule goes.
    fn expire(&mut self, offset: i64, least: i64) {
        while let Some(front) = self.events.front()
            && offset.saturating_sub(front.offset) > self.rule.most
        {
            self.cut += u64::from(self.rule.within.is_some() && front.time >= least);
            self.pop();
        }
    }

    /// Lets go what is so old that only events from long ago could need it. At most two at a time, so that one event
    /// from the future does not empty the memory.
    fn let_go(&mut self, offset: i64, below: i64) {
        if offset <= self.thorough_until {
            return;
        }
        for _ in 0..2 {
            let Some(front) = self.events.front().filter(|front| front.time < below) else { return };
            self.since = self.since.max(front.time + 1);
            self.edge = self.edge.max(Some(front.offset + 1));
            self.pop();
        }
    }

    fn pop(&mut self) {
        let Some(front) = self.events.front() else { return };
        if let Ok(entry) = self.newest.find_entry(front.id.0, |n| *n == self.first) {
            entry.remove();
        }
        self.events.pop_front();
        self.first = self.first.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the rule says of the event at `index`, by looking at the whole log.
    fn is_copy(log: &[(u64, i64, i64)], index: usize, rule: Rule) -> bool {
        let (id, offset, time) = log[index];
        log[..index].iter().any(|(other, before, earlier)| {
            *other == id && offset - before <= rule.most && rule.within.is_none_or(|within| *earlier >= time - within)
        })
    }

    /// Reads the past as a scan of the log does.
    fn read(log: &[(u64, i64, i64)], rule: Rule, past: Past) -> Seen {
        let found = past.since.and_then(|since| log.iter().find(|event| event.2 >= since)).map(|event| event.1);
        let by_time = found.unwrap_or(past.from).min(past.to);
        let by_time = if past.since.is_some() && found.is_none() { past.to } else { by_time };
        let (edge, since) = match by_time > past.from {
            true => (by_time, past.since),
            false => (past.from, None),
        };
        let mut seen = Seen::from_past(rule, edge, since);
        for (id, offset, time) in log.iter().filter(|event| (edge..past.to).contains(&event.1)) {
            seen.push(Id(*id, 0), *offset, *time);
        }
        seen
    }

    fn run(log: &[(u64, i64, i64)], rule: Rule, start: usize) -> usize {
        let mut seen = Seen::new(rule);
        let mut scans = 0;
        for index in start..log.len() {
            let (id, offset, time) = log[index];
            let mut tries = 0;
            let found = loop {
                match seen.see(Id(id, 0), offset, time) {
                    Ok(found) => break found,
                    Err(past) => {
                        tries += 1;
                        assert!(tries == 1, "asked twice for one event: {past:?}");
                        assert!(past.from >= 0 && past.from < past.to && past.to <= offset, "{past:?}");
                        seen.recall(read(log, rule, past));
                    }
                }
            };
            scans += tries;
            assert_eq!(found.is_some(), is_copy(log, index, rule), "event {index} of {log:?}");
            assert!(seen.len() as i64 <= rule.most + 1);
        }
        scans
    }

    #[test]
    fn a_copy_refreshes_the_window() {
        let rule = Rule { most: 2, within: None };
        let log = [(1, 0, 0), (1, 2, 0), (1, 4, 0), (1, 7, 0)];
        assert_eq!((0..4).map(|i| is_copy(&log, i, rule)).collect::<Vec<_>>(), [false, true, true, false]);
        run(&log, rule, 0);
        run(&log, rule, 2);
    }

    #[test]
    fn a_steady_stream_forgets_what_is_old_and_reads_the_past_once() {
        let rule = Rule { most: 100_000, within: Some(200) };
        let log: Vec<_> = (0..4_000).map(|n| (n / 2, n as i64, n as i64)).collect();
        assert_eq!(run(&log, rule, 0), 0, "a partition's first events have no past");
        assert_eq!(run(&log, rule, 3_000), 1);
        let mut seen = Seen::new(rule);
        for (id, offset, time) in log {
            assert!(seen.see(Id(id, 0), offset, time).is_ok());
        }
        assert!(seen.len() < 420, "{} are remembered", seen.len());
    }

    #[test]
    fn one_event_from_the_future_does_not_empty_the_memory() {
        let rule = Rule { most: 100_000, within: Some(200) };
        let mut log: Vec<_> = (0..1_000).map(|n| (n % 200, n as i64, n as i64)).collect();
        log[500].2 = i64::MAX;
        assert_eq!(run(&log, rule, 300), 1, "it asks for nothing itself");
        log[600] = (9_999, 600, 0);
        assert_eq!(run(&log, rule, 300), 2, "the past of one that is from long ago is read apart");
    }

    #[test]
    fn old_events_among_new_ones_have_the_past_read_once_for_all() {
        let rule = Rule { most: 1_000, within: Some(10) };
        let log: Vec<_> = (0..4_000)
            .map(|n| (n % 7_000, n as i64, if n % 3 == 0 { n as i64 / 2 } else { n as i64 + 5_000 }))
            .collect();
        let scans = run(&log, rule, 2_000);
        assert!(scans <= 4, "{scans} scans");
    }

    #[test]
    fn the_bound_cuts_the_window_and_counts_it() {
        let mut seen = Seen::new(Rule { most: 10, within: Some(1_000) });
        for n in 0..30 {
            assert_eq!(seen.see(Id(n, 0), n as i64, n as i64), Ok(None));
        }
        assert_eq!((seen.len(), seen.cut()), (11, 19));
    }

    #[test]
    fn memory_stays_below_what_the_manifest_counts_an_event_as() {
        let most = 20_000;
        let mut seen = Seen::new(Rule { most, within: None });
        for n in 0..60_000u64 {
            let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let _ = seen.see(Id(id, n), n as i64, 0);
            let allowed = (seen.len() + 64) as u64 * veltrix_manifest::Dedupe::BYTES_PER_EVENT + 4_096;
            assert!(seen.memory() as u64 <= allowed.max(most as u64 / 8), "{} for {}", seen.memory(), seen.len());
        }
    }

    fn logs() -> impl Strategy<Value = Vec<(u64, i64, i64)>> {
        let time = prop_oneof![8 => 0..60i64, 1 => Just(0), 1 => Just(i64::MAX), 1 => 0..3_000i64];
        prop::collection::vec((0..8u64, 1..4i64, time, any::<bool>()), 0..120).prop_map(|steps| {
            let mut offset = 0;
            let steps = steps.into_iter().enumerate().map(|(n, (id, gap, time, steady))| {
                offset += gap;
                (id, offset - 1, if steady { n as i64 * 3 } else { time })
            });
            steps.collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn judges_as_the_whole_log_says_wherever_it_begins(log in logs(), most in 1..60i64, within in prop::option::of(1..100i64), start in any::<prop::sample::Index>()) {
            let start = if log.is_empty() { 0 } else { start.index(log.len()) };
            run(&log, Rule { most, within }, start);
        }
    }
}
