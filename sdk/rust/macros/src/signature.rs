//! What a handler's signature says, or what is wrong with it, at the place where it is wrong.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ReturnType, Type};

/// What a handler gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Event,
    Batch,
}

/// A signature that can be called.
pub(crate) struct Signature<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) is_async: bool,
    pub(crate) input: Input,
    pub(crate) with_context: bool,
    /// Where a wrong type is reported.
    pub(crate) output: Span,
}

impl<'a> Signature<'a> {
    /// Reads a signature.
    ///
    /// # Errors
    /// It can't be a handler's.
    pub(crate) fn of(signature: &'a syn::Signature) -> Result<Self, Error> {
        no_qualifiers(signature)?;
        no_generics(&signature.generics)?;
        let (input, with_context) = inputs(signature)?;
        Ok(Self {
            name: &signature.ident,
            is_async: signature.asyncness.is_some(),
            input,
            with_context,
            output: output(signature)?,
        })
    }
}

fn error<T>(at: impl ToTokens, message: &str) -> Result<T, Error> {
    Err(Error::new_spanned(at, message))
}

fn no_qualifiers(signature: &syn::Signature) -> Result<(), Error> {
    match signature {
        syn::Signature { constness: Some(token), .. } => error(token, "a handler is not `const`"),
        syn::Signature { unsafety: Some(token), .. } => {
            error(token, "a handler is not `unsafe`: the host can keep no promise")
        }
        syn::Signature { abi: Some(abi), .. } => {
            error(abi, "a handler is no `extern` function: `#[handler]` makes the export")
        }
        _ => Ok(()),
    }
}

fn no_generics(generics: &syn::Generics) -> Result<(), Error> {
    match (generics.params.first(), &generics.where_clause) {
        (Some(parameter), _) => error(parameter, "a handler has no generic parameters: the host calls one function"),
        (None, Some(clause)) => error(clause, "a handler has no generic parameters, and no conditions on them"),
        (None, None) => Ok(()),
    }
}

fn inputs(signature: &syn::Signature) -> Result<(Input, bool), Error> {
    let mut types = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Typed(typed) => types.push(&*typed.ty),
            FnArg::Receiver(receiver) => return error(receiver, "a handler is a free function: it has no `self`"),
        }
    }
    match types[..] {
        [] => {
            let message = "a handler takes an `Event` or a `Batch`, and a `&Context` if it likes";
            Err(Error::new(signature.paren_token.span.join(), message))
        }
        [first] => Ok((first_input(first)?, false)),
        [first, second] => Ok((first_input(first)?, context(second)?)),
        [_, _, third, ..] => error(third, "a handler takes at most two parameters: `(Event, &Context)`"),
    }
}

fn first_input(ty: &Type) -> Result<Input, Error> {
    match name_of(ty) {
        Some(name) if name == "Event" => Ok(Input::Event),
        Some(name) if name == "Batch" => Ok(Input::Batch),
        _ => error(ty, "the first parameter of a handler is an `Event` or a `Batch`, by value"),
    }
}

fn context(ty: &Type) -> Result<bool, Error> {
    match ty {
        Type::Reference(reference)
            if reference.mutability.is_none() && name_of(&reference.elem).is_some_and(|name| name == "Context") =>
        {
            Ok(true)
        }
        _ => error(ty, "the second parameter of a handler is a `&Context`"),
    }
}

/// The last name of a path. All that a macro can know of a type.
fn name_of(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

fn output(signature: &syn::Signature) -> Result<Span, Error> {
    match &signature.output {
        ReturnType::Type(_, ty) => Ok(ty.span().resolved_at(Span::call_site())),
        ReturnType::Default => error(&signature.ident, "a handler says how it went: it returns a `Result<()>`"),
    }
}
