//! Commits with an answer each, on a queue of their own. The consumer's own callback comes with its polls: late while a
//! rebalance is under way or the pipeline does not read, just when the lease hangs on it.

#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{IsError, KafkaError, KafkaResult, RDKafkaErrorCode};

/// Sends commits and hears what became of them.
pub struct Commits<C: ConsumerContext> {
    queue: NonNull<sys::rd_kafka_queue_t>,
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: the library's queues may be used from any thread, also from several at once.
unsafe impl<C: ConsumerContext> Send for Commits<C> {}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The number that the commit was sent with.
    pub id: u32,
    /// Partitions whose offset the group has taken; more than none says that it still knows this consumer.
    pub accepted: usize,
    /// Why not all were.
    pub refused: Option<RDKafkaErrorCode>,
}

impl<C: ConsumerContext> Commits<C> {
    /// For commits of this consumer.
    ///
    /// # Errors
    /// The library is out of memory.
    pub fn new(consumer: Arc<BaseConsumer<C>>) -> KafkaResult<Self> {
        // SAFETY: the client lives at least as long as `consumer`, which is kept.
        let queue = unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue).ok_or_else(|| KafkaError::ClientCreation("no queue for commits".into()))?;
        Ok(Self { queue, consumer })
    }

    /// Commits without waiting; `id` comes back with the answer.
    ///
    /// # Errors
    /// The library takes no commits now.
    pub fn send(&self, offsets: &TopicPartitionList, id: u32) -> KafkaResult<()> {
        let client = self.consumer.client().native_ptr();
        // Never followed: a number in the place of a pointer.
        let opaque = ptr::without_provenance_mut(id as usize);
        // SAFETY: client and queue are alive; the list is copied by the call; without a callback the answer is an event
        // on the queue, and the commit holds a reference of its own to that.
        let error = unsafe { sys::rd_kafka_commit_queue(client, offsets.ptr(), self.queue.as_ptr(), None, opaque) };
        if error.is_error() { Err(KafkaError::ConsumerCommit(error.into())) } else { Ok(()) }
    }

    /// The next answer that has come; does not wait.
    pub fn poll(&self) -> Option<Answer> {
        loop {
            // SAFETY: the queue is alive.
            let event = NonNull::new(unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), 0) })?;
            // SAFETY: the event is ours until it is destroyed, once, at the end; its list and opaque belong to it.
            unsafe {
                let answer = (sys::rd_kafka_event_type(event.as_ptr()) == sys::RD_KAFKA_EVENT_OFFSET_COMMIT)
                    .then(|| read(event.as_ptr()));
                sys::rd_kafka_event_destroy(event.as_ptr());
                if answer.is_some() {
                    return answer;
                }
            }
        }
    }
}

/// # Safety
/// The event is alive, and of a commit.
unsafe fn read(event: *mut sys::rd_kafka_event_t) -> Answer {
    // SAFETY: the caller's; a list has `cnt` elements.
    unsafe {
        let id = sys::rd_kafka_event_opaque(event).addr() as u32;
        let whole = sys::rd_kafka_event_error(event);
        let list = sys::rd_kafka_event_topic_partition_list(event);
        let (mut accepted, mut failed) = (0, 0);
        for index in 0..if list.is_null() { 0 } else { (*list).cnt.max(0) as usize } {
            match (*(*list).elems.add(index)).err.is_error() {
                true => failed += 1,
                false => accepted += 1,
            }
        }
        let refused = whole.is_error().then(|| whole.into());
        // What failed before the broker saw it has no errors of its own for each partition.
        Answer { id, accepted: if refused.is_some() && failed == 0 { 0 } else { accepted }, refused }
    }
}

impl<C: ConsumerContext> Drop for Commits<C> {
    fn drop(&mut self) {
        // SAFETY: made by `new` and given back only here, while the client is alive.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}
