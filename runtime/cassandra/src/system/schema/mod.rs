//! `system_schema`: keyspaces, tables and types as clients can read them.

mod rows;

use super::define::{Define, list, map, set};
use crate::types::CqlType::{self, Blob, Boolean, Double, Int, Text, Timestamp, Uuid};

pub(super) use rows::{column_rows, rows, target};

pub(super) const KEYSPACE: &str = "system_schema";

const WEEK: i32 = 604_800;

pub(super) fn tables() -> Vec<Define> {
    let keyspace = [("keyspace_name", Text)];
    let columns = columns_table(0x24101c25_a2ae_3af7_87c1_b40ee1aca33f, "column definitions", WEEK);
    let options = [
        ("additional_write_policy", Text),
        ("allow_auto_snapshot", Boolean),
        ("bloom_filter_fp_chance", Double),
        ("caching", texts(Text)),
        ("cdc", Boolean),
        ("comment", Text),
        ("compaction", texts(Text)),
        ("compression", texts(Text)),
        ("crc_check_chance", Double),
        ("dclocal_read_repair_chance", Double),
        ("default_time_to_live", Int),
        ("extensions", texts(Blob)),
    ];
    let more_options = [
        ("incremental_backups", Boolean),
        ("max_index_interval", Int),
        ("memtable", Text),
        ("memtable_flush_period_in_ms", Int),
        ("min_index_interval", Int),
        ("read_repair", Text),
        ("read_repair_chance", Double),
        ("speculative_retry", Text),
    ];
    vec![
        Define::new("keyspaces", 0xabac5682_dea6_31c5_b535_b3d6cffd0fb6, "keyspace definitions", WEEK)
            .partition(&keyspace)
            .columns(&[("durable_writes", Boolean), ("replication", texts(Text))]),
        Define::new("tables", 0xafddfb9d_bc1e_3068_8056_eed6c302ba09, "table definitions", WEEK)
            .partition(&keyspace)
            .clustering(&[("table_name", Text)])
            .columns(&options)
            .columns(&[("flags", set(Text, true)), ("gc_grace_seconds", Int), ("id", Uuid)])
            .columns(&more_options),
        columns,
        Define::new("dropped_columns", 0x5e7583b5_f3f4_3af1_9a39_b7e1d6f5f11f, "dropped column registry", WEEK)
            .partition(&keyspace)
            .clustering(&[("table_name", Text), ("column_name", Text)])
            .columns(&[("dropped_time", Timestamp), ("kind", Text), ("type", Text)]),
        Define::new("column_masks", 0x738cc5ed_0168_3268_b9d1_853d4bc278af, "column dynamic data masks", WEEK)
            .partition(&keyspace)
            .clustering(&[("table_name", Text), ("column_name", Text)])
            .columns(&[
                ("function_argument_nulls", list(Boolean)),
                ("function_argument_types", list(Text)),
                ("function_argument_values", list(Text)),
                ("function_keyspace", Text),
                ("function_name", Text),
            ]),
        Define::new("triggers", 0x4df70b66_6b05_3251_95a1_32b54005fd48, "trigger definitions", WEEK)
            .partition(&keyspace)
            .clustering(&[("table_name", Text), ("trigger_name", Text)])
            .columns(&[("options", texts(Text))]),
        Define::new("views", 0x9786ac1c_dd58_3201_a7cd_ad556410c985, "view definitions", WEEK)
            .partition(&keyspace)
            .clustering(&[("view_name", Text)])
            .columns(&options[..2])
            .columns(&[("base_table_id", Uuid), ("base_table_name", Text)])
            .columns(&options[2..])
            .columns(&[("gc_grace_seconds", Int), ("id", Uuid), ("include_all_columns", Boolean)])
            .columns(&more_options)
            .columns(&[("where_clause", Text)]),
        Define::new("types", 0x5a8b1ca8_6602_3f77_a045_9273d308917a, "user defined type definitions", WEEK)
            .partition(&keyspace)
            .clustering(&[("type_name", Text)])
            .columns(&[("field_names", list(Text)), ("field_types", list(Text))]),
        Define::new("functions", 0x96489b79_80be_3e14_a701_66a0b9159450, "user defined function definitions", WEEK)
            .partition(&keyspace)
            .clustering(&[("function_name", Text), ("argument_types", list(Text))])
            .columns(&[
                ("argument_names", list(Text)),
                ("body", Text),
                ("called_on_null_input", Boolean),
                ("language", Text),
                ("return_type", Text),
            ]),
        Define::new("aggregates", 0x924c5587_2e3a_345b_b10c_12f37c1ba895, "user defined aggregate definitions", WEEK)
            .partition(&keyspace)
            .clustering(&[("aggregate_name", Text), ("argument_types", list(Text))])
            .columns(&[
                ("final_func", Text),
                ("initcond", Text),
                ("return_type", Text),
                ("state_func", Text),
                ("state_type", Text),
            ]),
        Define::new("indexes", 0x0feb57ac_311f_382f_ba6d_9024d305702f, "secondary index definitions", WEEK)
            .partition(&keyspace)
            .clustering(&[("table_name", Text), ("index_name", Text)])
            .columns(&[("kind", Text), ("options", texts(Text))]),
    ]
}

/// `columns`, which `system_virtual_schema` has as well.
pub(super) fn columns_table(id: u128, comment: &str, gc_grace_seconds: i32) -> Define {
    Define::new("columns", id, comment, gc_grace_seconds)
        .partition(&[("keyspace_name", Text)])
        .clustering(&[("table_name", Text), ("column_name", Text)])
        .columns(&[
            ("clustering_order", Text),
            ("column_name_bytes", Blob),
            ("kind", Text),
            ("position", Int),
            ("type", Text),
        ])
}

fn texts(value: CqlType) -> CqlType {
    map(Text, value, true)
}
