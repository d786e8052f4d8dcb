//! The code beside the handler: the component's export on Wasm, a check of its types elsewhere.

use proc_macro2::{Ident, Span, TokenStream as Tokens};
use quote::{quote, quote_spanned};

use crate::signature::{Input, Signature};

/// What is added after the function.
pub(crate) fn export(signature: &Signature<'_>) -> Tokens {
    let body = body(signature);
    let frame = local("frame");
    quote! {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component {}
            ::veltrix_sdk::__private::bindings::export!(Component with_types_in ::veltrix_sdk::__private::bindings);
            impl ::veltrix_sdk::__private::bindings::exports::veltrix::function::handler::Guest for Component {
                async fn handle(#frame: ::std::vec::Vec<u8>) -> ::std::vec::Vec<u8> { #body }
            }
        };
        // Natively nobody calls it but tests. So that wrong types are found there, too, and a private handler counts as used.
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            #[allow(dead_code)]
            async fn __handle(#frame: ::std::vec::Vec<u8>) -> ::std::vec::Vec<u8> { #body }
        };
    }
}

/// Runs the batch `frame` through the handler.
fn body(signature: &Signature<'_>) -> Tokens {
    let run = match signature.input {
        Input::Event => quote! { each },
        Input::Batch => quote! { whole },
    };
    let (frame, input, call) = (local("frame"), local("input"), call(signature));
    // At the return type: what a compiler has to say of this is that it is another one than expected.
    quote_spanned! { signature.output=>
        ::veltrix_sdk::__private::#run(#frame, |#input| #call).await
    }
}

/// A future of the handler's result for `input`.
fn call(signature: &Signature<'_>) -> Tokens {
    let Signature { name, output, .. } = signature;
    let input = local("input");
    let context = signature.with_context.then(|| quote! { ::veltrix_sdk::Context::get() });
    let called = quote_spanned! { *output=> #name(#input, #context) };
    match signature.is_async {
        true => called,
        false => quote_spanned! { *output=> ::core::future::ready(#called) },
    }
}

/// A variable that a handler of the same name doesn't clash with.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
