//! What all painters hold besides their text encoders and their network.

use std::sync::Arc;

use candle_core::Device;

use super::components::{Components, tensors};
use super::preview::LatentPreview;
use super::vae::{Vae, VaeConfig};
use crate::slots::Slots;
use crate::weights::{BrokenFile, Loaded, WeightFiles};

/// The autoencoder, what is fitted to it, and the places of adapters.
pub struct Base {
    pub(super) vae: Vae,
    pub(super) preview: LatentPreview,
    /// Where adapters reach the layers of encoders and network, which are loaded with them.
    pub(super) slots: Slots,
}

impl Base {
    /// Loads the autoencoder of a model onto a device.
    pub(super) fn load(
        config: &VaeConfig,
        weights: &Arc<WeightFiles>,
        components: &Components,
        device: &Device,
    ) -> Loaded<Self> {
        let vae = Vae::load(config, &tensors(weights, device))?;
        let preview = LatentPreview::fit(&vae)
            .map_err(|e| BrokenFile::new(components.place("vae"), format!("cannot decode: {e}")))?;
        Ok(Self { vae, preview, slots: Slots::default() })
    }
}
