//! The architectures of networks that paint, as far as adapters and controls must tell them apart.

use std::fmt;

/// The network that a model is, or that an adapter or control is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Stable Diffusion 1: a UNet that attends to one text encoder of width 768.
    StableDiffusion1,
    /// Stable Diffusion 2: the same with a text encoder of width 1024.
    StableDiffusion2,
    /// Stable Diffusion XL: a UNet that attends to two text encoders, 2048 wide together.
    StableDiffusionXl,
    /// Stable Diffusion 3 and 3.5.
    StableDiffusion3,
    /// FLUX.1.
    Flux1,
    /// FLUX.2.
    Flux2,
}

impl Architecture {
    /// The name that the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StableDiffusion1 => "stable-diffusion-1",
            Self::StableDiffusion2 => "stable-diffusion-2",
            Self::StableDiffusionXl => "stable-diffusion-xl",
            Self::StableDiffusion3 => "stable-diffusion-3",
            Self::Flux1 => "flux-1",
            Self::Flux2 => "flux-2",
        }
    }

    /// The name that people know it by.
    pub const fn label(self) -> &'static str {
        match self {
            Self::StableDiffusion1 => "Stable Diffusion 1.5",
            Self::StableDiffusion2 => "Stable Diffusion 2",
            Self::StableDiffusionXl => "Stable Diffusion XL",
            Self::StableDiffusion3 => "Stable Diffusion 3",
            Self::Flux1 => "FLUX.1",
            Self::Flux2 => "FLUX.2",
        }
    }

    /// The Stable Diffusion whose UNet attends to text states of this width.
    pub const fn of_text_width(width: usize) -> Option<Self> {
        match width {
            768 => Some(Self::StableDiffusion1),
            1024 => Some(Self::StableDiffusion2),
            2048 => Some(Self::StableDiffusionXl),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.label())
    }
}
