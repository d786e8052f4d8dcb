use veltrix_sdk::prelude::*;

#[handler]
const fn handle(_: Event) -> Result<()> {
    Ok(())
}

fn main() {}
