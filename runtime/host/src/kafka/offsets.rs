//! Committed offsets with their metadata, as bytes: the client crate panics on metadata that is not UTF-8, and another
//! consumer of the group may have written anything.

#![allow(unsafe_code)]

use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

/// The metadata of an entry; empty when there is none, or no such entry.
pub fn metadata<'a>(list: &'a TopicPartitionList, topic: &str, partition: i32) -> &'a [u8] {
    let native = list.ptr();
    // SAFETY: the list's own structure, alive and unchanged as long as `list` is borrowed; it holds `cnt` elements, whose
    // topics are NUL-terminated and whose metadata is null or `metadata_size` bytes.
    unsafe {
        for index in 0..(*native).cnt {
            let element = &*(*native).elems.add(index as usize);
            let name = std::ffi::CStr::from_ptr(element.topic).to_bytes();
            if name == topic.as_bytes() && element.partition == partition && !element.metadata.is_null() {
                return std::slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size);
            }
        }
    }
    &[]
}

/// Adds an offset to commit, with a note.
///
/// # Errors
/// The offset is not one.
pub fn add(list: &mut TopicPartitionList, topic: &str, partition: i32, offset: i64, note: &str) -> KafkaResult<()> {
    let mut element = list.add_partition(topic, partition);
    element.set_offset(Offset::Offset(offset))?;
    if !note.is_empty() {
        element.set_metadata(note);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_note_of_the_entry_asked_for() {
        let mut list = TopicPartitionList::new();
        add(&mut list, "a", 0, 1, "").unwrap();
        add(&mut list, "a", 1, 2, "note").unwrap();
        add(&mut list, "b", 1, 3, "other").unwrap();
        assert_eq!(metadata(&list, "a", 0), b"");
        assert_eq!(metadata(&list, "a", 1), b"note");
        assert_eq!(metadata(&list.clone(), "b", 1), b"other");
        assert_eq!(metadata(&list, "c", 0), b"");
    }
}
