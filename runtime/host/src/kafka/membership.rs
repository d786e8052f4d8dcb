//! As which member, of which generation, a consumer is in its group.

#![allow(unsafe_code)]

use std::ffi::CStr;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};

/// What a transaction has to say of the consumer whose offsets it commits; `None` while it is no member of its group.
/// Waits for the client's own thread.
///
/// Without a member's name in it the broker would take any offsets, unchecked. The metadata itself is opaque, so name and
/// generation are read before and after it: as generations only rise, it lies between two that are the same.
pub fn membership<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<ConsumerGroupMetadata> {
    let before = member(consumer)?;
    let metadata = consumer.group_metadata()?;
    (member(consumer)? == before).then_some(metadata)
}

/// The member's name in its group, which the group gives anew to whoever joins anew; `None` while it is no member.
pub fn name<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<String> {
    known(consumer).map(|(name, _)| name)
}

fn member<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<(String, i32)> {
    known(consumer).filter(|(_, generation)| *generation >= 0)
}

fn known<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<(String, i32)> {
    // SAFETY: the client is alive as long as it is borrowed. The metadata is ours until it is destroyed, once; its member
    // name is a NUL-terminated string that lives as long.
    let (name, generation) = unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return None;
        }
        let name = sys::rd_kafka_consumer_group_metadata_member_id(metadata);
        let name = if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() };
        let generation = sys::rd_kafka_consumer_group_metadata_generation_id(metadata);
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        (name, generation)
    };
    (!name.is_empty()).then_some((name, generation))
}
