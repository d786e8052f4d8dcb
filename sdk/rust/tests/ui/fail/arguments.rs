use veltrix_sdk::prelude::*;

#[handler(topic = "orders")]
async fn handle(event: Event) -> Result<()> {
    event.forward("out")
}

fn main() {}
