//! Integers of variable length, as durations and vectors have them: the first byte's leading ones say how many follow.

/// Appends an unsigned integer.
pub(crate) fn put(value: u64, out: &mut Vec<u8>) {
    // Seven bits fit in one byte; each further byte adds seven more, until all nine carry eight whole bytes.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    let extra = if bits > 56 { 8 } else { (bits - 1) / 7 };
    if extra == 8 {
        out.push(0xff);
        out.extend_from_slice(&value.to_be_bytes());
        return;
    }
    let bytes = value.to_be_bytes();
    let first = out.len();
    out.extend_from_slice(&bytes[7 - extra..]);
    out[first] |= !(0xffu32 >> extra) as u8;
}

/// Appends a signed integer.
pub(crate) fn put_signed(value: i64, out: &mut Vec<u8>) {
    put(((value << 1) ^ (value >> 63)) as u64, out);
}

/// Takes an unsigned integer from the front.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let extra = first.leading_ones() as usize;
    let tail = rest.get(..extra)?;
    let start = if extra >= 8 { 0 } else { u64::from(*first) & (0xff >> extra) };
    *bytes = &rest[extra..];
    Some(tail.iter().fold(start, |value, byte| value << 8 | u64::from(*byte)))
}

/// Takes a signed integer from the front.
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = take(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        for value in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i64::from(i32::MAX), 1 << 48, 1 << 55, i64::MAX, i64::MIN]
        {
            let mut out = Vec::new();
            put_signed(value, &mut out);
            let mut rest = out.as_slice();
            assert_eq!((take_signed(&mut rest), rest.len()), (Some(value), 0), "{value}: {out:x?}");
            for end in 0..out.len() {
                assert_eq!(take_signed(&mut &out[..end]), None);
            }
        }
    }

    #[test]
    fn has_the_known_lengths() {
        for (value, length) in
            [(0u64, 1), (127, 1), (128, 2), (16383, 2), (16384, 3), (u64::MAX >> 8, 8), (u64::MAX, 9)]
        {
            let mut out = Vec::new();
            put(value, &mut out);
            assert_eq!(out.len(), length, "{value}");
        }
    }
}
