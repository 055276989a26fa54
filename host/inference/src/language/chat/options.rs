//! What a chat is asked and what it answers.

use super::sampling::Sampling;
use crate::language::LanguageError;

/// Most stop texts and most bytes of each.
const MAX_STOPS: usize = 16;
const MAX_STOP_BYTES: usize = 256;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions that hold for the whole chat.
    System,
    /// The one who asks.
    User,
    /// The model, in earlier answers.
    Assistant,
}

impl Role {
    /// The name that templates use.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A message of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// How an answer is written.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatOptions {
    /// Most tokens of the answer, from 1.
    pub max_tokens: usize,
    /// How tokens are picked.
    pub sampling: Sampling,
    /// Texts before which the answer ends; they are left out.
    pub stop: Vec<String>,
    /// Whether models that can think before they answer do, as the text `<think>`…`</think>`.
    pub thinking: bool,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self { max_tokens: 512, sampling: Sampling::default(), stop: Vec::new(), thinking: false }
    }
}

impl ChatOptions {
    pub(super) fn check(&self) -> Result<(), LanguageError> {
        let wrong = |name, problem: &str| Err(LanguageError::Option { name, problem: problem.to_owned() });
        if self.max_tokens == 0 {
            return wrong("max_tokens", "must be at least 1");
        }
        let fits = |stop: &String| (1..=MAX_STOP_BYTES).contains(&stop.len());
        if self.stop.len() > MAX_STOPS || !self.stop.iter().all(fits) {
            return wrong("stop", "takes at most 16 texts of 1 to 256 bytes");
        }
        self.sampling.check()
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it.
    Ended,
    /// One of the stop texts came.
    StopText,
    /// It reached the most tokens, or the end of the model's window.
    Length,
    /// The callback asked for it.
    Cancelled,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The text, which is what the callback got piece by piece.
    pub text: String,
    /// Tokens that the messages took.
    pub prompt_tokens: usize,
    /// Tokens that were written, the end mark included.
    pub output_tokens: usize,
    /// Why it ended.
    pub finish: Finish,
}
