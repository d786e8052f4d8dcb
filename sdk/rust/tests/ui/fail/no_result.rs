use veltrix_sdk::prelude::*;

#[handler]
async fn handle(_: Event) {}

fn main() {}
