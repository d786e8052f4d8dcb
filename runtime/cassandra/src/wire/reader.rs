//! The primitives of the protocol, read from a body. Whatever is not there is a protocol error.

use bytes::{Buf, Bytes};

use crate::api::{Bound, Consistency, Error};

/// Reads a body from its front.
#[derive(Debug)]
pub(crate) struct Reader(Bytes);

impl Reader {
    pub(crate) fn new(body: Bytes) -> Self {
        Self(body)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn short(&mut self) -> Result<u16, Error> {
        Ok(self.take(2)?.get_u16())
    }

    pub(crate) fn int(&mut self) -> Result<i32, Error> {
        Ok(self.take(4)?.get_i32())
    }

    pub(crate) fn long(&mut self) -> Result<i64, Error> {
        Ok(self.take(8)?.get_i64())
    }

    pub(crate) fn consistency(&mut self) -> Result<Consistency, Error> {
        match self.short()? {
            code @ 0..=11 => Ok(Consistency(code)),
            other => Err(Error::Protocol(format!("Unknown code {other} for a consistency level"))),
        }
    }

    pub(crate) fn string(&mut self) -> Result<String, Error> {
        let length = self.short()?;
        self.text(usize::from(length))
    }

    pub(crate) fn long_string(&mut self) -> Result<String, Error> {
        let length = self.int()?;
        let length = usize::try_from(length).map_err(|_| malformed("negative length of a string"))?;
        self.text(length)
    }

    /// `[bytes]`; negative lengths are null.
    pub(crate) fn bytes(&mut self) -> Result<Option<Bytes>, Error> {
        match usize::try_from(self.int()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// `[value]`
    pub(crate) fn value(&mut self) -> Result<Bound, Error> {
        match self.int()? {
            -1 => Ok(Bound::Null),
            -2 => Ok(Bound::Unset),
            length => match usize::try_from(length) {
                Ok(length) => self.take(length).map(Bound::Value),
                Err(_) => Err(Error::Protocol(format!("Invalid ByteBuf length {length}"))),
            },
        }
    }

    pub(crate) fn short_bytes(&mut self) -> Result<Bytes, Error> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    /// As many as a short says.
    pub(crate) fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let count = usize::from(self.short()?);
        // Every element takes a byte or more: a count that lies reserves nothing.
        let mut list = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            list.push(one(self)?);
        }
        Ok(list)
    }

    fn text(&mut self, length: usize) -> Result<String, Error> {
        let bytes = self.take(length)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(malformed("a string is not UTF-8")),
        }
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Error> {
        if length > self.0.len() {
            return Err(malformed(format!("{length} bytes expected, {} left", self.0.len())));
        }
        Ok(self.0.split_to(length))
    }
}

fn malformed(cause: impl std::fmt::Display) -> Error {
    Error::Protocol(format!("Malformed message body: {cause}"))
}
