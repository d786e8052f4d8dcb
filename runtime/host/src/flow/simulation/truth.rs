//! What really happened to a partition's events, whoever had it, and what must hold of that.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::flow::{Memo, RetryPolicy};

/// What the function does with an event, fixed by its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Ack,
    FailTwice,
    AlwaysFail,
    DeadLetter,
    Trap,
    NamedTrap,
    FreeOnce,
    /// Kills the worker as soon as it begins.
    Lethal,
}

/// A partition as the broker and an all-seeing observer know it.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) log: Vec<(u64, Script)>,
    /// What the broker holds for the group.
    pub(super) offset: i64,
    pub(super) text: String,
    /// Offsets whose verdict was final in some life, and whose effects were acknowledged as well.
    finished: BTreeSet<i64>,
    acknowledged: BTreeSet<i64>,
    pub(super) dead: BTreeMap<i64, u32>,
    pub(super) runs: HashMap<i64, u32>,
    /// Owners that ended without a word.
    pub(super) losses: u32,
    /// How often an event was the one at work when an owner was lost.
    lost_with: HashMap<i64, u32>,
    /// Since the owner came: what is final, the last of each key, charges, stopped events, and who was caught by whom.
    pub(super) done_here: BTreeSet<i64>,
    last_here: HashMap<u64, i64>,
    charged: HashMap<i64, u32>,
    stopped: BTreeSet<i64>,
    caught: BTreeSet<(i64, i64)>,
    running: BTreeSet<u64>,
}

impl Truth {
    pub(super) fn new(log: Vec<(u64, Script)>) -> Self {
        Self { log, ..Self::default() }
    }

    pub(super) fn memo(&self) -> Memo {
        Memo::decode(self.text.as_bytes(), self.offset).unwrap_or_default()
    }

    pub(super) fn is_over(&self) -> bool {
        self.offset == self.log.len() as i64
    }

    /// Somebody new goes on from what the broker holds.
    pub(super) fn new_owner(&mut self, clean: bool) -> Memo {
        let memo = self.memo();
        self.losses += u32::from(!clean);
        self.done_here = (0..self.offset).chain(memo.done.iter().flat_map(|(start, end)| *start..*end)).collect();
        self.charged = memo.failing.iter().map(|(offset, failing)| (*offset, failing.attempts)).collect();
        if let Some(begins) = memo.begins {
            *self.charged.entry(begins).or_default() += 1;
            *self.lost_with.entry(begins).or_default() += 1;
        }
        self.stopped =
            memo.failing.iter().filter(|(_, failing)| failing.stopped.is_some()).map(|(offset, _)| *offset).collect();
        self.last_here.clear();
        for offset in &self.done_here {
            let last = self.last_here.entry(self.log[*offset as usize].0).or_insert(*offset);
            *last = (*last).max(*offset);
        }
        self.caught.clear();
        self.running.clear();
        memo
    }

    /// A call with events of these keys begins, or is over.
    pub(super) fn begin_call(&mut self, keys: &BTreeSet<u64>) {
        for key in keys {
            assert!(self.running.insert(*key), "key {key} is in two calls");
        }
    }

    pub(super) fn end_call(&mut self, keys: &BTreeSet<u64>) {
        keys.iter().for_each(|key| assert!(self.running.remove(key)));
    }

    /// An event begins; those before it in its call have just been acked.
    pub(super) fn run(&mut self, offset: i64, acked: &[i64]) {
        let (key, _) = self.log[offset as usize];
        assert!(offset >= self.offset && !self.done_here.contains(&offset), "offset {offset} is done and runs again");
        assert!(!self.stopped.contains(&offset), "offset {offset} is stopped and runs");
        let last = self.last_here.get(&key).copied().unwrap_or(-1);
        assert!(last < offset, "offset {offset} of key {key} runs after {last}");
        let skipped =
            (0..offset).find(|o| self.log[*o as usize].0 == key && !self.finished.contains(o) && !acked.contains(o));
        assert_eq!(skipped, None, "key {key}: {offset} runs before that");
        if let Some(charged) = self.charged.get(&offset) {
            let noted = self.memo().cost(offset).map_or(0, |failing| failing.attempts);
            // A loss is charged by the owner that finds it.
            assert!(noted >= *charged, "offset {offset} runs again: {charged} attempts, {noted} are noted");
        }
        *self.runs.entry(offset).or_default() += 1;
    }

    pub(super) fn charge(&mut self, offset: i64) -> u32 {
        let charged = self.charged.entry(offset).or_default();
        *charged += 1;
        *charged
    }

    pub(super) fn charges(&self, offset: i64) -> u32 {
        self.charged.get(&offset).copied().unwrap_or(0)
    }

    pub(super) fn stop(&mut self, offset: i64) {
        self.stopped.insert(offset);
    }

    pub(super) fn resume(&mut self) {
        for offset in std::mem::take(&mut self.stopped) {
            self.charged.remove(&offset);
        }
    }

    /// An event that had begun is run again, as another ended its call.
    pub(super) fn catch(&mut self, offset: i64, culprit: i64) {
        assert!(self.caught.insert((offset, culprit)), "offset {offset} is caught by {culprit} once more");
    }

    pub(super) fn finish(&mut self, offset: i64) {
        assert!(self.done_here.insert(offset), "offset {offset} is final twice");
        self.finished.insert(offset);
        self.last_here.insert(self.log[offset as usize].0, offset);
    }

    pub(super) fn bury(&mut self, offset: i64, attempts: u32, policy: &RetryPolicy) {
        let most = match self.log[offset as usize].1 {
            // Bad luck: it has failed twice, and the worker was lost with it as often.
            Script::FailTwice if self.has_bad_luck(offset) => policy.attempts,
            Script::Ack | Script::FailTwice | Script::FreeOnce => {
                panic!("offset {offset} is given up: {:?}", self.log[offset as usize].1)
            }
            // Each run says so anew.
            Script::DeadLetter => 1 + self.losses,
            Script::Lethal => policy.attempts.max(3),
            Script::AlwaysFail | Script::Trap | Script::NamedTrap => policy.attempts,
        };
        assert!(attempts <= most, "offset {offset}: {attempts} attempts, at most {most}");
        self.dead.insert(offset, attempts);
        self.finish(offset);
    }

    fn has_bad_luck(&self, offset: i64) -> bool {
        self.lost_with.get(&offset).is_some_and(|losses| *losses >= 2)
    }

    pub(super) fn acknowledge(&mut self, offset: i64) {
        self.acknowledged.insert(offset);
    }

    /// The broker takes a commit.
    pub(super) fn commit(&mut self, offset: i64, text: &str) {
        assert!(offset >= self.offset, "the offset went back");
        assert!(text.len() <= 4_095);
        (self.offset, self.text) = (offset, text.to_owned());
        let memo = self.memo();
        for offset in (0..offset).chain(memo.done.iter().flat_map(|(start, end)| *start..*end)) {
            assert!(self.acknowledged.contains(&offset), "offset {offset} is committed or noted, and not done");
        }
    }

    /// All is over: each event has had its end.
    pub(super) fn check_end(&self, dead_letters: bool) {
        for (offset, (_, script)) in (0..).zip(&self.log) {
            assert!(self.finished.contains(&offset), "offset {offset} is lost");
            let must_die = !matches!(script, Script::Ack | Script::FailTwice | Script::FreeOnce);
            if *script == Script::FailTwice && self.has_bad_luck(offset) {
                continue;
            }
            assert_eq!(self.dead.contains_key(&offset), must_die && dead_letters, "offset {offset}: {script:?}");
            let runs = self.runs.get(&offset).copied().unwrap_or(0);
            assert!(runs > 0 || *script == Script::Lethal, "offset {offset} never ran");
        }
    }
}
