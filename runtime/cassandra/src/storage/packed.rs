//! A row in memory: one allocation with its clustering key, marker, deletion and cells.
//!
//! `length of the key, key, flags, base timestamp, marker's ttl and expiry, deletion, items`. Numbers are of
//! variable length; timestamps are distances from the base, which is the marker's or the first cell's.

use super::{Cell, Deletion, Item, Life, Liveness};

/// A packed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    /// The row, to read.
    pub(crate) fn row(&self) -> RowRef<'_> {
        RowRef::new(&self.0)
    }

    /// Its clustering key.
    pub(super) fn clustering(&self) -> &[u8] {
        let mut reader = Reader(&self.0);
        reader.bytes()
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }
}

const MARKED: u64 = 1;
const MARK_EXPIRES: u64 = 2;
const DELETED: u64 = 4;

const TOMBSTONE: u64 = 1;
const EXPIRING: u64 = 2;
const SAME_TIME: u64 = 4;
const PATH: u64 = 8;
const WHOLE: u64 = 16;
/// Bits of an item's header before its column.
const ITEM_BITS: u32 = 5;

/// A row, to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRef<'a> {
    /// Its clustering key.
    pub(crate) clustering: &'a [u8],
    /// Its marker.
    pub(crate) liveness: Option<Liveness>,
    /// What deletes it.
    pub(crate) deletion: Option<Deletion>,
    base: i64,
    items: &'a [u8],
}

impl<'a> RowRef<'a> {
    fn new(packed: &'a [u8]) -> Self {
        let mut reader = Reader(packed);
        let clustering = reader.bytes();
        let flags = reader.number();
        let base = reader.signed();
        let life = match flags & MARK_EXPIRES {
            0 => Life::Live,
            _ => Life::Expiring { ttl: reader.signed(), expires: reader.signed() },
        };
        let liveness = (flags & MARKED != 0).then_some(Liveness { timestamp: base, life });
        let deletion = (flags & DELETED != 0)
            .then(|| Deletion { timestamp: base.wrapping_add(reader.signed()), at: reader.signed() });
        Self { clustering, liveness, deletion, base, items: reader.0 }
    }

    /// What it consists of, in order.
    pub(crate) fn items(&self) -> Items<'a> {
        Items { base: self.base, reader: Reader(self.items) }
    }

    /// The cells of a column, in order of their paths, dead ones too.
    pub(crate) fn cells(&self, column: u32) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        self.items()
            .skip_while(move |item| item.column() < column)
            .take_while(move |item| item.column() == column)
            .filter_map(|item| match item {
                Item::Deletion(..) => None,
                Item::Cell(cell) => Some(cell),
            })
    }

    /// Whether a reader sees the row at that second.
    pub(crate) fn is_live(&self, now: i64) -> bool {
        self.liveness.is_some_and(|liveness| liveness.life.is_live(now))
            || self.items().any(|item| matches!(item, Item::Cell(cell) if cell.life.is_live(now)))
    }
}

/// Iterates over the items of a row.
#[derive(Debug, Clone)]
pub(crate) struct Items<'a> {
    base: i64,
    reader: Reader<'a>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.reader.0.is_empty() {
            return None;
        }
        let header = self.reader.number();
        let column = (header >> ITEM_BITS) as u32;
        let distance = if header & SAME_TIME != 0 { 0 } else { self.reader.signed() };
        let timestamp = self.base.wrapping_add(distance);
        if header & WHOLE != 0 {
            return Some(Item::Deletion(column, Deletion { timestamp, at: self.reader.signed() }));
        }
        let path = if header & PATH != 0 { self.reader.bytes() } else { &[] };
        let life = if header & TOMBSTONE != 0 {
            Life::Tombstone { at: self.reader.signed() }
        } else if header & EXPIRING != 0 {
            Life::Expiring { ttl: self.reader.signed(), expires: self.reader.signed() }
        } else {
            Life::Live
        };
        let value = if header & TOMBSTONE != 0 { &[] } else { self.reader.bytes() };
        Some(Item::Cell(Cell { column, path, timestamp, life, value }))
    }
}

/// Builds a packed row; items come in order.
#[derive(Debug)]
pub(crate) struct RowBuilder {
    out: Vec<u8>,
    base: i64,
    empty: bool,
}

impl RowBuilder {
    /// A row with what is true of it as a whole. `base` is near the timestamps to come.
    pub(crate) fn new(clustering: &[u8], liveness: Option<Liveness>, deletion: Option<Deletion>, base: i64) -> Self {
        let mut out = Vec::with_capacity(clustering.len() + 64);
        put_bytes(&mut out, clustering);
        let base = liveness.map_or(base, |liveness| liveness.timestamp);
        let expiry = match liveness.map(|liveness| liveness.life) {
            Some(Life::Expiring { ttl, expires }) => Some((ttl, expires)),
            Some(Life::Live | Life::Tombstone { .. }) | None => None,
        };
        let flag = |set, bit| if set { bit } else { 0 };
        put_number(
            &mut out,
            flag(liveness.is_some(), MARKED) | flag(expiry.is_some(), MARK_EXPIRES) | flag(deletion.is_some(), DELETED),
        );
        put_signed(&mut out, base);
        if let Some((ttl, expires)) = expiry {
            put_signed(&mut out, ttl);
            put_signed(&mut out, expires);
        }
        if let Some(deletion) = deletion {
            put_signed(&mut out, deletion.timestamp.wrapping_sub(base));
            put_signed(&mut out, deletion.at);
        }
        Self { out, base, empty: liveness.is_none() && deletion.is_none() }
    }

    /// Appends an item.
    pub(crate) fn push(&mut self, item: &Item<'_>) {
        self.empty = false;
        match item {
            Item::Deletion(column, deletion) => {
                self.header(*column, WHOLE, deletion.timestamp);
                put_signed(&mut self.out, deletion.at);
            }
            Item::Cell(cell) => self.push_cell(cell),
        }
    }

    fn push_cell(&mut self, cell: &Cell<'_>) {
        let path = if cell.path.is_empty() { 0 } else { PATH };
        let life = match cell.life {
            Life::Live => 0,
            Life::Expiring { .. } => EXPIRING,
            Life::Tombstone { .. } => TOMBSTONE,
        };
        self.header(cell.column, path | life, cell.timestamp);
        if path != 0 {
            put_bytes(&mut self.out, cell.path);
        }
        match cell.life {
            Life::Live => {}
            Life::Expiring { ttl, expires } => {
                put_signed(&mut self.out, ttl);
                put_signed(&mut self.out, expires);
            }
            Life::Tombstone { at } => return put_signed(&mut self.out, at),
        }
        put_bytes(&mut self.out, cell.value);
    }

    fn header(&mut self, column: u32, flags: u64, timestamp: i64) {
        let same = if timestamp == self.base { SAME_TIME } else { 0 };
        put_number(&mut self.out, u64::from(column) << ITEM_BITS | flags | same);
        if same == 0 {
            put_signed(&mut self.out, timestamp.wrapping_sub(self.base));
        }
    }

    /// The row, unless nothing is in it.
    pub(crate) fn finish(self) -> Option<Packed> {
        (!self.empty).then(|| Packed(self.out.into_boxed_slice()))
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, (number << 1 ^ number >> 63) as u64);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the builder wrote.
#[derive(Debug, Clone)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 || shift > 63 {
                break;
            }
        }
        number
    }

    fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.number() as usize;
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_put_in() {
        let liveness = Liveness { timestamp: i64::MAX, life: Life::Expiring { ttl: 10, expires: 99 } };
        let deletion = Deletion { timestamp: i64::MIN, at: 7 };
        let cell = |column, path, timestamp, life, value| Item::Cell(Cell { column, path, timestamp, life, value });
        let items = [
            cell(0, &b""[..], i64::MAX, Life::Live, &b"abc"[..]),
            cell(1, b"", -5, Life::Tombstone { at: 3 }, b""),
            Item::Deletion(300, deletion),
            cell(300, b"p", 0, Life::Expiring { ttl: 1, expires: 2 }, b""),
            cell(u32::MAX, b"", i64::MIN, Life::Live, &[7; 300]),
        ];
        let mut builder = RowBuilder::new(b"key", Some(liveness), Some(deletion), 0);
        items.iter().for_each(|item| builder.push(item));
        let packed = builder.finish().unwrap();
        let row = packed.row();
        assert_eq!((row.clustering, row.liveness, row.deletion), (&b"key"[..], Some(liveness), Some(deletion)));
        assert_eq!(row.items().collect::<Vec<_>>(), items);
        assert_eq!(row.cells(300).count(), 1);
        assert!(RowBuilder::new(b"key", None, None, 0).finish().is_none());
    }
}
