//! The prompt language that people know from AUTOMATIC1111's web interface: weights, changes over the steps, breaks,
//! adapters and embeddings by name. Every text means something; what is no syntax is words.
//!
//! Order: [`take_loras`] takes adapters out, [`forms_over_steps`] says what the text is at each step, [`summands`] are the
//! prompts that one such form consists of, and [`PromptText::read`] splits one of them into weighed words.

mod emphasis;
mod forms;
mod loras;
mod mentions;
mod sums;

pub use emphasis::{Piece, PromptText};
pub use forms::{Form, TooManyForms, forms_over_steps};
pub use loras::{LoraMention, take_loras};
pub use mentions::{Marked, marked, mentions};
pub use sums::{Summand, summands};

/// How the texts of a request are to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PromptSyntax {
    /// With weights, changes over the steps, breaks and embeddings by name.
    #[default]
    Weighted,
    /// Word for word.
    Plain,
}
