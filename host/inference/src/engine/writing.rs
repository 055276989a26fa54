//! Answering in conversations, and translating.

use std::ops::ControlFlow;

use candle_core::Device;

use super::resident::Loadable;
use super::{Engine, EngineError, Family, InstalledModel, Observer};
use crate::language::chat::{ChatLayout, ChatModel, ChatOptions, Completion, Finish, Message};
use crate::language::translate::{Translator, TranslatorLayout};
use crate::weights::Loaded;

/// Tokens of prompts that are counted on when memory is planned. Longer ones take more for a moment.
const PLANNED_PROMPT: usize = 1024;

impl Loadable for ChatModel {
    type Layout = ChatLayout;
    /// Tokens.
    type Work = usize;

    fn read(model: &InstalledModel) -> Loaded<Option<ChatLayout>> {
        ChatLayout::read(&model.path)
    }

    fn weight_bytes(layout: &ChatLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &ChatLayout, tokens: &usize) -> Result<u64, EngineError> {
        Ok(layout.working_bytes(*tokens))
    }

    fn load(layout: &ChatLayout, device: &Device) -> Loaded<Self> {
        Self::load(layout, device)
    }
}

impl Loadable for Translator {
    type Layout = TranslatorLayout;
    type Work = ();

    fn read(model: &InstalledModel) -> Loaded<Option<TranslatorLayout>> {
        TranslatorLayout::read(&model.path)
    }

    fn weight_bytes(layout: &TranslatorLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &TranslatorLayout, (): &()) -> Result<u64, EngineError> {
        Ok(layout.working_bytes())
    }

    fn load(layout: &TranslatorLayout, device: &Device) -> Loaded<Self> {
        Self::load(layout, device)
    }
}

impl Engine {
    /// Translates a text of any length, sentence by sentence. The observer gets each sentence when it is done.
    ///
    /// # Errors
    /// As [`Engine::complete`].
    pub fn translate(
        &self,
        model: &InstalledModel,
        text: &str,
        observer: &dyn Observer,
    ) -> Result<String, EngineError> {
        model.must_be(Family::Translator)?;
        // What was written has reached the observer, so only loading is tried again.
        let translator =
            self.sparing(observer, |_| self.models.get::<Translator>(model, &(), &self.device, observer))?;
        observer.doing("translating");
        let translated =
            self.threads.install(|| translator.translate(text, &mut |piece| pass_on(observer, piece)))?;
        if translated.cancelled { Err(EngineError::Cancelled) } else { Ok(translated.text) }
    }

    /// Answers a conversation. The observer gets the answer piece by piece.
    ///
    /// # Errors
    /// The model is for something else, broken or gone, the conversation does not fit it or the memory, or the observer
    /// cancelled.
    pub fn complete(
        &self,
        model: &InstalledModel,
        messages: &[Message],
        options: &ChatOptions,
        observer: &dyn Observer,
    ) -> Result<Completion, EngineError> {
        model.must_be(Family::Chat)?;
        let tokens = options.max_tokens.saturating_add(PLANNED_PROMPT);
        let chat =
            self.sparing(observer, |_| self.models.get::<ChatModel>(model, &tokens, &self.device, observer))?;
        observer.doing("writing");
        let completed = self
            .threads
            .install(|| chat.complete(messages, options, &mut |piece| pass_on(observer, piece)))?;
        match completed.finish {
            Finish::Cancelled => Err(EngineError::Cancelled),
            Finish::Ended | Finish::StopText | Finish::Length => Ok(completed),
        }
    }
}

/// Gives a piece of text to the observer, and says whether to go on.
fn pass_on(observer: &dyn Observer, piece: &str) -> ControlFlow<()> {
    if observer.cancelled() {
        return ControlFlow::Break(());
    }
    if !piece.is_empty() {
        observer.text(piece);
    }
    ControlFlow::Continue(())
}
