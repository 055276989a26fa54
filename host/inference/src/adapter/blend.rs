//! Blending adapters into a model: what all of them together put into the slots of its layers.
//!
//! Changes of low rank go around a layer, all of them joined to one branch, and so do Kronecker products around linear
//! layers; any other change needs the dense weight, so the layer gets a changed copy of its own for as long as the
//! adapter is in.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::delta::Delta;
use super::keys::Target;
use super::lora::{Lora, Module};
use super::transformers::{Renamed, Rows, to_diffusers};
use crate::slots::{Branch, Patch, Place, Product, Slot, SlotWeight, Slots};

/// What came of an adapter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blended {
    /// Layers that it changes.
    pub layers: usize,
    /// Layers, as the file spells them, that the model has not or has in another size, and tensors that say nothing
    /// known.
    pub misfits: Vec<String>,
}

/// What is to happen to one layer.
struct Work<'a> {
    slot: Arc<Slot>,
    weight: SlotWeight,
    changes: Vec<Change<'a>>,
}

/// A change of some rows of a layer.
struct Change<'a> {
    module: &'a Module,
    strength: f64,
    first: usize,
    rows: usize,
    /// True if both halves of the rows come the other way round in the module.
    exchanged: bool,
}

/// The slots of a model by their layers.
type Layers = BTreeMap<Target, Arc<Slot>>;

/// Where a module's layer is computed.
struct Found {
    place: Place,
    exchanged: bool,
}

impl Found {
    /// The place of certain rows for a module.
    fn of(place: Place, rows: Rows, module: &Module) -> Option<Self> {
        let makes_two = place.shape.first().copied() == place.shape.get(1).map(|width| 2 * width);
        let exchanged = rows == Rows::Exchanged || (rows == Rows::ExchangedAtTheEnd && makes_two);
        let place = match rows {
            Rows::Own | Rows::Exchanged | Rows::ExchangedAtTheEnd => place,
            Rows::Together => place.whole(),
            Rows::Leading => place.whole().leading(module.rows()?)?,
        };
        Some(Self { place, exchanged })
    }
}

/// Where a module's layer is computed, by its own name or by that which diffusers gives it; none if the model has it
/// not, or in another size.
fn find(layers: &Layers, module: &Module) -> Result<Option<Found>> {
    let Target { component, layer } = &module.target;
    let own = Renamed { layer: layer.clone(), rows: Rows::Own };
    for Renamed { layer, rows } in std::iter::once(own).chain(to_diffusers(layer)) {
        let Some(slot) = layers.get(&Target { component: *component, layer }) else { continue };
        let found = Found::of(slot.place()?, rows, module);
        if let Some(found) = found.filter(|found| module.fits(&found.place.shape)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Puts adapters with their strengths into the slots in place of all that was there. A strength may be negative; 0
/// changes nothing. Gives what came of each adapter, in order.
///
/// # Errors
/// A tensor operation failed; the slots are then empty.
pub fn blend(slots: &Slots, adapters: &[(&Lora, f64)]) -> Result<Vec<Blended>> {
    slots.clear();
    let layers: Layers =
        slots.all().into_iter().filter_map(|(name, slot)| Some((Target::of_slot(&name)?, slot))).collect();
    let mut work: BTreeMap<usize, Work> = BTreeMap::new();
    let mut blended = Vec::new();
    for (lora, strength) in adapters {
        let mut result = Blended { layers: 0, misfits: lora.strangers.clone() };
        for module in &lora.modules {
            let Some(Found { place, exchanged }) = find(&layers, module)? else {
                result.misfits.push(module.spelled.clone());
                continue;
            };
            result.layers += 1;
            let rows = place.shape.first().copied().unwrap_or_default();
            let change = Change { module, strength: *strength, first: place.first, rows, exchanged };
            let key = Arc::as_ptr(&place.slot) as usize;
            let new = || Work { slot: place.slot, weight: place.weight, changes: Vec::new() };
            work.entry(key).or_insert_with(new).changes.push(change);
        }
        blended.push(result);
    }
    let work: Vec<Work> = work.into_values().collect();
    let patches = work.par_iter().map(Work::patch).collect::<Result<Vec<_>>>()?;
    for (work, patch) in work.iter().zip(patches) {
        work.slot.put(Some(Arc::new(patch)));
    }
    Ok(blended)
}

impl Module {
    /// Rows of the weight that it changes; none if it changes a bias alone.
    fn rows(&self) -> Option<usize> {
        self.delta.as_ref().and_then(|delta| delta.size().ok()).map(|(rows, _)| rows)
    }

    /// True if the change is of the size of a weight of this shape.
    fn fits(&self, shape: &[usize]) -> bool {
        let Some((&out, rest)) = shape.split_first() else { return false };
        let input: usize = rest.iter().product();
        let fits =
            |(rows, columns): (usize, Option<usize>)| rows == out && columns.is_none_or(|it| it == input);
        let delta = self.delta.as_ref().is_none_or(|delta| delta.size().is_ok_and(fits));
        let bias = self.bias.as_ref().is_none_or(|bias| bias.dims() == [out]);
        let magnitude = self.magnitude.as_ref().is_none_or(|magnitude| Axis::of(magnitude, shape).is_some());
        delta && bias && magnitude
    }
}

impl Work<'_> {
    /// What all changes of the layer put into its slot.
    fn patch(&self) -> Result<Patch> {
        let shape = self.weight.dims();
        let Some((&out, rest)) = shape.split_first() else { bail!("a weight without dimensions") };
        let (mut downs, mut ups, mut products) = (Vec::new(), Vec::new(), Vec::new());
        let (mut weight, mut shift): (Option<Tensor>, Option<Tensor>) = (None, None);
        for change in &self.changes {
            if let Some(bias) = change.module.bias.as_ref() {
                let bias = change.among(change.ordered((bias * change.strength)?)?, out)?;
                shift = Some(match shift {
                    Some(shift) => (shift + bias)?,
                    None => bias,
                });
            }
            if let Some((down, up)) = change.branch()? {
                downs.push(down);
                ups.push(change.among(up, out)?);
            } else if let Some(product) = change.product(shape)? {
                products.push(product);
            } else if let Some(delta) = &change.module.delta {
                // Every change is measured against the layer's own weight, whatever others make of it.
                let own = self.weight.dense()?;
                let delta = change.among(change.dense(delta, &own)?, out)?.reshape(shape)?;
                weight = Some((weight.unwrap_or(own) + delta)?);
            }
        }
        let branch = if downs.is_empty() {
            None
        } else {
            let (down, up) = (Tensor::cat(&downs, 0)?, Tensor::cat(&ups, 1)?);
            let rank = down.dim(0)?;
            let down = down.reshape([&[rank], rest].concat())?.contiguous()?;
            let ones = vec![1; shape.len().saturating_sub(2)];
            Some(Branch { down, up: up.reshape([&[out, rank], ones.as_slice()].concat())?.contiguous()? })
        };
        Ok(Patch { weight, branch, products, shift })
    }
}

impl Change<'_> {
    /// Values of the module's rows (rows, ...) in the order of the layer's.
    fn ordered(&self, values: Tensor) -> Result<Tensor> {
        if !self.exchanged {
            return Ok(values);
        }
        let half = self.rows / 2;
        Tensor::cat(&[values.narrow(0, half, self.rows - half)?, values.narrow(0, 0, half)?], 0)
    }

    /// Values of the change's rows (rows, ...) among zeros for the layer's other rows.
    fn among(&self, values: Tensor, out: usize) -> Result<Tensor> {
        match out.checked_sub(self.first + self.rows) {
            Some(after) => values.pad_with_zeros(0, self.first, after),
            None => bail!("rows beyond the layer's"),
        }
    }

    /// The matrices (rank, in) and (rows, rank) of a change that can go around the layer, the strength in the second.
    fn branch(&self) -> Result<Option<(Tensor, Tensor)>> {
        if self.module.magnitude.is_some() {
            return Ok(None);
        }
        let narrow = self.module.delta.as_ref().map(|delta| delta.narrow()).transpose()?.flatten();
        let Some((down, up)) = narrow else { return Ok(None) };
        Ok(Some((down, self.ordered((up * (self.module.scale * self.strength))?)?)))
    }

    /// The change of a linear layer by a Kronecker product, the strength in its second factor.
    fn product(&self, shape: &[usize]) -> Result<Option<Product>> {
        if self.module.magnitude.is_some() || self.exchanged || shape.len() != 2 {
            return Ok(None);
        }
        let factors = self.module.delta.as_ref().map(|delta| delta.kronecker()).transpose()?.flatten();
        let Some((left, right)) = factors else { return Ok(None) };
        let right = (right * (self.module.scale * self.strength))?;
        Ok(Some(Product { left, right, first: self.first }))
    }

    /// The dense change (rows, in) that `delta` makes of a layer's weight, the strength in it.
    fn dense(&self, delta: &Delta<Tensor>, weight: &Tensor) -> Result<Tensor> {
        let own = weight.narrow(0, self.first, self.rows)?;
        // Exchanging halves twice gives them back: the module sees the rows in its own order.
        let delta = delta.dense(&self.ordered(own.clone())?)?;
        let delta = self.ordered((delta * self.module.scale)?)?;
        let Some(magnitude) = &self.module.magnitude else { return delta * self.strength };
        let changed = (&own + delta.reshape(own.dims())?)?;
        let magnitude = match Axis::of(magnitude, own.dims()) {
            Some(Axis::Rows) => self.ordered(magnitude.clone())?,
            _ => magnitude.clone(),
        };
        let resized = with_lengths(&changed, &magnitude)?;
        ((resized - own)? * self.strength)?.flatten_from(1)
    }
}

/// What the lengths of a magnitude are those of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    /// All values that go into one output.
    Rows,
    /// All values that come from one input.
    Columns,
}

impl Axis {
    /// The axis of a magnitude (out), (out, 1, ...) or (1, in, 1, ...) for a weight of this shape; none if it is of
    /// another size.
    fn of(magnitude: &Tensor, shape: &[usize]) -> Option<Self> {
        let (out, channels) = (*shape.first()?, shape.get(1).copied().unwrap_or(1));
        match (magnitude.dims(), magnitude.elem_count()) {
            ([first, ..], count) if *first == out && count == out => Some(Self::Rows),
            ([1, ..], count) if count == channels => Some(Self::Columns),
            _ => None,
        }
    }
}

/// The weight with its rows or columns brought to the lengths of `magnitude` (DoRA).
fn with_lengths(weight: &Tensor, magnitude: &Tensor) -> Result<Tensor> {
    let kept = match Axis::of(magnitude, weight.dims()) {
        Some(Axis::Rows) => 0,
        Some(Axis::Columns) => 1,
        None => bail!("lengths {:?} for a weight {:?}", magnitude.dims(), weight.dims()),
    };
    let summed: Vec<usize> = (0..weight.rank()).filter(|dim| *dim != kept).collect();
    let lengths = (weight.sqr()?.sum_keepdim(summed)?.sqrt()? + f64::from(f32::EPSILON))?;
    weight.broadcast_mul(&(magnitude.reshape(lengths.dims())? / lengths)?)
}
