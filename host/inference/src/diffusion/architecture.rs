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
    /// Stable Diffusion 3 Medium and 3.5 Medium: a transformer of width 1536.
    StableDiffusion3Medium,
    /// Stable Diffusion 3.5 Large: the same of width 2432.
    StableDiffusion3Large,
    /// FLUX.1: a transformer of width 3072.
    Flux1,
    /// FLUX.2 Klein 4B: a transformer of width 3072 with other blocks.
    Flux2Klein4B,
    /// FLUX.2 Klein 9B: the same of width 4096.
    Flux2Klein9B,
    /// FLUX.2 dev: the same of width 6144.
    Flux2Dev,
}

impl Architecture {
    /// The name that the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StableDiffusion1 => "stable-diffusion-1",
            Self::StableDiffusion2 => "stable-diffusion-2",
            Self::StableDiffusionXl => "stable-diffusion-xl",
            Self::StableDiffusion3Medium => "stable-diffusion-3-medium",
            Self::StableDiffusion3Large => "stable-diffusion-3-large",
            Self::Flux1 => "flux-1",
            Self::Flux2Klein4B => "flux-2-klein-4b",
            Self::Flux2Klein9B => "flux-2-klein-9b",
            Self::Flux2Dev => "flux-2-dev",
        }
    }

    /// The name that people know it by.
    pub const fn label(self) -> &'static str {
        match self {
            Self::StableDiffusion1 => "Stable Diffusion 1.5",
            Self::StableDiffusion2 => "Stable Diffusion 2",
            Self::StableDiffusionXl => "Stable Diffusion XL",
            Self::StableDiffusion3Medium => "Stable Diffusion 3.x Medium",
            Self::StableDiffusion3Large => "Stable Diffusion 3.5 Large",
            Self::Flux1 => "FLUX.1",
            Self::Flux2Klein4B => "FLUX.2 Klein 4B",
            Self::Flux2Klein9B => "FLUX.2 Klein 9B",
            Self::Flux2Dev => "FLUX.2 dev",
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

    /// The Stable Diffusion 3 whose transformer has this width.
    pub const fn stable_diffusion3(width: usize) -> Option<Self> {
        match width {
            1536 => Some(Self::StableDiffusion3Medium),
            2432 => Some(Self::StableDiffusion3Large),
            _ => None,
        }
    }

    /// The FLUX.2 whose transformer has this width.
    pub const fn flux2(width: usize) -> Option<Self> {
        match width {
            3072 => Some(Self::Flux2Klein4B),
            4096 => Some(Self::Flux2Klein9B),
            6144 => Some(Self::Flux2Dev),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.label())
    }
}
