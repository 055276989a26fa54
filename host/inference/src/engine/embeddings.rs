//! Embeddings that a request's texts may mention.

use std::sync::Arc;

use candle_core::Device;

use super::additions::{check_family, strange_to};
use super::painting::Painter;
use super::resident::{Company, Loadable, Resident};
use super::{Engine, EngineError, Family, ImageRequest, InstalledModel, Observer};
use crate::text::{InversionLayout, TextualInversion};
use crate::weights::Loaded;

/// Most embeddings of a request.
const MAX_EMBEDDINGS: usize = 64;

/// An embedding that fits the model that paints.
pub(super) struct LoadedEmbedding {
    pub(super) model: InstalledModel,
    pub(super) inversion: Arc<Resident<TextualInversion>>,
}

impl Loadable for TextualInversion {
    type Layout = InversionLayout;
    type Work = ();

    fn read(model: &InstalledModel) -> Loaded<Option<InversionLayout>> {
        InversionLayout::read(&model.path)
    }

    fn weight_bytes(layout: &InversionLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(_layout: &InversionLayout, (): &()) -> Result<u64, EngineError> {
        Ok(0)
    }

    fn load(layout: &InversionLayout, device: &Device) -> Loaded<Self> {
        Self::load(layout, device)
    }
}

/// Checks what can be said of a request's embeddings without loading them.
pub(super) fn check(request: &ImageRequest) -> Result<(), EngineError> {
    let count = request.embeddings.len();
    if count > MAX_EMBEDDINGS {
        return Err(EngineError::bad("embeddings", format!("{count} are more than {MAX_EMBEDDINGS}")));
    }
    request.embeddings.iter().try_for_each(|model| check_family(model, Family::Embedding, "embeddings"))
}

/// Adds the embeddings of a request that may fit a model to what is needed at the same time.
pub(super) fn join(
    company: &mut Company,
    engine: &Engine,
    request: &ImageRequest,
    model: &InstalledModel,
) -> Result<(), EngineError> {
    for embedding in request.embeddings.iter().filter(|it| strange_to(it, model).is_none()) {
        company.add(&embedding.path, engine.models.needs::<TextualInversion>(embedding, &())?);
    }
    Ok(())
}

impl Engine {
    /// Loads the embeddings that fit a model. Tells the observer of the others, whose names are words then.
    pub(super) fn embeddings(
        &self,
        request: &ImageRequest,
        model: &InstalledModel,
        (painter, company): (&Painter, &Company),
        observer: &dyn Observer,
    ) -> Result<Vec<LoadedEmbedding>, EngineError> {
        let widths = painter.pipeline.text_widths();
        let mut fitting = Vec::new();
        for embedding in &request.embeddings {
            let id = &embedding.id;
            if widths.is_empty() {
                observer.note(&format!("this model takes no embeddings; `{id}` is read as words"));
                continue;
            }
            if let Some(strange) = strange_to(embedding, model) {
                observer.note(&format!("the embedding `{id}` {strange}; its name is read as words"));
                continue;
            }
            let inversion =
                self.models.get_among::<TextualInversion>(embedding, company, &self.device, observer)?;
            if widths.iter().all(|width| inversion.model.rows(*width).is_some()) {
                fitting.push(LoadedEmbedding { model: embedding.clone(), inversion });
            } else {
                observer.note(&format!("the embedding `{id}` has another width; its name is read as words"));
            }
        }
        Ok(fitting)
    }
}
