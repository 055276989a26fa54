//! The tensors of one component in a file that may hold several: those whose names begin alike.

use candle_core::{Device, Tensor};

use crate::weights::{BrokenFile, KeyMap, Loaded, WeightFiles};

/// Tensors below a prefix, by their names after it.
#[derive(Clone, Copy)]
pub(in crate::diffusion) struct Section<'a> {
    files: &'a WeightFiles,
    prefix: &'a str,
}

impl<'a> Section<'a> {
    /// The tensors whose names begin with `prefix`, which ends in a dot or is empty.
    pub(in crate::diffusion) fn below(files: &'a WeightFiles, prefix: &'a str) -> Self {
        Self { files, prefix }
    }

    /// The names, without the prefix.
    pub(in crate::diffusion) fn names(self) -> impl Iterator<Item = &'a str> {
        self.files.names_below(self.prefix).filter_map(move |name| name.strip_prefix(self.prefix))
    }

    /// Dimensions of a tensor, outermost first.
    pub(in crate::diffusion) fn shape(self, name: &str) -> Option<&'a [usize]> {
        self.files.stored_shape(&format!("{}{name}", self.prefix))
    }

    /// Loads a tensor; none if it is not there.
    ///
    /// # Errors
    /// It does not hold floating-point numbers.
    pub(in crate::diffusion) fn tensor(self, name: &str, device: &Device) -> Loaded<Option<Tensor>> {
        self.files.stored_tensor(&format!("{}{name}", self.prefix), device)
    }

    /// True if there is a tensor of this name.
    pub(in crate::diffusion) fn has(self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// One dimension of a tensor.
    ///
    /// # Errors
    /// There is no such tensor, or it has fewer dimensions.
    pub(in crate::diffusion) fn dim(self, name: &str, axis: usize) -> Loaded<usize> {
        self.shape(name).and_then(|shape| shape.get(axis)).copied().ok_or_else(|| {
            self.problem(format!("has no tensor `{}{name}` of more than {axis} dimensions", self.prefix))
        })
    }

    /// How many numbers from 0 on follow `before` in the names.
    pub(in crate::diffusion) fn count(self, before: &str) -> usize {
        let before = format!("{}{before}", self.prefix);
        let names = self.files.names_below(&before);
        let numbers = names.filter_map(|name| name.strip_prefix(before.as_str())?.split('.').next());
        let mut numbers: Vec<usize> = numbers.filter_map(|number| number.parse().ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().zip(0..).take_while(|(number, place)| number == place).count()
    }

    /// A problem with the file.
    pub(in crate::diffusion) fn problem(self, problem: impl std::fmt::Display) -> BrokenFile {
        BrokenFile::new(self.files.paths().next().unwrap_or(std::path::Path::new("")), problem)
    }

    /// A map that leaves all names as they are after the prefix.
    pub(in crate::diffusion) fn own_names(self) -> KeyMap {
        let mut map = KeyMap::default();
        for name in self.names() {
            map.tensor(name, name);
        }
        map
    }
}
