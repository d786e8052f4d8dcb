use veltrix_sdk::prelude::*;

#[handler]
pub fn handle(event: Event, context: &Context) -> Result<()> {
    event.forward(&context.require("to")?)
}

fn main() {}
