//! Latent diffusion: the noise predictors, the autoencoder, samplers, noise, and the pipelines that join them.

pub mod architecture;
pub mod checkpoint;
pub mod clip;
pub mod control_layout;
pub mod flux;
pub mod flux2;
pub mod footprint;
pub mod held;
pub mod layout;
pub mod noise;
pub mod painter;
pub mod pipeline;
pub mod preview;
pub mod samplers;
pub mod sd3;
pub mod spares;
pub mod stable_diffusion;
pub mod unet;
pub mod usual;
pub mod vae;

mod base;
mod components;
mod dit;
mod guide;
mod patches;
mod resnet;
