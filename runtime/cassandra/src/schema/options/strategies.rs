//! Options that are maps of their own: caching, compaction, compression; and speculative retries.

use std::collections::BTreeMap;

use crate::api::Error;

type Map = BTreeMap<String, String>;

const COMPACTION: &str = "org.apache.cassandra.db.compaction.";
const COMPRESSION: &str = "org.apache.cassandra.io.compress.";
/// What all strategies know.
const COMMON: [&str; 7] = [
    "enabled",
    "log_all",
    "only_purge_repaired_tombstones",
    "provide_overlapping_tombstones",
    "tombstone_compaction_interval",
    "tombstone_threshold",
    "unchecked_tombstone_compaction",
];
const TIERED: [&str; 3] = ["bucket_high", "bucket_low", "min_sstable_size"];
const LEVELED: [&str; 3] = ["fanout_size", "single_sstable_uplevel", "sstable_size_in_mb"];
const WINDOWED: [&str; 5] = [
    "compaction_window_size",
    "compaction_window_unit",
    "expired_sstable_check_frequency_seconds",
    "timestamp_resolution",
    "unsafe_aggressive_sstable_expiration",
];
const UNIFIED: [&str; 9] = [
    "base_shard_count",
    "expired_sstable_check_frequency_seconds",
    "flush_size_override",
    "max_sstables_to_compact",
    "overlap_inclusion_method",
    "scaling_parameters",
    "sstable_growth",
    "target_sstable_size",
    "unsafe_aggressive_sstable_expiration",
];

/// `caching`, with what is not given as by default.
pub(super) fn caching(given: Map) -> Result<Map, Error> {
    let unknown: Vec<_> = given.keys().filter(|key| !["keys", "rows_per_partition"].contains(&key.as_str())).collect();
    if !unknown.is_empty() {
        let names = unknown.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        return configuration(format!(
            "Invalid caching sub-options [{names}]: only 'keys' and 'rows_per_partition' are allowed"
        ));
    }
    let value =
        |key: &str, default: &str| given.get(key).map_or(default.to_owned(), |value| value.to_ascii_uppercase());
    let (keys, rows) = (value("keys", "ALL"), value("rows_per_partition", "NONE"));
    if keys != "ALL" && keys != "NONE" {
        let keys = &given["keys"];
        return configuration(format!(
            "Invalid value '{keys}' for caching sub-option 'keys': only 'ALL' and 'NONE' are allowed"
        ));
    }
    if rows != "ALL" && rows != "NONE" && rows.parse::<i32>().is_err() {
        let rows = &given["rows_per_partition"];
        return configuration(format!(
            "Invalid value '{rows}' for caching sub-option 'rows_per_partition': only 'ALL', 'NONE', and integer \
             values are allowed"
        ));
    }
    Ok(Map::from([("keys".to_owned(), keys), ("rows_per_partition".to_owned(), rows)]))
}

/// `compaction`, with the full name of its class and the thresholds that it has without telling.
pub(super) fn compaction(mut given: Map) -> Result<Map, Error> {
    let Some(class) = given.remove("class") else {
        return configuration("Missing sub-option 'class' for the 'compaction' option");
    };
    let short = class.strip_prefix(COMPACTION).unwrap_or(&class).to_owned();
    let (own, thresholds): (&[&[&str]], bool) = match short.as_str() {
        "SizeTieredCompactionStrategy" => (&[&TIERED], true),
        "LeveledCompactionStrategy" => (&[&TIERED, &LEVELED], true),
        "TimeWindowCompactionStrategy" => (&[&TIERED, &WINDOWED], true),
        "UnifiedCompactionStrategy" => (&[&UNIFIED, &TIERED], false),
        _ if short.contains('.') => {
            return configuration(format!("Unable to find compaction strategy class '{short}'"));
        }
        _ => return configuration(format!("Unable to find compaction strategy class '{COMPACTION}{short}'")),
    };
    let known = |key: &str| {
        COMMON.contains(&key)
            || own.iter().any(|names| names.contains(&key))
            || (thresholds && ["min_threshold", "max_threshold"].contains(&key))
    };
    let unknown: Vec<_> = given.keys().filter(|key| !known(key)).map(String::as_str).collect();
    if !unknown.is_empty() {
        return configuration(format!("Properties specified [{}] are not understood by {short}", unknown.join(", ")));
    }
    if thresholds {
        check_thresholds(&mut given)?;
    }
    given.insert("class".to_owned(), format!("{COMPACTION}{short}"));
    Ok(given)
}

fn check_thresholds(given: &mut Map) -> Result<(), Error> {
    let mut threshold = |name: &str, default: &str| {
        let value = given.entry(name.to_owned()).or_insert_with(|| default.to_owned());
        value.parse::<i64>().or_else(|_| {
            configuration(format!("Invalid value {value} for '{name}' compaction sub-option - must be an integer"))
        })
    };
    let (least, most) = (threshold("min_threshold", "4")?, threshold("max_threshold", "32")?);
    if least <= 0 || most <= 0 {
        return configuration(
            "Disabling compaction by setting compaction thresholds to 0 has been removed, set the compaction option \
             'enabled' to false instead.",
        );
    }
    if least < 2 {
        return configuration(format!("Min compaction threshold cannot be less than 2 (got {least})"));
    }
    if least > most {
        return configuration(format!(
            "Min compaction threshold (got {least}) cannot be greater than max compaction threshold (got {most})"
        ));
    }
    Ok(())
}

/// `compression`, with the full name of its class; or that it is off.
pub(super) fn compression(mut given: Map) -> Result<Map, Error> {
    let enabled = given.remove("enabled").map(|value| value.eq_ignore_ascii_case("true"));
    if enabled == Some(false) {
        if !given.is_empty() {
            return configuration("If the 'enabled' option is set to false no other options must be specified");
        }
        return Ok(Map::from([("enabled".to_owned(), "false".to_owned())]));
    }
    let class = match given.remove("class") {
        Some(class) => class,
        None if given.is_empty() && enabled.is_none() => {
            return Ok(Map::from([("enabled".to_owned(), "false".to_owned())]));
        }
        None => return configuration("Missing sub-option 'class' for the 'compression' option."),
    };
    if class.is_empty() {
        return configuration("The 'class' option must not be empty. To disable compression use 'enabled' : false");
    }
    let short = class.strip_prefix(COMPRESSION).unwrap_or(&class).to_owned();
    let own: &[&str] = match short.as_str() {
        "LZ4Compressor" => &["lz4_compressor_type", "lz4_high_compressor_level"],
        "ZstdCompressor" => &["compression_level"],
        "DeflateCompressor" | "SnappyCompressor" | "NoopCompressor" => &[],
        _ => return configuration(format!("Could not create Compression for type {COMPRESSION}{short}")),
    };
    let length = given.remove("chunk_length_in_kb").unwrap_or_else(|| "16".to_owned());
    match length.parse::<i64>() {
        Err(_) => return configuration("Invalid value for chunk_length_in_kb"),
        Ok(..=0) => return configuration("Invalid negative or null chunk_length_in_kb"),
        Ok(length) if length & (length - 1) != 0 => return configuration("chunk_length_in_kb must be a power of 2"),
        Ok(_) => {}
    }
    let unknown = given.keys().find(|key| !own.contains(&key.as_str()) && *key != "min_compress_ratio");
    if let Some(unknown) = unknown {
        return configuration(format!("Unknown compression options [{unknown}]"));
    }
    given.insert("chunk_length_in_kb".to_owned(), length);
    given.insert("class".to_owned(), format!("{COMPRESSION}{short}"));
    Ok(given)
}

/// `speculative_retry` and `additional_write_policy`, as Cassandra writes them.
pub(super) fn retry(name: &str, value: &str) -> Result<String, Error> {
    let lower = value.trim().to_ascii_lowercase();
    let bad = || Error::Configuration(format!("Invalid value {value} for option '{name}'"));
    match lower.as_str() {
        "always" => return Ok("ALWAYS".to_owned()),
        "never" | "none" => return Ok("NEVER".to_owned()),
        _ => {}
    }
    for pair in ["min", "max"] {
        let inner = lower.strip_prefix(pair).and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
        if let Some((a, b)) = inner.and_then(|inner| inner.split_once(',')) {
            let (a, b) = (threshold(name, a.trim())?, threshold(name, b.trim())?);
            // One of them is a percentile, which comes first.
            let (first, second) = if a.ends_with('p') { (a, b) } else { (b, a) };
            return Ok(format!("{}({first},{second})", pair.to_ascii_uppercase()));
        }
    }
    threshold(name, &lower).map_err(|error| if lower.ends_with('p') { error } else { bad() })
}

/// `99p` or `50ms`.
fn threshold(name: &str, text: &str) -> Result<String, Error> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    if let Some(millis) = text.strip_suffix("ms").and_then(number) {
        return Ok(format!("{}ms", millis as i64));
    }
    let percentile = text.strip_suffix("percentile").or_else(|| text.strip_suffix('p'));
    match percentile.and_then(number) {
        Some(percentile) if percentile > 0.0 && percentile < 100.0 => Ok(format!("{percentile}p")),
        Some(_) => configuration(format!(
            "Invalid value {text} for PERCENTILE option '{name}': must be between (0.0 and 100.0)"
        )),
        None => configuration(format!("Invalid value {text} for option '{name}'")),
    }
}

fn configuration<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Configuration(message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_retries_as_cassandra_does() {
        for (given, kept) in [
            ("99.0PERCENTILE", "99p"),
            ("5ms", "5ms"),
            ("NONE", "NEVER"),
            ("max(50ms, 90p)", "MAX(90p,50ms)"),
            ("99.5p", "99.5p"),
        ] {
            assert_eq!(retry("speculative_retry", given).as_deref(), Ok(kept));
        }
        for bad in ["foo", "100p", "-5ms", "min(1p)", ""] {
            assert!(retry("speculative_retry", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refuses_what_a_strategy_does_not_know() {
        let given = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let error = compaction(given(&[("class", "LeveledCompactionStrategy"), ("bar", "1")])).unwrap_err();
        assert_eq!(error.to_string(), "Properties specified [bar] are not understood by LeveledCompactionStrategy");
        let kept = compaction(given(&[("class", "SizeTieredCompactionStrategy")])).unwrap();
        assert_eq!(kept["min_threshold"], "4");
        assert!(compression(given(&[("class", "LZ4Compressor"), ("chunk_length_in_kb", "5")])).is_err());
    }
}
