//! Fast kernels under the layers: what candle's stock CPU operations do slowly, done here as custom operations.
//!
//! Every function works on any device. On the CPU in f32 it runs the kernel of this folder; elsewhere it is
//! composed of stock operations. Work is cut into tiles by shape alone, and each tile is computed by one
//! thread, so results are the same bytes whatever the number or the timing of threads.

mod activation;
mod attention;
mod conv2d;
mod group_norm;
mod layer_norm;
mod linear;
mod vector;

pub use activation::{geglu, gelu, quick_gelu, silu};
pub use attention::{Attention, attention};
pub use conv2d::{Conv2dGeometry, conv2d};
pub use group_norm::group_norm;
pub use layer_norm::layer_norm;
pub use linear::linear;

use candle_core::{CpuStorage, DType, Layout, Result, Tensor, bail};

/// True where the kernels of this folder apply: f32 on the CPU.
fn on_cpu(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// The elements of a contiguous f32 tensor inside a custom operation.
fn elements<'a>(storage: &'a CpuStorage, layout: &Layout, what: &str) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{what}: a contiguous tensor is needed");
    };
    match storage.as_slice::<f32>()?.get(start..end) {
        Some(slice) => Ok(slice),
        None => bail!("{what}: the layout reaches beyond the storage"),
    }
}

/// A raw output pointer that tasks share; each task writes only the region that is its own.
#[derive(Clone, Copy)]
struct SharedOutput(*mut f32);

// SAFETY: tasks that share the pointer write disjoint regions of one allocation that outlives them.
unsafe impl Send for SharedOutput {}
// SAFETY: as above.
unsafe impl Sync for SharedOutput {}

impl SharedOutput {
    /// The pointer moved on by `offset` elements.
    ///
    /// # Safety
    /// `offset` must lie within the allocation.
    unsafe fn at(self, offset: usize) -> *mut f32 {
        // SAFETY: the caller keeps `offset` within the allocation.
        unsafe { self.0.add(offset) }
    }
}
