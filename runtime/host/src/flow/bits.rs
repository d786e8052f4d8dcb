//! Ranges of offsets as bytes: long runs cost a few bytes however long, and a fragmented stretch a bit an offset.
//!
//! Pure. Offsets go in groups of eight. A token is a varint whose two lowest bits say what follows: a run of groups of
//! which none or all are in, or literal groups, a byte each.

const NONE: u64 = 0;
const ALL: u64 = 1;
const LITERAL: u64 = 2;
/// A run this short between literal groups is cheaper as such.
const SHORT_RUN: u64 = 2;

#[derive(Debug, PartialEq)]
enum Token {
    Run(u8, u64),
    Literal(Vec<u8>),
}

/// Appends ascending ranges, ends excluded, of offsets from `base` on; what is beyond `most` bytes in all is left out,
/// from the end. Returns whether everything fitted.
pub(super) fn write(bytes: &mut Vec<u8>, base: i64, ranges: &[(i64, i64)], most: usize) -> bool {
    for token in tokens(base, ranges) {
        let before = bytes.len();
        match token {
            Token::Run(0xff, groups) => put(bytes, groups << 2 | ALL),
            Token::Run(_, groups) => put(bytes, groups << 2 | NONE),
            Token::Literal(groups) => {
                put(bytes, (groups.len() as u64) << 2 | LITERAL);
                bytes.extend(groups);
            }
        }
        if bytes.len() > most {
            bytes.truncate(before);
            return false;
        }
    }
    true
}

fn tokens(base: i64, ranges: &[(i64, i64)]) -> Vec<Token> {
    let mut writer = Groups::default();
    for (start, end) in ranges {
        let (mut at, end) = ((start - base) as u64, (end - base) as u64);
        writer.skip_to(at / 8);
        while at < end {
            if at.is_multiple_of(8) && end - at >= 8 {
                writer.skip_to(at / 8);
                writer.run(0xff, (end - at) / 8);
                at += (end - at) / 8 * 8;
            } else {
                writer.skip_to(at / 8);
                let last = end.min((at / 8 + 1) * 8);
                for bit in at..last {
                    writer.open |= 1 << (bit % 8);
                }
                at = last;
            }
        }
    }
    writer.close();
    writer.tokens
}

/// Builds tokens out of groups.
#[derive(Default)]
struct Groups {
    tokens: Vec<Token>,
    /// Groups written, and the bits of the one after them.
    at: u64,
    open: u8,
}

impl Groups {
    fn skip_to(&mut self, group: u64) {
        if group > self.at {
            self.close();
            let gap = group - self.at;
            if gap > 0 {
                self.run(0, gap);
            }
        }
    }

    fn close(&mut self) {
        match std::mem::take(&mut self.open) {
            0 => {}
            0xff => self.run(0xff, 1),
            bits => {
                self.literal(&[bits]);
                self.at += 1;
            }
        }
    }

    fn run(&mut self, bits: u8, groups: u64) {
        self.at += groups;
        match self.tokens.last_mut() {
            Some(Token::Run(last, count)) if *last == bits => *count += groups,
            _ => self.tokens.push(Token::Run(bits, groups)),
        }
    }

    fn literal(&mut self, bytes: &[u8]) {
        if let [.., Token::Literal(_), Token::Run(bits, count)] = self.tokens[..]
            && count <= SHORT_RUN
        {
            self.tokens.pop();
            self.literal(&vec![bits; count as usize]);
        }
        match self.tokens.last_mut() {
            Some(Token::Literal(last)) => last.extend(bytes),
            _ => self.tokens.push(Token::Literal(bytes.to_vec())),
        }
    }
}

/// Reads back what [`write`] appended, to the end of the bytes. `None`: they are damaged.
pub(super) fn read(mut bytes: &[u8], base: i64) -> Option<Vec<(i64, i64)>> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    let mut at = base;
    let mut add = |start: i64, end: i64| match ranges.last_mut() {
        Some(last) if last.1 == start => last.1 = end,
        _ => ranges.push((start, end)),
    };
    while !bytes.is_empty() {
        let header = get(&mut bytes)?;
        let groups = header >> 2;
        match header & 3 {
            LITERAL => {
                let (literal, rest) = bytes.split_at_checked(usize::try_from(groups).ok()?)?;
                bytes = rest;
                for group in literal {
                    let next = at.checked_add(8)?;
                    (0..8).filter(|bit| group >> bit & 1 == 1).for_each(|bit| add(at + bit, at + bit + 1));
                    at = next;
                }
            }
            kind @ (NONE | ALL) => {
                let end = at.checked_add(i64::try_from(groups.checked_mul(8)?).ok()?)?;
                if kind == ALL && end > at {
                    add(at, end);
                }
                at = end;
            }
            _ => return None,
        }
    }
    Some(ranges)
}

/// LEB128.
pub(super) fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads what [`put`] wrote.
pub(super) fn get(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(base: i64, ranges: &[(i64, i64)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert!(write(&mut bytes, base, ranges, usize::MAX));
        bytes
    }

    #[test]
    fn a_long_run_costs_little_and_a_hole_in_it_a_little_more() {
        assert!(written(5, &[(6, 1_000_000)]).len() <= 7);
        assert!(written(5, &[(6, 500_000), (500_001, 1_000_000)]).len() <= 13);
    }

    #[test]
    fn every_other_offset_costs_a_bit() {
        let ranges: Vec<_> = (0..10_000).map(|i| (2 * i, 2 * i + 1)).collect();
        assert!(written(0, &ranges).len() <= 20_000 / 8 + 4);
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_end() {
        let ranges: Vec<_> = (0..1_000).map(|i| (100 * i + 3, 100 * i + 90)).collect();
        let mut bytes = Vec::new();
        assert!(!write(&mut bytes, 0, &ranges, 500));
        let read = read(&bytes, 0).unwrap();
        assert!(bytes.len() <= 500 && read.len() > 80, "{} ranges", read.len());
        let inside = |(start, end): &(i64, i64)| ranges.iter().any(|(s, e)| s <= start && end <= e);
        assert!(read.iter().all(inside));
    }

    proptest! {
        #[test]
        fn reads_back_what_was_written(base in 0..i64::MAX / 4, gaps in prop::collection::vec((1..40i64, 1..40i64), 0..60), wide in prop::collection::vec((1..i64::MAX / 1_000, 1..100_000i64), 0..8)) {
            let mut at = base - 1;
            let ranges: Vec<_> = gaps.iter().chain(&wide).map(|(gap, len)| { let start = at + gap; at = start + len; (start, at) }).collect();
            // Ranges that touch are read as one.
            let mut joined: Vec<(i64, i64)> = Vec::new();
            for (start, end) in &ranges {
                match joined.last_mut() { Some(last) if last.1 == *start => last.1 = *end, _ => joined.push((*start, *end)) }
            }
            prop_assert_eq!(read(&written(base, &joined), base), Some(joined));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), base in any::<i64>()) {
            let _ = read(&bytes, base);
        }
    }
}
