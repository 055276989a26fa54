//! `#[derive(Inputs)]` and `#[derive(Outputs)]`: the list of ports and the code that takes or gives their values,
//! from one struct.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, DeriveInput, Ident, LitStr, Type};

use crate::attributes::{doc_text, in_words, named_fields, plain_name};

/// One field and the port it stands for.
struct PortField<'a> {
    field: &'a Ident,
    kind: &'a Type,
    name: String,
    label: String,
    doc: String,
    required: bool,
}

impl<'a> PortField<'a> {
    fn all(input: &'a DeriveInput) -> syn::Result<Vec<Self>> {
        let fields = named_fields(input)?;
        fields
            .into_iter()
            .map(|(field, definition)| {
                let name = plain_name(field);
                let (label, required) = read_attributes(&definition.attrs)?;
                Ok(Self {
                    field,
                    kind: &definition.ty,
                    label: label.unwrap_or_else(|| in_words(&name)),
                    name: name.replace('_', "-"),
                    doc: doc_text(&definition.attrs),
                    required,
                })
            })
            .collect()
    }

    /// An expression that gives the port.
    fn port(&self) -> TokenStream {
        let Self { kind, name, label, doc, required, .. } = self;
        quote!(::qpyt_sdk::ports::port::<#kind>(#name, #label, #doc, #required))
    }
}

fn read_attributes(attributes: &[Attribute]) -> syn::Result<(Option<String>, bool)> {
    let (mut label, mut required) = (None, false);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("port")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("label") {
                label = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.path.is_ident("required") {
                required = true;
            } else {
                return Err(meta.error("unknown key; known: label, required"));
            }
            Ok(())
        })?;
    }
    Ok((label, required))
}

pub(crate) fn derive_inputs(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = PortField::all(input)?;
    let ports = fields.iter().map(PortField::port);
    let takes = fields.iter().map(|PortField { field, name, required, .. }| {
        quote!(#field: ::qpyt_sdk::ports::take(received, #name, #required)?)
    });
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::qpyt_sdk::Inputs for #name {
            fn ports() -> ::std::vec::Vec<::qpyt_sdk::ports::Port> {
                ::std::vec![#(#ports),*]
            }

            fn take(received: &mut ::std::vec::Vec<::qpyt_sdk::ports::NamedValue>) -> ::qpyt_sdk::Result<Self> {
                ::core::result::Result::Ok(Self { #(#takes),* })
            }
        }
    })
}

pub(crate) fn derive_outputs(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = PortField::all(input)?;
    let ports = fields.iter().map(PortField::port);
    let gives = fields.iter().map(|PortField { field, name, required, .. }| {
        quote!(::qpyt_sdk::ports::give(given, #name, #required, self.#field)?;)
    });
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::qpyt_sdk::Outputs for #name {
            fn ports() -> ::std::vec::Vec<::qpyt_sdk::ports::Port> {
                ::std::vec![#(#ports),*]
            }

            fn give(self, given: &mut ::std::vec::Vec<::qpyt_sdk::ports::NamedValue>) -> ::qpyt_sdk::Result<()> {
                #(#gives)*
                ::core::result::Result::Ok(())
            }
        }
    })
}
