//! Bytes that several hold: a stretch of a mapped file, or of memory that weights were made in.

use std::sync::Arc;

/// A stretch of bytes whose owner lives as long as anything holds one.
#[derive(Clone)]
pub struct SharedBytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    begin: usize,
    length: usize,
}

impl SharedBytes {
    /// All bytes of an owner.
    pub fn whole(owner: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Self {
        let length = (*owner).as_ref().len();
        Self { owner, begin: 0, length }
    }

    /// The bytes.
    pub fn get(&self) -> &[u8] {
        (*self.owner).as_ref().get(self.begin..self.begin + self.length).unwrap_or_default()
    }

    /// A stretch of them, as far as they reach.
    pub fn stretch(&self, begin: usize, length: usize) -> Self {
        let begin = begin.min(self.length);
        Self {
            owner: Arc::clone(&self.owner),
            begin: self.begin + begin,
            length: length.min(self.length - begin),
        }
    }
}
