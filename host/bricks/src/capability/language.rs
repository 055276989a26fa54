//! Conversations and their answers.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Role {
    /// What the model is told to be.
    #[component(name = "system")]
    System,
    /// The person.
    #[component(name = "user")]
    User,
    /// The model.
    #[component(name = "assistant")]
    Assistant,
}

/// A part of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// What to answer, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct ChatRequest {
    /// A model's id.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Most tokens of the answer.
    #[component(name = "max-tokens")]
    pub max_tokens: u32,
    /// 0 takes the likeliest token each time.
    pub temperature: f32,
    /// Share of the likeliest tokens that are drawn from.
    #[component(name = "top-p")]
    pub top_p: f32,
    /// Seed of the draws.
    pub seed: u64,
    /// Further options, a JSON object.
    pub extra: Option<String>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Finish {
    /// The model said all.
    #[component(name = "stop")]
    Stop,
    /// It has as many tokens as were asked for.
    #[component(name = "length")]
    Length,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct Completion {
    /// The answer.
    pub text: String,
    /// Tokens that were read.
    #[component(name = "prompt-tokens")]
    pub prompt_tokens: u32,
    /// Tokens that were written.
    #[component(name = "output-tokens")]
    pub output_tokens: u32,
    /// Why it ended.
    pub finish: Finish,
}
