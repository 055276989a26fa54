//! Write bricks for Qpyt Studio in Rust.
//!
//! A brick is one step of a workflow: a WebAssembly component that says what it is and what to do with its inputs.
//! Here a brick is a struct. Its fields are its parameters, two more structs are its inputs and outputs, and
//! [`export!`] makes a component of it:
//!
//! ```
//! use qpyt_sdk::prelude::*;
//!
//! /// Says a text louder.
//! #[derive(Params)]
//! struct Shout {
//!     /// How many exclamation marks to add.
//!     #[param(default = 1, min = 0, max = 10)]
//!     marks: u32,
//! }
//!
//! #[derive(Inputs)]
//! struct Quiet {
//!     /// The text to say louder.
//!     text: String,
//! }
//!
//! #[derive(Outputs)]
//! struct Loud {
//!     /// The same text, louder.
//!     text: String,
//! }
//!
//! impl Brick for Shout {
//!     const ID: &'static str = "docs:shout";
//!     const LABEL: &'static str = "Shout";
//!     const CATEGORY: Category = Category::Input;
//!     type Inputs = Quiet;
//!     type Outputs = Loud;
//!
//!     fn run(self, inputs: Quiet) -> Result<Loud> {
//!         let marks = (0..self.marks).map(|_| '!');
//!         Ok(Loud { text: inputs.text.to_uppercase().chars().chain(marks).collect() })
//!     }
//! }
//!
//! qpyt_sdk::export!(Shout);
//! ```
//!
//! What the host can do for a brick is in [`media`], [`ai`], [`store`], [`http`] and [`job`]. What
//! it keeps from run to run is in [`memory`]; [`migrate`](mod@migrate) carries parameters over from its other versions. A component imports what it
//! calls and nothing else, and its `brick.toml` has to name those interfaces.

extern crate self as qpyt_sdk;

pub mod bindings;
pub mod brick;
pub mod check;
pub mod chosen;
mod error;
pub mod http;
pub mod job;
pub mod memory;
pub mod migrate;
pub mod params;
pub mod ports;
pub mod schema;
pub mod shapes;

pub use bindings::qpyt::{ai, media, store};
pub use brick::Brick;
pub use migrate::Migrate;
pub use params::Params;
pub use ports::{Inputs, Json, Mask, Outputs};
pub use qpyt_sdk_macros::{Inputs, Outputs, Params};
pub use schema::Choice;
pub use serde_json;
#[doc(hidden)]
pub use wit_bindgen;

/// Why a run failed; the case tells the studio where to show the message.
pub use bindings::qpyt::brick::types::BrickError;
/// What a brick says about itself.
pub use bindings::qpyt::brick::types::BrickInfo;
/// The four families of bricks; each has a colour.
pub use bindings::qpyt::brick::types::Category;
/// A picture that the host owns; holding one costs a handle, not pixels.
pub use bindings::qpyt::media::image::Image;

/// The result of whatever can fail in a brick.
pub type Result<T, E = BrickError> = core::result::Result<T, E>;

/// A JSON object. Its keys are sorted.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;

/// What almost every brick needs.
pub mod prelude {
    pub use crate::{Brick, BrickError, Category, Image, Inputs, Json, Outputs, Params, Result};
}
