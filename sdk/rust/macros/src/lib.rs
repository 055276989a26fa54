//! The derives of `qpyt-sdk`. They read a struct once and write both sides of it: what the brick says about itself
//! and how it reads or gives its values, so the two can't drift apart.

mod attributes;
mod params;
mod ports;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes the fields of a struct the parameters of a brick. See `qpyt_sdk::Params`.
///
/// The doc comment of the struct tells the person what the brick does, that of a field becomes its description. `#[param(...)]` takes, all optional:
///
/// | key | meaning |
/// | --- | --- |
/// | `title = "..."` | label in the form; else the field's name in words |
/// | `default = expression` | else the default of the type (`None` is `null`) |
/// | `min`, `max` | bounds of a number, both allowed themselves |
/// | `step` | how far one press of an arrow key goes |
/// | `multiple_of` | the only values allowed; also the step |
/// | `max_items` | longest list |
/// | `choices = expression` | the values allowed, each with a label; items of `qpyt_sdk::Choice` |
/// | `widget = "..."` | which editor the form shows |
/// | `hint("x-...", expression)` | any further key of the schema; may repeat |
/// | `flatten` | the field is itself such a struct: its parameters stand here as if they were written here |
///
/// On the struct itself, `#[param(live_preview)]` asks the studio to show what the brick makes while the person changes
/// a parameter.
#[proc_macro_derive(Params, attributes(param))]
pub fn derive_params(input: TokenStream) -> TokenStream {
    expand(params::derive(&parse_macro_input!(input as DeriveInput)))
}

/// Makes a struct the inputs of a brick. See `qpyt_sdk::Inputs`.
///
/// The name of a field, with `-` for `_`, is the name of the port; its doc comment explains the port to the person.
/// `T` is required, `Option<T>` is not, `Vec<T>` takes many. `#[port(label = "...")]` sets the label (else the
/// field's name in words), `#[port(required)]` asks for at least one value of a `Vec<T>`, and of a field that is itself such
/// a struct `#[port(flatten)]` takes its ports as if they were written here.
#[proc_macro_derive(Inputs, attributes(port))]
pub fn derive_inputs(input: TokenStream) -> TokenStream {
    expand(ports::derive_inputs(&parse_macro_input!(input as DeriveInput)))
}

/// Makes a struct the outputs of a brick. See `qpyt_sdk::Outputs`.
///
/// Fields and `#[port(...)]` are read as for `Inputs`: `T` is always given, `Option<T>` sometimes, `Vec<T>` gives
/// any number of values, at least one with `#[port(required)]`.
#[proc_macro_derive(Outputs, attributes(port))]
pub fn derive_outputs(input: TokenStream) -> TokenStream {
    expand(ports::derive_outputs(&parse_macro_input!(input as DeriveInput)))
}

fn expand(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(syn::Error::into_compile_error).into()
}
