//! `CREATE`, `ALTER` and `DROP`.

use super::{Expr, Literal, Name, Order, Table, Type};

/// A change of the schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Ddl {
    /// `CREATE KEYSPACE [IF NOT EXISTS] name WITH …`
    CreateKeyspace {
        /// Its name.
        name: Name,
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// `WITH …`
        options: Options,
    },
    /// `ALTER KEYSPACE [IF EXISTS] name WITH …`
    AlterKeyspace {
        /// Its name.
        name: Name,
        /// `IF EXISTS`
        if_exists: bool,
        /// `WITH …`
        options: Options,
    },
    /// `CREATE TABLE`
    CreateTable(CreateTable),
    /// `ALTER TABLE [IF EXISTS] table …`
    AlterTable {
        /// Which table.
        table: Table,
        /// `IF EXISTS`
        if_exists: bool,
        /// What changes.
        change: AlterTable,
    },
    /// `CREATE TYPE [IF NOT EXISTS] name (field type, …)`
    CreateType {
        /// Its name.
        name: Table,
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// Its fields, not empty.
        fields: Vec<(Name, Type)>,
    },
    /// `ALTER TYPE [IF EXISTS] name …`
    AlterType {
        /// Its name.
        name: Table,
        /// `IF EXISTS`
        if_exists: bool,
        /// What changes.
        change: AlterType,
    },
    /// `CREATE [CUSTOM] INDEX`
    CreateIndex(CreateIndex),
    /// `DROP what [IF EXISTS] name`
    Drop {
        /// What it is.
        what: Dropped,
        /// Its name; a keyspace's stands as the name, without keyspace.
        name: Table,
        /// `IF EXISTS`
        if_exists: bool,
    },
}

/// `WITH name = value AND …`; may be empty.
pub type Options = Vec<(Name, Property)>;

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// A constant; a bare word is kept as a string.
    Literal(Literal),
    /// `{key: value, …}`
    Map(Vec<(Literal, Literal)>),
}

/// `CREATE TABLE [IF NOT EXISTS] table (columns, PRIMARY KEY (…)) [WITH …]`
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    /// Its name.
    pub table: Table,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// As written, also if twice.
    pub columns: Vec<ColumnDefinition>,
    /// All that are written, inside of a column's definition or apart; a table needs one.
    pub primary_keys: Vec<PrimaryKey>,
    /// `CLUSTERING ORDER BY`; may be empty.
    pub clustering_order: Vec<(Name, Order)>,
    /// `COMPACT STORAGE`
    pub compact_storage: bool,
    /// `ID = …` is among them.
    pub options: Options,
}

/// `name type [STATIC]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub of: Type,
    /// `STATIC`
    pub is_static: bool,
}

/// `PRIMARY KEY ((partition, …), clustering, …)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryKey {
    /// Not empty.
    pub partition: Vec<Name>,
    /// May be empty.
    pub clustering: Vec<Name>,
}

/// What changes of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum AlterTable {
    /// `ADD [IF NOT EXISTS] (name type, …)`
    Add {
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// Not empty.
        columns: Vec<ColumnDefinition>,
    },
    /// `DROP [IF EXISTS] (name, …) [USING TIMESTAMP …]`
    Drop {
        /// `IF EXISTS`
        if_exists: bool,
        /// Not empty.
        columns: Vec<Name>,
        /// `USING TIMESTAMP`: microseconds.
        timestamp: Option<Expr>,
    },
    /// `RENAME [IF EXISTS] old TO new AND …`
    Rename {
        /// `IF EXISTS`
        if_exists: bool,
        /// Not empty.
        names: Vec<(Name, Name)>,
    },
    /// `ALTER name TYPE type`, which no server does any more.
    Retype(Name, Type),
    /// `WITH …`
    Options(Options),
}

/// What changes of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum AlterType {
    /// `ADD [IF NOT EXISTS] field type`
    Add {
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// Its name.
        field: Name,
        /// Its type.
        of: Type,
    },
    /// `RENAME [IF EXISTS] old TO new AND …`
    Rename {
        /// `IF EXISTS`
        if_exists: bool,
        /// Not empty.
        names: Vec<(Name, Name)>,
    },
    /// `ALTER field TYPE type`, which no server does any more.
    Retype(Name, Type),
}

/// `CREATE [CUSTOM] INDEX [IF NOT EXISTS] [name] ON table (targets) [USING '…'] [WITH …]`
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIndex {
    /// `CUSTOM`
    pub custom: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// Its name; it is in the table's keyspace.
    pub name: Option<Name>,
    /// Of which table.
    pub table: Table,
    /// What is indexed; servers take one.
    pub targets: Vec<(IndexTarget, Name)>,
    /// `USING '…'`
    pub using: Option<String>,
    /// `WITH …`
    pub options: Options,
}

/// What of a column is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexTarget {
    /// The column as it is named.
    Plain,
    /// `VALUES(column)`
    Values,
    /// `KEYS(column)`
    Keys,
    /// `ENTRIES(column)`
    Entries,
    /// `FULL(column)`
    Full,
}

/// What is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dropped {
    Keyspace,
    Table,
    Type,
    Index,
}

impl Dropped {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keyspace => "KEYSPACE",
            Self::Table => "TABLE",
            Self::Type => "TYPE",
            Self::Index => "INDEX",
        }
    }
}
