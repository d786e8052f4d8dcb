//! Binary forms of the few kinds of values that system tables hold.

use std::net::IpAddr;

use bytes::Bytes;
use uuid::Uuid;

pub(super) type Cell = Option<Bytes>;

pub(super) fn text(value: impl AsRef<str>) -> Cell {
    Some(Bytes::copy_from_slice(value.as_ref().as_bytes()))
}

pub(super) fn int(value: i32) -> Cell {
    Some(Bytes::copy_from_slice(&value.to_be_bytes()))
}

/// Also a timestamp, in milliseconds.
pub(super) fn bigint(value: i64) -> Cell {
    Some(Bytes::copy_from_slice(&value.to_be_bytes()))
}

pub(super) fn double(value: f64) -> Cell {
    Some(Bytes::copy_from_slice(&value.to_be_bytes()))
}

pub(super) fn boolean(value: bool) -> Cell {
    Some(Bytes::copy_from_slice(&[u8::from(value)]))
}

pub(super) fn uuid(value: Uuid) -> Cell {
    Some(Bytes::copy_from_slice(value.as_bytes()))
}

pub(super) fn inet(value: IpAddr) -> Cell {
    Some(match value {
        IpAddr::V4(ip) => Bytes::copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => Bytes::copy_from_slice(&ip.octets()),
    })
}

/// A list; also a set, if the elements are sorted.
pub(super) fn list<E: AsRef<[u8]>>(elements: impl IntoIterator<Item = E>) -> Cell {
    counted(elements.into_iter().map(|element| vec![element.as_ref().to_vec()]))
}

/// A map; its keys are sorted.
pub(super) fn map<K: AsRef<[u8]>, V: AsRef<[u8]>>(entries: impl IntoIterator<Item = (K, V)>) -> Cell {
    counted(entries.into_iter().map(|(key, value)| vec![key.as_ref().to_vec(), value.as_ref().to_vec()]))
}

fn counted(entries: impl Iterator<Item = Vec<Vec<u8>>>) -> Cell {
    let mut out = vec![0; 4];
    let mut count = 0_i32;
    for entry in entries {
        count += 1;
        for bytes in entry {
            out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
            out.extend_from_slice(&bytes);
        }
    }
    out[..4].copy_from_slice(&count.to_be_bytes());
    Some(out.into())
}
