//! What a server answers.

use super::show::{hex, show};
use super::types::Type;

/// An answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Rows(Rows),
    /// Neither rows nor an error; the words tell apart what the client can.
    Done(String),
    Error(Refusal),
    /// What the server said of a statement that it prepared.
    Prepared(Prepared),
}

/// All pages of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Option<Vec<u8>>>>,
    /// Rows of each page.
    pub(crate) pages: Vec<usize>,
    pub(crate) warnings: Vec<String>,
}

/// A column of a result, or a bind marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Keyspace and table.
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) of: Type,
}

/// An error of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    /// What the body holds beside the message.
    pub(crate) body: String,
    pub(crate) message: String,
}

/// Metadata of a prepared statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) markers: Vec<Column>,
    /// Markers of the partition key, in its order.
    pub(crate) key: Vec<u16>,
    pub(crate) columns: Vec<Column>,
}

impl Answer {
    /// The same with the names of this server's own keyspaces replaced, so that answers of two servers can be equal.
    pub(crate) fn without(mut self, keyspace: &str) -> Self {
        let plain = |text: &mut String| *text = text.replace(keyspace, "$ks");
        let columns = |columns: &mut Vec<Column>| {
            for column in columns {
                plain(&mut column.table);
                plain(&mut column.name);
                rename(&mut column.of, keyspace);
            }
        };
        match &mut self {
            Self::Done(words) => plain(words),
            Self::Error(refusal) => [&mut refusal.body, &mut refusal.message].into_iter().for_each(plain),
            Self::Prepared(prepared) => [&mut prepared.markers, &mut prepared.columns].into_iter().for_each(columns),
            Self::Rows(rows) => {
                columns(&mut rows.columns);
                rows.warnings.iter_mut().for_each(plain);
                rows.rows.iter_mut().flatten().flatten().for_each(|cell| blank(cell, keyspace.as_bytes()));
            }
        }
        self
    }

    /// Lines to be read.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Done(words) => vec![words.clone()],
            Self::Error(Refusal { code, body, message }) => vec![format!("error {code:#06x} {body} {message}")],
            Self::Prepared(prepared) => {
                let columns = |columns: &[Column]| columns.iter().map(Column::line).collect::<Vec<_>>().join(", ");
                let mut lines = vec![format!("prepared: markers ({})", columns(&prepared.markers))];
                lines.push(format!("partition key {:?}, columns ({})", prepared.key, columns(&prepared.columns)));
                lines
            }
            Self::Rows(rows) => rows.lines(),
        }
    }
}

impl Rows {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.columns.iter().map(Column::line).collect::<Vec<_>>().join(" | ")];
        if self.pages.len() > 1 {
            lines.push(format!("pages of {:?} rows", self.pages));
        }
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns).map(|(cell, column)| show(&column.of, cell.as_deref()));
            lines.push(cells.collect::<Vec<_>>().join(" | "));
        }
        if self.rows.is_empty() {
            lines.push("no rows".to_owned());
        }
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        lines
    }

    /// The same with every cell as bytes, for values that look alike.
    pub(crate) fn bytes(&self) -> Vec<String> {
        let cell = |cell: &Option<Vec<u8>>| cell.as_ref().map_or("null".to_owned(), |bytes| hex(bytes));
        self.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | ")).collect()
    }
}

impl Column {
    fn line(&self) -> String {
        format!("{}:{} {}", self.table, self.name, self.of)
    }
}

fn rename(of: &mut Type, keyspace: &str) {
    match of {
        Type::Native(_) => {}
        Type::Custom(class) => *class = class.replace(keyspace, "$ks"),
        Type::List(of) | Type::Set(of) | Type::Vector(of, _) => rename(of, keyspace),
        Type::Map(of) => {
            rename(&mut of.0, keyspace);
            rename(&mut of.1, keyspace);
        }
        Type::Tuple(fields) => fields.iter_mut().for_each(|of| rename(of, keyspace)),
        Type::Udt { keyspace: own, fields, .. } => {
            *own = own.replace(keyspace, "$ks");
            fields.iter_mut().for_each(|(_, of)| rename(of, keyspace));
        }
    }
}

/// Overwrites a name within bytes; the names of both servers are as long, so that lengths stay right.
fn blank(bytes: &mut [u8], name: &[u8]) {
    let mut at = 0;
    while at + name.len() <= bytes.len() {
        if &bytes[at..at + name.len()] == name {
            bytes[at..at + name.len()].fill(b'$');
            at += name.len();
        } else {
            at += 1;
        }
    }
}
