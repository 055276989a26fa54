//! Writing and translating for a brick.

use async_trait::async_trait;
use qpyt_bricks::capability::{self, ChatRequest, Completion, Finish, JobError, Language};
use qpyt_inference::chat::{self, ChatOptions, Sampling};

use super::BrickHost;

/// The most texts that can end an answer.
const MAX_STOPS: usize = 8;

#[async_trait]
impl Language for BrickHost {
    async fn complete(&self, request: ChatRequest) -> Result<Completion, JobError> {
        let extra = Extra::read(request.extra.as_deref())?;
        let options = ChatOptions {
            max_tokens: request.max_tokens as usize,
            sampling: Sampling {
                temperature: request.temperature,
                top_k: extra.top_k.unwrap_or_default(),
                // Nothing at all can't be drawn from; the least is the likeliest token.
                top_p: request.top_p.max(f32::MIN_POSITIVE),
                min_p: extra.min_p,
                repetition_penalty: extra.repetition_penalty,
                seed: request.seed,
            },
            stop: extra.stop,
            thinking: false,
        };
        let messages: Vec<_> = request.messages.into_iter().map(message).collect();
        let completed = self.on_model(&request.model, move |engine, model, observer| {
            engine.complete(model, &messages, &options, observer)
        });
        let completed = completed.await?;
        let count = |tokens: usize| u32::try_from(tokens).unwrap_or(u32::MAX);
        Ok(Completion {
            text: completed.text,
            prompt_tokens: count(completed.prompt_tokens),
            output_tokens: count(completed.output_tokens),
            finish: match completed.finish {
                chat::Finish::Length => Finish::Length,
                chat::Finish::Ended | chat::Finish::StopText | chat::Finish::Cancelled => Finish::Stop,
            },
        })
    }

    async fn translate(&self, model: String, text: String) -> Result<String, JobError> {
        self.on_model(&model, move |engine, model, observer| engine.translate(model, &text, observer)).await
    }
}

fn message(message: capability::Message) -> chat::Message {
    let role = match message.role {
        capability::Role::System => chat::Role::System,
        capability::Role::User => chat::Role::User,
        capability::Role::Assistant => chat::Role::Assistant,
    };
    chat::Message { role, content: message.content }
}

/// The open-ended options of a request.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Extra {
    top_k: Option<usize>,
    min_p: f32,
    repetition_penalty: f32,
    stop: Vec<String>,
}

impl Default for Extra {
    fn default() -> Self {
        Self { top_k: None, min_p: 0.0, repetition_penalty: 1.0, stop: Vec::new() }
    }
}

impl Extra {
    fn read(text: Option<&str>) -> Result<Self, JobError> {
        let Some(text) = text else { return Ok(Self::default()) };
        let bad = |problem: String| JobError::BadArgument(format!("extra: {problem}"));
        let extra: Self = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        if extra.top_k == Some(0) {
            return Err(bad("`top_k` must be at least 1".to_owned()));
        }
        if !(0.0..=1.0).contains(&extra.min_p) {
            return Err(bad(format!("`min_p` must be 0..1, but is {}", extra.min_p)));
        }
        if !(1.0..=2.0).contains(&extra.repetition_penalty) {
            return Err(bad(format!(
                "`repetition_penalty` must be 1..2, but is {}",
                extra.repetition_penalty
            )));
        }
        if extra.stop.len() > MAX_STOPS || extra.stop.iter().any(String::is_empty) {
            return Err(bad(format!("`stop` takes at most {MAX_STOPS} texts, none of them empty")));
        }
        Ok(extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_are_refused_by_name() {
        let extra = Extra::read(Some(r#"{"top_k": 4, "stop": ["\n"]}"#)).unwrap();
        assert_eq!((extra.top_k, extra.repetition_penalty, extra.stop.len()), (Some(4), 1.0, 1));
        for (wrong, name) in [
            (r#"{"topk": 4}"#, "topk"),
            (r#"{"top_k": 0}"#, "top_k"),
            (r#"{"min_p": 2}"#, "min_p"),
            (r#"{"repetition_penalty": 0.5}"#, "repetition_penalty"),
            (r#"{"stop": [""]}"#, "stop"),
        ] {
            let refused = Extra::read(Some(wrong)).unwrap_err().to_string();
            assert!(refused.contains(name), "{refused}");
        }
    }
}
