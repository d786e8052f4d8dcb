//! `DESCRIBE`: what `cqlsh` shows of the schema, as statements that would make it again.

mod create;

use std::sync::Arc;

use veltrix_cql::{Describe, Described, Name};

use super::define::{list as list_of, map as map_of};
use super::local::TOKEN;
use super::value::{list, map, text};
use super::{CLUSTER, PARTITIONER, Row, System, is_virtual};
use crate::api::{Column, Error, Rows};
use crate::schema::{Catalog, Keyspace, Table};
use crate::types::name::identifier;
use crate::types::{CqlType, Udt};

impl System {
    /// The rows of a `DESCRIBE`; `keyspace` is the session's.
    ///
    /// # Errors
    /// What is named isn't there.
    pub(crate) fn describe(
        &self,
        describe: &Describe,
        catalog: &Catalog,
        keyspace: Option<&str>,
    ) -> Result<Rows, Error> {
        let within = Within { catalog, keyspace, internals: describe.internals };
        Ok(match &describe.what {
            Described::Cluster => self.cluster(keyspace),
            Described::Schema { full } => elements(
                catalog
                    .keyspaces
                    .values()
                    .filter(|keyspace| *full || !keyspace.system)
                    .flat_map(|all| within.keyspace_rows(all)),
            ),
            Described::Keyspaces => {
                names(catalog.keyspaces.values().map(|keyspace| entry(&keyspace.name, "keyspace", &keyspace.name)))
            }
            Described::Keyspace { only, name } => {
                let keyspace = within.keyspace(name.as_ref())?;
                if *only { elements([within.keyspace_row(keyspace)]) } else { elements(within.keyspace_rows(keyspace)) }
            }
            Described::Tables => names(within.here()?.flat_map(|keyspace| {
                sorted(keyspace.tables.keys()).into_iter().map(|name| entry(&keyspace.name, "table", name))
            })),
            Described::Types => names(within.here()?.flat_map(|keyspace| {
                sorted(keyspace.types.keys()).into_iter().map(|name| entry(&keyspace.name, "type", name))
            })),
            // There are none.
            Described::Functions | Described::Aggregates => names([]),
            Described::Table(table) => {
                let keyspace = within.keyspace(table.keyspace.as_ref())?;
                let missing =
                    || invalid(format!("Table '{}' not found in keyspace '{}'", table.name.as_str(), keyspace.name));
                elements(within.table_rows(keyspace.tables.get(table.name.as_str()).ok_or_else(missing)?))
            }
            Described::Index(index) => {
                let keyspace = within.keyspace(index.keyspace.as_ref())?;
                let missing = || {
                    invalid(format!(
                        "Table for existing index '{}' not found in '{}'",
                        index.name.as_str(),
                        keyspace.name
                    ))
                };
                elements([index_row(keyspace, index.name.as_str()).ok_or_else(missing)?])
            }
            Described::Type(named) => {
                let keyspace = within.keyspace(named.keyspace.as_ref())?;
                let missing =
                    || invalid(format!("User defined type '{}' not found in '{}'", named.name.as_str(), keyspace.name));
                elements([type_row(keyspace.types.get(named.name.as_str()).ok_or_else(missing)?)])
            }
            Described::View(view) => return Err(within.missing("Materialized view", view)),
            Described::Function(function) => return Err(within.missing("User defined function", function)),
            Described::Aggregate(aggregate) => return Err(within.missing("User defined aggregate", aggregate)),
            Described::Anything(named) => elements(within.anything(named.keyspace.as_ref(), named.name.as_str())?),
        })
    }

    /// With a keyspace in use also who owns what of it.
    fn cluster(&self, keyspace: Option<&str>) -> Rows {
        let mut columns = vec![
            column("cluster", CqlType::Text),
            column("partitioner", CqlType::Text),
            column("snitch", CqlType::Text),
        ];
        let partitioner = PARTITIONER.rsplit('.').next().unwrap_or(PARTITIONER);
        let mut cells = vec![text(CLUSTER), text(partitioner), text("SimpleSnitch")];
        if keyspace.is_some() {
            columns.push(column("range_ownership", map_of(CqlType::Text, list_of(CqlType::Text), true)));
            let owners = list([format!("/{}", self.address)]).unwrap_or_default();
            cells.push(map([(TOKEN, owners)]));
        }
        Rows { columns: columns.into(), cells, paging_state: None, warnings: Vec::new() }
    }
}

/// Where names are looked up.
struct Within<'a> {
    catalog: &'a Catalog,
    keyspace: Option<&'a str>,
    internals: bool,
}

impl<'a> Within<'a> {
    fn keyspace(&self, name: Option<&Name>) -> Result<&'a Keyspace, Error> {
        let name = name.map(Name::as_str).or(self.keyspace);
        let name = name.ok_or_else(|| invalid("No keyspace specified and no current keyspace".to_owned()))?;
        self.catalog.keyspaces.get(name).map(|keyspace| &**keyspace).ok_or_else(|| no_keyspace(name))
    }

    /// The session's keyspace; without one all of them.
    fn here(&self) -> Result<impl Iterator<Item = &'a Keyspace>, Error> {
        let only = self.keyspace.map(|_| self.keyspace(None)).transpose()?;
        let all = self.catalog.keyspaces.values().map(|keyspace| &**keyspace);
        Ok(all.filter(move |keyspace| only.is_none_or(|only| only.name == keyspace.name)))
    }

    /// A keyspace, or a table or an index of the keyspace.
    fn anything(&self, keyspace: Option<&Name>, name: &str) -> Result<Vec<Row>, Error> {
        if keyspace.is_none() {
            if let Some(keyspace) = self.catalog.keyspaces.get(name) {
                return Ok(self.keyspace_rows(keyspace));
            }
            if self.keyspace.is_none() {
                return Err(no_keyspace(name));
            }
        }
        let keyspace = self.keyspace(keyspace)?;
        if let Some(table) = keyspace.tables.get(name) {
            return Ok(self.table_rows(table));
        }
        let index = index_row(keyspace, name).map(|row| vec![row]);
        index.ok_or_else(|| invalid(format!("'{name}' not found in keyspace '{}'", keyspace.name)))
    }

    /// Of a kind of which there are none.
    fn missing(&self, kind: &str, named: &veltrix_cql::Table) -> Error {
        match self.keyspace(named.keyspace.as_ref()) {
            Ok(keyspace) => invalid(format!("{kind} '{}' not found in '{}'", named.name.as_str(), keyspace.name)),
            Err(error) => error,
        }
    }

    fn keyspace_row(&self, keyspace: &Keyspace) -> Row {
        element(&keyspace.name, "keyspace", &keyspace.name, create::keyspace(keyspace, is_virtual(&keyspace.name)))
    }

    fn keyspace_rows(&self, keyspace: &Keyspace) -> Vec<Row> {
        let types = by_dependency(keyspace).into_iter().map(|of| type_row(of));
        let tables =
            sorted(keyspace.tables.keys()).into_iter().flat_map(|name| self.table_rows(&keyspace.tables[name]));
        std::iter::once(self.keyspace_row(keyspace)).chain(types).chain(tables).collect()
    }

    fn table_rows(&self, table: &Table) -> Vec<Row> {
        let created = if is_virtual(&table.keyspace) {
            create::virtual_table(table)
        } else {
            create::table(table, self.internals)
        };
        let indexes = table
            .indexes
            .values()
            .filter_map(|index| Some(element(&table.keyspace, "index", &index.name, create::index(table, index)?)));
        std::iter::once(element(&table.keyspace, "table", &table.name, created)).chain(indexes).collect()
    }
}

/// Each after those it is made of.
fn by_dependency(keyspace: &Keyspace) -> Vec<&Arc<Udt>> {
    fn visit<'a>(name: &str, keyspace: &'a Keyspace, seen: &mut Vec<&'a Arc<Udt>>) {
        let Some(of) = keyspace.types.get(name).filter(|of| !seen.iter().any(|known| known.name == of.name)) else {
            return;
        };
        of.fields.iter().for_each(|(_, field)| each_udt(field, &mut |name| visit(name, keyspace, seen)));
        seen.push(of);
    }
    let mut all = Vec::new();
    for name in sorted(keyspace.types.keys()) {
        visit(name, keyspace, &mut all);
    }
    all
}

fn each_udt(of: &CqlType, found: &mut dyn FnMut(&str)) {
    match of {
        CqlType::Udt { definition, .. } => found(&definition.name),
        CqlType::List { element, .. } | CqlType::Set { element, .. } | CqlType::Vector { element, .. } => {
            each_udt(element, found)
        }
        CqlType::Map { key, value, .. } => {
            each_udt(key, found);
            each_udt(value, found);
        }
        CqlType::Tuple(elements) => elements.iter().for_each(|element| each_udt(element, found)),
        _ => {}
    }
}

/// As Cassandra lists names: whatever their case.
fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.map(String::as_str).collect();
    names.sort_by_key(|name| name.to_lowercase());
    names
}

fn index_row(keyspace: &Keyspace, name: &str) -> Option<Row> {
    let (table, index) = keyspace.tables.values().find_map(|table| Some((table, table.indexes.get(name)?)))?;
    Some(element(&keyspace.name, "index", name, create::index(table, index)?))
}

fn type_row(of: &Udt) -> Row {
    element(&of.keyspace, "type", &of.name, create::udt(of))
}

fn entry(keyspace: &str, kind: &str, name: &str) -> Row {
    vec![text(identifier(keyspace)), text(kind), text(identifier(name))]
}

fn element(keyspace: &str, kind: &str, name: &str, created: String) -> Row {
    let mut row = entry(keyspace, kind, name);
    row.push(text(created));
    row
}

fn names(rows: impl IntoIterator<Item = Row>) -> Rows {
    result(&["keyspace_name", "type", "name"], rows)
}

fn elements(rows: impl IntoIterator<Item = Row>) -> Rows {
    result(&["keyspace_name", "type", "name", "create_statement"], rows)
}

fn result(columns: &[&str], rows: impl IntoIterator<Item = Row>) -> Rows {
    let columns = columns.iter().map(|name| column(name, CqlType::Text)).collect();
    Rows { columns, cells: rows.into_iter().flatten().collect(), paging_state: None, warnings: Vec::new() }
}

fn column(name: &str, of: CqlType) -> Column {
    Column { keyspace: "system".into(), table: "describe".into(), name: name.to_owned(), of }
}

fn no_keyspace(name: &str) -> Error {
    invalid(format!("'{name}' not found in keyspaces"))
}

fn invalid(message: String) -> Error {
    Error::Invalid(message)
}
