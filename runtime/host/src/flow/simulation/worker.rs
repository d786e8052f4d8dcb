//! A worker of the simulation: its partitions' flows, open calls, and effects and commits that are not answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;
use veltrix_manifest::Ordering;

use super::truth::{Script, Truth};
use crate::event::Chunk;
use crate::flow::{Bounds, CallId, Fate, Millis, Mode, Note, Partition, RetryPolicy, Ruling, Seq};

/// A partition at its owner.
pub(super) struct Owned {
    flow: Partition,
    from: i64,
    received: i64,
    calls: BTreeMap<CallId, OpenCall>,
    next_call: CallId,
    /// Final, effects not acknowledged.
    outbox: Vec<(Seq, i64)>,
    asked: VecDeque<Note>,
    not_before: BTreeMap<i64, Millis>,
}

struct OpenCall {
    mode: Mode,
    offsets: Vec<i64>,
    keys: BTreeSet<u64>,
}

/// What became of the worker in a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Life {
    GoesOn,
    Killed,
}

impl Owned {
    pub(super) fn new(truth: &mut Truth, policy: RetryPolicy, dead_letters: bool, clean: bool, now: Millis) -> Self {
        let memo = truth.new_owner(clean);
        Self {
            from: truth.offset,
            received: truth.offset,
            flow: Partition::restore(policy, dead_letters, memo, now),
            calls: BTreeMap::new(),
            next_call: 0,
            outbox: Vec::new(),
            asked: VecDeque::new(),
            not_before: BTreeMap::new(),
        }
    }

    /// Records come; now and then the client goes back and brings some again.
    pub(super) fn receive(&mut self, truth: &Truth, rng: &mut SmallRng) {
        let back = if rng.random_bool(0.1) { rng.random_range(0..4) } else { 0 };
        let from = (self.received - back).max(self.from);
        let to = (self.received + rng.random_range(0..8)).min(truth.log.len() as i64);
        if from >= to {
            return;
        }
        let mut chunk = Chunk::new("t".into(), 0);
        for offset in from..to {
            chunk.push(offset, 0, Some(&truth.log[offset as usize].0.to_be_bytes()), None, Ordering::Key);
        }
        assert_eq!(self.flow.receive(Arc::new(chunk)) as i64, (to - self.received).max(0));
        self.received = to.max(self.received);
    }

    pub(super) fn is_announced(&self) -> bool {
        self.flow.is_announced()
    }

    /// Opens a call, if one may begin.
    pub(super) fn start(&mut self, truth: &mut Truth, rng: &mut SmallRng, may_announce: bool, now: Millis) -> Life {
        self.flow.wake(now);
        while let Some((seq, fate)) = self.flow.used_up(now) {
            let offset = self.flow.event(seq).expect("it is kept").offset();
            self.follow(truth, offset, fate, now);
        }
        if may_announce {
            self.flow.announce();
        }
        let mode = self.flow.next_mode();
        let (mut offsets, mut lanes) = (Vec::new(), Vec::new());
        let bounds = Bounds { events: rng.random_range(1..8), bytes: 1000 };
        let id = self.next_call;
        let taken = self.flow.take(id, now, bounds, |event, _| {
            offsets.push(event.offset());
            lanes.push(u64::from_be_bytes(event.key().unwrap_or_default().try_into().expect("a number")));
        });
        let (Some(mode), Some(count)) = (mode, taken) else { return Life::GoesOn };
        assert!(count == offsets.len() && (mode != Mode::Alone || count == 1));
        for offset in &offsets {
            let due = self.not_before.get(offset).copied().unwrap_or(0);
            assert!(now >= due, "offset {offset} runs before its back-off is over");
        }
        let ordered = |a: usize, b: usize| lanes[a] != lanes[b] || offsets[a] < offsets[b];
        assert!((1..count).all(|b| (0..b).all(|a| ordered(a, b))), "a lane's events are out of order in a call");
        let keys: BTreeSet<u64> = lanes.iter().copied().collect();
        truth.begin_call(&keys);
        self.next_call += 1;
        // In a batch the first event of each key begins at once; one by one, only the first of all.
        let first: Vec<i64> = match mode {
            Mode::Batch => {
                keys.iter().filter_map(|key| lanes.iter().position(|l| l == key)).map(|i| offsets[i]).collect()
            }
            Mode::Isolate | Mode::Alone => vec![offsets[0]],
        };
        self.calls.insert(id, OpenCall { mode, offsets, keys });
        if let Some(lethal) = first.into_iter().find(|offset| truth.log[*offset as usize].1 == Script::Lethal) {
            truth.run(lethal, &[]);
            return Life::Killed;
        }
        Life::GoesOn
    }

    /// Runs a call to its end as a guest would: in order, a failed lane defers its rest.
    pub(super) fn end(&mut self, truth: &mut Truth, rng: &mut SmallRng, now: Millis) -> Life {
        let Some(&id) = self.calls.keys().nth(rng.random_range(0..self.calls.len().max(1))) else {
            return Life::GoesOn;
        };
        let call = self.calls.remove(&id).expect("it is open");
        let mut failed = BTreeSet::new();
        let mut said: Vec<(u32, Ruling)> = Vec::new();
        let (mut begun, mut acked) = (Vec::new(), Vec::new());
        let mut bad_end = None;
        for (row, &offset) in (0..).zip(&call.offsets) {
            let (key, script) = truth.log[offset as usize];
            if failed.contains(&key) {
                said.push((row, Ruling::Deferred));
                continue;
            }
            truth.run(offset, &acked);
            begun.push(row);
            let failure = Ruling::Failed { asked: None, ended_call: false };
            let ruling = match script {
                Script::Ack => Ruling::Done,
                Script::FailTwice if truth.charges(offset) >= 2 => Ruling::Done,
                Script::FailTwice | Script::AlwaysFail => failure,
                Script::DeadLetter => Ruling::DeadLetter,
                Script::FreeOnce if truth.runs[&offset] > 1 => Ruling::Done,
                Script::FreeOnce => Ruling::Free(std::time::Duration::from_millis(5)),
                Script::Lethal => return Life::Killed,
                Script::Trap | Script::NamedTrap => {
                    bad_end = Some((row, script == Script::NamedTrap));
                    break;
                }
            };
            if ruling == Ruling::Done {
                acked.push(offset);
            } else {
                failed.insert(key);
            }
            said.push((row, ruling));
        }
        // What was not settled before a bad end is lost with it; one by one, all is settled at once.
        let keep =
            if bad_end.is_some() && call.mode == Mode::Batch { rng.random_range(0..=said.len()) } else { said.len() };
        for (row, ruling) in said.into_iter().take(keep) {
            self.rule(truth, id, row, call.offsets[row as usize], &ruling, (now, rng.random()));
        }
        if let Some((row, named)) = bad_end {
            let marked = (call.mode == Mode::Isolate).then_some(row);
            let open = self.flow.unsettled(id);
            let charged = self.flow.blame(id, named.then_some(row), marked);
            let culprit = call.offsets[row as usize];
            for other in begun.iter().filter(|other| **other != row && open.contains(other)) {
                truth.catch(call.offsets[*other as usize], culprit);
            }
            if let Some(charged) = charged {
                assert_eq!(charged, row, "somebody else is charged");
                let ruling = Ruling::Failed { asked: None, ended_call: true };
                self.rule(truth, id, charged, culprit, &ruling, (now, rng.random()));
            }
        }
        assert_eq!(self.flow.unsettled(id), Vec::<u32>::new());
        self.flow.close(id);
        truth.end_call(&call.keys);
        Life::GoesOn
    }

    fn rule(&mut self, truth: &mut Truth, call: CallId, row: u32, offset: i64, ruling: &Ruling, at: (Millis, f64)) {
        let (now, jitter) = at;
        if matches!(ruling, Ruling::Failed { .. }) {
            truth.charge(offset);
        }
        let fate = self.flow.rule(call, row, ruling, now, jitter).expect("the row is open");
        assert_eq!(self.flow.rule(call, row, ruling, now, jitter), None, "a row is ruled on twice");
        self.follow(truth, offset, fate, now);
    }

    fn follow(&mut self, truth: &mut Truth, offset: i64, fate: Fate, now: Millis) {
        match fate {
            Fate::Finished(seq) => {
                truth.finish(offset);
                self.outbox.push((seq, offset));
            }
            Fate::DeadLetter { seq, attempts } => {
                truth.bury(offset, attempts, &super::policy());
                self.outbox.push((seq, offset));
            }
            Fate::Retry { at, attempts } => {
                assert!(at >= now && attempts < super::policy().attempts);
                self.not_before.insert(offset, at);
            }
            Fate::Stopped { .. } => truth.stop(offset),
            Fate::Deferred => {}
        }
    }

    pub(super) fn acknowledge(&mut self, truth: &mut Truth, rng: &mut SmallRng) {
        if !self.outbox.is_empty() {
            let (seq, offset) = self.outbox.swap_remove(rng.random_range(0..self.outbox.len()));
            truth.acknowledge(offset);
            self.flow.done(seq);
        }
    }

    pub(super) fn ask(&mut self, now: Millis) {
        if let Some(note) = self.flow.note(now) {
            self.asked.push_back(note);
        }
    }

    /// The broker answers the oldest commit: it took it, refused it, or took it and the answer is lost.
    pub(super) fn answer(&mut self, truth: &mut Truth, rng: &mut SmallRng, calm: bool) {
        let Some(note) = self.asked.pop_front() else { return };
        let kind = if calm { 0 } else { rng.random_range(0..10) };
        if kind < 9 {
            truth.commit(note.offset, &note.text);
        }
        if kind < 8 {
            self.flow.accepted(&note);
        }
    }

    /// Hands the partition back: what runs is cut short, what is done is committed, if the broker takes it.
    pub(super) fn hand_back(&mut self, truth: &mut Truth, rng: &mut SmallRng, now: Millis) {
        self.flow.end_well();
        if let Some(note) = self.flow.note(now)
            && rng.random_bool(0.9)
        {
            truth.commit(note.offset, &note.text);
        }
    }

    pub(super) fn pause(&mut self, paused: bool, now: Millis) {
        if paused { self.flow.pause(now) } else { self.flow.unpause(now) }
    }

    pub(super) fn resume(&mut self, truth: &mut Truth) {
        self.flow.resume(Millis::MAX);
        truth.resume();
    }

    pub(super) fn stopped(&self) -> usize {
        self.flow.stopped()
    }
}
