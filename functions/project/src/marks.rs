//! [`Marks`]: which events are in the totals of a bucket, a bit an offset.

use std::collections::BTreeMap;

use veltrix_sdk::Event;

/// Offsets of a row of marks: at most 128 bytes.
const OFFSETS: i64 = 1_024;

/// Rows of marks by their `entry`.
pub(crate) type Marks = BTreeMap<String, Vec<u8>>;

/// An event's bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The row: cluster and id of the topic, partition, and which thousand of its offsets. No group: who reads a topic again
    /// under another name counts nothing twice.
    pub(crate) entry: String,
    bit: usize,
}

impl Mark {
    /// None: the host does not know what names the event.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let identity = event.identity()?;
        let mut parts = identity.split('/');
        let (cluster, topic) = (parts.next()?, parts.next()?);
        let (partition, offset) = (event.partition(), event.offset());
        let entry = format!("seen/{cluster}/{topic}/{partition}/{}", offset.div_euclid(OFFSETS));
        Some(Self { entry, bit: offset.rem_euclid(OFFSETS) as usize })
    }

    pub(crate) fn is_in(&self, marks: &Marks) -> bool {
        let byte = marks.get(&self.entry).and_then(|bits| bits.get(self.bit / 8));
        byte.is_some_and(|byte| byte & (1 << (self.bit % 8)) != 0)
    }

    pub(crate) fn set(&self, marks: &mut Marks) {
        let bits = marks.entry(self.entry.clone()).or_default();
        bits.resize(bits.len().max(self.bit / 8 + 1), 0);
        bits[self.bit / 8] |= 1 << (self.bit % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_set_and_no_other() {
        let mark = |bit| Mark { entry: "seen/1".into(), bit };
        let mut marks = Marks::new();
        for bit in [0, 9, 1_023] {
            mark(bit).set(&mut marks);
        }
        let set: Vec<usize> = (0..1_024).filter(|bit| mark(*bit).is_in(&marks)).collect();
        assert_eq!((set, marks["seen/1"].len()), (vec![0, 9, 1_023], 128));
        assert!(!Mark { entry: "seen/2".into(), bit: 9 }.is_in(&marks));
    }
}
