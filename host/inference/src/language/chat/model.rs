//! A chat model in memory, and how it answers.

use std::ops::ControlFlow;

use candle_core::{DType, Device, Tensor};

use super::layout::{BLOCK, ChatLayout, Source};
use super::options::{ChatOptions, Completion, Finish, Message};
use super::sampling::Sampler;
use super::stream::{Piece, TextStream};
use super::template::ChatTemplate;
use super::tokenizer::{ChatTokenizer, Texts};
use crate::language::decoder::{Decoder, KeyValueCache};
use crate::language::{LanguageError, OnText};
use crate::weights::Loaded;

/// Longest text that is tokenized, in bytes.
const MAX_TEXT: usize = 8 << 20;

/// A chat model with its weights.
pub struct ChatModel {
    decoder: Decoder,
    tokenizer: ChatTokenizer,
    template: ChatTemplate,
}

impl ChatModel {
    /// Loads the weights, tokenizer and template.
    ///
    /// # Errors
    /// A file is missing or broken, or the parts do not fit each other.
    pub fn load(layout: &ChatLayout, device: &Device) -> Loaded<Self> {
        let Texts { tokenizer, template } = match &layout.source {
            Source::Folder(_) => Texts::read_folder(&layout.path)?,
            Source::Gguf(file) => Texts::read_gguf(file)?,
        };
        let decoder = Decoder::load(&layout.decoder, &layout.weights(device))?;
        Ok(Self { decoder, tokenizer, template })
    }

    /// The decoder.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &ChatTokenizer {
        &self.tokenizer
    }

    /// The ids of messages, up to where the answer begins.
    ///
    /// # Errors
    /// There are no messages, they are too long for the model, or its template refuses them.
    pub fn prompt(&self, messages: &[Message], thinking: bool) -> Result<Vec<u32>, LanguageError> {
        if messages.is_empty() {
            return Err(LanguageError::NoMessages);
        }
        let bytes = messages.iter().map(|m| m.content.len()).sum();
        if bytes > MAX_TEXT {
            return Err(LanguageError::TooManyBytes { bytes, most: MAX_TEXT });
        }
        let ids = self.tokenizer.encode(&self.template.render(messages, thinking)?)?;
        let (tokens, context) = (ids.len(), self.decoder.config().context);
        match tokens {
            0 => Err(LanguageError::NoMessages),
            _ if tokens >= context => Err(LanguageError::TooLong { tokens, context }),
            _ => Ok(ids),
        }
    }

    /// Answers messages. `on_text` gets the answer in pieces of whole characters, and an empty piece where there is
    /// nothing to say for a while: at least once a token, and between blocks of the prompt. When it breaks, the answer
    /// ends there.
    ///
    /// # Errors
    /// The messages or options do not fit the model, or computing fails.
    pub fn complete(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        on_text: OnText,
    ) -> Result<Completion, LanguageError> {
        options.check()?;
        let prompt = self.prompt(messages, options.thinking)?;
        let context = self.decoder.config().context;
        let mut cache = self.decoder.cache(context.min(prompt.len().saturating_add(options.max_tokens)))?;
        let mut stream = TextStream::new(&self.tokenizer, &options.stop);
        let mut sampler = Sampler::new(options.sampling, &prompt);
        let mut output_tokens = 0;
        let finish = match self.read(&prompt, &mut cache, on_text)? {
            None => Finish::Cancelled,
            Some(mut logits) => loop {
                let id = sampler.pick(&mut values(&logits)?)?;
                output_tokens += 1;
                if self.tokenizer.ends(id) {
                    break Finish::Ended;
                }
                let (piece, stopped) = match stream.push(id)? {
                    Piece::Text(piece) => (piece, false),
                    Piece::Stopped(piece) => (piece, true),
                };
                match on_text(&piece) {
                    _ if stopped => break Finish::StopText,
                    ControlFlow::Break(()) => break Finish::Cancelled,
                    ControlFlow::Continue(()) if output_tokens == options.max_tokens || cache.room() == 0 => {
                        break Finish::Length;
                    }
                    ControlFlow::Continue(()) => {}
                }
                logits = self.decoder.next(&[id], &mut cache)?;
            },
        };
        if matches!(finish, Finish::Ended | Finish::Length) {
            let rest = stream.rest()?;
            if !rest.is_empty() {
                // The answer is over either way.
                let _ = on_text(&rest);
            }
        }
        let text = stream.into_text();
        Ok(Completion { text, prompt_tokens: prompt.len(), output_tokens, finish })
    }

    /// Takes the prompt in; none if it was cancelled.
    fn read(
        &self,
        prompt: &[u32],
        cache: &mut KeyValueCache,
        on_text: OnText,
    ) -> Result<Option<Tensor>, LanguageError> {
        let mut logits = None;
        for block in prompt.chunks(BLOCK) {
            if on_text("").is_break() {
                return Ok(None);
            }
            logits = Some(self.decoder.next(block, cache)?);
        }
        Ok(logits)
    }
}

/// Logits as numbers.
fn values(logits: &Tensor) -> candle_core::Result<Vec<f32>> {
    logits.flatten_all()?.to_dtype(DType::F32)?.to_vec1()
}
