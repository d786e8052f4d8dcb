use veltrix_sdk::prelude::*;

#[handler]
fn handle(batch: Batch) -> Result<()> {
    batch.events().try_for_each(|event| event.forward("out"))
}

fn main() {}
