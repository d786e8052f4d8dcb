use veltrix_sdk::prelude::*;

#[handler]
async fn handle(event: Event, _: &Context, _: u32) -> Result<()> {
    event.forward("out")
}

fn main() {}
