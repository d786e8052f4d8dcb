use veltrix_sdk::prelude::*;

#[handler]
async fn handle(event: Event, _: Context) -> Result<()> {
    event.forward("out")
}

fn main() {}
