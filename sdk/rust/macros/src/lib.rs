//! The attribute `#[handler]` of `veltrix-sdk`.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, ReturnType, Type, parse_macro_input};

/// Makes a function the handler of this component. See `veltrix_sdk::handler`.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    let arguments = Tokens::from(arguments);
    let problem = if arguments.is_empty() { export(&function) } else { Err(Error::new(arguments.span(), "#[handler] takes no arguments")) };
    let export = problem.unwrap_or_else(|error| error.into_compile_error());
    quote! { #function #export }.into()
}

fn export(function: &ItemFn) -> Result<Tokens, Error> {
    let signature = &function.sig;
    if let Some(parameter) = signature.generics.params.first() {
        return Err(Error::new(parameter.span(), "a handler has no generic parameters"));
    }
    let name = &signature.ident;
    let inputs: Vec<&FnArg> = signature.inputs.iter().collect();
    let types: Vec<&Type> = inputs.iter().map(|input| match input {
        FnArg::Typed(typed) => Ok(&*typed.ty),
        FnArg::Receiver(receiver) => Err(Error::new(receiver.span(), "a handler is a free function: it has no `self`")),
    }).collect::<Result<_, _>>()?;
    if let ReturnType::Default = signature.output {
        return Err(Error::new(name.span(), "a handler returns `Result<()>`"));
    }
    let call = match types.len() {
        1 => quote! { #name(event) },
        2 => quote! { #name(event, ::veltrix_sdk::Context::get()) },
        _ => return Err(Error::new(signature.inputs.span(), "a handler takes `(Event)` or `(Event, &Context)`")),
    };
    let takes_batch = matches!(types.first(), Some(Type::Path(path)) if path.path.segments.last().is_some_and(|s| s.ident == "Batch"));
    let run = if takes_batch { quote! { whole } } else { quote! { each } };
    let body = if signature.asyncness.is_some() {
        quote! { ::veltrix_sdk::__private::#run(frame, |event| #call).await }
    } else {
        quote! { ::veltrix_sdk::__private::#run(frame, |event| ::core::future::ready(#call)).await }
    };
    let span = name.span();
    Ok(quote_spanned! {span=>
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;
            ::veltrix_sdk::__private::bindings::export!(Component with_types_in ::veltrix_sdk::__private::bindings);
            impl ::veltrix_sdk::__private::bindings::exports::veltrix::function::handler::Guest for Component {
                async fn handle(frame: ::std::vec::Vec<u8>) -> ::std::vec::Vec<u8> { #body }
            }
        };
    })
}
