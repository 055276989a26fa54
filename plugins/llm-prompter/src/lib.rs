//! The prompt enhancer brick: makes a rich prompt of a short idea, with a model on the host or on a server of the
//! person's.

mod conversation;
mod roles;
mod server;

use qpyt_sdk::ai::language::{self, ChatRequest, Message, Role};
use qpyt_sdk::job;
use qpyt_sdk::prelude::*;

use server::{Server, Task};

/// Makes a rich prompt of your short idea.
#[derive(Debug, Clone, Params)]
struct LlmPrompter {
    /// Who sees the idea.
    #[param(default = "director", choices = roles::choices())]
    role: String,
    /// Your own role; goes before the one above.
    #[param(title = "Own role", widget = "text")]
    own_role: String,
    /// Where the model runs.
    #[param(title = "Runs", default = "studio", choices = [("studio", "In the studio"), ("server", "On a server of yours")])]
    place: String,
    /// The studio's model that writes.
    #[param(
        default = "smollm2-135m-instruct",
        widget = "model",
        hint("x-model-family", "chat"),
        hint("x-when", "place=studio")
    )]
    model: String,
    /// Address of your server: Ollama, LM Studio, llama.cpp or another that speaks the OpenAI protocol.
    #[param(default = "http://localhost:11434/v1", widget = "text", hint("x-when", "place=server"))]
    server: String,
    /// The model as your server calls it.
    #[param(title = "Server's model", default = "llama3.2", widget = "text", hint("x-when", "place=server"))]
    server_model: String,
    /// Name of the stored secret that your server wants; empty for none.
    #[param(title = "Server's secret", widget = "text", hint("x-when", "place=server"))]
    server_secret: String,
    /// 0 takes the likeliest words, more surprises more.
    #[param(default = 0.7, min = 0.0, max = 2.0, step = 0.05)]
    temperature: f64,
    /// The most tokens to write; a word is one or two.
    #[param(title = "Length", default = 256, min = 16, max = 2048)]
    max_tokens: u32,
    /// Another number gives another prompt. Without one, each run does.
    #[param(widget = "seed", min = 0)]
    seed: Option<u32>,
}

#[derive(Inputs)]
struct Idea {
    /// The idea.
    prompt: String,
    /// What to avoid; passed on as it is.
    #[port(label = "Negative prompt")]
    negative: Option<String>,
}

#[derive(Outputs)]
struct Rich {
    /// The rich prompt.
    prompt: String,
    /// What to avoid.
    #[port(label = "Negative prompt")]
    negative: String,
}

impl Brick for LlmPrompter {
    const ID: &'static str = "qpyt:llm-prompter";
    const LABEL: &'static str = "Prompt enhancer";
    const CATEGORY: Category = Category::Input;
    type Inputs = Idea;
    type Outputs = Rich;

    fn run(self, inputs: Idea) -> Result<Rich> {
        let negative = inputs.negative.unwrap_or_default();
        let idea = inputs.prompt.trim();
        if idea.is_empty() {
            return Ok(Rich { prompt: String::new(), negative });
        }
        let task = Task {
            system: conversation::system(&self.role, &self.own_role)?,
            idea: idea.to_owned(),
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            seed: self.seed.map_or_else(job::seed, u64::from),
        };
        let answer = if self.place == "server" { self.server().ask(&task)? } else { self.ask_studio(task)? };
        let prompt = conversation::prompt(&answer);
        if prompt.is_empty() {
            return Err(BrickError::other("The model wrote nothing. Try another seed, role or model."));
        }
        Ok(Rich { prompt, negative })
    }
}

impl LlmPrompter {
    fn server(&self) -> Server {
        Server {
            url: self.server.clone(),
            model: self.server_model.clone(),
            secret: self.server_secret.clone(),
        }
    }

    fn ask_studio(&self, task: Task) -> Result<String> {
        job::progress(0.0, "Writing")?;
        let completion = language::complete(&ChatRequest {
            model: self.model.clone(),
            messages: vec![
                Message { role: Role::System, content: task.system },
                Message { role: Role::User, content: task.idea },
            ],
            max_tokens: task.max_tokens,
            temperature: task.temperature as f32,
            top_p: 0.95,
            seed: task.seed,
            extra: Some(r#"{"repetition_penalty":1.1}"#.to_owned()),
        })?;
        Ok(completion.text)
    }
}

qpyt_sdk::export!(LlmPrompter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<LlmPrompter>(), Vec::<String>::new());
    }

    #[test]
    fn without_an_idea_no_model_is_asked_and_the_rest_is_passed_on() {
        let idea = Idea { prompt: " ".to_owned(), negative: Some("blur".to_owned()) };
        let rich = LlmPrompter::defaults().unwrap().run(idea).unwrap();
        assert_eq!((rich.prompt.as_str(), rich.negative.as_str()), ("", "blur"));
    }
}
