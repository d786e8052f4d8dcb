//! Who is to blame when a call ends badly, and how the others run again.
//!
//! Pure. The ladder: a batch → the same events one begun at a time, each marked → one event a call.
//! Each rung either names the culprit or goes one down, so one event is charged per bad end.

/// How a call runs its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Lanes side by side.
    Batch,
    /// One event begun at a time, each marked before.
    Isolate,
    /// A call with a single event.
    Alone,
}

/// What a call that ended badly says of its unsettled events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blame {
    /// Row of the event that is charged an attempt, if it is known.
    pub charged: Option<u32>,
    /// How the other unsettled events run again.
    pub others: Others,
}

/// How events run again that a bad end has caught up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// As before.
    Batch,
    /// One begun at a time, each marked.
    Isolate,
    /// Each in a call of its own.
    Alone,
}

/// Finds the culprit. `named` is the event of the guest's panic hook, `marked` the one marked last;
/// a row that is settled already is not blamed.
pub fn blame(mode: Mode, named: Option<u32>, marked: Option<u32>, unsettled: &[u32]) -> Blame {
    let open = |row: Option<u32>| row.filter(|row| unsettled.contains(row));
    match mode {
        Mode::Alone => Blame { charged: unsettled.first().copied(), others: Others::Alone },
        Mode::Isolate => match open(named).or(open(marked)) {
            charged @ Some(_) => Blame { charged, others: Others::Isolate },
            None if unsettled.len() == 1 => Blame { charged: unsettled.first().copied(), others: Others::Alone },
            None => Blame { charged: None, others: Others::Alone },
        },
        Mode::Batch => match open(named) {
            charged @ Some(_) => Blame { charged, others: Others::Batch },
            None if unsettled.len() == 1 => Blame { charged: unsettled.first().copied(), others: Others::Batch },
            None => Blame { charged: None, others: Others::Isolate },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_event_is_charged_and_spares_its_neighbours_the_isolation() {
        let found = blame(Mode::Batch, Some(3), None, &[2, 3, 4]);
        assert_eq!(found, Blame { charged: Some(3), others: Others::Batch });
    }

    #[test]
    fn an_unnamed_trap_leads_to_isolation_then_to_the_marked_event() {
        assert_eq!(blame(Mode::Batch, None, None, &[0, 1]), Blame { charged: None, others: Others::Isolate });
        assert_eq!(blame(Mode::Isolate, None, Some(1), &[1, 2]), Blame { charged: Some(1), others: Others::Isolate });
        assert_eq!(blame(Mode::Isolate, None, None, &[1, 2]), Blame { charged: None, others: Others::Alone });
        assert_eq!(blame(Mode::Alone, None, None, &[0]), Blame { charged: Some(0), others: Others::Alone });
    }

    #[test]
    fn a_settled_event_is_never_blamed() {
        assert_eq!(blame(Mode::Batch, Some(0), None, &[1, 2]).charged, None);
        assert_eq!(blame(Mode::Isolate, None, Some(0), &[1, 2]).charged, None);
    }

    #[test]
    fn a_single_unsettled_event_needs_no_isolation() {
        assert_eq!(blame(Mode::Batch, None, None, &[7]).charged, Some(7));
    }
}
