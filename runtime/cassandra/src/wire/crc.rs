//! Checksums of version 5: CRC24 over headers, CRC32 over payloads.

const INIT24: u32 = 0x0087_5060;
const POLYNOMIAL24: u32 = 0x0197_4f0b;
/// Fed before the payload, so that zeroes do not check out.
const PREFIX32: [u8; 4] = [0xfa, 0x2d, 0x55, 0xca];

/// Of three or five bytes; a table would not pay.
pub(crate) fn crc24(bytes: &[u8]) -> u32 {
    let mut crc = INIT24;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= POLYNOMIAL24;
            }
        }
    }
    crc & 0x00ff_ffff
}

pub(crate) fn crc32(payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&PREFIX32);
    hasher.update(payload);
    hasher.finalize()
}
