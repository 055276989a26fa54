//! Chat templates: the Jinja text of a model that turns messages into its prompt, run with bounds on time and output.

use std::error::Error as _;
use std::io::{Error as IoError, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, context};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::options::Message;
use crate::language::LanguageError;

/// Longest template that is read.
pub(super) const MAX_TEMPLATE: usize = 1 << 18;
/// Instructions that a template may run; those of large models take some thousands for a message.
const FUEL: u64 = 4_000_000;
/// Deepest nesting of macros and loops.
const RECURSION: usize = 64;
/// Longest prompt.
const MAX_PROMPT: usize = 32 << 20;
/// The format of Qwen and of most fine-tuned models, for models that come without a template.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + \
     '<|im_end|>\n' }}{% endfor %}{{ '<|im_start|>assistant\n' }}";

/// A compiled template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    begin: String,
    end: String,
}

impl ChatTemplate {
    /// Compiles a template, ChatML if there is none; `begin` and `end` are the marks that it knows as `bos_token` and
    /// `eos_token`.
    ///
    /// # Errors
    /// It is too long or does not parse; the message names the line.
    pub fn new(source: Option<&str>, begin: &str, end: &str) -> Result<Self, String> {
        let source = source.unwrap_or(CHATML);
        if source.len() > MAX_TEMPLATE {
            return Err(format!("the chat template is longer than {MAX_TEMPLATE} bytes"));
        }
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION);
        // As transformers compiles them.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|e| e.to_string())?);
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment
            .add_template_owned("chat", source.to_owned())
            .map_err(|e| format!("the chat template does not parse: {e}"))?;
        Ok(Self { environment, begin: begin.to_owned(), end: end.to_owned() })
    }

    /// The prompt for messages, up to where the answer begins.
    ///
    /// # Errors
    /// The template raises an exception, or runs longer or writes more than it may.
    pub fn render(&self, messages: &[Message], thinking: bool) -> Result<String, LanguageError> {
        let failed = |e: Error| {
            let told = match e.kind() {
                ErrorKind::WriteFailure => e.source().map(ToString::to_string),
                _ => e.detail().map(str::to_owned),
            };
            LanguageError::Template(told.unwrap_or_else(|| e.to_string()))
        };
        let messages: Vec<_> = messages
            .iter()
            .map(|message| context! { role => message.role.name(), content => message.content.as_str() })
            .collect();
        let values = context! {
            messages,
            add_generation_prompt => true,
            enable_thinking => thinking,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
        };
        let mut prompt = Bounded(Vec::new());
        let template = self.environment.get_template("chat").map_err(failed)?;
        template.render_captured_to(values, &mut prompt).map_err(failed)?;
        String::from_utf8(prompt.0).map_err(|e| LanguageError::Template(e.to_string()))
    }
}

/// Takes no more than the longest prompt.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, IoError> {
        if self.0.len() + bytes.len() > MAX_PROMPT {
            return Err(IoError::other("it writes too long a prompt"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), IoError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::chat::Role;

    fn render(source: &str) -> Result<String, String> {
        let messages = [Message::new(Role::System, "Be brief."), Message::new(Role::User, " Hello ")];
        let template = ChatTemplate::new(Some(source), "<s>", "</s>")?;
        template.render(&messages, false).map_err(|e| e.to_string())
    }

    #[test]
    fn without_a_template_the_prompt_is_chatml() {
        let template = ChatTemplate::new(None, "", "").unwrap();
        assert_eq!(
            template.render(&[Message::new(Role::User, "Hi")], false).unwrap(),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn templates_use_what_python_offers_them() {
        let source = "{{ bos_token }}{%- set ns = namespace(found=false) -%}\n{% for m in messages %}\n  \
             {%- if m['role'] == 'system' %}{% set ns.found = true %}{% continue %}{% endif %}\
             [{{ loop.index0 }}]{{ m.content.strip().upper().split('L')[0] }}{{ m.content | trim | tojson }}\n\
             {% endfor %}{{ ns.found }} {{ messages[-1].content.startswith(' ') }} {{ tools is defined }}\
             {{ ('a' * 3)[::-1] }}{{ messages[1:]|length }}";
        assert_eq!(render(source).unwrap(), "<s>[1]HE\"Hello\"\nTrue True Falseaaa1");
    }

    #[test]
    fn what_a_template_raises_is_told() {
        let message = render("{{ raise_exception('roles must alternate') }}").unwrap_err();
        assert!(message.ends_with("these messages: roles must alternate"), "{message}");
        assert!(render("{% for %}").unwrap_err().contains("does not parse"));
    }

    #[test]
    fn templates_that_do_not_end_are_stopped() {
        let endless = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert!(render(endless).unwrap_err().contains("fuel"), "{}", render(endless).unwrap_err());
        let recursive = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
        assert!(render(recursive).unwrap_err().contains("recursion"), "{}", render(recursive).unwrap_err());
        let long = "{% for a in range(1000) %}{{ 'a' * 100000 }}{% endfor %}";
        assert!(render(long).unwrap_err().contains("too long"), "{}", render(long).unwrap_err());
    }
}
