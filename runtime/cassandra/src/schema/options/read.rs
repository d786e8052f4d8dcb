//! Options of tables, from `WITH`.

use veltrix_cql::{Literal, Options as Given};

use super::Options;
use super::properties::Properties;
use super::strategies::{caching, compaction, compression, retry};
use crate::api::Error;
use crate::types::text;

const KNOWN: [&str; 20] = [
    "additional_write_policy",
    "allow_auto_snapshot",
    "bloom_filter_fp_chance",
    "caching",
    "cdc",
    "comment",
    "compaction",
    "compression",
    "crc_check_chance",
    "default_time_to_live",
    "extensions",
    "gc_grace_seconds",
    "id",
    "incremental_backups",
    "max_index_interval",
    "memtable",
    "memtable_flush_period_in_ms",
    "min_index_interval",
    "read_repair",
    "speculative_retry",
];
/// Twenty years.
const MAX_TTL: i32 = 20 * 365 * 24 * 60 * 60;

/// `start` with what is given; and the id that is given.
///
/// # Errors
/// `Syntax` or `Configuration`.
pub(crate) fn read(given: &Given, start: &Options) -> Result<(Options, Option<String>), Error> {
    let properties = Properties::read(given, &KNOWN)?;
    let mut options = start.clone();
    let number = |name, at: &mut i32| {
        if let Some(value) = properties.integer(name)? {
            *at = value;
        }
        Ok::<_, Error>(())
    };
    number("default_time_to_live", &mut options.default_time_to_live)?;
    number("gc_grace_seconds", &mut options.gc_grace_seconds)?;
    number("max_index_interval", &mut options.max_index_interval)?;
    number("memtable_flush_period_in_ms", &mut options.memtable_flush_period_in_ms)?;
    number("min_index_interval", &mut options.min_index_interval)?;
    let flag = |name, at: &mut bool| {
        if let Some(value) = properties.boolean(name)? {
            *at = value;
        }
        Ok::<_, Error>(())
    };
    flag("allow_auto_snapshot", &mut options.allow_auto_snapshot)?;
    flag("cdc", &mut options.cdc)?;
    flag("incremental_backups", &mut options.incremental_backups)?;
    if let Some(value) = properties.double("bloom_filter_fp_chance")? {
        options.bloom_filter_fp_chance = Some(value);
    }
    if let Some(value) = properties.double("crc_check_chance")? {
        options.crc_check_chance = value;
    }
    if let Some(value) = properties.string("comment")? {
        options.comment = value;
    }
    if let Some(value) = properties.map("caching")? {
        options.caching = caching(value)?;
    }
    if let Some(value) = properties.map("compression")? {
        options.compression = compression(value)?;
    }
    if let Some(value) = properties.map("compaction")? {
        options.compaction = compaction(value)?;
    }
    if let Some(value) = properties.string("additional_write_policy")? {
        options.additional_write_policy = retry("additional_write_policy", &value)?;
    }
    if let Some(value) = properties.string("speculative_retry")? {
        options.speculative_retry = retry("speculative_retry", &value)?;
    }
    if let Some(value) = properties.string("memtable")? {
        if value != "default" {
            return configuration(format!("Memtable configuration \"{value}\" not found."));
        }
        options.memtable = value;
    }
    if let Some(value) = properties.string("read_repair")? {
        options.read_repair = value.to_ascii_uppercase();
        if !["BLOCKING", "NONE"].contains(&options.read_repair.as_str()) {
            return configuration(format!("Invalid value {value} for option 'read_repair'"));
        }
    }
    if let Some(entries) = properties.entries("extensions")? {
        options.extensions = entries.iter().map(extension).collect::<Result<_, _>>()?;
    }
    checked(&options)?;
    Ok((options, properties.string("id")?))
}

fn extension((key, value): &(Literal, Literal)) -> Result<(String, Vec<u8>), Error> {
    match (key, value) {
        (Literal::String(key), Literal::Blob(hex)) => Ok((key.clone(), text::hex(hex).unwrap_or_default())),
        _ => configuration("Extensions are blobs by their names"),
    }
}

/// What the numbers must be.
fn checked(options: &Options) -> Result<(), Error> {
    let least = |name: &str, value: i32, least: i32| match value < least {
        true => configuration(format!("{name} must be greater than or equal to {least} (got {value})")),
        false => Ok(()),
    };
    let chance = options.false_positives();
    if !(chance > 6.71e-5 && chance <= 1.0) {
        let chance = crate::types::number::java_double(chance);
        return configuration(format!(
            "bloom_filter_fp_chance must be larger than 6.71E-5 and less than or equal to 1.0 (got {chance})"
        ));
    }
    if !(0.0..=1.0).contains(&options.crc_check_chance) {
        let chance = crate::types::number::java_double(options.crc_check_chance);
        return configuration(format!(
            "crc_check_chance must be larger than or equal to 0 and smaller than or equal to 1.0 (got {chance})"
        ));
    }
    least("default_time_to_live", options.default_time_to_live, 0)?;
    if options.default_time_to_live > MAX_TTL {
        let value = options.default_time_to_live;
        return configuration(format!("default_time_to_live must be less than or equal to {MAX_TTL} (got {value})"));
    }
    least("gc_grace_seconds", options.gc_grace_seconds, 0)?;
    least("min_index_interval", options.min_index_interval, 1)?;
    if options.max_index_interval < options.min_index_interval {
        return configuration(format!(
            "max_index_interval must be greater than or equal to min_index_interval ({}) (got {})",
            options.min_index_interval, options.max_index_interval
        ));
    }
    least("memtable_flush_period_in_ms", options.memtable_flush_period_in_ms, 0)
}

fn configuration<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Configuration(message.into()))
}
