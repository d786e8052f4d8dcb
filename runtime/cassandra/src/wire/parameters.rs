//! The parameters behind a QUERY, an EXECUTE and a BATCH.

use super::envelope::Version;
use super::reader::Reader;
use crate::api::{Error, Parameters};

mod bit {
    pub(super) const VALUES: u32 = 0x001;
    pub(super) const SKIP_METADATA: u32 = 0x002;
    pub(super) const PAGE_SIZE: u32 = 0x004;
    pub(super) const PAGING_STATE: u32 = 0x008;
    pub(super) const SERIAL_CONSISTENCY: u32 = 0x010;
    pub(super) const TIMESTAMP: u32 = 0x020;
    pub(super) const NAMES: u32 = 0x040;
    pub(super) const KEYSPACE: u32 = 0x080;
    pub(super) const NOW: u32 = 0x100;
}

/// Of a QUERY or an EXECUTE; and whether the client knows the columns of the result already.
pub(super) fn query(reader: &mut Reader, version: Version) -> Result<(Parameters, bool), Error> {
    let mut parameters = Parameters::new(reader.consistency()?);
    let flags = Flags::read(reader, version)?;
    if flags.has(bit::VALUES) {
        if flags.has(bit::NAMES) {
            let pairs = reader.list(|reader| Ok((reader.string()?, reader.value()?)))?;
            let (names, values) = pairs.into_iter().unzip();
            (parameters.names, parameters.values) = (Some(names), values);
        } else {
            parameters.values = reader.list(Reader::value)?;
        }
    }
    if flags.has(bit::PAGE_SIZE) {
        parameters.page_size = Some(reader.int()?);
    }
    if flags.has(bit::PAGING_STATE) {
        parameters.paging_state = reader.bytes()?;
    }
    rest(reader, flags, &mut parameters)?;
    Ok((parameters, flags.has(bit::SKIP_METADATA)))
}

/// Of a BATCH, whose values stand before.
pub(super) fn batch(reader: &mut Reader, version: Version) -> Result<Parameters, Error> {
    let mut parameters = Parameters::new(reader.consistency()?);
    let flags = Flags::read(reader, version)?;
    if flags.0 & (bit::VALUES | bit::PAGE_SIZE | bit::PAGING_STATE | bit::NAMES) != 0 {
        let message = format!("Flags {:#x} are not for a BATCH: it has no paging, and its values no names", flags.0);
        return Err(Error::Protocol(message));
    }
    rest(reader, flags, &mut parameters)?;
    Ok(parameters)
}

fn rest(reader: &mut Reader, flags: Flags, parameters: &mut Parameters) -> Result<(), Error> {
    if flags.has(bit::SERIAL_CONSISTENCY) {
        parameters.serial_consistency = Some(reader.consistency()?);
    }
    if flags.has(bit::TIMESTAMP) {
        let timestamp = reader.long()?;
        if timestamp == i64::MIN {
            return Err(Error::Protocol(format!(
                "Out of bound timestamp, must be in [{}, {}] (got {timestamp})",
                i64::MIN + 1,
                i64::MAX
            )));
        }
        parameters.timestamp = Some(timestamp);
    }
    if flags.has(bit::KEYSPACE) {
        parameters.keyspace = Some(reader.string()?);
    }
    if flags.has(bit::NOW) {
        parameters.now_in_seconds = Some(reader.int()?);
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Flags(u32);

impl Flags {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, Error> {
        let (flags, known) = match version {
            Version::V4 => (u32::from(reader.byte()?), 0x07f),
            Version::V5 => (reader.int()? as u32, 0x1ff),
        };
        // An unknown flag may announce bytes that would be read as something else.
        if flags & !known != 0 {
            return Err(Error::Protocol(format!("Unknown flags {:#x} of a request", flags & !known)));
        }
        Ok(Self(flags))
    }

    fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
}
