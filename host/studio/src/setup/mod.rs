//! What `cargo run --release` does before it serves: on a source checkout it builds the bricks and the web app when
//! they are out of date. An installed release has no sources, so there is nothing to do.
//!
//! Digests of the sources decide what is out of date; a start with nothing to do only reads them. A file lock lets
//! many processes (tests, say) ask at once: one does the work, the others wait for it.

mod bricks;
mod error;
mod install;
mod layout;
mod lock;
pub(crate) mod progress;
mod web;

pub use error::SetupError;
pub use layout::Layout;

/// How to set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SetupOptions {
    /// Use only what is on this machine.
    pub offline: bool,
}

/// Brings the bricks and the web app up to date, if the installation is a source checkout.
///
/// # Errors
/// [`SetupError`], which names the step, the tool and the way out.
pub fn prepare(layout: &Layout, options: SetupOptions) -> Result<(), SetupError> {
    if layout.has_sources() {
        bricks::ensure(&bricks::BrickSources::first_party(layout), options)?;
        web::ensure(layout, options)?;
    }
    Ok(())
}
