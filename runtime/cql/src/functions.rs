//! The native functions that a statement may call. Anything else may be a user-defined function,
//! which runs foreign code on the server, and is refused.

/// Names as Cassandra 5 folds them, sorted. Conversions from and to blobs are matched by
/// their pattern as well, see `find`.
pub const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "collection_avg",
    "collection_count",
    "collection_max",
    "collection_min",
    "collection_sum",
    "count",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_timeuuid",
    "currentdate",
    "currenttime",
    "currenttimestamp",
    "currenttimeuuid",
    "dateof",
    "exp",
    "floor",
    "from_json",
    "fromjson",
    "log",
    "log10",
    "map_keys",
    "map_values",
    "mask_default",
    "mask_hash",
    "mask_inner",
    "mask_null",
    "mask_outer",
    "mask_replace",
    "max",
    "max_timeuuid",
    "maxtimeuuid",
    "maxwritetime",
    "min",
    "min_timeuuid",
    "mintimeuuid",
    "now",
    "round",
    "similarity_cosine",
    "similarity_dot_product",
    "similarity_euclidean",
    "sum",
    "to_date",
    "to_json",
    "to_timestamp",
    "to_unix_timestamp",
    "todate",
    "tojson",
    "token",
    "totimestamp",
    "tounixtimestamp",
    "ttl",
    "unixtimestampof",
    "uuid",
    "writetime",
];

/// Types that have conversions `int_as_blob`, `blob_as_int`, `intasblob` and `blobasint`.
const BLOB_TYPES: &[&str] = &[
    "ascii",
    "bigint",
    "boolean",
    "counter",
    "date",
    "decimal",
    "double",
    "duration",
    "float",
    "inet",
    "int",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "uuid",
    "varchar",
    "varint",
];

/// Whether `name`, folded, is a native function.
pub(crate) fn is_native(name: &str) -> bool {
    FUNCTIONS.binary_search(&name).is_ok() || converts_blob(name)
}

fn converts_blob(name: &str) -> bool {
    let ty = name
        .strip_prefix("blob_as_")
        .or_else(|| name.strip_suffix("_as_blob"))
        .or_else(|| name.strip_prefix("blobas"))
        .or_else(|| name.strip_suffix("asblob"));
    ty.is_some_and(|ty| BLOB_TYPES.contains(&ty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_is_sorted_for_the_binary_search() {
        assert!(FUNCTIONS.is_sorted());
    }

    #[test]
    fn knows_conversions_and_no_others() {
        for name in ["intasblob", "blobasint", "blob_as_text", "text_as_blob", "now"] {
            assert!(is_native(name), "{name}");
        }
        for name in ["blobasblob", "blob_as_", "nowasblob", "evil", ""] {
            assert!(!is_native(name), "{name}");
        }
    }
}
