//! Why a text could not be made.

/// What keeps a text model from answering.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    /// There is nothing to answer.
    #[error("there is no message to answer; give at least one")]
    NoMessages,
    /// The text does not fit the model's window together with at least one token of answer.
    #[error(
        "the text is too long: {tokens} tokens, and the model reads {context} with its answer; shorten the text"
    )]
    TooLong {
        /// Tokens of the text.
        tokens: usize,
        /// Tokens that the model attends to.
        context: usize,
    },
    /// The text is longer than any that is tokenized.
    #[error("the text is too long: {bytes} bytes, at most {most} are taken; shorten the text")]
    TooManyBytes {
        /// Bytes of the text.
        bytes: usize,
        /// Bytes that are taken.
        most: usize,
    },
    /// An option has a value that means nothing.
    #[error("{name} {problem}")]
    Option {
        /// The option.
        name: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
    /// The model's chat template refuses the messages or is broken.
    #[error("the model's chat template does not take these messages: {0}")]
    Template(String),
    /// The model's tokenizer does not take the text.
    #[error("the model's tokenizer does not take this text: {0}")]
    Tokenizer(String),
    /// The model's numbers are no longer numbers.
    #[error("the model computed something that is not a number; its weights may be damaged")]
    NotANumber,
    /// A tensor operation failed.
    #[error("the text model failed: {0}")]
    Tensor(#[from] candle_core::Error),
}
