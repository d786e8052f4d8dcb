//! What a redrive will do with each letter, before it does anything. Pure.

use super::offsets::Offsets;
use super::range::{Only, Part};

/// Most ranges of done letters beyond the position: what the notes beside an offset hold for certain.
pub const MOST_NOTES: usize = 200;

/// What is to be done with one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The filter takes it.
    Take,
    /// It is this binding's, and left for another time.
    Leave,
    /// An earlier redrive has done it.
    Done,
    /// It is another function's, or no dead letter.
    Foreign,
}

/// How many letters of each sort, over all partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be redriven.
    pub taken: u64,
    /// Left for another time by the filter or the limit.
    pub left: u64,
    /// Redriven before.
    pub done: u64,
    /// Left because the notes are full.
    pub beyond_notes: u64,
}

/// Builds the plan of one partition from its letters in order.
#[derive(Debug)]
pub struct Planner {
    take: Offsets,
    left: Offsets,
    /// Ranges that the notes will hold.
    notes: usize,
    /// The last letter is, or will be, done.
    in_done: bool,
    /// Where the notes are full.
    full_at: Option<i64>,
}

impl Planner {
    /// For a partition whose notes have so many ranges already.
    pub fn new(noted: usize) -> Self {
        Self { take: Offsets::default(), left: Offsets::default(), notes: noted, in_done: false, full_at: None }
    }

    /// Takes in the next letter; tells whether it will be redriven. `room`: the limit is not reached.
    pub fn letter(&mut self, offset: i64, sort: Sort, room: bool, counts: &mut Counts) -> bool {
        match sort {
            Sort::Foreign => {}
            Sort::Done => {
                counts.done += 1;
                self.in_done = true;
            }
            Sort::Take if room && self.has_note(offset) => {
                counts.taken += 1;
                self.take.push(offset);
                return true;
            }
            Sort::Take if room => {
                counts.beyond_notes += 1;
                self.leave(offset);
            }
            Sort::Take | Sort::Leave => {
                counts.left += 1;
                self.leave(offset);
            }
        }
        false
    }

    fn leave(&mut self, offset: i64) {
        self.left.push(offset);
        self.in_done = false;
    }

    /// A done letter needs a note of its own if something is left before it and its neighbour is not done.
    fn has_note(&mut self, offset: i64) -> bool {
        if self.full_at.is_some() {
            return false;
        }
        if !self.left.is_empty() && !self.in_done {
            if self.notes >= MOST_NOTES {
                self.full_at = Some(offset);
                return false;
            }
            self.notes += 1;
        }
        self.in_done = true;
        true
    }

    /// The offset at which the notes are full, and the first letter that is left before it.
    pub fn full_at(&self) -> Option<(i64, i64)> {
        Some((self.full_at?, self.left.first()?))
    }

    /// The plan, for a partition that ends there.
    pub fn finish(self, end: i64) -> Part {
        Part { end, only: Some(Only { take: self.take, left: self.left }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_nothing_is_left_before_need_no_note() {
        let (mut planner, mut counts) = (Planner::new(0), Counts::default());
        for offset in 0..10_000 {
            assert!(planner.letter(offset, Sort::Take, true, &mut counts));
        }
        assert_eq!((planner.full_at(), counts.taken), (None, 10_000));
    }

    #[test]
    fn full_notes_stop_it_and_say_where() {
        let (mut planner, mut counts) = (Planner::new(1), Counts::default());
        for offset in 0..1_000 {
            let sort = if offset % 2 == 0 { Sort::Leave } else { Sort::Take };
            planner.letter(offset, sort, true, &mut counts);
        }
        assert_eq!(counts.taken, MOST_NOTES as u64 - 1);
        assert_eq!(counts.taken + counts.beyond_notes, 500);
        assert_eq!(planner.full_at(), Some((399, 0)));
        let part = planner.finish(1_000);
        assert!(part.takes(397) && !part.takes(399) && !part.takes(396));
    }

    #[test]
    fn runs_of_done_letters_share_a_note_and_foreign_ones_part_none() {
        let (mut planner, mut counts) = (Planner::new(0), Counts::default());
        let sorts = [Sort::Leave, Sort::Take, Sort::Foreign, Sort::Done, Sort::Take, Sort::Leave, Sort::Take];
        for (offset, sort) in (0..).zip(sorts) {
            planner.letter(offset, sort, true, &mut counts);
        }
        assert_eq!(planner.notes, 2);
        assert_eq!(counts, Counts { taken: 3, left: 2, done: 1, beyond_notes: 0 });
    }
}
