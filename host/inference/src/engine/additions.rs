//! What a request adds to the model that paints: adapters and controls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use candle_core::{Device, Tensor};

use super::machine::Terms;
use super::painting::{Canvas, Painter};
use super::request::decimal;
use super::resident::{Company, Loadable, Resident};
use super::{Engine, EngineError, Family, ImageRequest, InstalledModel, Observer, Picture};
use crate::adapter::{Blended, Lora, LoraLayout, blend};
use crate::diffusion::control_layout::ControlLayout;
use crate::diffusion::pipeline::{Pipeline, Steering};
use crate::diffusion::unet::ControlNet;
use crate::pixels::{Kernel, check_picture, resize};
use crate::weights::{Loaded, Residence};

/// Most adapters and controls of a request.
const MAX_ADAPTERS: usize = 64;
const MAX_CONTROLS: usize = 8;
/// Largest weight of either.
const MAX_WEIGHT: f32 = 10.0;
/// Layers that do not fit whose names a note gives.
const NAMED_MISFITS: usize = 3;

/// An adapter to blend in.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// A model of the family [`Family::Lora`].
    pub model: InstalledModel,
    /// How much of its change, -10 to 10; 1 is as it was trained, 0 is nothing.
    pub weight: f32,
}

/// A picture that steers what is painted, through a network made for such pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// A model of the family [`Family::ControlNet`].
    pub model: InstalledModel,
    /// What it sees, such as edges or depth; brought to the request's size where it has another.
    pub picture: Picture,
    /// How strongly it steers, 0 to 10; 1 is as it was trained.
    pub weight: f32,
    /// The share of the steps before which it does nothing, 0 to 1.
    pub start: f32,
    /// The share of the steps after which it does nothing, from the start to 1.
    pub end: f32,
}

impl Adapter {
    fn check(&self) -> Result<(), EngineError> {
        check_family(&self.model, Family::Lora, "LoRAs")?;
        if (-MAX_WEIGHT..=MAX_WEIGHT).contains(&self.weight) {
            return Ok(());
        }
        let Self { model, weight } = self;
        let problem =
            format!("the weight of `{}` is {weight}; it may be -{MAX_WEIGHT} to {MAX_WEIGHT}", model.id);
        Err(EngineError::bad("LoRAs", problem))
    }
}

impl Control {
    fn check(&self) -> Result<(), EngineError> {
        check_family(&self.model, Family::ControlNet, "controls")?;
        check_picture(&self.picture).map_err(|e| EngineError::bad("controls", e.to_string()))?;
        if !(0.0..=MAX_WEIGHT).contains(&self.weight) {
            let (id, weight) = (&self.model.id, self.weight);
            let problem = format!("the weight of `{id}` is {weight}; it may be 0 to {MAX_WEIGHT}");
            return Err(EngineError::bad("controls", problem));
        }
        let (start, end) = (self.start, self.end);
        if (0.0..=1.0).contains(&start) && (start..=1.0).contains(&end) {
            return Ok(());
        }
        let problem = format!("{start} to {end} is no part of the steps, which go from 0 to 1");
        Err(EngineError::bad("controls", problem))
    }

    /// The picture (1, 3, height, width) in 0..1 at a size, resized as diffusers does it.
    fn picture_at(&self, (width, height): (u32, u32), device: &Device) -> Result<Tensor, EngineError> {
        let Picture { width: own_width, height: own_height, rgb } = &self.picture;
        let rgb = resize(rgb, 3, (*own_width, *own_height), (width, height), Kernel::Lanczos)
            .map_err(|e| EngineError::bad("controls", e.to_string()))?;
        let picture = Picture { width, height, rgb };
        Ok(((picture.to_tensor(device)? + 1.0)? / 2.0)?)
    }
}

/// Fails if an addition is for something else.
pub(super) fn check_family(
    model: &InstalledModel,
    family: Family,
    field: &'static str,
) -> Result<(), EngineError> {
    if model.family == family {
        return Ok(());
    }
    let problem = format!("`{}` is a model of the family {}, not {family}", model.id, model.family);
    Err(EngineError::bad(field, problem))
}

/// Checks what can be said of a request's additions without loading them.
pub(super) fn check(request: &ImageRequest, model: &InstalledModel) -> Result<(), EngineError> {
    for (field, count, most) in
        [("LoRAs", request.adapters.len(), MAX_ADAPTERS), ("controls", request.controls.len(), MAX_CONTROLS)]
    {
        if count > most {
            return Err(EngineError::bad(field, format!("{count} are more than {most}")));
        }
    }
    request.adapters.iter().try_for_each(Adapter::check)?;
    for control in &request.controls {
        control.check()?;
        if let Some(strange) = strange_to(&control.model, model) {
            return Err(EngineError::bad("controls", format!("`{}` {strange}", control.model.id)));
        }
    }
    Ok(())
}

/// Why an addition is made for another network than a model's; none if it may fit.
pub(super) fn strange_to(addition: &InstalledModel, model: &InstalledModel) -> Option<String> {
    let made_for = addition.architecture.filter(|made_for| model.architecture != Some(*made_for))?;
    Some(match model.architecture {
        Some(painter) => format!("is made for {made_for}, but `{}` is {painter}", model.id),
        None => format!("is made for {made_for}, which `{}` is not", model.id),
    })
}

impl Loadable for Lora {
    type Layout = LoraLayout;
    type Work = ();

    fn read(model: &InstalledModel) -> Loaded<Option<LoraLayout>> {
        LoraLayout::read(&model.path)
    }

    fn weight_bytes(layout: &LoraLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &LoraLayout, (): &()) -> Result<u64, EngineError> {
        Ok(layout.blended_bytes())
    }

    fn load(layout: &LoraLayout, device: &Device) -> Loaded<Self> {
        Self::load(layout, device)
    }
}

/// A loaded ControlNet, which runs share.
pub(super) struct LoadedControl(Arc<ControlNet>);

impl Loadable for LoadedControl {
    type Layout = ControlLayout;
    type Work = Canvas;

    fn read(model: &InstalledModel) -> Loaded<Option<ControlLayout>> {
        ControlLayout::read(&model.path)
    }

    fn hold(layout: &mut ControlLayout, terms: &Terms, residence: Option<Arc<Residence>>) {
        layout.hold(terms.holding(layout.native_type(), residence));
    }

    fn weight_bytes(layout: &ControlLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &ControlLayout, canvas: &Canvas) -> Result<u64, EngineError> {
        Ok(layout.activation_bytes(canvas.size, canvas.batch))
    }

    fn load(layout: &ControlLayout, device: &Device) -> Loaded<Self> {
        layout.load(device).map(|net| Self(Arc::new(net)))
    }
}

/// What tells one set of adapters from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AdapterSet(Vec<(PathBuf, u64, Option<SystemTime>, u32)>);

/// The additions of a request that a model can take.
pub(super) struct Additions<'a> {
    adapters: Vec<&'a Adapter>,
    controls: Vec<&'a Control>,
}

impl<'a> Additions<'a> {
    /// Chooses what does something. Tells the observer of adapters that are made for another network.
    pub(super) fn of(request: &'a ImageRequest, model: &InstalledModel, observer: &dyn Observer) -> Self {
        let mut adapters = Vec::new();
        for adapter in request.adapters.iter().filter(|adapter| adapter.weight != 0.0) {
            match strange_to(&adapter.model, model) {
                None => adapters.push(adapter),
                Some(strange) => {
                    observer.note(&format!("the LoRA `{}` {strange}; it is left out", adapter.model.id));
                }
            }
        }
        Self { adapters, controls: request.controls.iter().filter(|control| control.weight != 0.0).collect() }
    }

    /// The adapters as a prompt's states depend on them.
    pub(super) fn adapter_set(&self) -> AdapterSet {
        let key = |adapter: &&Adapter| {
            let model = &adapter.model;
            (model.path.clone(), model.bytes, model.modified, adapter.weight.to_bits())
        };
        AdapterSet(self.adapters.iter().map(key).collect())
    }

    /// The model and all additions, with what each needs in memory.
    pub(super) fn company(
        &self,
        engine: &Engine,
        model: &InstalledModel,
        canvas: &Canvas,
    ) -> Result<Company, EngineError> {
        let mut company = Company::default();
        company.add(&model.path, engine.models.needs::<Painter>(model, canvas)?);
        for adapter in &self.adapters {
            company.add(&adapter.model.path, engine.models.needs::<Lora>(&adapter.model, &())?);
        }
        for control in &self.controls {
            let need = engine.models.needs::<LoadedControl>(&control.model, canvas)?;
            company.add(&control.model.path, need);
        }
        Ok(company)
    }

    /// Loads the adapters and blends them into a model. Tells the observer of layers that do not fit.
    pub(super) fn blend_into(
        &self,
        painter: &Arc<Resident<Painter>>,
        engine: &Engine,
        company: &Company,
        observer: &dyn Observer,
    ) -> Result<Option<Adapted>, EngineError> {
        if self.adapters.is_empty() {
            return Ok(None);
        }
        let mut loras = Vec::new();
        for adapter in &self.adapters {
            let get = engine.models.get_among::<Lora>(&adapter.model, company, &engine.device, observer);
            loras.push((get?, decimal(adapter.weight)));
        }
        let borrowed: Vec<(&Lora, f64)> = loras.iter().map(|(lora, weight)| (&lora.model, *weight)).collect();
        let adapted = Adapted(Arc::clone(painter));
        let blended = blend(painter.pipeline.slots(), &borrowed)?;
        for (adapter, blended) in self.adapters.iter().zip(&blended) {
            if let Some(note) = misfit_note(&adapter.model.id, blended) {
                observer.note(&note);
            }
        }
        Ok(Some(adapted))
    }

    /// Loads the controls, for pictures of a size.
    pub(super) fn steer(
        &self,
        pipeline: &dyn Pipeline,
        request: &ImageRequest,
        engine: &Engine,
        company: &Company,
        observer: &dyn Observer,
    ) -> Result<Vec<Steering>, EngineError> {
        let mut steering = Vec::new();
        for control in &self.controls {
            let (models, device) = (&engine.models, &engine.device);
            let loaded = models.get_among::<LoadedControl>(&control.model, company, device, observer)?;
            let net = Arc::clone(&loaded.model.0);
            let refused =
                |problem| EngineError::bad("controls", format!("`{}`: {problem}", control.model.id));
            pipeline.takes(net.config()).map_err(refused)?;
            steering.push(Steering {
                net,
                picture: control.picture_at((request.width, request.height), device)?,
                weight: decimal(control.weight),
                start: decimal(control.start),
                end: decimal(control.end),
            });
        }
        Ok(steering)
    }
}

/// A model with adapters in its slots, for as long as this lives.
pub(super) struct Adapted(Arc<Resident<Painter>>);

impl Drop for Adapted {
    fn drop(&mut self) {
        self.0.pipeline.slots().clear();
    }
}

/// What to say of layers that do not fit; none if all do.
fn misfit_note(id: &str, blended: &Blended) -> Option<String> {
    let misfits = &blended.misfits;
    if misfits.is_empty() {
        return None;
    }
    if blended.layers == 0 {
        return Some(format!("no layer of the LoRA `{id}` fits this model; it is left out"));
    }
    let named: Vec<_> = misfits.iter().take(NAMED_MISFITS).map(String::as_str).collect();
    let more = if misfits.len() > named.len() { " and others" } else { "" };
    Some(format!(
        "{} of {} layers of the LoRA `{id}` do not fit this model and are left out: {}{more}",
        misfits.len(),
        misfits.len() + blended.layers,
        named.join(", ")
    ))
}
