//! Reading and writing of the protocol's notations, v4. Panics at what is malformed: then a server is wrong.

use crate::support::answer::Column;
use crate::support::show::hex;
use crate::support::types::Type;

/// A body that is read from its beginning.
#[derive(Debug)]
pub(crate) struct Body<'a>(pub(crate) &'a [u8]);

impl<'a> Body<'a> {
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(count).expect("the frame is long enough");
        self.0 = rest;
        taken
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().expect("two bytes"))
    }

    pub(crate) fn int(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().expect("four bytes"))
    }

    pub(crate) fn string(&mut self) -> String {
        let length = self.short();
        String::from_utf8(self.take(length.into()).to_vec()).expect("strings are UTF-8")
    }

    pub(crate) fn strings(&mut self) -> Vec<String> {
        (0..self.short()).map(|_| self.string()).collect()
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.int()).ok()?;
        Some(self.take(length))
    }

    pub(crate) fn short_bytes(&mut self) -> &'a [u8] {
        let length = self.short();
        self.take(length.into())
    }

    pub(crate) fn of(&mut self) -> Type {
        match self.short() {
            0x00 => Type::Custom(self.string()),
            0x20 => Type::List(self.of().into()),
            0x21 => Type::Map((self.of(), self.of()).into()),
            0x22 => Type::Set(self.of().into()),
            0x30 => {
                let (keyspace, name) = (self.string(), self.string());
                Type::Udt { keyspace, name, fields: (0..self.short()).map(|_| (self.string(), self.of())).collect() }
            }
            0x31 => Type::Tuple((0..self.short()).map(|_| self.of()).collect()),
            number => {
                let name = NATIVE.get(usize::from(number)).filter(|name| !name.is_empty());
                Type::Native(name.unwrap_or_else(|| panic!("{number:#x} is no type of this protocol")))
            }
        }
    }

    /// Columns after the flags and their count.
    pub(crate) fn columns(&mut self, count: i32, global: bool) -> Vec<Column> {
        let shared = global.then(|| format!("{}.{}", self.string(), self.string()));
        let column = |_| {
            let table = shared.clone().unwrap_or_else(|| format!("{}.{}", self.string(), self.string()));
            Column { table, name: self.string(), of: self.of() }
        };
        (0..count).map(column).collect()
    }

    /// What is left, for what has no form of its own.
    pub(crate) fn rest(&mut self) -> String {
        hex(self.take(self.0.len()))
    }
}

/// By their number in the protocol.
const NATIVE: [&str; 0x16] = [
    "",
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "counter",
    "decimal",
    "double",
    "float",
    "int",
    "",
    "timestamp",
    "uuid",
    "text",
    "varint",
    "timeuuid",
    "inet",
    "date",
    "time",
    "smallint",
    "tinyint",
    "duration",
];

/// `[string]`
pub(crate) fn string(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// `[long string]` and `[bytes]`
pub(crate) fn bytes(bytes: &[u8]) -> Vec<u8> {
    let length = i32::try_from(bytes.len()).expect("a short text");
    [&length.to_be_bytes(), bytes].concat()
}
