//! Latent diffusion: the noise predictor, the autoencoder, samplers, noise, and the pipeline that joins them.

pub mod footprint;
pub mod layout;
pub mod noise;
pub mod preview;
pub mod samplers;
pub mod stable_diffusion;
pub mod unet;
pub mod vae;

mod resnet;
