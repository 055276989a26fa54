//! What the weights of a model take, part by part, each in the way that it is held.

use std::sync::Arc;

use candle_core::DType;

use super::clip::ClipPart;
use crate::weights::{Block, Holding, WeightFiles};

/// The weights of a model. The network comes first, then its text encoders, then what stays on the device.
pub struct Held<'a> {
    parts: Vec<Part<'a>>,
}

type Counts<'a> = Box<dyn Fn(&str) -> bool + 'a>;

struct Part<'a> {
    files: &'a Arc<WeightFiles>,
    holding: Holding,
    /// Which of the tensors are loaded.
    counts: Counts<'a>,
    /// True if its blocks can be brought to a device one after the other.
    streams: bool,
}

impl<'a> Held<'a> {
    /// Those of a network.
    pub(super) fn network(files: &'a Arc<WeightFiles>, holding: &Holding) -> Self {
        Self { parts: Vec::new() }.and(files, holding)
    }

    /// The same and a part whose blocks can be brought to a device one after the other.
    pub(super) fn and(self, files: &'a Arc<WeightFiles>, holding: &Holding) -> Self {
        self.with(Part { files, holding: holding.clone(), counts: Box::new(|_| true), streams: true })
    }

    /// The same and a text encoder whose blocks can be brought to a device one after the other.
    pub(super) fn and_clip(self, part: &'a ClipPart, holding: &Holding) -> Self {
        let counts = Box::new(|name: &str| part.reads(name));
        self.with(Part { files: &part.weights, holding: holding.clone(), counts, streams: true })
    }

    /// The same and a part of which only some tensors are loaded.
    pub(super) fn and_some(
        self,
        files: &'a Arc<WeightFiles>,
        holding: &Holding,
        counts: fn(&str) -> bool,
    ) -> Self {
        // What a GGUF file holds of a language model is used by other layers, which stay.
        let streams = files.gguf_file().is_none();
        let holding = if streams { holding.clone() } else { holding.in_single() };
        self.with(Part { files, holding, counts: Box::new(counts), streams })
    }

    /// The same and a part that computes in f32 and stays on the device.
    pub(super) fn and_resident(self, files: &'a Arc<WeightFiles>, holding: &Holding) -> Self {
        self.with(Part { files, holding: holding.in_single(), counts: Box::new(|_| true), streams: false })
    }

    fn with(mut self, part: Part<'a>) -> Self {
        self.parts.push(part);
        self
    }

    /// Bytes of all of them on the device.
    pub fn bytes(&self) -> u64 {
        let each = self.parts.iter().map(|part| part.files.loaded_bytes_as(&part.holding, &part.counts));
        each.fold(0, u64::saturating_add)
    }

    /// The blocks that can be brought to the device one after the other, those that are used most first. What has one
    /// name in several parts is one block.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for part in self.parts.iter().filter(|part| part.streams) {
            for block in part.files.blocks(&part.holding, &part.counts) {
                match blocks.iter_mut().find(|known| known.name == block.name) {
                    Some(known) => {
                        known.bytes = known.bytes.saturating_add(block.bytes);
                        known.largest = known.largest.max(block.largest);
                    }
                    None => blocks.push(block),
                }
            }
        }
        blocks
    }

    /// The type that suits the network as it is stored.
    pub fn native_type(&self) -> DType {
        self.parts.first().map_or(DType::F32, |network| network.files.native_type())
    }
}
