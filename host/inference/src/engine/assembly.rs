//! Networks that came without their text encoders and autoencoder, and the parts that are lent to them.

use std::path::{Path, PathBuf};

use super::found::{Found, FoundModel, What, family_of};
use super::models::Family;
use super::readings::Readings;
use crate::diffusion::checkpoint::Part;
use crate::diffusion::painter::{Borrowed, FoundPainter, PainterKind};
use crate::diffusion::spares::{Lacking, Missing, Spare};

/// Width of the states of Qwen3-8B, which FLUX.2 Klein 9B reads.
const QWEN3_8B_WIDTH: usize = 4096;

/// What a scan has found of networks and parts.
#[derive(Default)]
pub(super) struct Assembly {
    spares: Vec<Spare>,
    networks: Vec<(String, PathBuf, Lacking)>,
}

/// A network with its id and path, and the model that it became or why it did not.
pub(super) type Assembled = (String, PathBuf, Family, Result<FoundModel, Unfinished>);

/// Why a network became no model.
pub(super) struct Unfinished {
    /// What is wrong, and where possible what to do.
    pub(super) message: String,
    /// The entry of the catalogue that has all the parts it lacks.
    pub(super) entry: Option<&'static str>,
}

impl Assembly {
    /// Keeps parts to lend.
    pub(super) fn keep(&mut self, spares: Vec<Spare>) {
        self.spares.extend(spares);
    }

    /// Adds a network that lacks parts.
    pub(super) fn add(&mut self, id: String, path: PathBuf, lacking: Lacking) {
        self.networks.push((id, path, lacking));
    }

    /// Lends every network what it lacks.
    pub(super) fn finish(self, readings: &Readings) -> Vec<Assembled> {
        let Self { spares, networks } = self;
        let finished = networks.into_iter().map(|(id, path, lacking)| {
            let model = match lacking.borrow(&spares) {
                Ok(borrowed) => assemble(&path, &borrowed, readings)
                    .map_err(|message| Unfinished { message, entry: None }),
                Err(missing) => {
                    let entry = bundle(lacking.kind, &missing);
                    Err(Unfinished { message: lacks(&path, lacking.kind, &missing, entry), entry })
                }
            };
            (id, path, family_of(lacking.kind), model)
        });
        finished.collect()
    }
}

/// Reads a network with what it borrows.
fn assemble(path: &Path, borrowed: &Borrowed, readings: &Readings) -> Result<FoundModel, String> {
    let paths: Vec<&Path> = std::iter::once(path).chain(borrowed.values().map(PathBuf::as_path)).collect();
    let look = readings.look(&paths, || {
        let painter = FoundPainter::open(path, borrowed).map_err(|broken| (None, broken))?;
        Ok(Some(FoundModel::painter(painter, borrowed)?.into()))
    });
    match look {
        Ok(Some(Found { what: What::Model(model), .. })) => Ok(model),
        Ok(_) => Err(format!("{}: is no model that paints", path.display())),
        Err((_, broken)) => Err(broken.to_string()),
    }
}

/// What to say of a network that no part was found for.
fn lacks(path: &Path, kind: PainterKind, missing: &[Missing], entry: Option<&str>) -> String {
    let named: Vec<_> = missing.iter().map(|missing| missing.part.label()).collect();
    let files: Vec<_> = missing.iter().map(|missing| published(kind, *missing)).collect();
    let pull = entry.map(|entry| format!("fetch them with `qpyt models pull {entry}`, or "));
    format!(
        "{}: holds the network alone, without {}; {}put into a models folder, from the Hub: {}",
        path.display(),
        listed(&named),
        pull.unwrap_or_default(),
        files.join(", ")
    )
}

/// One after the other, as in "a, b and c".
fn listed(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}

/// The entry of the catalogue that has parts of a kind; none if it has not all of them.
fn bundle(kind: PainterKind, missing: &[Missing]) -> Option<&'static str> {
    let other = |missing: &Missing| {
        missing.part == Part::OpenClip || (missing.part, missing.width) == (Part::Qwen3, Some(QWEN3_8B_WIDTH))
    };
    match kind {
        _ if missing.iter().any(other) => None,
        PainterKind::StableDiffusion => Some("stable-diffusion-v1-5"),
        PainterKind::StableDiffusionXl => Some("stable-diffusion-xl-base-1.0"),
        PainterKind::StableDiffusion3 => Some("stable-diffusion-3.5-parts"),
        PainterKind::Flux => Some("flux.1-parts"),
        PainterKind::Flux2 => Some("flux.2-klein-4b-parts"),
    }
}

/// Where a part was published as one file.
const fn published(kind: PainterKind, Missing { part, width }: Missing) -> &'static str {
    match (part, kind) {
        (Part::Vae, PainterKind::StableDiffusion) => {
            "vae-ft-mse-840000-ema-pruned.safetensors of stabilityai/sd-vae-ft-mse-original"
        }
        (Part::Vae, PainterKind::StableDiffusionXl) => "sdxl_vae.safetensors of stabilityai/sdxl-vae",
        (Part::Vae, PainterKind::StableDiffusion3) => {
            "vae/diffusion_pytorch_model.safetensors of stabilityai/stable-diffusion-3.5-medium"
        }
        (Part::Vae, PainterKind::Flux) => "split_files/vae/ae.safetensors of Comfy-Org/z_image_turbo",
        (Part::Vae, PainterKind::Flux2) => "split_files/vae/flux2-vae.safetensors of Comfy-Org/flux2-dev",
        (Part::ClipL, _) => "clip_l.safetensors of comfyanonymous/flux_text_encoders",
        (Part::ClipG, _) => "text_encoders/clip_g.safetensors of Comfy-Org/stable-diffusion-3.5-fp8",
        (Part::OpenClip, _) => "text_encoder/model.safetensors of stabilityai/stable-diffusion-2-1",
        (Part::T5, _) => "t5xxl_fp8_e4m3fn.safetensors of comfyanonymous/flux_text_encoders",
        (Part::Qwen3, _) => match width {
            Some(QWEN3_8B_WIDTH) => {
                "split_files/text_encoders/qwen_3_8b_fp8mixed.safetensors of Comfy-Org/flux2-klein-9B"
            }
            _ => "split_files/text_encoders/qwen_3_4b.safetensors of Comfy-Org/flux2-klein",
        },
        (Part::Unet | Part::Transformer, _) => "the model's own file",
    }
}
