//! The attribute `#[handler]` of `veltrix-sdk`. Use it from there; its documentation is there, too.

mod expand;
mod signature;

use proc_macro::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, parse_macro_input};

use crate::signature::Signature;

/// Makes a function the handler of this component. See `veltrix_sdk::handler`.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    let signature = no_arguments(arguments.into()).and_then(|()| Signature::of(&function.sig));
    let export = signature.map_or_else(Error::into_compile_error, |signature| expand::export(&signature));
    // The function stays as it is, so that mistakes in it are reported as such and unit tests can call it.
    quote! { #function #export }.into()
}

fn no_arguments(arguments: proc_macro2::TokenStream) -> Result<(), Error> {
    match arguments.is_empty() {
        true => Ok(()),
        false => {
            Err(Error::new_spanned(arguments, "`#[handler]` takes no arguments: the manifest says what it handles"))
        }
    }
}
