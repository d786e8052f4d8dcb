use veltrix_sdk::prelude::*;

#[handler]
async fn handle() -> Result<()> {
    Ok(())
}

fn main() {}
