//! Florence-2: says what a picture shows (Xiao et al., arXiv 2311.06242), with its PromptGen fine-tunes.
//!
//! Computed as transformers' `Florence2ForConditionalGeneration` with its processor computes it: DaViT looks, a
//! projection makes tokens of what it saw, and BART reads them before the prompt and writes the answer.

pub mod config;
pub mod davit;
pub mod layout;
pub mod names;
pub mod projector;
pub mod tokenizer;

mod task;

pub use layout::CaptionLayout;
pub use task::{Task, Teaching};

use std::sync::Arc;

use candle_core::{Device, Tensor};

use self::config::Florence2Config;
use self::davit::Davit;
use self::names::Names;
use self::projector::Projector;
use self::task::Answer;
use self::tokenizer::FlorenceTokenizer;
use super::VisionError;
use super::pixels::{self, Normalisation};
use crate::Picture;
use crate::pixels::check_picture;
use crate::text::bart::Bart;
use crate::text::beam::{SearchError, SearchProgress, SearchRules, search};
use crate::weights::{Loaded, WeightFiles, Weights};

/// The networks with their weights.
pub struct Florence2 {
    tower: Davit,
    projector: Projector,
    text: Bart,
    sentence_start: u32,
    sentence_end: u32,
}

impl Florence2 {
    /// Loads the weights, whichever of the two ways they are named in.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &Florence2Config, files: Arc<WeightFiles>, device: &Device) -> Loaded<Self> {
        let weights = Weights::new(files, device);
        let names = Names::of(&weights);
        let (text, head) = names.text(&weights);
        Ok(Self {
            tower: Davit::load(&config.tower, names, &weights)?,
            projector: Projector::load(&config.tower, names, &weights)?,
            text: Bart::load(&config.text, &text, &head)?,
            sentence_start: config.sentence_start,
            sentence_end: config.sentence_end,
        })
    }

    /// What the text model reads of a normalised picture (1, 3, height, width): (1, tokens, width).
    ///
    /// # Errors
    /// The picture is too small or too large for the model.
    pub fn look(&self, picture: &Tensor) -> candle_core::Result<Tensor> {
        self.projector.forward(&self.tower.forward(picture)?)
    }

    /// The text model, for what it reads and writes.
    pub fn text(&self) -> &Bart {
        &self.text
    }

    /// States (1, length, width) of the picture's tokens followed by a prompt, which start and end marks enclose.
    ///
    /// # Errors
    /// Both together are longer than the model's positions.
    pub fn read(&self, seen: &Tensor, prompt: &[u32]) -> candle_core::Result<Tensor> {
        let mut ids = vec![self.sentence_start];
        ids.extend_from_slice(prompt);
        ids.push(self.sentence_end);
        self.text.encode(&Tensor::cat(&[seen, &self.text.embed(&ids)?.unsqueeze(0)?], 1)?)
    }

    /// The most likely tokens under the rules, after the one that every text begins with.
    ///
    /// # Errors
    /// The progress callback breaks or the weights are not finite.
    pub fn write(
        &self,
        states: &Tensor,
        rules: &SearchRules,
        progress: SearchProgress<'_>,
    ) -> Result<Vec<u32>, SearchError> {
        search(&mut self.text.decoder(states)?, rules, progress)
    }
}

/// A captioner that is ready to use.
pub struct CaptionModel {
    networks: Florence2,
    tokenizer: FlorenceTokenizer,
    rules: SearchRules,
    picture_size: (usize, usize),
    normalisation: Normalisation,
    teaching: Teaching,
    device: Device,
}

impl CaptionModel {
    /// Loads the weights and the tokenizer.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the tokenizer does not fit the model.
    pub fn load(layout: &CaptionLayout, device: &Device) -> Loaded<Self> {
        Ok(Self {
            tokenizer: FlorenceTokenizer::load(&layout.folder, layout.config.text.vocabulary)?,
            networks: Florence2::load(&layout.config, layout.weights.clone(), device)?,
            rules: layout.rules.clone(),
            picture_size: layout.picture_size,
            normalisation: layout.normalisation,
            teaching: layout.teaching,
            device: device.clone(),
        })
    }

    /// True if the model knows a task.
    pub fn knows(&self, task: Task) -> bool {
        task.prompt(self.teaching).is_some()
    }

    /// Says about a picture what the task asks for; `progress` is called before anything is computed, when the
    /// picture has been seen, and after every token, with the tokens so far and the most there can be.
    ///
    /// # Errors
    /// The progress callback breaks, the picture has no pixels, or the model does not know the task.
    pub fn caption(
        &self,
        picture: &Picture,
        task: Task,
        progress: SearchProgress<'_>,
    ) -> Result<String, VisionError> {
        let (prompt, answer) = task.prompt(self.teaching).ok_or(VisionError::UnknownTask(task))?;
        check_picture(picture)?;
        let mut step = || match progress(0, self.rules.longest) {
            std::ops::ControlFlow::Continue(()) => Ok(()),
            std::ops::ControlFlow::Break(()) => Err(VisionError::Cancelled),
        };
        step()?;
        let (height, width) = self.picture_size;
        let input =
            pixels::to_tensor(picture, width as u32, height as u32, self.normalisation, &self.device)?;
        let seen = self.networks.look(&input)?;
        step()?;
        let prompt = self.tokenizer.encode(prompt).map_err(VisionError::Internal)?;
        let states = self.networks.read(&seen, &prompt)?;
        let written = self.networks.write(&states, &self.rules, progress)?;
        match answer {
            Answer::Text => self.tokenizer.decode(&written),
            Answer::ObjectNames => self.tokenizer.object_names(&written),
        }
        .map_err(VisionError::Internal)
    }
}
