use veltrix_sdk::prelude::*;

#[handler]
extern "C" fn handle(event: Event) -> Result<()> {
    event.forward("out")
}

fn main() {}
