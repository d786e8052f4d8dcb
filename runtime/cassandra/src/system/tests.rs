//! System tables: what they hold fits what they say they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;
use veltrix_cql::{Describe, Described, Name};

use super::*;
use crate::schema::{Column, Dropped, Index, IndexTarget, Kind};
use crate::types::{CqlType, Udt};

fn catalog(system: &System) -> Catalog {
    let keyspaces = system.keyspaces().into_iter().chain([shop()]);
    Catalog {
        keyspaces: keyspaces.map(|keyspace| (keyspace.name.to_string(), Arc::new(keyspace))).collect(),
        version: Uuid::from_u128(1),
    }
}

/// A keyspace with one of everything.
fn shop() -> Keyspace {
    let udt = Udt { keyspace: "shop".into(), name: "Odd".into(), fields: vec![("a".into(), CqlType::Int)] };
    let udt = Arc::new(udt);
    let address = CqlType::Udt { definition: udt.clone(), frozen: true };
    let names = CqlType::Set { element: Arc::new(CqlType::Text), frozen: false };
    let column = |id, name: &str, of, kind| Column { id, name: name.into(), of, kind };
    let mut table = Define::new("orders", 7, "all of them", 864_000).partition(&[("k", CqlType::Int)]).build("shop");
    table.clustering_keys = 1;
    table.columns.extend([
        column(1, "c", CqlType::Timestamp, Kind::Clustering { place: 0, descending: true }),
        column(2, "Names", names, Kind::Regular),
        column(3, "s", address.clone(), Kind::Static),
    ]);
    let index = |name: &str, column, target| (name.to_owned(), Index { name: name.to_owned(), column, target });
    table.indexes = BTreeMap::from([index("by_c", 1, IndexTarget::Values), index("by_names", 2, IndexTarget::Values)]);
    table.dropped = BTreeMap::from([("old".to_owned(), Dropped { id: 9, of: address, is_static: false, at: 5_000 })]);
    Keyspace {
        name: "shop".into(),
        replication: BTreeMap::from([("class".to_owned(), "org.apache.cassandra.locator.SimpleStrategy".to_owned())]),
        durable_writes: true,
        system: false,
        tables: BTreeMap::from([("orders".to_owned(), Arc::new(table))]),
        types: BTreeMap::from([("Odd".to_owned(), udt)]),
    }
}

/// The rows of a table of the keyspace `shop`, as text where they are.
fn of_shop(table: &str) -> Vec<Vec<String>> {
    let system = System::default();
    let catalog = catalog(&system);
    let table = &catalog.keyspaces["system_schema"].tables[table];
    let rows = system.rows(table, &catalog).unwrap().into_iter();
    let text = |cell: Option<Bytes>| cell.map_or("null".to_owned(), |cell| String::from_utf8_lossy(&cell).into_owned());
    rows.filter(|row| row[0].as_deref() == Some(b"shop")).map(|row| row.into_iter().map(text).collect()).collect()
}

#[test]
fn every_row_fits_its_table() {
    let system = System::default();
    let catalog = catalog(&system);
    let mut filled = 0;
    for table in
        catalog.keyspaces.values().filter(|keyspace| keyspace.system).flat_map(|keyspace| keyspace.tables.values())
    {
        let rows =
            system.rows(table, &catalog).unwrap_or_else(|| panic!("{}.{} has no rows", table.keyspace, table.name));
        filled += usize::from(!rows.is_empty());
        for row in rows {
            assert_eq!(row.len(), table.columns.len(), "{}.{}", table.keyspace, table.name);
            for (cell, column) in row.iter().zip(&table.columns) {
                let fits = cell.as_ref().is_none_or(|cell| column.of.validate(cell).is_ok());
                assert!(fits, "{}.{}.{}: {cell:?}", table.keyspace, table.name, column.name);
            }
        }
    }
    assert_eq!(filled, 12);
}

#[test]
fn columns_stand_as_select_shows_them() {
    for table in System::default().keyspaces().iter().flat_map(|keyspace| keyspace.tables.values()) {
        let others = &table.columns[table.partition_keys + table.clustering_keys..];
        assert!(others.is_sorted_by(|one, next| one.name < next.name), "{}.{}", table.keyspace, table.name);
    }
}

#[test]
fn tables_are_told_with_columns_types_and_indexes() {
    let columns: Vec<_> = of_shop("columns")
        .into_iter()
        .map(|row| [row[2].clone(), row[3].clone(), row[5].clone(), row[7].clone()])
        .collect();
    assert_eq!(
        columns,
        [
            ["k", "none", "partition_key", "int"],
            ["c", "desc", "clustering", "timestamp"],
            ["Names", "none", "regular", "set<text>"],
            ["s", "none", "static", "frozen<\"Odd\">"],
        ]
    );
    let indexes: Vec<_> = of_shop("indexes").into_iter().map(|row| row[4].clone()).collect();
    assert!(indexes[0].ends_with("target\0\0\0\x01c"), "{indexes:?}");
    assert!(indexes[1].ends_with("values(\"Names\")"), "{indexes:?}");
    assert_eq!(of_shop("dropped_columns")[0][5], "frozen<tuple<int>>");
    assert_eq!(of_shop("types")[0][1], "Odd");
}

#[test]
fn computed_keyspaces_have_a_schema_of_their_own() {
    let system = System::default();
    let catalog = catalog(&system);
    let names = |keyspace: &str| -> Vec<_> {
        let rows = system.rows(&catalog.keyspaces[keyspace].tables["keyspaces"], &catalog).unwrap();
        rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
    };
    assert_eq!(names("system_schema"), ["shop", "system", "system_schema", "system_traces"]);
    assert_eq!(names("system_virtual_schema"), ["system_views", "system_virtual_schema"]);
}

#[test]
fn any_address_is_told_as_the_loopback_one() {
    let system = System::at("0.0.0.0:7".parse().unwrap());
    let catalog = catalog(&system);
    let local = &system.rows(&catalog.keyspaces["system"].tables["local"], &catalog).unwrap()[0];
    assert_eq!((local[15].as_deref(), local[16].as_deref()), (Some(&[127, 0, 0, 1][..]), Some(&[0, 0, 0, 7][..])));
}

fn described(what: Described, internals: bool, keyspace: Option<&str>) -> Result<Vec<Vec<String>>, String> {
    let system = System::default();
    let rows = system
        .describe(&Describe { what, internals }, &catalog(&system), keyspace)
        .map_err(|error| error.to_string())?;
    let texts = rows.cells.iter().map(|cell| String::from_utf8_lossy(cell.as_deref().unwrap()).into_owned());
    Ok(texts.collect::<Vec<_>>().chunks(rows.columns.len()).map(<[String]>::to_vec).collect())
}

fn named(keyspace: Option<&str>, name: &str) -> veltrix_cql::Table {
    veltrix_cql::Table { keyspace: keyspace.map(|name| Name(name.to_owned())), name: Name(name.to_owned()) }
}

#[test]
fn a_described_table_is_laid_out_as_cassandra_does_it() {
    let rows = described(Described::Table(named(Some("shop"), "orders")), true, None).unwrap();
    let (head, rest) = rows[0][3].split_once("    AND additional_write_policy").unwrap();
    assert_eq!(
        head,
        "CREATE TABLE shop.orders (\n    k int,\n    c timestamp,\n    s frozen<\"Odd\"> static,\n    \"Names\" set<text>,\n    \
         old frozen<\"Odd\">,\n    PRIMARY KEY (k, c)\n) WITH ID = 00000000-0000-0000-0000-000000000007\n    \
         AND CLUSTERING ORDER BY (c DESC)\n"
    );
    assert!(
        rest.contains("\n    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}\n    AND cdc = false"),
        "{rest}"
    );
    assert!(rest.contains("\n    AND crc_check_chance = 1.0\n"), "{rest}");
    assert!(rest.ends_with("'99p';\nALTER TABLE shop.orders DROP old USING TIMESTAMP 5000;"), "{rest}");
    assert_eq!(rows[2][1..], ["index", "by_names", "CREATE INDEX by_names ON shop.orders (values(\"Names\"));"]);
}

#[test]
fn a_described_keyspace_has_all_that_is_in_it() {
    let rows = described(Described::Keyspace { only: false, name: None }, false, Some("shop")).unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row[1..3].join(" ")).collect();
    assert_eq!(kinds, ["keyspace shop", "type \"Odd\"", "table orders", "index by_c", "index by_names"]);
    assert_eq!(
        rows[0][3],
        "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy'}  AND durable_writes = true;"
    );
    assert_eq!(rows[1][3], "CREATE TYPE shop.\"Odd\" (\n    a int\n);");
    let settings = described(Described::Anything(named(Some("system_views"), "settings")), false, None).unwrap();
    assert_eq!(
        settings[0][3],
        "/*\nWarning: Table system_views.settings is a virtual table and cannot be recreated with CQL.\nStructure, for reference:\n\
         VIRTUAL TABLE system_views.settings (\n    name text PRIMARY KEY,\n    value text\n) WITH comment = 'current settings';\n*/"
    );
}

#[test]
fn what_is_not_there_is_not_described() {
    for (what, keyspace, told) in [
        (Described::Keyspace { only: false, name: None }, None, "No keyspace specified and no current keyspace"),
        (Described::Table(named(Some("nope"), "t")), None, "'nope' not found in keyspaces"),
        (Described::Table(named(None, "t")), Some("shop"), "Table 't' not found in keyspace 'shop'"),
        (Described::Type(named(None, "t")), Some("shop"), "User defined type 't' not found in 'shop'"),
        (Described::Index(named(None, "t")), Some("shop"), "Table for existing index 't' not found in 'shop'"),
        (Described::View(named(None, "t")), Some("shop"), "Materialized view 't' not found in 'shop'"),
        (Described::Anything(named(None, "t")), Some("shop"), "'t' not found in keyspace 'shop'"),
        (Described::Anything(named(None, "t")), None, "'t' not found in keyspaces"),
    ] {
        assert_eq!(described(what, false, keyspace).unwrap_err(), told);
    }
}
