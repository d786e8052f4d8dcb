//! How far partitions were handed on, and which events never were, as retention had deleted them before.
//!
//! A client whose position lies before the log's start goes on at the log's start without a word. All that shows is a gap, and
//! gaps are also left by compaction and by transactions: only where the log starts tells them apart.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::TopicPartition;
use crate::event::Chunk;

/// Between questions where logs start: where there are transactions every round may bring a gap.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// The same after one that was not answered; asking holds up the poll loop.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Gaps that wait for an answer. With so many it is asked at once; what comes beyond while Kafka does not answer is not told.
const MOST_GAPS: usize = 1_000;

/// The partitions that are ours.
#[derive(Debug, Default)]
pub(super) struct HandedOn {
    state: Mutex<State>,
    /// Whether gaps wait; looked at each time round the poll loop.
    waiting: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    partitions: HashMap<TopicPartition, Position>,
    /// Not looked into yet; of partitions that have gone, too.
    gaps: Vec<Gap>,
    ask_at: Option<Instant>,
    /// The last question was not answered in full.
    refused: bool,
}

#[derive(Debug, Default)]
struct Position {
    /// The end of what was handed to the pipeline; none if nothing was yet.
    end: Option<i64>,
    /// What comes next, or would if it were still there; none if that is wherever the first event is.
    next: Option<i64>,
    /// What the client has passed; the marks of transactions count, and events that are not handed on yet.
    passed: Option<i64>,
}

#[derive(Debug)]
struct Gap {
    name: TopicPartition,
    from: i64,
    to: i64,
}

/// What the client knows of a partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Below it all was given to the poll loop.
    pub(super) passed: Option<i64>,
    /// The log's start.
    pub(super) log_start: Option<i64>,
    /// Whether events wait in the client.
    pub(super) queued: bool,
}

/// Events that retention took before they were handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) name: TopicPartition,
    /// The first of them.
    pub(super) from: i64,
    pub(super) lost: u64,
    pub(super) log_start: i64,
}

impl HandedOn {
    /// A partition begins there; `None`: wherever its first event is.
    pub(super) fn begin(&self, name: &TopicPartition, at: Option<i64>) {
        let mut state = self.state.lock().expect("no panic while held");
        state.partitions.insert(name.clone(), Position { next: at, ..Position::default() });
    }

    /// Remembers how far the pipeline has been given events, and what is missing before and among them.
    pub(super) fn handing_on(&self, chunks: &[Chunk]) {
        let mut state = self.state.lock().expect("no panic while held");
        let State { partitions, gaps, .. } = &mut *state;
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            let name = (chunk.topic.clone(), chunk.partition);
            let (first, end) = (chunk.event(0).offset(), chunk.event(chunk.len() - 1).offset() + 1);
            let position = partitions.entry(name.clone()).or_default();
            // What is beyond the first was passed with this round's own events.
            let passed = position.passed.filter(|passed| *passed <= first);
            let next = position.next.map_or(first, |next| next.max(passed.unwrap_or(next)));
            (position.end, position.next) = (Some(end), Some(end));
            let mut note = |from, to| {
                if from < to && gaps.len() < MOST_GAPS {
                    gaps.push(Gap { name: name.clone(), from, to });
                }
            };
            note(next, first);
            if end - first > chunk.len() as i64 {
                let mut next = first;
                for index in 0..chunk.len() {
                    let offset = chunk.event(index).offset();
                    note(next, offset);
                    next = offset + 1;
                }
            }
        }
        self.waiting.store(!state.gaps.is_empty(), Ordering::Relaxed);
    }

    /// The client has told how far it is. A log that retention has emptied brings no event that would show the gap.
    pub(super) fn seen(&self, name: &TopicPartition, seen: Seen) {
        let mut state = self.state.lock().expect("no panic while held");
        let Some(position) = state.partitions.get_mut(name) else { return };
        position.passed = seen.passed;
        let Some(next) = position.next.map(|next| next.max(seen.passed.unwrap_or(next))) else { return };
        if let Some(start) = seen.log_start.filter(|start| *start > next && !seen.queued) {
            position.next = Some(start);
            state.gaps.push(Gap { name: name.clone(), from: next, to: start });
            self.waiting.store(true, Ordering::Relaxed);
        }
    }

    /// The end of what the pipeline has been given of a partition; none if nothing was.
    pub(super) fn end(&self, name: &TopicPartition) -> Option<i64> {
        self.state.lock().expect("no panic while held").partitions.get(name)?.end
    }

    /// Looks into the gaps that were found, if it is time to: `ask` tells where logs start, as far as it can. What it can't
    /// tell is asked again.
    pub(super) fn look<E>(
        &self,
        now: Instant,
        ask: impl FnOnce(&[TopicPartition]) -> Result<HashMap<TopicPartition, i64>, E>,
    ) -> Result<Vec<Loss>, E> {
        if !self.waiting.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let Some(gaps) = self.state.lock().expect("no panic while held").due(now) else { return Ok(Vec::new()) };
        let mut names: Vec<TopicPartition> = gaps.iter().map(|gap| gap.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        // Asked without the lock, as it takes its time.
        let answer = ask(&names);
        let known = answer.as_ref().ok();
        let (mut losses, mut unknown) = (Vec::new(), Vec::new());
        for gap in gaps {
            match known.and_then(|starts| starts.get(&gap.name)) {
                Some(start) => losses.extend(gap.loss(*start)),
                None => unknown.push(gap),
            }
        }
        let mut state = self.state.lock().expect("no panic while held");
        let pause = if unknown.is_empty() { ASK_EVERY } else { ASK_AGAIN };
        (state.ask_at, state.refused) = (Some(now + pause), !unknown.is_empty());
        state.gaps.append(&mut unknown);
        self.waiting.store(!state.gaps.is_empty(), Ordering::Relaxed);
        answer.map(|_| losses)
    }
}

impl State {
    /// The gaps to look into now.
    fn due(&mut self, now: Instant) -> Option<Vec<Gap>> {
        let too_many = self.gaps.len() >= MOST_GAPS && !self.refused;
        let is_time = self.ask_at.is_none_or(|at| now >= at) || too_many;
        is_time.then(|| std::mem::take(&mut self.gaps))
    }
}

impl Gap {
    /// What of it retention took, where the log starts there.
    fn loss(self, log_start: i64) -> Option<Loss> {
        let lost = u64::try_from(self.to.min(log_start) - self.from).ok().filter(|lost| *lost > 0)?;
        Some(Loss { name: self.name, from: self.from, lost, log_start })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use veltrix_manifest::Ordering;

    use super::*;

    fn name() -> TopicPartition {
        (Arc::from("t"), 0)
    }

    fn chunk(offsets: impl IntoIterator<Item = i64>) -> Chunk {
        let mut chunk = Chunk::new("t".into(), 0);
        offsets.into_iter().for_each(|offset| chunk.push(offset, 0, None, None, Ordering::None));
        chunk
    }

    fn begun(at: i64) -> HandedOn {
        let handed = HandedOn::default();
        handed.begin(&name(), Some(at));
        handed
    }

    /// Where gaps begin and how many events were lost in them, with the log starting there.
    fn losses(handed: &HandedOn, now: Instant, log_start: i64) -> Vec<(i64, u64)> {
        let starts = |names: &[TopicPartition]| Ok::<_, ()>(names.iter().map(|n| (n.clone(), log_start)).collect());
        handed.look(now, starts).unwrap().into_iter().map(|loss| (loss.from, loss.lost)).collect()
    }

    #[test]
    fn tells_what_was_lost_before_between_and_within_rounds() {
        let (handed, mut now) = (begun(10), Instant::now());
        let mut round = |offsets: &[i64], log_start| {
            handed.handing_on(&[chunk(offsets.iter().copied())]);
            now += ASK_EVERY;
            losses(&handed, now, log_start)
        };
        assert_eq!(round(&[25, 26], 25), [(10, 15)], "below the offset that was committed");
        assert_eq!(round(&[27, 28], 27), [], "no gap");
        assert_eq!(round(&[40], 40), [(29, 11)], "it fell behind later");
        assert_eq!(round(&[41, 42, 60, 61], 60), [(43, 17)], "the client still had some from before");
        assert_eq!(round(&[70], 65), [(62, 3)], "compaction left no more of it than that");
        assert_eq!(handed.end(&name()), Some(71));
    }

    #[test]
    fn gaps_behind_the_logs_start_are_no_loss() {
        let (handed, now) = (begun(10), Instant::now());
        handed.handing_on(&[chunk([12, 13, 20])]);
        assert_eq!(losses(&handed, now, 10), []);
        // Nor are marks that the client has passed, when retention takes them later.
        handed.seen(&name(), Seen { passed: Some(22), log_start: Some(10), queued: false });
        handed.seen(&name(), Seen { passed: Some(22), log_start: Some(22), queued: false });
        handed.handing_on(&[chunk([22])]);
        assert_eq!(losses(&handed, now + ASK_AGAIN, 22), []);
    }

    #[test]
    fn what_the_client_passed_in_this_very_round_hides_no_gap() {
        let handed = begun(10);
        handed.seen(&name(), Seen { passed: Some(31), log_start: Some(30), queued: true });
        handed.handing_on(&[chunk([30, 31])]);
        assert_eq!(losses(&handed, Instant::now(), 30), [(10, 20)]);
    }

    #[test]
    fn a_log_that_retention_emptied_is_told_once() {
        let (handed, now) = (begun(10), Instant::now());
        let emptied = Seen { passed: None, log_start: Some(30), queued: false };
        handed.seen(&name(), emptied);
        handed.seen(&name(), emptied);
        assert_eq!(losses(&handed, now, 30), [(10, 20)]);
        handed.handing_on(&[chunk([30])]);
        assert_eq!(losses(&handed, now + ASK_AGAIN, 30), []);
    }

    #[test]
    fn a_partition_without_a_position_begins_at_its_first_event() {
        let handed = HandedOn::default();
        handed.begin(&name(), None);
        handed.handing_on(&[chunk([50])]);
        assert_eq!(losses(&handed, Instant::now(), 50), []);
    }

    #[test]
    fn a_question_without_an_answer_is_asked_again_and_not_all_the_time() {
        let (handed, now) = (begun(0), Instant::now());
        handed.handing_on(&[chunk([5])]);
        let refused = |now| handed.look(now, |_| Err(())).is_err();
        assert!(refused(now));
        assert!(!refused(now + ASK_EVERY), "not yet");
        assert!(refused(now + ASK_AGAIN));
        // Nor is a partition forgotten that the answer leaves out, or that has gone.
        let none = handed.look(now + 2 * ASK_AGAIN, |_| Ok::<_, ()>(HashMap::new()));
        assert_eq!(none, Ok(Vec::new()));
        handed.begin(&name(), Some(6));
        assert_eq!(losses(&handed, now + 3 * ASK_AGAIN, 5), [(0, 5)]);
        handed.handing_on(&[chunk([6])]);
        assert!(!refused(now + 9 * ASK_AGAIN), "nothing is left to ask");
    }

    #[test]
    fn many_gaps_are_looked_into_at_once() {
        let (handed, now) = (begun(0), Instant::now());
        handed.handing_on(&[chunk([1])]);
        assert_eq!(losses(&handed, now, 0), []);
        handed.handing_on(&[chunk((1..=MOST_GAPS as i64 + 1).map(|n| 2 * n))]);
        assert_eq!(losses(&handed, now, 10).len(), 4, "each of those below the log's start");
    }
}
