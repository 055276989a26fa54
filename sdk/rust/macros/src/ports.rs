//! `#[derive(Inputs)]` and `#[derive(Outputs)]`: the list of ports and the code that takes or gives their values,
//! from one struct.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, DeriveInput, Ident, LitStr, Type};

use crate::attributes::{doc_text, in_words, named_fields, plain_name};

/// One field and the port it stands for, or the ports where it is a struct of them.
struct PortField<'a> {
    field: &'a Ident,
    kind: &'a Type,
    name: String,
    label: String,
    doc: String,
    required: bool,
    flatten: bool,
}

impl<'a> PortField<'a> {
    fn all(input: &'a DeriveInput) -> syn::Result<Vec<Self>> {
        let fields = named_fields(input)?;
        fields
            .into_iter()
            .map(|(field, definition)| {
                let name = plain_name(field);
                let PortAttributes { label, required, flatten } = PortAttributes::read(&definition.attrs)?;
                Ok(Self {
                    field,
                    kind: &definition.ty,
                    label: label.unwrap_or_else(|| in_words(&name)),
                    name: name.replace('_', "-"),
                    doc: doc_text(&definition.attrs),
                    required,
                    flatten,
                })
            })
            .collect()
    }

    /// A statement that adds the port, or the ports of a struct that implements `of`.
    fn listed(&self, of: &TokenStream) -> TokenStream {
        let Self { kind, name, label, doc, required, .. } = self;
        if self.flatten {
            quote!(ports.extend(<#kind as #of>::ports());)
        } else {
            quote!(ports.push(::qpyt_sdk::ports::port::<#kind>(#name, #label, #doc, #required));)
        }
    }

    /// The field with what came in for it.
    fn taken(&self) -> TokenStream {
        let Self { field, kind, name, required, .. } = self;
        if self.flatten {
            quote!(#field: <#kind as ::qpyt_sdk::Inputs>::take(received)?)
        } else {
            quote!(#field: ::qpyt_sdk::ports::take(received, #name, #required)?)
        }
    }

    /// A statement that gives the value of the field.
    fn given(&self) -> TokenStream {
        let Self { field, name, required, .. } = self;
        if self.flatten {
            quote!(::qpyt_sdk::Outputs::give(self.#field, given)?;)
        } else {
            quote!(::qpyt_sdk::ports::give(given, #name, #required, self.#field)?;)
        }
    }
}

/// What `#[port(...)]` says about one field.
#[derive(Default)]
struct PortAttributes {
    label: Option<String>,
    required: bool,
    flatten: bool,
}

impl PortAttributes {
    fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("port")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("label") {
                    read.label = Some(meta.value()?.parse::<LitStr>()?.value());
                } else if meta.path.is_ident("required") {
                    read.required = true;
                } else if meta.path.is_ident("flatten") {
                    read.flatten = true;
                } else {
                    return Err(meta.error("unknown key; known: label, required, flatten"));
                }
                Ok(())
            })?;
            if read.flatten && (read.required || read.label.is_some()) {
                return Err(syn::Error::new_spanned(
                    attribute,
                    "`flatten` stands alone: the ports are those of the struct",
                ));
            }
        }
        Ok(read)
    }
}

pub(crate) fn derive_inputs(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = PortField::all(input)?;
    let of = quote!(::qpyt_sdk::Inputs);
    let ports = fields.iter().map(|field| field.listed(&of));
    let takes = fields.iter().map(PortField::taken);
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::qpyt_sdk::Inputs for #name {
            fn ports() -> ::std::vec::Vec<::qpyt_sdk::ports::Port> {
                let mut ports = ::std::vec::Vec::new();
                #(#ports)*
                ports
            }

            fn take(received: &mut ::std::vec::Vec<::qpyt_sdk::ports::NamedValue>) -> ::qpyt_sdk::Result<Self> {
                ::core::result::Result::Ok(Self { #(#takes),* })
            }
        }
    })
}

pub(crate) fn derive_outputs(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = PortField::all(input)?;
    let of = quote!(::qpyt_sdk::Outputs);
    let ports = fields.iter().map(|field| field.listed(&of));
    let gives = fields.iter().map(PortField::given);
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::qpyt_sdk::Outputs for #name {
            fn ports() -> ::std::vec::Vec<::qpyt_sdk::ports::Port> {
                let mut ports = ::std::vec::Vec::new();
                #(#ports)*
                ports
            }

            fn give(self, given: &mut ::std::vec::Vec<::qpyt_sdk::ports::NamedValue>) -> ::qpyt_sdk::Result<()> {
                #(#gives)*
                ::core::result::Result::Ok(())
            }
        }
    })
}
