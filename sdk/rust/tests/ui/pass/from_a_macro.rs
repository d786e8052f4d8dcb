//! Names of the generated code don't clash with those around it, nor with a macro's.

use veltrix_sdk::prelude::*;

macro_rules! forward_to {
    ($input:ident, $topic:expr, $result:ty) => {
        #[handler]
        async fn frame($input: Event) -> $result {
            $input.forward($topic)
        }
    };
}

forward_to!(input, "out", Result<()>);

fn main() {}
