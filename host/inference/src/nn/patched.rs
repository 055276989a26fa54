//! What adapters make of a linear layer, however it holds its weights.

use candle_core::{D, Result, Tensor, bail};

use crate::slots::{Patch, Product};
use crate::tensor::{linear, linear_onto};

/// The result (..., out) of a layer for `x` (..., in) under a patch; `own` is what the layer computes by its own
/// weights and its `bias` (out).
pub(super) fn patched(
    x: &Tensor,
    patch: &Patch,
    bias: Option<&Tensor>,
    own: impl FnOnce() -> Result<Tensor>,
) -> Result<Tensor> {
    let mut y = match &patch.weight {
        Some(weight) => linear(x, weight, bias)?,
        None => own()?,
    };
    if let Some(branch) = &patch.branch {
        let narrow = linear(x, &branch.down, None)?;
        y = linear_onto(y, &narrow, &branch.up)?;
    }
    for product in &patch.products {
        let rows = through(product, x)?;
        let after = y.dim(D::Minus1)?.checked_sub(product.first + rows.dim(D::Minus1)?);
        let Some(after) = after else { bail!("a Kronecker product reaches beyond the layer's rows") };
        y = (y + rows.pad_with_zeros(D::Minus1, product.first, after)?)?;
    }
    match &patch.shift {
        Some(shift) => y.broadcast_add(&shift.to_dtype(y.dtype())?),
        None => Ok(y),
    }
}

/// `x` (..., b * d) times the transpose of a Kronecker product: (..., a * c). Two products with the factors take the
/// place of one with the matrix that they span.
fn through(product: &Product, x: &Tensor) -> Result<Tensor> {
    let ((a, b), (c, d)) = (product.left.dims2()?, product.right.dims2()?);
    let tokens = x.elem_count() / (b * d).max(1);
    let inner = linear(&x.reshape((tokens, b, d))?, &product.right, None)?;
    let outer = linear(&inner.transpose(1, 2)?, &product.left, None)?;
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = a * c;
    }
    outer.transpose(1, 2)?.contiguous()?.reshape(dims)
}
