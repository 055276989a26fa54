//! Slots: the places at which adapters reach the layers of a loaded model.
//!
//! A model whose weights are loaded with [`Slots`] has one slot for each linear layer and convolution, by the layer's
//! name. What is put there counts from the next call of the layer on; the layer's own weights are never written to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use candle_core::{Result, Tensor, bail};

use crate::tensor::Parameter;

/// The slots of a model by the names of its layers: the component, a dot, and the layer within it. Copies share them.
#[derive(Clone, Default)]
pub struct Slots {
    layers: Arc<Mutex<BTreeMap<String, Arc<Slot>>>>,
}

impl Slots {
    /// A slot for the layer of this name and weight.
    pub(crate) fn add(&self, name: String, weight: SlotWeight) -> Arc<Slot> {
        let slot = Arc::new(Slot { state: RwLock::new(State::Layer { weight, patch: None }) });
        self.layers.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&slot));
        slot
    }

    /// All slots with their names.
    pub fn all(&self) -> Vec<(String, Arc<Slot>)> {
        let layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        layers.iter().map(|(name, slot)| (name.clone(), Arc::clone(slot))).collect()
    }

    /// Empties all slots: every layer computes again what its own weights say.
    pub fn clear(&self) {
        for slot in self.layers.lock().unwrap_or_else(PoisonError::into_inner).values() {
            slot.put(None);
        }
    }
}

/// The weight that a layer computes with, as far as adapters must know it.
#[derive(Clone)]
pub struct SlotWeight {
    dims: Vec<usize>,
    numbers: Numbers,
}

#[derive(Clone)]
enum Numbers {
    /// As the layer holds them.
    Held(Parameter),
    /// As a file packs them; the function unpacks them.
    Packed(Arc<dyn Fn() -> Result<Tensor> + Send + Sync>),
}

impl SlotWeight {
    /// A weight (out, in, ...) that a layer holds.
    pub(crate) fn held(weight: &Parameter) -> Self {
        Self { dims: weight.dims().to_vec(), numbers: Numbers::Held(weight.clone()) }
    }

    /// A packed weight of these dimensions; `unpack` gives it in f32.
    pub(crate) fn packed(
        dims: &[usize],
        unpack: impl Fn() -> Result<Tensor> + Send + Sync + 'static,
    ) -> Self {
        Self { dims: dims.to_vec(), numbers: Numbers::Packed(Arc::new(unpack)) }
    }

    /// The dimensions (out, in, ...).
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The weight in f32; a copy of its own if it is packed.
    ///
    /// # Errors
    /// It cannot be unpacked.
    pub fn dense(&self) -> Result<Tensor> {
        match &self.numbers {
            Numbers::Held(weight) => weight.tensor(),
            Numbers::Packed(unpack) => unpack(),
        }
    }
}

/// The slot of one layer.
pub struct Slot {
    state: RwLock<State>,
}

enum State {
    /// A layer that computes by itself.
    Layer { weight: SlotWeight, patch: Option<Arc<Patch>> },
    /// Rows of a layer that several were joined to.
    Part { whole: Arc<Slot>, first: usize, shape: Vec<usize> },
}

/// Where the rows of a slot's layer are computed.
pub struct Place {
    /// The slot of the layer that computes them.
    pub slot: Arc<Slot>,
    /// That layer's weight.
    pub weight: SlotWeight,
    /// The first of the rows.
    pub first: usize,
    /// Dimensions of the weight of these rows alone.
    pub shape: Vec<usize>,
}

impl Place {
    /// The place of all rows that are computed together with these.
    pub fn whole(self) -> Self {
        Self { first: 0, shape: self.weight.dims().to_vec(), ..self }
    }

    /// The place of the first `rows` of these; none if there are fewer.
    pub fn leading(mut self, rows: usize) -> Option<Self> {
        let all = self.shape.first_mut().filter(|all| rows <= **all)?;
        *all = rows;
        Some(self)
    }
}

impl Slot {
    /// What is in the slot.
    pub(crate) fn patch(&self) -> Option<Arc<Patch>> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Layer { patch, .. } => patch.clone(),
            State::Part { .. } => None,
        }
    }

    /// Puts something into the slot in place of what was there; into the slot of the joined layer, if the layer became
    /// rows of one.
    pub fn put(&self, new: Option<Arc<Patch>>) {
        match &mut *self.state.write().unwrap_or_else(PoisonError::into_inner) {
            State::Layer { patch, .. } => *patch = new,
            State::Part { whole, .. } => whole.put(new),
        }
    }

    /// Where the layer's rows are computed.
    ///
    /// # Errors
    /// The layer was joined twice.
    pub fn place(self: &Arc<Self>) -> Result<Place> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Layer { weight, .. } => Ok(Place {
                slot: Arc::clone(self),
                weight: weight.clone(),
                first: 0,
                shape: weight.dims().to_vec(),
            }),
            State::Part { whole, first, shape } => {
                match &*whole.state.read().unwrap_or_else(PoisonError::into_inner) {
                    State::Layer { weight, .. } => Ok(Place {
                        slot: Arc::clone(whole),
                        weight: weight.clone(),
                        first: *first,
                        shape: shape.clone(),
                    }),
                    State::Part { .. } => bail!("a layer was joined twice"),
                }
            }
        }
    }

    /// The slot of a layer of this weight, to which the layers of `parts` were joined in this order.
    pub(crate) fn joined(parts: &[Arc<Self>], weight: SlotWeight) -> Arc<Self> {
        let whole = Arc::new(Self { state: RwLock::new(State::Layer { weight, patch: None }) });
        let mut first = 0;
        for part in parts {
            let state = &mut *part.state.write().unwrap_or_else(PoisonError::into_inner);
            if let State::Layer { weight, .. } = state {
                let shape = weight.dims().to_vec();
                let rows = shape.first().copied().unwrap_or_default();
                *state = State::Part { whole: Arc::clone(&whole), first, shape };
                first += rows;
            }
        }
        whole
    }
}

/// What a layer computes in place of, and in addition to, what its own weights say.
#[derive(Default)]
pub struct Patch {
    /// Weights that take the place of the layer's own.
    pub weight: Option<Tensor>,
    /// A narrow way around the layer, whose result is added.
    pub branch: Option<Branch>,
    /// Changes of a linear layer that are Kronecker products, whose results are added.
    pub products: Vec<Product>,
    /// Added to the result: one value for each row of the weight.
    pub shift: Option<Tensor>,
}

/// Two layers in a row, the first of them narrow.
pub struct Branch {
    /// Weight (rank, in, ...) of the first, of the layer's own kernel and geometry.
    pub down: Tensor,
    /// Weight (out, rank), for convolutions (out, rank, 1, 1), of the second.
    pub up: Tensor,
}

/// The Kronecker product of two matrices as the change of some rows of a linear layer's weight.
pub struct Product {
    /// The first matrix (a, b).
    pub left: Tensor,
    /// The second matrix (c, d), where b * d is the layer's input.
    pub right: Tensor,
    /// The first of the a * c rows.
    pub first: usize,
}
