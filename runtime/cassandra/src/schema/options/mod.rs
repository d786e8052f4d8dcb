//! Options of tables. Most of them say nothing to an engine in memory; they are kept because clients read them.

pub(crate) mod properties;
pub(crate) mod read;
mod strategies;

use std::collections::BTreeMap;

/// Options of a table, as `system_schema.tables` has them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    /// `additional_write_policy`
    pub(crate) additional_write_policy: String,
    /// `allow_auto_snapshot`
    pub(crate) allow_auto_snapshot: bool,
    /// `bloom_filter_fp_chance`; `None`: what the compaction strategy has as its default.
    pub(crate) bloom_filter_fp_chance: Option<f64>,
    /// `caching`: `keys` and `rows_per_partition`.
    pub(crate) caching: BTreeMap<String, String>,
    /// `cdc`
    pub(crate) cdc: bool,
    /// `comment`
    pub(crate) comment: String,
    /// `compaction`, with the full name of its `class`.
    pub(crate) compaction: BTreeMap<String, String>,
    /// `compression`, with the full name of its `class`; or `enabled: false`.
    pub(crate) compression: BTreeMap<String, String>,
    /// `crc_check_chance`
    pub(crate) crc_check_chance: f64,
    /// `default_time_to_live`, seconds; 0 is none. The engine obeys it.
    pub(crate) default_time_to_live: i32,
    /// `extensions`: binary values.
    pub(crate) extensions: BTreeMap<String, Vec<u8>>,
    /// `gc_grace_seconds`
    pub(crate) gc_grace_seconds: i32,
    /// `incremental_backups`
    pub(crate) incremental_backups: bool,
    /// `max_index_interval`
    pub(crate) max_index_interval: i32,
    /// `memtable`: the name of a configuration.
    pub(crate) memtable: String,
    /// `memtable_flush_period_in_ms`
    pub(crate) memtable_flush_period_in_ms: i32,
    /// `min_index_interval`
    pub(crate) min_index_interval: i32,
    /// `read_repair`
    pub(crate) read_repair: String,
    /// `speculative_retry`
    pub(crate) speculative_retry: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            additional_write_policy: "99p".into(),
            allow_auto_snapshot: true,
            bloom_filter_fp_chance: None,
            caching: map(&[("keys", "ALL"), ("rows_per_partition", "NONE")]),
            cdc: false,
            comment: String::new(),
            compaction: map(&[
                ("class", "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"),
                ("max_threshold", "32"),
                ("min_threshold", "4"),
            ]),
            compression: map(&[
                ("chunk_length_in_kb", "16"),
                ("class", "org.apache.cassandra.io.compress.LZ4Compressor"),
            ]),
            crc_check_chance: 1.0,
            default_time_to_live: 0,
            extensions: BTreeMap::new(),
            gc_grace_seconds: 864_000,
            incremental_backups: true,
            max_index_interval: 2048,
            memtable: "default".into(),
            memtable_flush_period_in_ms: 0,
            min_index_interval: 128,
            read_repair: "BLOCKING".into(),
            speculative_retry: "99p".into(),
        }
    }
}

impl Options {
    /// `bloom_filter_fp_chance` in effect.
    pub(crate) fn false_positives(&self) -> f64 {
        let leveled = self.compaction.get("class").is_some_and(|class| class.ends_with(".LeveledCompactionStrategy"));
        self.bloom_filter_fp_chance.unwrap_or(if leveled { 0.1 } else { 0.01 })
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
