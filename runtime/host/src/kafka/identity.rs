//! What makes an offset mean one event for ever: the cluster's id and the topic's. A topic that is deleted and created
//! again counts its offsets anew under the same name; only its id tells. The client crate does not show it.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char};
use std::fmt;
use std::ptr::{self, NonNull};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{IsError, KafkaError, KafkaResult, RDKafkaErrorCode};

/// A topic's id, as its broker gave it when the topic was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicId(pub [u8; 16]);

impl TopicId {
    /// Its first half, which tells a topic from its successor of the same name. Never zero, which stands for unknown.
    pub fn short(&self) -> u64 {
        let half = u64::from_be_bytes(self.0[..8].try_into().expect("eight bytes"));
        half.max(1)
    }
}

impl fmt::Display for TopicId {
    /// As Kafka's own tools write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Ids of topics; without those that are not there, that we may not see, or whose broker is too old to have ids.
///
/// # Errors
/// Kafka does not answer within `limit`, or refuses the question.
pub fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    limit: Duration,
) -> KafkaResult<Vec<(String, TopicId)>> {
    let names: Vec<CString> = topics.iter().map(|name| CString::new(*name)).collect::<Result<_, _>>()?;
    let mut names: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let native = client.native_ptr();
    let millis = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client lives as long as `client` is borrowed. What is made here is given back by its `Held`, in reverse
    // order, after the last use; the names are copied by the call that takes them.
    unsafe {
        let queue = Held::new(sys::rd_kafka_queue_new(native), sys::rd_kafka_queue_destroy)?;
        let wanted = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let wanted = Held::new(wanted, sys::rd_kafka_TopicCollection_destroy)?;
        let options =
            sys::rd_kafka_AdminOptions_new(native, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        let options = Held::new(options, sys::rd_kafka_AdminOptions_destroy)?;
        // Refused only where it is out of the library's bounds: then its default holds.
        sys::rd_kafka_AdminOptions_set_request_timeout(options.get(), millis.max(1_000), ptr::null_mut(), 0);
        sys::rd_kafka_DescribeTopics(native, wanted.get(), options.get(), queue.get());
        let answer = Held::new(sys::rd_kafka_queue_poll(queue.get(), millis), sys::rd_kafka_event_destroy)
            .map_err(|_| KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))?;
        read(answer.get())
    }
}

/// # Safety
/// The event is alive.
unsafe fn read(answer: *mut sys::rd_kafka_event_t) -> KafkaResult<Vec<(String, TopicId)>> {
    // SAFETY: the caller's; all that is read below belongs to the event, and each pointer is tested before its use.
    unsafe {
        let error = sys::rd_kafka_event_error(answer);
        if error.is_error() {
            return Err(KafkaError::AdminOp(error.into()));
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(answer);
        if result.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::InvalidArgument));
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        let mut found = Vec::new();
        for index in 0..if topics.is_null() { 0 } else { count } {
            let topic = *topics.add(index);
            let failed = sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(topic)).is_error();
            let (name, id) =
                (sys::rd_kafka_TopicDescription_name(topic), sys::rd_kafka_TopicDescription_topic_id(topic));
            if failed || name.is_null() || id.is_null() {
                continue;
            }
            let high = sys::rd_kafka_Uuid_most_significant_bits(id).to_be_bytes();
            let low = sys::rd_kafka_Uuid_least_significant_bits(id).to_be_bytes();
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&high);
            bytes[8..].copy_from_slice(&low);
            if bytes != [0; 16] {
                found.push((CStr::from_ptr(name).to_string_lossy().into_owned(), TopicId(bytes)));
            }
        }
        Ok(found)
    }
}

/// The cluster's id; `None` when Kafka does not tell within `limit`.
pub fn cluster_id<C: ClientContext>(client: &Client<C>, limit: Duration) -> Option<String> {
    let native = client.native_ptr();
    let millis = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive; the string is NUL-terminated and ours, to be freed by the library.
    unsafe {
        let text = sys::rd_kafka_clusterid(native, millis);
        if text.is_null() {
            return None;
        }
        let id = CStr::from_ptr(text).to_string_lossy().into_owned();
        sys::rd_kafka_mem_free(native, text.cast());
        Some(id)
    }
}

/// Something of the library's, given back when dropped.
struct Held<T> {
    pointer: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Held<T> {
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> KafkaResult<Self> {
        let pointer = NonNull::new(pointer).ok_or(KafkaError::AdminOp(RDKafkaErrorCode::Fail))?;
        Ok(Self { pointer, free })
    }

    fn get(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        // SAFETY: `free` is what the library wants for such a pointer, and it was not given back yet.
        unsafe { (self.free)(self.pointer.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_kafka_writes_it_and_its_short_form_is_never_unknown() {
        let id = TopicId(*b"\xfb\xff\xfe0123456789abc");
        assert_eq!(id.to_string(), "-__-MDEyMzQ1Njc4OWFiYw");
        assert_ne!(id.short(), 0);
        assert_eq!(TopicId([0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]).short(), 1);
    }

    #[test]
    fn a_kafka_that_is_absent_is_an_error_within_the_limit() {
        let client: rdkafka::consumer::BaseConsumer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", "127.0.0.1:1")
            .set("group.id", "g")
            .create()
            .expect("a client starts without a broker");
        use rdkafka::consumer::Consumer;
        let limit = Duration::from_millis(200);
        assert!(topic_ids(client.client(), &["t"], limit).is_err());
        assert_eq!(cluster_id(client.client(), limit), None);
        assert!(topic_ids(client.client(), &["with\0nul"], limit).is_err());
    }
}
