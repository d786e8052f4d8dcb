//! A `bytes` column: ends, bytes and nulls. Left out when every cell is null; without bitmap when none is.

use alloc::vec::Vec;

use crate::error::{FrameError, Problem};
use crate::layout::{Directory, Writer, check_ends, count};

/// Bytes columns as they are built.
#[derive(Debug, Default)]
pub(crate) struct CellsBuilder {
    ends: Vec<u32>,
    data: Vec<u8>,
    /// Rows that are null, ascending.
    nulls: Vec<u32>,
}

impl CellsBuilder {
    pub(crate) const fn new() -> Self {
        Self { ends: Vec::new(), data: Vec::new(), nulls: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.truncate(0);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, cell: Option<&[u8]>) {
        match cell {
            Some(bytes) => self.data.extend_from_slice(bytes),
            None => self.nulls.push(self.ends.len() as u32),
        }
        self.ends.push(count(self.data.len()));
    }

    /// Pushes cell `row` as what `write` appends. When it fails, nothing is pushed.
    pub(crate) fn push_with<E>(
        &mut self,
        row: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.pad(row);
        let start = self.data.len();
        if let Err(error) = write(&mut self.data) {
            self.data.truncate(start);
            return Err(error);
        }
        self.ends.push(count(self.data.len()));
        Ok(())
    }

    pub(crate) fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.data.truncate(self.ends.last().map_or(0, |end| *end as usize));
        while self.nulls.last().is_some_and(|row| *row as usize >= rows) {
            self.nulls.pop();
        }
    }

    /// Moves the rows from `row` on to the end of `other`, where they begin at row `at`.
    pub(crate) fn split_into(&mut self, row: usize, other: &mut Self, at: usize) {
        if row >= self.ends.len() {
            return;
        }
        other.pad(at);
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        let base = other.data.len();
        let first = other.ends.len();
        other.data.extend_from_slice(&self.data[start..]);
        other.ends.extend(self.ends[row..].iter().map(|end| count(*end as usize - start + base)));
        let nulls = self.nulls.partition_point(|null| (*null as usize) < row);
        other.nulls.extend(self.nulls[nulls..].iter().map(|null| *null - row as u32 + first as u32));
        self.truncate(row);
    }

    /// Pushes cell `row`; rows skipped since the last push are null.
    #[inline]
    pub(crate) fn push_at(&mut self, row: usize, cell: Option<&[u8]>) {
        if cell.is_some() {
            self.pad(row);
            self.push(cell);
        }
    }

    /// Nulls up to `row`.
    fn pad(&mut self, row: usize) {
        while self.ends.len() < row {
            self.push(None);
        }
    }

    pub(crate) fn cell(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.data[start..self.ends[row] as usize]
    }

    /// How many columns `write` writes for so many rows.
    pub(crate) fn columns(&self, rows: usize) -> usize {
        match self.nulls(rows) {
            nulls if nulls == rows => 0,
            0 => 2,
            _ => 3,
        }
    }

    /// Writes so many rows; those not pushed are null.
    pub(crate) fn write(&self, id: u16, rows: usize, writer: &mut Writer<'_>) {
        let nulls = self.nulls(rows);
        if nulls == rows {
            return;
        }
        if self.ends.len() == rows {
            writer.fixed(id, self.ends.iter().map(|end| end.to_le_bytes()));
        } else {
            let end = |row| self.ends.get(row).copied().unwrap_or(self.data.len() as u32).to_le_bytes();
            writer.fixed(id, (0..rows).map(end));
        }
        writer.bytes(id + 1, &self.data);
        if nulls != 0 {
            let mut bitmap = alloc::vec![0u8; rows.div_ceil(8)];
            let rest = self.ends.len()..rows;
            for row in self.nulls.iter().map(|row| *row as usize).chain(rest) {
                bitmap[row / 8] |= 1 << (row % 8);
            }
            writer.bytes(id + 2, &bitmap);
        }
    }

    fn nulls(&self, rows: usize) -> usize {
        self.nulls.len() + rows - self.ends.len()
    }
}

/// A bytes column as it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells<'a> {
    ends: &'a [[u8; 4]],
    data: &'a [u8],
    nulls: Option<&'a [u8]>,
}

impl<'a> Cells<'a> {
    /// A column of `rows` cells; absent: all of them null.
    pub(crate) fn parse(directory: &Directory<'a>, id: u16, rows: usize) -> Result<Self, FrameError> {
        match directory.fixed::<4>(id, rows)? {
            Some(ends) => Self::with_ends(directory, id, ends),
            None => match directory.get(id + 1).or(directory.get(id + 2)) {
                Some(_) => Err(FrameError::Column { id, problem: Problem::Missing }),
                None => Ok(Self { ends: &[], data: &[], nulls: None }),
            },
        }
    }

    /// A table without nulls; its ends say how many cells it has.
    pub(crate) fn parse_table(directory: &Directory<'a>, id: u16) -> Result<Self, FrameError> {
        if directory.get(id + 2).is_some() {
            return Err(FrameError::Column { id: id + 2, problem: Problem::Null });
        }
        Self::with_ends(directory, id, directory.table::<4>(id)?)
    }

    fn with_ends(directory: &Directory<'a>, id: u16, ends: &'a [[u8; 4]]) -> Result<Self, FrameError> {
        let data = directory.get(id + 1).unwrap_or_default();
        check_ends(id, ends, data.len())?;
        let nulls = directory.get(id + 2);
        if let Some(bitmap) = nulls {
            let want = ends.len().div_ceil(8);
            if bitmap.len() != want {
                let problem = Problem::Length { want, have: bitmap.len() };
                return Err(FrameError::Column { id: id + 2, problem });
            }
        }
        Ok(Self { ends, data, nulls })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Where cell `row` lies in the data; `None`: it is null.
    #[inline]
    pub(crate) fn range(&self, row: usize) -> Option<core::ops::Range<usize>> {
        let end = u32::from_le_bytes(*self.ends.get(row)?) as usize;
        if let Some(bitmap) = self.nulls
            && bitmap[row / 8] & (1 << (row % 8)) != 0
        {
            return None;
        }
        let start = if row == 0 { 0 } else { u32::from_le_bytes(self.ends[row - 1]) as usize };
        Some(start..end)
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        self.range(row).map(|range| &self.data[range])
    }
}
