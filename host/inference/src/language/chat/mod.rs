//! Chat: messages go through the model's template and tokenizer into its decoder, and text comes out as it is written.

mod gguf_tokenizer;
mod layout;
mod model;
mod options;
mod random;
mod sampling;
mod stream;
mod template;
mod tokenizer;

pub use layout::ChatLayout;
pub use model::ChatModel;
pub use options::{ChatOptions, Completion, Finish, Message, Role};
pub use sampling::Sampling;
pub use template::ChatTemplate;
pub use tokenizer::ChatTokenizer;
