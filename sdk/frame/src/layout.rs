//! Header and directory of a frame: written front to back, read into a table of known columns.

use alloc::vec::Vec;

use crate::error::{FrameError, Problem};

pub(crate) const MAGIC: u32 = u32::from_le_bytes(*b"VXF1");
const HEADER: usize = 12;
const ENTRY: usize = 12;
/// Every known id is below this.
const IDS: usize = 128;

/// Writes a frame whose number of columns is known; columns come in any order.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    entry: usize,
    end: usize,
}

impl<'a> Writer<'a> {
    /// Replaces what is in `out` by a header and an empty directory. `data` is a guess of the bytes to come.
    pub(crate) fn new(out: &'a mut Vec<u8>, rows: usize, columns: usize, data: usize) -> Self {
        let end = HEADER + columns * ENTRY;
        out.clear();
        out.reserve(end + data + columns * 8);
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&count(rows).to_le_bytes());
        out.extend_from_slice(&count(columns).to_le_bytes());
        out.resize(end, 0);
        Self { out, entry: HEADER, end }
    }

    pub(crate) fn bytes(&mut self, id: u16, bytes: &[u8]) {
        self.open(id, bytes.len());
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn fixed<const N: usize>(&mut self, id: u16, cells: impl ExactSizeIterator<Item = [u8; N]>) {
        let bytes = cells.len() * N;
        let start = self.open(id, bytes);
        self.out.resize(start + bytes, 0);
        let (slots, _) = self.out[start..].as_chunks_mut::<N>();
        for (slot, cell) in slots.iter_mut().zip(cells) {
            *slot = cell;
        }
    }

    fn open(&mut self, id: u16, bytes: usize) -> usize {
        assert!(self.entry < self.end, "column {id} has no entry left in the directory");
        let start = self.out.len().next_multiple_of(8);
        self.out.resize(start, 0);
        let entry = &mut self.out[self.entry..self.entry + ENTRY];
        // The one column so far that a reader can't do without.
        if id == crate::column::EMIT_FORWARD {
            entry[2..4].copy_from_slice(&crate::column::MUST_UNDERSTAND.to_le_bytes());
        }
        entry[0..2].copy_from_slice(&id.to_le_bytes());
        entry[4..8].copy_from_slice(&count(start).to_le_bytes());
        entry[8..12].copy_from_slice(&count(bytes).to_le_bytes());
        self.entry += ENTRY;
        start
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        debug_assert!(self.entry == self.end, "the directory has entries without a column");
    }
}

/// A count or length as frames hold it.
///
/// # Panics
/// From 4 GiB on: a batch is bounded long before.
pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a frame is smaller than 4 GiB")
}

/// The known columns of a frame.
pub(crate) struct Directory<'a> {
    pub(crate) rows: usize,
    columns: [Option<&'a [u8]>; IDS],
}

impl<'a> Directory<'a> {
    /// Reads header and directory; `known` has a bit for each id the caller understands.
    pub(crate) fn parse(frame: &'a [u8], known: u128) -> Result<Self, FrameError> {
        let (header, rest) =
            frame.split_first_chunk::<HEADER>().ok_or(FrameError::Truncated { need: HEADER, have: frame.len() })?;
        let magic = read_u32(header, 0);
        if magic != MAGIC {
            return Err(FrameError::Magic(magic));
        }
        let (rows, columns) = (read_u32(header, 1) as usize, read_u32(header, 2) as usize);
        let (entries, _) = rest.as_chunks::<ENTRY>();
        let entries = entries.get(..columns).ok_or(FrameError::Truncated {
            need: HEADER.saturating_add(columns.saturating_mul(ENTRY)),
            have: frame.len(),
        })?;

        let mut found = [None; IDS];
        for entry in entries {
            let id = u16::from_le_bytes([entry[0], entry[1]]);
            let flags = u16::from_le_bytes([entry[2], entry[3]]);
            let wrong = |problem| FrameError::Column { id, problem };
            if usize::from(id) >= IDS || known & (1 << id) == 0 {
                if flags & crate::column::MUST_UNDERSTAND != 0 {
                    return Err(wrong(Problem::Unknown));
                }
                continue;
            }
            let (offset, bytes) = (read_u32(entry, 1) as usize, read_u32(entry, 2) as usize);
            if !offset.is_multiple_of(8) {
                return Err(wrong(Problem::Misaligned));
            }
            let data =
                offset.checked_add(bytes).and_then(|end| frame.get(offset..end)).ok_or(wrong(Problem::OutOfBounds))?;
            if found[usize::from(id)].replace(data).is_some() {
                return Err(wrong(Problem::Twice));
            }
        }
        Ok(Self { rows, columns: found })
    }

    pub(crate) fn get(&self, id: u16) -> Option<&'a [u8]> {
        self.columns[usize::from(id)]
    }

    pub(crate) fn required(&self, id: u16) -> Result<&'a [u8], FrameError> {
        self.get(id).ok_or(FrameError::Column { id, problem: Problem::Missing })
    }

    /// An optional column of `rows` cells of `N` bytes.
    pub(crate) fn fixed<const N: usize>(&self, id: u16, rows: usize) -> Result<Option<&'a [[u8; N]]>, FrameError> {
        let Some(data) = self.get(id) else {
            return Ok(None);
        };
        let want = rows.saturating_mul(N);
        if data.len() != want {
            return Err(FrameError::Column { id, problem: Problem::Length { want, have: data.len() } });
        }
        Ok(Some(data.as_chunks::<N>().0))
    }

    /// A required column of `rows` cells of `N` bytes.
    pub(crate) fn required_fixed<const N: usize>(&self, id: u16, rows: usize) -> Result<&'a [[u8; N]], FrameError> {
        self.fixed(id, rows)?.ok_or(FrameError::Column { id, problem: Problem::Missing })
    }

    /// An optional column of cells of `N` bytes that itself says how many there are.
    pub(crate) fn table<const N: usize>(&self, id: u16) -> Result<&'a [[u8; N]], FrameError> {
        let data = self.get(id).unwrap_or_default();
        match data.as_chunks::<N>() {
            (cells, []) => Ok(cells),
            (cells, _) => Err(FrameError::Column {
                id,
                problem: Problem::Length { want: (cells.len() + 1) * N, have: data.len() },
            }),
        }
    }
}

/// Ends never decrease, and the last is `end`.
pub(crate) fn check_ends(id: u16, ends: &[[u8; 4]], end: usize) -> Result<(), FrameError> {
    let mut last = 0;
    let mut sorted = true;
    for cell in ends {
        let next = u32::from_le_bytes(*cell);
        sorted &= last <= next;
        last = next;
    }
    if sorted && last as usize == end { Ok(()) } else { Err(FrameError::Column { id, problem: Problem::Ends }) }
}

fn read_u32<const N: usize>(bytes: &[u8; N], index: usize) -> u32 {
    let at = index * 4;
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
