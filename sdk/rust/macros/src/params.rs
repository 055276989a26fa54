//! `#[derive(Params)]`: the JSON Schema of the parameters and the code that reads them, from one struct.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::ParseStream;
use syn::{Attribute, DeriveInput, Expr, ExprLit, Lit, LitStr, Token, Type};

use crate::attributes::{doc_text, in_words, named_fields, plain_name};

/// What `#[param(...)]` says about one field.
#[derive(Default)]
struct ParamAttributes {
    title: Option<LitStr>,
    default: Option<Expr>,
    /// The field is a struct of parameters, which stand in the form as if they were this struct's own.
    flatten: bool,
    /// Calls on the property, in the order they were written.
    calls: Vec<TokenStream>,
}

impl ParamAttributes {
    fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("param")) {
            attribute.parse_nested_meta(|meta| {
                let Some(key) = meta.path.get_ident().map(ToString::to_string) else {
                    return Err(meta.error("expected a plain word"));
                };
                match key.as_str() {
                    "title" => read.title = Some(meta.value()?.parse()?),
                    "default" => read.default = Some(meta.value()?.parse()?),
                    "min" | "max" | "step" | "multiple_of" | "max_items" | "choices" | "widget" => {
                        let (setter, value) = (&meta.path, meta.value()?.parse::<Expr>()?);
                        read.calls.push(quote!(.#setter(#value)));
                    }
                    "hint" => read.calls.push(hint(meta.input)?),
                    "flatten" => read.flatten = true,
                    _ => {
                        return Err(meta.error(
                            "unknown key; known: title, default, min, max, step, multiple_of, max_items, choices, \
                             widget, hint, flatten",
                        ));
                    }
                }
                Ok(())
            })?;
            if read.flatten && (read.title.is_some() || read.default.is_some() || !read.calls.is_empty()) {
                let problem = "`flatten` stands alone: the parameters are those of the struct";
                return Err(syn::Error::new_spanned(attribute, problem));
            }
        }
        Ok(read)
    }
}

/// What `#[param(...)]` on the struct says about all of it, as calls on the schema.
fn schema_calls(attributes: &[Attribute]) -> syn::Result<Vec<TokenStream>> {
    let mut calls = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("param")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("live_preview") {
                return Err(meta.error("unknown key; known on a struct: live_preview"));
            }
            calls.push(quote!(.live_preview()));
            Ok(())
        })?;
    }
    Ok(calls)
}

/// `("x-name", value)`
fn hint(input: ParseStream) -> syn::Result<TokenStream> {
    let arguments;
    syn::parenthesized!(arguments in input);
    let key: LitStr = arguments.parse()?;
    arguments.parse::<Token![,]>()?;
    let value: Expr = arguments.parse()?;
    if !key.value().starts_with("x-") {
        return Err(syn::Error::new_spanned(key, "a hint's name starts with `x-`"));
    }
    Ok(quote!(.hint(#key, #value)))
}

/// The default as an expression of the field's type. A string literal may stand for a `String`.
fn default_value(default: Option<Expr>, kind: &Type) -> TokenStream {
    match default {
        None => quote!(<#kind as ::core::default::Default>::default()),
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => {
            quote!(<#kind as ::core::convert::From<&str>>::from(#text))
        }
        Some(value) => quote!(#value),
    }
}

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut properties = Vec::new();
    let mut readers = Vec::new();
    for (field, definition) in named_fields(input)? {
        let attributes = ParamAttributes::read(&definition.attrs)?;
        let name = plain_name(field);
        let kind = &definition.ty;
        if attributes.flatten {
            properties.push(quote!(.with(<#kind as ::qpyt_sdk::Params>::schema())));
            readers.push(quote!(#field: <#kind as ::qpyt_sdk::Params>::from_json(params)?));
            continue;
        }
        let title = attributes.title.map_or_else(|| in_words(&name), |title| title.value());
        let description = doc_text(&definition.attrs);
        let default = default_value(attributes.default, kind);
        let calls = attributes.calls;
        properties.push(quote! {
            .property(
                #name,
                ::qpyt_sdk::schema::Property::of::<#kind>(#title, #description, {
                    let default: #kind = #default;
                    default
                }) #(#calls)*,
            )
        });
        readers.push(quote! {
            #field: ::qpyt_sdk::params::read(params, #name, || -> #kind { #default })?
        });
    }
    let about_all = schema_calls(&input.attrs)?;
    let name = &input.ident;
    let doc = doc_text(&input.attrs);
    Ok(quote! {
        #[automatically_derived]
        impl ::qpyt_sdk::Params for #name {
            const DOC: &'static str = #doc;

            fn schema() -> ::qpyt_sdk::schema::Schema {
                ::qpyt_sdk::schema::Schema::new() #(#properties)* #(#about_all)*
            }

            fn from_json(params: &::qpyt_sdk::JsonObject) -> ::qpyt_sdk::Result<Self> {
                ::core::result::Result::Ok(Self { #(#readers),* })
            }
        }
    })
}
