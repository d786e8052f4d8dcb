//! `veltrix.toml`: read into a typed [`Manifest`] with every default applied, or into all its [`Problems`] at once,
//! each with line, column and what to write instead. What the keys mean is in this crate's README.

mod dedupe;
mod load;
mod options;
mod read;
mod read_binding;
mod read_function;
mod section;
mod start;
mod topics;
mod values;

mod quantity;
mod suggest;

mod check;

mod model;
mod problem;

pub use dedupe::{Dedupe, DedupeBy, DedupeWindow};
pub use load::{FILE_NAME, Placed, Reading, load, load_with, parse, read};
pub use model::{
    Batch, Binding, Cassandra, DeadLetter, DeadLetterLimit, Delivery, Function, Grant, Instances, Kafka, Limits,
    Manifest, Ordering, Retry, Secret, Start, is_pattern,
};
pub use options::Options;
pub use problem::{Problem, Problems};
pub use start::parse_time;
pub use topics::takes_in;
pub use values::{is_address, is_topic_name, parse_duration};
