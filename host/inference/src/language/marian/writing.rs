//! Writing a translation: the search for texts over this model's decoder.

use std::ops::ControlFlow;

use candle_core::{Result, Tensor};

use super::generation::GenerationConfig;
use super::model::{DecoderState, MarianModel};
use crate::language::LanguageError;
use crate::text::beam::{SearchError, StepDecoder, search};

/// The model in the middle of translating a source.
struct Writing<'a> {
    model: &'a MarianModel,
    state: DecoderState,
}

impl StepDecoder for Writing<'_> {
    fn step(&mut self, tokens: &[u32]) -> Result<Tensor> {
        if tokens.len() != self.state.beams() {
            self.state.reorder(&vec![0; tokens.len()])?;
        }
        self.model.next(tokens, &mut self.state)?.squeeze(1)
    }

    fn reorder(&mut self, parents: &[usize]) -> Result<()> {
        self.state.reorder(&parents.iter().map(|parent| *parent as u32).collect::<Vec<_>>())
    }
}

impl MarianModel {
    /// Translates a source, the end mark included, to tokens, start included. `go_on` is asked before the source is
    /// read and after every token; when it breaks there is no translation.
    ///
    /// # Errors
    /// The source does not fit the model, or its numbers are no longer numbers.
    pub fn generate(
        &self,
        source: &[u32],
        config: &GenerationConfig,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> std::result::Result<Option<Vec<u32>>, LanguageError> {
        if go_on().is_break() {
            return Ok(None);
        }
        let mut writing = Writing { model: self, state: self.read(source)? };
        match search(&mut writing, &config.rules(self.config()), &mut |_, _| go_on()) {
            Ok(tokens) => Ok(Some([vec![self.config().start], tokens].concat())),
            Err(SearchError::Cancelled) => Ok(None),
            Err(SearchError::NotANumber) => Err(LanguageError::NotANumber),
            Err(SearchError::Mismatch(problem)) => Err(candle_core::Error::Msg(problem).into()),
            Err(SearchError::Tensor(error)) => Err(error.into()),
        }
    }
}
