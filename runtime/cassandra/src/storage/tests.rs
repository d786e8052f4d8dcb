//! What a table answers after writes, deletions and time.

use super::layout::tests::ints;
use super::*;

fn clustering(value: i32) -> Vec<u8> {
    let mut out = Vec::new();
    push_component(&mut out, &value.to_be_bytes());
    out
}

fn at(value: i32, side: Side) -> Position {
    Position { prefix: clustering(value).into(), side }
}

fn write(value: i32, timestamp: i64, life: Life) -> Change {
    let liveness = Liveness { timestamp, life };
    let mut row = RowBuilder::new(&clustering(value), Some(liveness), None, timestamp);
    row.push(&Item::Cell(Cell { column: 7, path: &[], timestamp, life, value: b"value" }));
    Change::Row(row.finish().unwrap())
}

fn apply(store: &mut Store, changes: Vec<Change>) {
    store.apply(Mutation { key: Key::new(*b"key"), changes }, 0);
}

fn live(store: &Store, now: i64) -> Vec<i32> {
    let Some(partition) = store.partition(&Key::new(*b"key")) else { return Vec::new() };
    let rows = partition.rows(store.layout(), &Position::first(), &Position::last());
    rows.filter(|row| row.is_live(now))
        .map(|row| i32::from_be_bytes(components(row.clustering).next().unwrap().try_into().unwrap()))
        .collect()
}

#[test]
fn rows_are_in_order_however_they_come() {
    let mut store = Store::new(ints(1));
    for i in 0..2000 {
        apply(&mut store, vec![write(i * 7919 % 2000 - 1000, 1, Life::Live)]);
    }
    assert_eq!(live(&store, 0), (-1000..1000).collect::<Vec<_>>());
    let partition = store.partition(&Key::new(*b"key")).unwrap();
    let some = partition.rows(store.layout(), &at(-5, Side::After), &at(500, Side::After));
    assert_eq!(some.rev().count(), 505);
    apply(
        &mut store,
        vec![Change::Range {
            from: at(-900, Side::Before),
            to: at(990, Side::Before),
            deletion: Deletion { timestamp: 1, at: 0 },
        }],
    );
    assert_eq!(live(&store, 0), (-1000..-900).chain(990..1000).collect::<Vec<_>>());
}

#[test]
fn a_single_row_gets_neighbours_and_loses_them() {
    let delete = |value, timestamp| Change::Range {
        from: at(value, Side::Before),
        to: at(value, Side::After),
        deletion: Deletion { timestamp, at: 0 },
    };
    for second in [3, 7] {
        let mut store = Store::new(ints(1));
        apply(&mut store, vec![write(5, 1, Life::Live)]);
        apply(&mut store, vec![delete(4, 1), delete(6, 1), write(5, 2, Life::Live)]);
        assert_eq!(live(&store, 0), [5], "its neighbours are deleted, not it");
        apply(&mut store, vec![write(second, 2, Life::Live)]);
        assert_eq!(live(&store, 0), [second.min(5), second.max(5)]);
        apply(&mut store, vec![delete(5, 2)]);
        assert_eq!(live(&store, 0), [second]);
        apply(&mut store, vec![delete(second, 2)]);
        assert_eq!(live(&store, 0), [0; 0]);
        apply(&mut store, vec![write(8, 3, Life::Live)]);
        assert_eq!(live(&store, 0), [8]);
        apply(&mut store, vec![delete(8, 3)]);
        assert_eq!(live(&store, 0), [0; 0]);
    }
}

#[test]
fn a_deleted_range_hides_older_writes_that_come_later() {
    let mut store = Store::new(ints(1));
    let deletion = Deletion { timestamp: 10, at: 0 };
    apply(&mut store, vec![Change::Range { from: at(1, Side::Before), to: at(3, Side::After), deletion }]);
    apply(&mut store, (0..5).map(|value| write(value, 10, Life::Live)).collect());
    assert_eq!(live(&store, 0), [0, 4]);
    apply(&mut store, vec![write(2, 11, Life::Live)]);
    assert_eq!(live(&store, 0), [0, 2, 4]);
    apply(&mut store, vec![Change::Partition(Deletion { timestamp: 10, at: 0 })]);
    assert_eq!(live(&store, 0), [2]);
    apply(&mut store, vec![write(0, 9, Life::Live)]);
    assert_eq!(live(&store, 0), [2]);
}

#[test]
fn what_expires_is_gone_at_its_second_and_forgotten_after_the_grace() {
    let mut store = Store::new(ints(1));
    apply(&mut store, vec![write(1, 1, Life::Expiring { ttl: 10, expires: 20 })]);
    assert_eq!((live(&store, 19), live(&store, 20)), (vec![1], vec![]));
    for now in [20, 300] {
        for _ in 0..64 {
            store.apply(Mutation { key: Key::new(*b"other"), changes: vec![write(1, 1, Life::Live)] }, now);
        }
    }
    assert!(store.partition(&Key::new(*b"key")).is_none());
}

#[test]
fn a_small_row_costs_few_bytes_beside_its_data() {
    let Change::Row(row) = write(1, 1_700_000_000_000_000, Life::Live) else { unreachable!("it is a row") };
    let data = 4 + 5;
    let packed = std::mem::size_of_val(&row) + row.size();
    // With the entry of its partition, its key, its list and what the allocator adds to each.
    let partition = std::mem::size_of::<Key>() + std::mem::size_of::<Partition>();
    assert!(packed + partition * 3 / 2 + 3 * 16 - data <= 200, "{packed} and {partition}");
}
