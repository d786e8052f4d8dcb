//! Values of native types as text, in both directions.

use std::net::IpAddr;

use bytes::Bytes;
use uuid::Uuid;

use super::calendar::{days, parse_date, parse_time, parse_timestamp, time_text, timestamp_text};
use super::decimal::{Decimal, integer, integer_bytes};
use super::duration::Duration;
use super::{CqlType, calendar, number};

/// The binary form of what the text says in a native type, as Cassandra reads constants.
///
/// # Errors
/// In Cassandra's words. Types that are not native have no text.
pub(crate) fn parse(of: &CqlType, text: &str) -> Result<Bytes, String> {
    let unable = |what: &str| format!("Unable to make {what} from '{text}'");
    let bytes = match of {
        CqlType::Text => text.as_bytes().to_vec(),
        CqlType::Ascii => match text.is_ascii() {
            true => text.as_bytes().to_vec(),
            false => {
                let cause = "java.nio.charset.UnmappableCharacterException: Input length = 1";
                return Err(format!("Invalid ASCII character in string literal: {cause}"));
            }
        },
        CqlType::Blob => hex(text).ok_or_else(|| format!("cannot parse '{text}' as hex bytes"))?,
        CqlType::Date => parse_date(text)?.to_vec(),
        CqlType::Time => parse_time(text)?.to_be_bytes().to_vec(),
        CqlType::Duration => Duration::parse(text)?.to_bytes(),
        _ if text.is_empty() => Vec::new(),
        CqlType::Boolean if text.eq_ignore_ascii_case("true") => vec![1],
        CqlType::Boolean if text.eq_ignore_ascii_case("false") => vec![0],
        CqlType::Boolean => return Err(unable("boolean")),
        CqlType::Tinyint => text.parse::<i8>().map_err(|_| unable("byte"))?.to_be_bytes().to_vec(),
        CqlType::Smallint => text.parse::<i16>().map_err(|_| unable("short"))?.to_be_bytes().to_vec(),
        CqlType::Int => text.parse::<i32>().map_err(|_| unable("int"))?.to_be_bytes().to_vec(),
        CqlType::Bigint | CqlType::Counter => text.parse::<i64>().map_err(|_| unable("long"))?.to_be_bytes().to_vec(),
        CqlType::Float => text.parse::<f32>().map_err(|_| unable("float"))?.to_be_bytes().to_vec(),
        CqlType::Double => text.parse::<f64>().map_err(|_| unable("double"))?.to_be_bytes().to_vec(),
        CqlType::Decimal => {
            Decimal::parse(text).ok_or_else(|| format!("unable to make BigDecimal from '{text}'"))?.to_bytes()
        }
        CqlType::Varint => integer_bytes(&text.parse().map_err(|_| format!("unable to make int from '{text}'"))?),
        CqlType::Timestamp => parse_timestamp(text, calendar::now_millis())?.to_be_bytes().to_vec(),
        CqlType::Inet => inet(text).ok_or_else(|| unable("inet address"))?,
        CqlType::Uuid => parse_uuid(text).ok_or_else(|| unable("UUID"))?.as_bytes().to_vec(),
        CqlType::Timeuuid => {
            let uuid = parse_uuid(text).ok_or_else(|| format!("Unknown timeuuid representation: {text}"))?;
            if uuid.get_version_num() != 1 {
                return Err("TimeUUID supports only version 1 UUIDs".to_owned());
            }
            uuid.as_bytes().to_vec()
        }
        CqlType::List { .. } | CqlType::Set { .. } | CqlType::Map { .. } | CqlType::Tuple(_) => {
            return Err(unable("a value"));
        }
        CqlType::Udt { .. } | CqlType::Vector { .. } => return Err(unable("a value")),
    };
    Ok(bytes.into())
}

/// A value of a native type as text, as `CAST(… AS text)` writes it. An empty value is empty text.
pub(crate) fn print(of: &CqlType, bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    match of {
        CqlType::Ascii | CqlType::Text => String::from_utf8_lossy(bytes).into_owned(),
        CqlType::Boolean => (bytes != [0]).to_string(),
        CqlType::Tinyint | CqlType::Smallint | CqlType::Int | CqlType::Bigint | CqlType::Counter => {
            number::signed(bytes).to_string()
        }
        CqlType::Float => number::java_float(number::float(bytes)),
        CqlType::Double => number::java_double(number::double(bytes)),
        CqlType::Varint => integer(bytes).to_string(),
        CqlType::Decimal => {
            let decimal = Decimal::from_bytes(bytes);
            decimal.to_plain().unwrap_or_else(|| decimal.to_string())
        }
        CqlType::Date => calendar::Day::of(days(bytes)).to_string(),
        CqlType::Time => time_text(number::signed(bytes)),
        CqlType::Timestamp => timestamp_text(number::signed(bytes), 'T'),
        CqlType::Duration => Duration::from_bytes(bytes).unwrap_or_default().to_string(),
        CqlType::Inet => match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
            (Ok(v4), _) => IpAddr::from(v4).to_string(),
            (_, Ok(v6)) => java_v6(v6),
            _ => String::new(),
        },
        CqlType::Uuid | CqlType::Timeuuid => Uuid::from_slice(bytes).unwrap_or_default().to_string(),
        CqlType::Blob | CqlType::List { .. } | CqlType::Set { .. } | CqlType::Map { .. } => blob(bytes),
        CqlType::Tuple(_) | CqlType::Udt { .. } | CqlType::Vector { .. } => blob(bytes),
    }
}

/// An address as Java reads it: one of version 4 inside of version 6 is the former, and parts of the former may be
/// left out, so that the last one fills what is missing.
fn inet(text: &str) -> Option<Vec<u8>> {
    match text.parse() {
        Ok(IpAddr::V4(address)) => return Some(address.octets().to_vec()),
        Ok(IpAddr::V6(address)) => {
            let mapped = address.to_ipv4_mapped().map(|address| address.octets().to_vec());
            return Some(mapped.unwrap_or_else(|| address.octets().to_vec()));
        }
        Err(_) => {}
    }
    let parts: Vec<u32> = text
        .split('.')
        .map(|part| part.parse().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit())))
        .collect::<Option<_>>()?;
    let (last, first) = parts.split_last().filter(|(_, first)| first.len() < 4)?;
    let missing = last.to_be_bytes();
    let (high, low) = missing.split_at(first.len());
    let fits = high.iter().all(|byte| *byte == 0);
    let bytes: Vec<u8> = first.iter().map(|part| u8::try_from(*part).ok()).collect::<Option<_>>()?;
    fits.then(|| [&bytes, low].concat())
}

/// With its dashes, which the crate would not need.
fn parse_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// Java writes all eight groups.
fn java_v6(bytes: [u8; 16]) -> String {
    let groups: Vec<_> =
        bytes.chunks_exact(2).map(|pair| format!("{:x}", u16::from_be_bytes([pair[0], pair[1]]))).collect();
    groups.join(":")
}

/// `0x…`
pub(crate) fn blob(bytes: &[u8]) -> String {
    format!("0x{}", hex_text(bytes))
}

/// Lower-case hex digits.
pub(crate) fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hex digits.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        for (of, text) in [
            (CqlType::Int, "-5"),
            (CqlType::Boolean, "true"),
            (CqlType::Varint, "-123456789012345678901234567890"),
            (CqlType::Decimal, "-0.050"),
            (CqlType::Double, "1.0E10"),
            (CqlType::Inet, "127.0.0.1"),
            (CqlType::Inet, "2001:db8:0:0:0:0:0:1"),
            (CqlType::Uuid, "cafe0000-0000-4000-8000-000000000000"),
            (CqlType::Timestamp, "2011-02-03T04:05:06.007Z"),
            (CqlType::Time, "01:02:03.000000004"),
            (CqlType::Date, "2011-02-03"),
            (CqlType::Duration, "1mo2d3h"),
        ] {
            let bytes = parse(&of, text).unwrap();
            assert_eq!(of.validate(&bytes), Ok(()));
            assert_eq!(print(&of, &bytes), text);
        }
    }

    #[test]
    fn reads_addresses_as_java_does() {
        for (text, bytes) in
            [("::ffff:10.0.0.1", &[10, 0, 0, 1][..]), ("1.2.3", &[1, 2, 0, 3]), ("16909060", &[1, 2, 3, 4])]
        {
            assert_eq!(parse(&CqlType::Inet, text).as_deref(), Ok(bytes));
        }
        for text in ["1.2.3.4.5", "1.256.3", "1.2.+3", "1.2.65536", ".", "a.b"] {
            assert!(parse(&CqlType::Inet, text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_in_cassandras_words() {
        for (of, text, message) in [
            (CqlType::Int, "99999999999", "Unable to make int from '99999999999'"),
            (CqlType::Blob, "abc", "cannot parse 'abc' as hex bytes"),
            (CqlType::Inet, "x", "Unable to make inet address from 'x'"),
            (
                CqlType::Ascii,
                "é",
                "Invalid ASCII character in string literal: java.nio.charset.UnmappableCharacterException: Input length = 1",
            ),
            (CqlType::Timeuuid, "cafe0000-0000-4000-8000-000000000000", "TimeUUID supports only version 1 UUIDs"),
        ] {
            assert_eq!(parse(&of, text), Err(message.to_owned()));
        }
    }
}
