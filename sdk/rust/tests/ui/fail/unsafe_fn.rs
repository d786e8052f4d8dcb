use veltrix_sdk::prelude::*;

#[handler]
async unsafe fn handle(event: Event) -> Result<()> {
    event.forward("out")
}

fn main() {}
