//! What a brick is in Rust, and how the two exports of a component are made of it.

use crate::bindings::qpyt::brick::types::{BrickInfo, Category, NamedValue};
use crate::params;
use crate::{BrickError, Inputs, Outputs, Params, Result};

/// One step of a workflow. The value is the brick with its parameters filled in.
pub trait Brick: Params {
    /// `namespace:name`, lower case. It names the brick in documents for ever.
    const ID: &'static str;
    /// What the person reads on it.
    const LABEL: &'static str;
    /// Its family.
    const CATEGORY: Category;
    /// What it takes; `()` for nothing.
    type Inputs: Inputs;
    /// What it gives; `()` for nothing.
    type Outputs: Outputs;

    /// Does the work. Each run happens in a fresh sandbox: nothing stays from one to the next but what goes into
    /// [`memory`](crate::memory).
    fn run(self, inputs: Self::Inputs) -> Result<Self::Outputs>;
}

/// What a brick says about itself, at the version of its crate.
pub fn describe<B: Brick>(version: &str) -> BrickInfo {
    BrickInfo {
        id: B::ID.to_owned(),
        version: version.to_owned(),
        label: B::LABEL.to_owned(),
        category: B::CATEGORY,
        doc: B::DOC.to_owned(),
        inputs: B::Inputs::ports(),
        outputs: B::Outputs::ports(),
        params_schema: B::schema().to_json(),
    }
}

/// Runs a brick as the host does: values at ports, parameters as a JSON object.
pub fn run<B: Brick>(mut inputs: Vec<NamedValue>, params: &str) -> Result<Vec<NamedValue>> {
    let brick = B::from_json(&params::parse(params).map_err(BrickError::Other)?)?;
    let mut given = Vec::new();
    brick.run(B::Inputs::take(&mut inputs)?)?.give(&mut given)?;
    Ok(given)
}

/// The answer to a request for a brick that the binary doesn't hold.
pub fn unknown(brick: &str) -> BrickError {
    BrickError::Other(format!("This component holds no brick `{brick}`."))
}

/// Makes a component of one or more bricks, `qpyt_sdk::export!(Blur, Sharpen)`. Their version is that of the crate.
#[macro_export]
macro_rules! export {
    ($($brick:ty),+ $(,)?) => {
        const _: () = {
            struct Component;
            // Natively there are no exports to use the bricks, but their tests do.
            const _: Component = Component;

            impl $crate::bindings::exports::qpyt::brick::describe::Guest for Component {
                fn bricks() -> ::std::vec::Vec<$crate::BrickInfo> {
                    ::std::vec![$($crate::brick::describe::<$brick>(env!("CARGO_PKG_VERSION"))),+]
                }
            }

            impl $crate::bindings::exports::qpyt::brick::run::Guest for Component {
                fn run(
                    brick: ::std::string::String,
                    inputs: ::std::vec::Vec<$crate::ports::NamedValue>,
                    params: ::std::string::String,
                ) -> $crate::Result<::std::vec::Vec<$crate::ports::NamedValue>> {
                    $(
                        if brick == <$brick as $crate::Brick>::ID {
                            return $crate::brick::run::<$brick>(inputs, &params);
                        }
                    )+
                    ::core::result::Result::Err($crate::brick::unknown(&brick))
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}
