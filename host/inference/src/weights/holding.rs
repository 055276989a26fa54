//! How the layers of a model hold their weights and compute with them: by this crate's kernels on what the files hold,
//! or by a device's own operations in a precision, with all weights on the device or some brought there block by block.

use std::collections::BTreeSet;
use std::sync::Arc;

use candle_core::DType;

use super::WeightStorage;

/// How layers hold their weights and compute with them.
#[derive(Debug, Clone, Default)]
pub struct Holding {
    /// How they hold matrices that the files have as plain numbers.
    pub storage: WeightStorage,
    /// How they compute.
    pub computing: Computing,
    /// True on another device than the CPU: it gets as f32 what computes in f32.
    pub off_cpu: bool,
}

impl Holding {
    /// The same for parts that hold plain numbers as the files have them, whatever others do.
    pub fn as_stored(&self) -> Self {
        Self { storage: WeightStorage::AsStored, ..self.clone() }
    }

    /// The same for parts that compute in f32, whatever others do.
    pub fn in_single(&self) -> Self {
        let computing = if self.off_cpu { Computing::typed(DType::F32) } else { Computing::Single };
        Self { computing, ..self.as_stored() }
    }
}

/// How layers compute.
#[derive(Debug, Clone, Default)]
pub enum Computing {
    /// In f32: on the CPU by this crate's kernels, which take weights as files hold them.
    #[default]
    Single,
    /// In a type, by a device's own operations, which take weights of that type.
    Typed {
        /// The type of weights and of what the network computes.
        dtype: DType,
        /// Which weights stay on the device.
        residence: Arc<Residence>,
    },
}

impl Computing {
    /// In a type, with all weights on the device.
    pub fn typed(dtype: DType) -> Self {
        Self::Typed { dtype, residence: Arc::default() }
    }

    /// The type that weights are held in; none if that is as files hold them.
    pub fn dtype(&self) -> Option<DType> {
        match self {
            Self::Single => None,
            Self::Typed { dtype, .. } => Some(*dtype),
        }
    }

    /// True if a stored tensor is brought to the device for each use.
    pub(super) fn streams(&self, stored: &str) -> bool {
        match self {
            Self::Single => false,
            Self::Typed { residence, .. } => residence.streams(stored),
        }
    }
}

/// The weights of a block of a network, or of what lies between blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What the names of its tensors begin with.
    pub name: String,
    /// Bytes on the device.
    pub bytes: u64,
    /// Bytes of its largest tensor.
    pub largest: u64,
}

/// Which weights stay on the device, and what that takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Residence {
    streamed: BTreeSet<String>,
    bytes: u64,
}

impl Residence {
    /// What stays where there is room for so many bytes: as many blocks as fit, the first of them first. Beside those
    /// that stay there is room to bring the weight of a layer, as it is moved and as it is used: for the largest block,
    /// or twice the largest tensor. A layer may be several tensors side by side, but no more than its block.
    pub fn plan(blocks: &[Block], room: u64) -> Self {
        let all: u64 = blocks.iter().map(|block| block.bytes).sum();
        if all <= room {
            return Self { streamed: BTreeSet::new(), bytes: all };
        }
        let window = blocks.iter().map(|block| block.bytes.max(2 * block.largest)).max().unwrap_or_default();
        let mut residence = Self { streamed: BTreeSet::new(), bytes: window };
        for block in blocks {
            match residence.bytes.checked_add(block.bytes).filter(|bytes| *bytes <= room) {
                Some(bytes) => residence.bytes = bytes,
                None => {
                    residence.streamed.insert(block.name.clone());
                }
            }
        }
        residence
    }

    /// Bytes on the device at a time.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Blocks that are brought to the device for each use.
    pub fn streamed(&self) -> usize {
        self.streamed.len()
    }

    fn streams(&self, stored: &str) -> bool {
        !self.streamed.is_empty() && self.streamed.contains(block_of(stored))
    }
}

/// The block that a stored tensor belongs to: its name up to the number of the innermost block, nothing for what lies
/// between blocks.
pub(super) fn block_of(name: &str) -> &str {
    const NUMBERED: [&str; 4] = ["blocks", "block", "layers", "blk"];
    let mut end = 0;
    let mut place = 0;
    let mut numbered = false;
    for segment in name.split('.') {
        let after = place + segment.len();
        if numbered && segment.bytes().all(|byte| byte.is_ascii_digit()) {
            end = after;
        }
        numbered = NUMBERED.iter().any(|kind| segment.ends_with(kind));
        place = after + 1;
    }
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(name: &str, bytes: u64, largest: u64) -> Block {
        Block { name: name.to_owned(), bytes, largest }
    }

    #[test]
    fn tensors_belong_to_the_innermost_numbered_block() {
        for (name, block) in [
            ("transformer_blocks.12.attn.to_q.weight", "transformer_blocks.12"),
            ("transformer_blocks.12.ff.net.0.proj.weight", "transformer_blocks.12"),
            (
                "model.diffusion_model.double_blocks.3.img_attn.qkv.weight",
                "model.diffusion_model.double_blocks.3",
            ),
            (
                "up_blocks.0.attentions.1.transformer_blocks.3.attn1.to_out.0.weight",
                "up_blocks.0.attentions.1.transformer_blocks.3",
            ),
            ("up_blocks.0.resnets.1.conv1.weight", "up_blocks.0"),
            ("encoder.block.3.layer.0.SelfAttention.q.weight", "encoder.block.3"),
            ("blk.7.attn_q.weight", "blk.7"),
            ("text_model.encoder.layers.11.mlp.fc1.weight", "text_model.encoder.layers.11"),
            ("time_embedding.linear_1.weight", ""),
            ("proj_out.weight", ""),
        ] {
            assert_eq!(block_of(name), block, "{name}");
        }
    }

    #[test]
    fn as_many_blocks_stay_as_fit_beside_a_layer_that_is_brought() {
        let blocks = [block("", 10, 8), block("a.0", 100, 30), block("a.1", 100, 30), block("b.0", 50, 20)];
        let whole = Residence::plan(&blocks, 260);
        assert_eq!((whole.bytes(), whole.streamed()), (260, 0));
        assert!(!whole.streams("a.blocks.0.weight"));

        let some = Residence::plan(&blocks, 169);
        assert_eq!(some.streamed, BTreeSet::from(["a.0".to_owned(), "a.1".to_owned()]));
        assert_eq!(some.bytes(), 100 + 10 + 50);

        let none = Residence::plan(&blocks, 0);
        assert_eq!((none.bytes(), none.streamed()), (100, 4));
        // One tensor is almost all of its block: it is there as it is moved and as it is used.
        assert_eq!(Residence::plan(&[block("a.0", 100, 90)], 0).bytes(), 180);
    }

    #[test]
    fn a_tensor_streams_with_its_block() {
        let blocks = [block("", 10, 10), block("blocks.0", 10, 10), block("blocks.1", 10, 10)];
        let residence = Residence::plan(&blocks, 25);
        assert_eq!(residence.streamed(), 3);
        let more = ["blocks.0", "blocks.1", "blocks.2"].map(|name| block(name, 10, 2));
        let residence = Residence::plan(&[&[block("", 1, 1)][..], &more].concat(), 22);
        assert!(!residence.streams("out.weight") && !residence.streams("blocks.0.a.weight"));
        assert!(residence.streams("blocks.1.a.weight"));
    }
}
