use veltrix_sdk::prelude::*;

#[handler]
async fn handle(&self) -> Result<()> {
    Ok(())
}

fn main() {}
