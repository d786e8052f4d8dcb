//! Waiting for a producer's acknowledgements, to the moment.

#![allow(unsafe_code)]

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as sys;
use rdkafka::client::Client;

/// Sends what is buffered without lingering, and waits until all is acknowledged or has failed; false if `limit` was too
/// short. Another thread has to poll the producer meanwhile. The client crate's own flush polls for 100 ms at a time, and
/// returns no earlier.
pub fn flush<C: ClientContext>(client: &Client<C>, limit: Duration) -> bool {
    // SAFETY: the client is alive as long as it is borrowed; the call may be made from any thread.
    let error = unsafe { sys::rd_kafka_flush(client.native_ptr(), limit.as_millis() as i32) };
    error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}
