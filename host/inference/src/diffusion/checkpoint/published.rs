//! What no tensor shows of a model in one file: its pipeline, and how its noise is laid out. These are the values that
//! were published for the kind of model, but for what a file says of itself.

use serde_json::{Value, json};

use crate::diffusion::painter::PainterKind;
use crate::diffusion::samplers::Prediction;

/// What is known of a model beyond its kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::diffusion) struct Nature {
    /// What the network predicts.
    pub(in crate::diffusion) prediction: Prediction,
    /// The noise table ends without any trace of the picture.
    pub(in crate::diffusion) zero_snr: bool,
    /// The network was distilled to need few steps.
    pub(in crate::diffusion) distilled: bool,
    /// The text encoder is OpenCLIP's: Stable Diffusion 2.
    pub(in crate::diffusion) open_clip: bool,
    /// The scale of guidance is an input of the network.
    pub(in crate::diffusion) guided: bool,
}

/// The index of the model, as `model_index.json` has it. `title`: what its writer calls it.
pub(super) fn index(kind: PainterKind, nature: Nature, title: Option<&str>) -> Value {
    let class = match kind {
        PainterKind::StableDiffusion => "StableDiffusionPipeline",
        PainterKind::StableDiffusionXl => "StableDiffusionXLPipeline",
        PainterKind::StableDiffusion3 => "StableDiffusion3Pipeline",
        PainterKind::Flux => "FluxPipeline",
        PainterKind::Flux2 => "Flux2KleinPipeline",
    };
    json!({"_class_name": class, "is_distilled": nature.distilled, "_name_or_path": title})
}

/// The scheduler's configuration, as `scheduler_config.json` has it.
pub(super) fn scheduler(kind: PainterKind, nature: Nature) -> Value {
    match kind {
        PainterKind::StableDiffusion | PainterKind::StableDiffusionXl => noise_table(kind, nature),
        PainterKind::StableDiffusion3 => {
            json!({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0})
        }
        PainterKind::Flux if !nature.guided => {
            json!({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 1.0})
        }
        PainterKind::Flux | PainterKind::Flux2 => json!({
            "_class_name": "FlowMatchEulerDiscreteScheduler",
            "shift": 3.0,
            "use_dynamic_shifting": true,
            "base_image_seq_len": 256,
            "max_image_seq_len": 4096,
            "base_shift": 0.5,
            "max_shift": 1.15,
        }),
    }
}

fn noise_table(kind: PainterKind, nature: Nature) -> Value {
    let class = match kind {
        PainterKind::StableDiffusionXl => "EulerDiscreteScheduler",
        _ if nature.open_clip => "DDIMScheduler",
        _ => "PNDMScheduler",
    };
    let late = nature.zero_snr || (nature.distilled && kind == PainterKind::StableDiffusionXl);
    json!({
        "_class_name": class,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "clip_sample": false,
        "set_alpha_to_one": false,
        "skip_prk_steps": true,
        "steps_offset": 1,
        "timestep_spacing": if late { "trailing" } else { "leading" },
        "prediction_type": if nature.prediction == Prediction::Velocity { "v_prediction" } else { "epsilon" },
        "rescale_betas_zero_snr": nature.zero_snr,
    })
}

/// Latent edge of the pictures that a UNet was trained on.
pub(super) fn sample_size(kind: PainterKind, nature: Nature) -> usize {
    match (kind, nature.prediction) {
        (PainterKind::StableDiffusionXl, _) => 128,
        (_, Prediction::Velocity) if nature.open_clip => 96,
        _ => 64,
    }
}
