//! `CREATE`, `ALTER` and `DROP`.

use std::fmt::{self, Display, Formatter};

use super::{joined, quoted};
use crate::tree::{
    AlterTable, AlterType, ColumnDefinition, CreateIndex, CreateTable, Ddl, IndexTarget, Name, Options, Order,
    PrimaryKey, Property,
};

impl Display for Ddl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateKeyspace { name, if_not_exists, options } => {
                write!(f, "CREATE KEYSPACE {}{name}", unless(*if_not_exists))?;
                with(f, options)
            }
            Self::AlterKeyspace { name, if_exists, options } => {
                write!(f, "ALTER KEYSPACE {}{name}", when(*if_exists))?;
                with(f, options)
            }
            Self::CreateTable(create) => create.fmt(f),
            Self::AlterTable { table, if_exists, change } => {
                write!(f, "ALTER TABLE {}{table} {change}", when(*if_exists))
            }
            Self::CreateType { name, if_not_exists, fields } => {
                write!(f, "CREATE TYPE {}{name} (", unless(*if_not_exists))?;
                for (i, (field, of)) in fields.iter().enumerate() {
                    write!(f, "{}{field} {of}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Self::AlterType { name, if_exists, change } => {
                write!(f, "ALTER TYPE {}{name} {change}", when(*if_exists))
            }
            Self::CreateIndex(create) => create.fmt(f),
            Self::Drop { what, name, if_exists } => {
                write!(f, "DROP {} {}{name}", what.as_str(), when(*if_exists))
            }
        }
    }
}

fn unless(if_not_exists: bool) -> &'static str {
    if if_not_exists { "IF NOT EXISTS " } else { "" }
}

fn when(if_exists: bool) -> &'static str {
    if if_exists { "IF EXISTS " } else { "" }
}

fn with(f: &mut Formatter<'_>, options: &Options) -> fmt::Result {
    for (i, (name, value)) in options.iter().enumerate() {
        write!(f, "{}{name} = {value}", if i > 0 { " AND " } else { " WITH " })?;
    }
    Ok(())
}

impl Display for Property {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let entries = match self {
            Self::Literal(literal) => return literal.fmt(f),
            Self::Map(entries) => entries,
        };
        f.write_str("{")?;
        for (i, (key, value)) in entries.iter().enumerate() {
            write!(f, "{}{key}: {value}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str("}")
    }
}

impl Display for CreateTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE TABLE {}{} (", unless(self.if_not_exists), self.table)?;
        joined(f, &self.columns, ", ")?;
        if !self.columns.is_empty() && !self.primary_keys.is_empty() {
            f.write_str(", ")?;
        }
        joined(f, &self.primary_keys, ", ")?;
        f.write_str(")")?;
        let mut joint = " WITH ";
        if self.compact_storage {
            write!(f, "{joint}COMPACT STORAGE")?;
            joint = " AND ";
        }
        if !self.clustering_order.is_empty() {
            write!(f, "{joint}CLUSTERING ORDER BY (")?;
            for (i, (column, order)) in self.clustering_order.iter().enumerate() {
                let direction = match order {
                    Order::Ascending => "ASC",
                    Order::Descending => "DESC",
                };
                write!(f, "{}{column} {direction}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(")")?;
            joint = " AND ";
        }
        for (name, value) in &self.options {
            write!(f, "{joint}{name} = {value}")?;
            joint = " AND ";
        }
        Ok(())
    }
}

impl Display for ColumnDefinition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.name, self.of, if self.is_static { " STATIC" } else { "" })
    }
}

impl Display for PrimaryKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("PRIMARY KEY ((")?;
        joined(f, &self.partition, ", ")?;
        f.write_str(")")?;
        for column in &self.clustering {
            write!(f, ", {column}")?;
        }
        f.write_str(")")
    }
}

impl Display for AlterTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { if_not_exists, columns } => {
                write!(f, "ADD {}(", unless(*if_not_exists))?;
                joined(f, columns, ", ")?;
                f.write_str(")")
            }
            Self::Drop { if_exists, columns, timestamp } => {
                write!(f, "DROP {}(", when(*if_exists))?;
                joined(f, columns, ", ")?;
                f.write_str(")")?;
                match timestamp {
                    Some(timestamp) => write!(f, " USING TIMESTAMP {timestamp}"),
                    None => Ok(()),
                }
            }
            Self::Rename { if_exists, names } => renames(f, *if_exists, names),
            Self::Retype(column, of) => write!(f, "ALTER {column} TYPE {of}"),
            Self::Options(options) => {
                for (i, (name, value)) in options.iter().enumerate() {
                    write!(f, "{} {name} = {value}", if i > 0 { " AND" } else { "WITH" })?;
                }
                Ok(())
            }
        }
    }
}

impl Display for AlterType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { if_not_exists, field, of } => write!(f, "ADD {}{field} {of}", unless(*if_not_exists)),
            Self::Rename { if_exists, names } => renames(f, *if_exists, names),
            Self::Retype(field, of) => write!(f, "ALTER {field} TYPE {of}"),
        }
    }
}

fn renames(f: &mut Formatter<'_>, if_exists: bool, names: &[(Name, Name)]) -> fmt::Result {
    write!(f, "RENAME {}", when(if_exists))?;
    for (i, (old, new)) in names.iter().enumerate() {
        write!(f, "{}{old} TO {new}", if i > 0 { " AND " } else { "" })?;
    }
    Ok(())
}

impl Display for CreateIndex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let custom = if self.custom { "CUSTOM " } else { "" };
        write!(f, "CREATE {custom}INDEX {}", unless(self.if_not_exists))?;
        if let Some(name) = &self.name {
            write!(f, "{name} ")?;
        }
        write!(f, "ON {} (", self.table)?;
        for (i, (target, column)) in self.targets.iter().enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            match target {
                IndexTarget::Plain => column.fmt(f)?,
                IndexTarget::Values => write!(f, "VALUES({column})")?,
                IndexTarget::Keys => write!(f, "KEYS({column})")?,
                IndexTarget::Entries => write!(f, "ENTRIES({column})")?,
                IndexTarget::Full => write!(f, "FULL({column})")?,
            }
        }
        f.write_str(")")?;
        if let Some(class) = &self.using {
            f.write_str(" USING ")?;
            quoted(f, '\'', class)?;
        }
        with(f, &self.options)
    }
}
