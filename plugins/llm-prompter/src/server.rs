//! A server of the person's that speaks the OpenAI protocol: Ollama, LM Studio, llama.cpp and many others.

use qpyt_sdk::http::Request;
use qpyt_sdk::prelude::*;
use qpyt_sdk::serde_json::{self, Value, json};

/// Where to ask, and for what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Server {
    /// The address up to the version, such as `http://localhost:11434/v1`.
    pub(crate) url: String,
    /// The model as the server calls it.
    pub(crate) model: String,
    /// Name of the secret that is sent along; empty for none.
    pub(crate) secret: String,
}

/// What to write, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) system: String,
    pub(crate) idea: String,
    pub(crate) max_tokens: u32,
    pub(crate) temperature: f64,
    pub(crate) seed: u64,
}

impl Server {
    /// The server's answer.
    pub(crate) fn ask(&self, task: &Task) -> Result<String> {
        let mut request = Request::post(&self.address()?).json(&self.body(task)?);
        if !self.secret.trim().is_empty() {
            request = request.bearer(self.secret.trim())?;
        }
        answer(&request.send()?.ok()?.text()?)
    }

    /// Where chats are sent to.
    fn address(&self) -> Result<String> {
        let url = self.url.trim().trim_end_matches('/');
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(BrickError::bad_param(
                "server",
                "Write the server's address as it is in its manual, such as http://localhost:11434/v1.",
            ));
        }
        let path = "/chat/completions";
        Ok(if url.ends_with(path) { url.to_owned() } else { format!("{url}{path}") })
    }

    fn body(&self, task: &Task) -> Result<Value> {
        let model = self.model.trim();
        if model.is_empty() {
            return Err(BrickError::bad_param(
                "server_model",
                "Name the model that the server is to use, such as llama3.2.",
            ));
        }
        Ok(json!({
            "model": model,
            "messages": [
                { "role": "system", "content": task.system },
                { "role": "user", "content": task.idea },
            ],
            "max_tokens": task.max_tokens,
            "temperature": task.temperature,
            // JSON knows no whole numbers beyond 53 bits.
            "seed": task.seed & ((1 << 53) - 1),
            "stream": false,
        }))
    }
}

/// The text in the server's answer.
fn answer(body: &str) -> Result<String> {
    let unknown = || {
        let start: String = body.chars().take(200).collect();
        BrickError::other(format!("The server answered something else than a chat completion: {start}"))
    };
    let answer: Value = serde_json::from_str(body).map_err(|_| unknown())?;
    let content = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
    content.map(str::to_owned).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        Server { url: url.to_owned(), model: "llama3.2".to_owned(), secret: String::new() }
    }

    #[test]
    fn the_address_is_completed_and_a_wrong_one_is_named() {
        let expected = "http://localhost:11434/v1/chat/completions";
        for url in ["http://localhost:11434/v1", " http://localhost:11434/v1/ ", expected] {
            assert_eq!(server(url).address().unwrap(), expected);
        }
        for wrong in ["", "localhost:11434", "file:///etc/passwd"] {
            let error = server(wrong).address().unwrap_err();
            assert!(matches!(error, BrickError::BadParam(problem) if problem.name == "server"));
        }
    }

    #[test]
    fn the_request_holds_role_idea_and_options() {
        let task = Task {
            system: "Be brief.".to_owned(),
            idea: "a fox".to_owned(),
            max_tokens: 64,
            temperature: 0.5,
            seed: u64::MAX,
        };
        let body = server("http://a/v1").body(&task).unwrap();
        assert_eq!(body["messages"][1]["content"], "a fox");
        assert_eq!((&body["model"], &body["max_tokens"]), (&json!("llama3.2"), &json!(64)));
        assert_eq!(body["seed"], json!((1_u64 << 53) - 1));
        let nameless = Server { model: " ".to_owned(), ..server("http://a/v1") };
        assert!(
            matches!(nameless.body(&task), Err(BrickError::BadParam(problem)) if problem.name == "server_model")
        );
    }

    #[test]
    fn the_text_is_taken_from_the_answer_and_anything_else_is_shown() {
        assert_eq!(answer(r#"{"choices":[{"message":{"content":"A red fox."}}]}"#).unwrap(), "A red fox.");
        for wrong in ["", "<html>", r#"{"error":"no such model"}"#, r#"{"choices":[]}"#] {
            let error = answer(wrong).unwrap_err();
            assert!(
                matches!(error, BrickError::Other(message) if message.contains("something else") && message.ends_with(wrong))
            );
        }
    }
}
