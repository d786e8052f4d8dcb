//! Tokens as the Murmur3 partitioner has them.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// Token of a partition key in its binary form: the first half of MurmurHash3 x64 128.
pub(crate) fn token(key: &[u8]) -> i64 {
    if key.is_empty() {
        return i64::MIN;
    }
    let hash = hash(key) as i64;
    // The least number is no token of a key; it stands for "before all".
    if hash == i64::MIN { i64::MAX } else { hash }
}

fn hash(key: &[u8]) -> u64 {
    let (mut h1, mut h2) = (0u64, 0u64);
    let blocks = key.chunks_exact(16);
    let tail = blocks.remainder();
    for block in blocks {
        let (k1, k2) = block.split_at(8);
        h1 ^= mix1(word(k1));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(word(k2));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    // Cassandra's variant: the bytes of the tail are signed, so that high ones set all bits above them.
    let signed = |bytes: &[u8]| {
        bytes.iter().enumerate().fold(0u64, |word, (i, byte)| word ^ ((*byte as i8 as i64 as u64) << (8 * i)))
    };
    if tail.len() > 8 {
        h2 ^= mix2(signed(&tail[8..]));
    }
    if !tail.is_empty() {
        h1 ^= mix1(signed(&tail[..tail.len().min(8)]));
    }
    h1 ^= key.len() as u64;
    h2 ^= key.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    finish(h1).wrapping_add(finish(h2))
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ k >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_cassandra() {
        for (key, expected) in [
            (&b"123"[..], -7468325962851647638),
            (&b"\x00\xff\x10\xfa\x99".repeat(10), 5837342703291459765),
            (&[0xfe; 8], -8927430733708461935),
            (&[0x10; 8], 1446172840243228796),
            (b"9223372036854775807", 7162290910810015547),
            (b"", i64::MIN),
        ] {
            assert_eq!(token(key), expected, "{key:?}");
        }
    }
}
