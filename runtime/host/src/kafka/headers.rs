//! Headers as bytes. The client crate takes header names for UTF-8 and panics on others; Kafka does
//! not promise it, and a record must not be able to stop a worker.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::ptr;

use rdkafka::bindings as sys;
use rdkafka::message::{BorrowedHeaders, Headers, OwnedHeaders};

/// Shows every header in its order.
pub fn each(headers: &BorrowedHeaders, mut show: impl FnMut(&[u8], Option<&[u8]>)) {
    let native = ptr::from_ref(headers).cast::<sys::rd_kafka_headers_t>();
    for index in 0..headers.count() {
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: a `BorrowedHeaders` is the library's list itself, alive as long as the reference;
        // the out pointers are ours.
        let error = unsafe { sys::rd_kafka_header_get_all(native, index, &mut name, &mut value, &mut size) };
        if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        // SAFETY: on success the name is a NUL-terminated string and the value null or `size` bytes,
        // both owned by the list.
        unsafe {
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            show(CStr::from_ptr(name).to_bytes(), value);
        }
    }
}

/// Adds a header with a name of any bytes.
pub fn push(headers: &mut OwnedHeaders, name: &[u8], value: Option<&[u8]>) {
    let native = ptr::from_ref(headers.as_borrowed()).cast::<sys::rd_kafka_headers_t>().cast_mut();
    let (data, size) = value.map_or((ptr::null(), 0), |v| (v.as_ptr().cast::<c_void>(), v.len()));
    // SAFETY: the list is the library's own memory, held by `headers`, of which we have the only
    // reference; name and value are copied by the call.
    unsafe {
        sys::rd_kafka_header_add(native, name.as_ptr().cast(), name.len() as isize, data, size as isize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_names_that_are_not_utf8_nulls_and_repeats() {
        let mut headers = OwnedHeaders::new();
        push(&mut headers, b"\xff\xfe", Some(b"1"));
        push(&mut headers, b"a", None);
        push(&mut headers, b"a", Some(b""));
        let mut seen = Vec::new();
        each(headers.as_borrowed(), |name, value| seen.push((name.to_vec(), value.map(<[u8]>::to_vec))));
        assert_eq!(
            seen,
            [(b"\xff\xfe".to_vec(), Some(b"1".to_vec())), (b"a".to_vec(), None), (b"a".to_vec(), Some(vec![]))]
        );
    }
}
