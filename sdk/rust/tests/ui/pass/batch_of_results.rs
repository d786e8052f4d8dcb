use veltrix_sdk::prelude::*;

#[handler]
async fn handle(batch: veltrix_sdk::Batch, _: &veltrix_sdk::Context) -> Vec<Result<()>> {
    batch.events().map(|event| event.forward("out")).collect()
}

fn main() {}
