use veltrix_sdk::prelude::*;

#[handler]
async fn handle<T>(event: Event) -> Result<()> {
    event.forward("out")
}

fn main() {}
