//! Looking at pictures and enlarging them.

use std::ops::ControlFlow;

use candle_core::Device;

use super::resident::Loadable;
use super::{Engine, EngineError, Family, InstalledModel, Observer, Picture};
use crate::upscale::{DEFAULT_TILE, Upscaler, UpscalerLayout};
use crate::vision::depth_anything::{DepthLayout, DepthModel};
use crate::vision::florence2::{CaptionLayout, CaptionModel, Task as CaptionTask};
use crate::vision::salient::{SalientLayout, SalientNetwork};
use crate::weights::Loaded;

impl Loadable for SalientNetwork {
    type Layout = SalientLayout;
    /// Width and height.
    type Work = (u32, u32);

    fn read(model: &InstalledModel) -> Loaded<Option<SalientLayout>> {
        SalientLayout::read(&model.path)
    }

    fn weight_bytes(layout: &SalientLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &SalientLayout, (width, height): &(u32, u32)) -> Result<u64, EngineError> {
        Ok(layout.activation_bytes(*width, *height))
    }

    fn load(layout: &SalientLayout, device: &Device) -> Loaded<Self> {
        Self::load(layout, device)
    }
}

/// A picture to enlarge.
pub(super) struct Enlarging {
    size: (u32, u32),
    tile: u32,
}

impl Loadable for Upscaler {
    type Layout = UpscalerLayout;
    type Work = Enlarging;

    fn read(model: &InstalledModel) -> Loaded<Option<UpscalerLayout>> {
        UpscalerLayout::read(&model.path)
    }

    fn weight_bytes(layout: &UpscalerLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &UpscalerLayout, work: &Enlarging) -> Result<u64, EngineError> {
        Ok(layout.activation_bytes(work.size.0, work.size.1, work.tile))
    }

    fn load(layout: &UpscalerLayout, device: &Device) -> Loaded<Self> {
        Self::load(layout, device)
    }
}

impl Loadable for DepthModel {
    type Layout = DepthLayout;
    /// Height and width.
    type Work = (u32, u32);

    fn read(model: &InstalledModel) -> Loaded<Option<DepthLayout>> {
        DepthLayout::read(&model.path)
    }

    fn weight_bytes(layout: &DepthLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &DepthLayout, size: &(u32, u32)) -> Result<u64, EngineError> {
        Ok(layout.activation_bytes(*size)?)
    }

    fn load(layout: &DepthLayout, device: &Device) -> Loaded<Self> {
        Self::load(layout, device)
    }
}

impl Loadable for CaptionModel {
    type Layout = CaptionLayout;
    type Work = ();

    fn read(model: &InstalledModel) -> Loaded<Option<CaptionLayout>> {
        CaptionLayout::read(&model.path)
    }

    fn weight_bytes(layout: &CaptionLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &CaptionLayout, (): &()) -> Result<u64, EngineError> {
        Ok(layout.activation_bytes())
    }

    fn load(layout: &CaptionLayout, device: &Device) -> Loaded<Self> {
        Self::load(layout, device)
    }
}

impl Engine {
    /// What a picture shows, in English.
    ///
    /// # Errors
    /// As [`Engine::depth`]; also when the model was not taught the task.
    pub fn caption(
        &self,
        model: &InstalledModel,
        picture: &Picture,
        task: CaptionTask,
        observer: &dyn Observer,
    ) -> Result<String, EngineError> {
        model.must_be(Family::Captioner)?;
        self.sparing(observer, |_| {
            let captioner = self.models.get::<CaptionModel>(model, &(), &self.device, observer)?;
            observer.doing("looking");
            let mut told = |done, parts| told(observer, done, parts);
            Ok(self.threads.install(|| captioner.caption(picture, task, &mut told))?)
        })
    }

    /// How much each pixel of a picture belongs to what stands out: one byte per pixel, row by row, 255 for the subject.
    ///
    /// # Errors
    /// As [`Engine::depth`].
    pub fn matte(
        &self,
        model: &InstalledModel,
        picture: &Picture,
        observer: &dyn Observer,
    ) -> Result<Vec<u8>, EngineError> {
        model.must_be(Family::BackgroundRemoval)?;
        let size = (picture.width, picture.height);
        self.sparing(observer, |_| {
            let network = self.models.get::<SalientNetwork>(model, &size, &self.device, observer)?;
            go_on(observer)?;
            observer.doing("looking");
            Ok(self.threads.install(|| network.matte(picture))?)
        })
    }

    /// The picture with `factor` times as many pixels per side, rounded. The work is cut into pieces of side `tile`,
    /// in pixels; the observer is told of each.
    ///
    /// # Errors
    /// As [`Engine::depth`]; also when factor or tile are out of range.
    pub fn upscale(
        &self,
        model: &InstalledModel,
        picture: &Picture,
        factor: f32,
        tile: Option<u32>,
        observer: &dyn Observer,
    ) -> Result<Picture, EngineError> {
        model.must_be(Family::Upscaler)?;
        let tile = tile.unwrap_or(DEFAULT_TILE);
        let work = Enlarging { size: (picture.width, picture.height), tile };
        self.sparing(observer, |_| {
            let upscaler = self.models.get::<Upscaler>(model, &work, &self.device, observer)?;
            observer.doing("enlarging");
            let mut told = |done, parts| told(observer, done, parts);
            Ok(self.threads.install(|| upscaler.upscale(picture, f64::from(factor), tile, &mut told))?)
        })
    }

    /// How near everything in a picture is: one value per pixel, row by row, from 0 for the farthest to 1 for the
    /// nearest.
    ///
    /// # Errors
    /// The model is for something else, broken or gone, the picture does not fit it or the memory, or the observer
    /// cancelled.
    pub fn depth(
        &self,
        model: &InstalledModel,
        picture: &Picture,
        observer: &dyn Observer,
    ) -> Result<Vec<f32>, EngineError> {
        model.must_be(Family::Depth)?;
        let size = (picture.height, picture.width);
        self.sparing(observer, |_| {
            let depth = self.models.get::<DepthModel>(model, &size, &self.device, observer)?;
            go_on(observer)?;
            observer.doing("looking");
            Ok(self.threads.install(|| depth.depth(picture))?.values)
        })
    }
}

/// Fails once the result is no longer wanted.
fn go_on(observer: &dyn Observer) -> Result<(), EngineError> {
    if observer.cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
}

/// Tells the observer of a finished part of the work, and says whether to go on.
fn told(observer: &dyn Observer, done: usize, parts: usize) -> ControlFlow<()> {
    observer.part(done, parts);
    if observer.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
