use veltrix_sdk::prelude::*;

#[handler]
async fn handle(event: Event) -> Result<()> {
    event.forward("out")
}

fn main() {}
