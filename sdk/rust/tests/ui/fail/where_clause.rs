use veltrix_sdk::prelude::*;

#[handler]
async fn handle(event: Event) -> Result<()>
where
    String: Clone,
{
    event.forward("out")
}

fn main() {}
