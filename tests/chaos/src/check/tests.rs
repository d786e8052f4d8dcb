//! The checker finds what it must, and nothing in what is allowed.

use super::*;
use crate::broken;

#[test]
fn finds_each_anomaly_that_a_history_is_broken_by() {
    for case in broken::cases() {
        let verdict = check(&case.history);
        let kinds: Vec<Kind> = verdict.violations.iter().map(|violation| violation.kind).collect();
        assert!(
            kinds.iter().all(|kind| *kind == case.expected) && !kinds.is_empty(),
            "{}: {:#?}",
            case.name,
            verdict.violations
        );
    }
}

#[test]
fn a_sound_history_is_left_alone() {
    let verdict = check(&broken::sound());
    assert_eq!(verdict.violations, []);
    let tally = &verdict.bindings[0];
    assert_eq!((tally.lost, tally.duplicated, tally.reordered, tally.jumps), (0, 0, 0, 0));
    assert!(tally.dead > 0 && tally.events > 50);
}

#[test]
fn reruns_are_counted_and_allowed_where_nothing_more_was_promised() {
    let mut history = broken::sound();
    let binding = &mut history.bindings[0];
    // A worker died: its successor begins some events before.
    let again: Vec<_> = broken::outputs_of(binding, "k0")[3..6].to_vec();
    broken::emit_again(binding, again);
    let letter = binding.letters[0].clone();
    binding.letters.push(letter);
    let verdict = check(&history);
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.bindings[0].duplicated, verdict.bindings[0].reordered), (4, 0));
}

#[test]
fn unknown_sends_count_if_they_are_in_the_log_and_are_no_loss_if_not() {
    let mut history = broken::sound();
    let order = history.sent[0].order.clone();
    history.sent[0].fate = crate::history::Fate::Unknown;
    history
        .sent
        .push(crate::history::Sent { order: Order { id: 999_999, ..order }, fate: crate::history::Fate::Unknown });
    let verdict = check(&history);
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.sends.unknown, verdict.sends.unknown_written), (2, 1));
}

#[test]
fn a_copy_that_failed_is_not_blamed_for_an_event_that_the_producer_wrote_twice() {
    let mut history = broken::sound();
    // The log has this one in two places; its second send never left.
    let copies: Vec<usize> = (0..history.sent.len()).filter(|index| history.sent[*index].order.id == 31).collect();
    assert_eq!(copies.len(), 2);
    history.sent[copies[1]].fate = crate::history::Fate::Failed;
    assert_eq!(check(&history).violations, []);
}
