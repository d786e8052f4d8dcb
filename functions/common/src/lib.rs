//! What the ready-made functions share: settings from the manifest's `vars`, JSON as it came, fields as CQL values.

mod configured;
mod convert;
mod json;
mod kind;
mod mapping;
mod number;
mod pointer;
mod settings;
mod source;
mod table;

pub use configured::{Cell, configured};
pub use json::{Elements, Json, Members, Name};
pub use kind::Kind;
pub use mapping::{Mapping, Missing};
pub use number::compare_numbers;
pub use pointer::Pointer;
pub use settings::Settings;
pub use source::{Document, Found, Source};
pub use table::{quoted, verify, verify_frozen};
