//! Parameters of documents that were made with another version of a brick.

use crate::{Brick, JsonObject, params};

/// A brick that carries parameters over from its other versions. A component says so with
/// [`migrate!`](crate::migrate).
pub trait Migrate: Brick {
    /// The parameters that a document has from `from_version`, as those of this version. Pure and fast.
    ///
    /// # Errors
    /// What the person has to do by hand.
    fn migrate(from_version: &str, params: JsonObject) -> Result<JsonObject, String>;
}

/// Carries parameters over as the host asks for it: from one JSON object to another.
///
/// # Errors
/// What [`Migrate::migrate`] says, or that `params` is no JSON object.
pub fn migrate<B: Migrate>(from_version: &str, params: &str) -> Result<String, String> {
    let params = params::parse(params)?;
    let carried = B::migrate(from_version, params)?;
    Ok(serde_json::Value::Object(carried).to_string())
}

/// Lets bricks of this component carry parameters over: `qpyt_sdk::migrate!(Blur)` beside `qpyt_sdk::export!(Blur,
/// Sharpen)`. The parameters of those that are not named stay as they are.
#[macro_export]
macro_rules! migrate {
    ($($brick:ty),+ $(,)?) => {
        const _: () = {
            struct Component;
            const _: Component = Component;

            impl $crate::bindings::migrate::exports::qpyt::brick::migrate::Guest for Component {
                fn migrate_params(
                    brick: ::std::string::String,
                    from_version: ::std::string::String,
                    params: ::std::string::String,
                ) -> ::core::result::Result<::std::string::String, ::std::string::String> {
                    $(
                        if brick == <$brick as $crate::Brick>::ID {
                            return $crate::migrate::migrate::<$brick>(&from_version, &params);
                        }
                    )+
                    ::core::result::Result::Ok(params)
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::migrate::export_migrate!(Component with_types_in $crate::bindings::migrate);
        };
    };
}
