use veltrix_sdk::prelude::*;

#[handler]
struct Handle;

fn main() {}
