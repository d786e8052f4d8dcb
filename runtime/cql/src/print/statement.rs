//! Statements and their clauses.

use std::fmt::{self, Display, Formatter};

use super::{joined, quoted};
use crate::tree::{
    Assignment, Condition, Delete, InValues, Insert, InsertValues, JsonDefault, JsonValue, Name, Order, Relation,
    Select, Selected, Selection, Statement, Subject, Target, Test, Update, Using,
};

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(select) => select.fmt(f),
            Self::Insert(insert) => insert.fmt(f),
            Self::Update(update) => update.fmt(f),
            Self::Delete(delete) => delete.fmt(f),
        }
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        if self.json {
            f.write_str("JSON ")?;
        }
        if self.distinct {
            f.write_str("DISTINCT ")?;
        }
        match &self.selection {
            Selection::All => f.write_str("*")?,
            Selection::List(selected) => joined(f, selected, ", ")?,
        }
        write!(f, " FROM {}", self.table)?;
        clause(f, " WHERE ", &self.filter, " AND ")?;
        clause(f, " GROUP BY ", &self.group_by, ", ")?;
        for (i, (column, order)) in self.order_by.iter().enumerate() {
            let direction = match order {
                Order::Ascending => "ASC",
                Order::Descending => "DESC",
            };
            write!(f, "{}{column} {direction}", if i == 0 { " ORDER BY " } else { ", " })?;
        }
        if let Some(limit) = &self.per_partition_limit {
            write!(f, " PER PARTITION LIMIT {limit}")?;
        }
        if let Some(limit) = &self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        if self.allow_filtering {
            f.write_str(" ALLOW FILTERING")?;
        }
        Ok(())
    }
}

impl Display for Selected {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.alias {
            Some(alias) => write!(f, "{} AS {alias}", self.value),
            None => self.value.fmt(f),
        }
    }
}

impl Display for Insert {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "INSERT INTO {} ", self.table)?;
        match &self.values {
            InsertValues::Columns(pairs) => {
                for (i, (column, _)) in pairs.iter().enumerate() {
                    write!(f, "{}{column}", if i == 0 { "(" } else { ", " })?;
                }
                for (i, (_, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{value}", if i == 0 { ") VALUES (" } else { ", " })?;
                }
                f.write_str(")")?;
            }
            InsertValues::Json { value, default } => {
                f.write_str("JSON ")?;
                match value {
                    JsonValue::Text(text) => quoted(f, '\'', text)?,
                    JsonValue::Marker(marker) => marker.fmt(f)?,
                }
                match default {
                    JsonDefault::Null => {}
                    JsonDefault::Unset => f.write_str(" DEFAULT UNSET")?,
                }
            }
        }
        if self.if_not_exists {
            f.write_str(" IF NOT EXISTS")?;
        }
        clause(f, " USING ", &self.using, " AND ")
    }
}

impl Display for Update {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "UPDATE {}", self.table)?;
        clause(f, " USING ", &self.using, " AND ")?;
        clause(f, " SET ", &self.assignments, ", ")?;
        clause(f, " WHERE ", &self.filter, " AND ")?;
        condition(f, self.condition.as_ref())
    }
}

impl Display for Delete {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("DELETE ")?;
        joined(f, &self.targets, ", ")?;
        write!(f, "{}FROM {}", if self.targets.is_empty() { "" } else { " " }, self.table)?;
        clause(f, " USING ", &self.using, " AND ")?;
        clause(f, " WHERE ", &self.filter, " AND ")?;
        condition(f, self.condition.as_ref())
    }
}

impl Display for Using {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timestamp(value) => write!(f, "TIMESTAMP {value}"),
            Self::Ttl(value) => write!(f, "TTL {value}"),
        }
    }
}

impl Display for Assignment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(column, value) => write!(f, "{column} = {value}"),
            Self::Add(column, value) => write!(f, "{column} = {column} + {value}"),
            Self::Subtract(column, value) => write!(f, "{column} = {column} - {value}"),
            Self::Prepend(column, value) => write!(f, "{column} = {value} + {column}"),
            Self::Element(column, key, value) => write!(f, "{column}[{key}] = {value}"),
            Self::Field(column, field, value) => write!(f, "{column}.{field} = {value}"),
        }
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => column.fmt(f),
            Self::Element(column, key) => write!(f, "{column}[{key}]"),
            Self::Field(column, field) => write!(f, "{column}.{field}"),
        }
    }
}

impl Display for Relation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Column(column) => column.fmt(f)?,
            Subject::Element(column, key) => write!(f, "{column}[{key}]")?,
            Subject::Field(column, field) => write!(f, "{column}.{field}")?,
            Subject::Tuple(columns) => names(f, "(", columns)?,
            Subject::Token(columns) => names(f, "token(", columns)?,
        }
        match &self.test {
            Test::Compare(comparison, value) => write!(f, " {} {value}", comparison.as_str()),
            Test::Contains(value) => write!(f, " CONTAINS {value}"),
            Test::ContainsKey(value) => write!(f, " CONTAINS KEY {value}"),
            Test::Like(value) => write!(f, " LIKE {value}"),
            Test::IsNotNull => f.write_str(" IS NOT NULL"),
            Test::In(InValues::Marker(marker)) => write!(f, " IN {marker}"),
            Test::In(InValues::List(values)) => {
                f.write_str(" IN (")?;
                joined(f, values, ", ")?;
                f.write_str(")")
            }
        }
    }
}

fn names(f: &mut Formatter<'_>, open: &str, columns: &[Name]) -> fmt::Result {
    f.write_str(open)?;
    joined(f, columns, ", ")?;
    f.write_str(")")
}

/// `keyword` and the items, if there are any.
pub(super) fn clause<T: Display>(f: &mut Formatter<'_>, keyword: &str, items: &[T], between: &str) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    f.write_str(keyword)?;
    joined(f, items, between)
}

fn condition(f: &mut Formatter<'_>, condition: Option<&Condition>) -> fmt::Result {
    match condition {
        None => Ok(()),
        Some(Condition::Exists) => f.write_str(" IF EXISTS"),
        Some(Condition::If(relations)) => clause(f, " IF ", relations, " AND "),
    }
}
