//! Events that a filter leaves for a later run: the position stays below them, and the notes say what is done beyond.
//!
//! Pure.

use super::offsets::Offsets;
use crate::flow::Memo;

/// What a bounded run leaves of a partition. Empty, and without cost, for all other bindings.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// To be handled some other time.
    pending: Offsets,
    /// Done by earlier runs, beyond the position; the flow is not shown these.
    before: Offsets,
}

impl Left {
    /// What is left out, and what the partition's last owner noted as done.
    pub(crate) fn new(left: &Offsets, done_before: &[(i64, i64)]) -> Self {
        let before = Offsets::of(done_before.iter().copied());
        Self { pending: left.without(&before), before }
    }

    /// The position to commit and its notes, from what the flow says of the events that it was shown.
    pub(crate) fn apply(&self, committable: i64, memo: Memo) -> (i64, Memo) {
        if self.pending.is_empty() && self.before.is_empty() {
            return (committable, memo);
        }
        let position = self.pending.first().unwrap_or(committable).min(committable);
        // Below the committable offset all is done that is not left; and the flow's ranges span offsets it has not seen.
        let flow = Offsets::of(memo.done.iter().copied().chain([(position, committable)]));
        let done = flow.and(&self.before.from(position)).without(&self.pending);
        (position, Memo { done: done.into_ranges(), ..memo })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn memo(done: &[(i64, i64)]) -> Memo {
        Memo { done: done.to_vec(), ..Memo::default() }
    }

    #[test]
    fn nothing_left_changes_nothing() {
        let notes = memo(&[(9, 11)]);
        assert_eq!(Left::default().apply(5, notes.clone()), (5, notes));
    }

    #[test]
    fn the_position_stays_below_what_is_left_and_the_rest_is_noted() {
        let left = Left::new(&Offsets::of([(10, 12), (20, 21)]), &[]);
        assert_eq!(left.apply(18, memo(&[(19, 24)])), (10, memo(&[(12, 18), (19, 20), (21, 24)])));
        assert_eq!(left.apply(4, memo(&[])), (4, memo(&[])));
        assert_eq!(left.apply(30, memo(&[])), (10, memo(&[(12, 20), (21, 30)])));
    }

    #[test]
    fn what_an_earlier_run_did_is_neither_left_nor_forgotten() {
        // 7 was done before and is not shown to the flow; 5 is open, 9 is done.
        let left = Left::new(&Offsets::of([(7, 8), (12, 13)]), &[(7, 8)]);
        assert_eq!(left.apply(5, memo(&[(9, 10)])), (5, memo(&[(7, 8), (9, 10)])));
        assert_eq!(left.apply(10, memo(&[])), (10, memo(&[])));
    }

    proptest! {
        /// Each offset has a state; whatever is done after the run, and nothing else, is told as done.
        #[test]
        fn tells_exactly_what_is_done(states in prop::collection::vec(0..4u8, 1..40)) {
            // 0: left, 1: done before, 2: done now, 3: open.
            let of = |wanted: u8| states.iter().zip(0..).filter(move |(s, _)| **s == wanted).map(|(_, o)| (o, o + 1));
            let shown: Vec<(i64, bool)> = states.iter().zip(0i64..).filter(|(s, _)| **s >= 2).map(|(s, o)| (o, *s == 2)).collect();
            let committable = shown.iter().find(|(_, done)| !done).or(shown.last()).map(|(o, done)| o + i64::from(*done));
            let Some(committable) = committable else { return Ok(()) };
            let beyond = shown.iter().filter(|(o, done)| *done && *o >= committable).map(|(o, _)| (*o, o + 1)).collect();
            let before: Vec<_> = of(1).collect();
            let left = Left::new(&Offsets::of(of(0)), &before);
            let (position, notes) = left.apply(committable, Memo { done: beyond, ..Memo::default() });
            for (state, offset) in states.iter().zip(0i64..) {
                let told = offset < position || notes.is_done(offset);
                prop_assert_eq!(told, matches!(state, 1 | 2), "offset {} of {:?}: {} {:?}", offset, states, position, notes);
            }
        }
    }
}
