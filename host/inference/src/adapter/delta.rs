//! The change of a weight, in the factors that a file stores it in, and what they multiply to.
//!
//! Dense changes are (out, in * kernel): the dimensions of the layer's weight with all but the first joined. Formulas:
//! LoRA (Hu et al. 2021), LoHa (Hyeon-Woo et al. 2022), LoKr and the Tucker forms as LyCORIS writes them, OFT (Qiu et al.
//! 2023) as LyCORIS and kohya's sd-scripts do.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

/// Largest dimension of a dense change and largest rank.
const MAX_SIZE: usize = 1 << 24;
const MAX_RANK: usize = 1 << 14;
/// Largest block of rows that is turned.
const MAX_BLOCK: usize = 1 << 12;

/// Something with dimensions: a tensor, or what a header says of one.
pub trait Shaped {
    /// The dimensions, outermost first.
    fn shape(&self) -> &[usize];
}

impl Shaped for Tensor {
    fn shape(&self) -> &[usize] {
        self.dims()
    }
}

/// A change of a weight.
#[derive(Debug, Clone)]
pub enum Delta<T> {
    /// up x down, with a convolution of the rank in between in the Tucker form.
    LowRank {
        /// (rank, in, kernel, kernel) or (rank, in).
        down: T,
        /// (rank, rank, kernel, kernel).
        mid: Option<T>,
        /// (out, rank) or (out, rank, 1, 1).
        up: T,
    },
    /// The product of two matrices element by element.
    Hadamard(Factors<T>, Factors<T>),
    /// The Kronecker product of two matrices.
    Kronecker(Factors<T>, Factors<T>),
    /// The change itself.
    Full(T),
    /// The layer's own weight times one matrix, plus another (GLoRA, Chavan et al. 2023).
    Generalised {
        /// (in, in).
        own: Factors<T>,
        /// (out, in).
        added: Factors<T>,
    },
    /// Blocks of the layer's own rows, each turned.
    Rotated {
        /// (blocks, rows, rows): how, by Cayley's transform of what each differs by from its transpose.
        blocks: T,
        /// A number, above 0 the most that all together may turn, for each row.
        limit: Option<T>,
        /// What each row is multiplied by then.
        rescale: Option<T>,
    },
}

/// A matrix, or what it is the product of.
#[derive(Debug, Clone)]
pub enum Factors<T> {
    /// The matrix.
    Whole(T),
    /// (out, rank) and (rank, in, ...).
    Product(T, T),
    /// A core (rank, rank, kernel, kernel) with (rank, out) and (rank, in) around it.
    Tucker(T, T, T),
}

impl<T: Shaped> Delta<T> {
    /// Rows and columns of the dense change; no columns if it is for any number.
    ///
    /// # Errors
    /// The factors do not go together, or are larger than any layer; the text says how.
    pub fn size(&self) -> std::result::Result<(usize, Option<usize>), String> {
        let size = match self {
            Self::Rotated { blocks, rescale, .. } => {
                return turned_rows(blocks.shape(), rescale.as_ref().map(Shaped::shape))
                    .map(|rows| (rows, None));
            }
            Self::LowRank { down, mid, up } => {
                let (out, rank) = flat(up.shape())?;
                let (inner, input) = flat(down.shape())?;
                match mid {
                    None if inner == rank => (out, input),
                    Some(mid) => {
                        let (first, second, kernel) = core(mid.shape())?;
                        if (first, second) != (rank, inner) {
                            return Err(mismatch(&[mid.shape(), down.shape(), up.shape()]));
                        }
                        (out, times(input, kernel)?)
                    }
                    None => return Err(mismatch(&[down.shape(), up.shape()])),
                }
            }
            Self::Hadamard(left, right) => {
                let (size, other) = (left.size()?, right.size()?);
                if size != other {
                    return Err(format!("its halves are {size:?} and {other:?}"));
                }
                size
            }
            Self::Kronecker(left, right) => {
                let ((a, b), (c, d)) = (left.size()?, right.size()?);
                (times(a, c)?, times(b, d)?)
            }
            Self::Full(whole) => flat(whole.shape())?,
            Self::Generalised { own, added } => {
                let (size, inner) = (added.size()?, own.size()?);
                if inner != (size.1, size.1) {
                    return Err(format!("it takes {inner:?} of a weight {size:?}"));
                }
                size
            }
        };
        if size.0 > MAX_SIZE || size.1 > MAX_SIZE || self.rank().is_some_and(|rank| rank > MAX_RANK) {
            return Err(format!("it would be {} by {}, which is more than a layer has", size.0, size.1));
        }
        Ok((size.0, Some(size.1)))
    }

    /// Numbers that the change takes besides its factors once it is in a layer.
    pub(super) fn blended_numbers(&self) -> u64 {
        let numbers = |(rows, columns): (usize, usize)| (rows as u64).saturating_mul(columns as u64);
        match self {
            Self::LowRank { .. } => 0,
            Self::Kronecker(_, right) if !right.has_kernel() => right.size().map_or(0, numbers),
            // What does not say how wide its layer is is taken to be for one as wide as high, like most.
            _ => self.size().map_or(0, |(rows, columns)| numbers((rows, columns.unwrap_or(rows)))),
        }
    }

    /// What the file's alpha is divided by; none if the change is not of a rank.
    pub fn rank(&self) -> Option<usize> {
        match self {
            Self::LowRank { down, .. } => down.shape().first().copied(),
            Self::Hadamard(left, _) => left.rank(),
            Self::Kronecker(left, right) => left.rank().or_else(|| right.rank()),
            Self::Generalised { added, .. } => added.rank(),
            Self::Full(_) | Self::Rotated { .. } => None,
        }
    }
}

impl<T: Shaped> Factors<T> {
    fn size(&self) -> std::result::Result<(usize, usize), String> {
        match self {
            Self::Whole(whole) => flat(whole.shape()),
            Self::Product(a, b) => {
                let ((out, rank), (inner, input)) = (flat(a.shape())?, flat(b.shape())?);
                if rank == inner { Ok((out, input)) } else { Err(mismatch(&[a.shape(), b.shape()])) }
            }
            Self::Tucker(middle, a, b) => {
                let (first, second, kernel) = core(middle.shape())?;
                let ((outer, out), (inner, input)) = (flat(a.shape())?, flat(b.shape())?);
                if (first, second) == (outer, inner) {
                    Ok((out, times(input, kernel)?))
                } else {
                    Err(mismatch(&[middle.shape(), a.shape(), b.shape()]))
                }
            }
        }
    }

    /// True if it is made for a convolution's kernel.
    fn has_kernel(&self) -> bool {
        match self {
            Self::Whole(last) | Self::Product(_, last) => {
                last.shape().iter().skip(2).any(|extent| *extent != 1)
            }
            Self::Tucker(..) => true,
        }
    }

    fn rank(&self) -> Option<usize> {
        match self {
            Self::Whole(_) => None,
            Self::Product(_, b) | Self::Tucker(_, _, b) => b.shape().first().copied(),
        }
    }
}

impl<T> Delta<T> {
    /// The same change with every factor replaced.
    pub fn try_map<U, E>(
        &self,
        mut f: impl FnMut(&T) -> std::result::Result<U, E>,
    ) -> std::result::Result<Delta<U>, E> {
        Ok(match self {
            Self::LowRank { down, mid, up } => {
                Delta::LowRank { down: f(down)?, mid: mid.as_ref().map(&mut f).transpose()?, up: f(up)? }
            }
            Self::Hadamard(left, right) => Delta::Hadamard(left.try_map(&mut f)?, right.try_map(f)?),
            Self::Kronecker(left, right) => Delta::Kronecker(left.try_map(&mut f)?, right.try_map(f)?),
            Self::Full(whole) => Delta::Full(f(whole)?),
            Self::Generalised { own, added } => {
                Delta::Generalised { own: own.try_map(&mut f)?, added: added.try_map(f)? }
            }
            Self::Rotated { blocks, limit, rescale } => Delta::Rotated {
                blocks: f(blocks)?,
                limit: limit.as_ref().map(&mut f).transpose()?,
                rescale: rescale.as_ref().map(f).transpose()?,
            },
        })
    }
}

impl<T> Factors<T> {
    fn try_map<U, E>(
        &self,
        mut f: impl FnMut(&T) -> std::result::Result<U, E>,
    ) -> std::result::Result<Factors<U>, E> {
        Ok(match self {
            Self::Whole(whole) => Factors::Whole(f(whole)?),
            Self::Product(a, b) => Factors::Product(f(a)?, f(b)?),
            Self::Tucker(core, a, b) => Factors::Tucker(f(core)?, f(a)?, f(b)?),
        })
    }
}

impl Delta<Tensor> {
    /// The matrices (rank, in * kernel) and (out, rank) of a change of low rank.
    pub(super) fn narrow(&self) -> Result<Option<(Tensor, Tensor)>> {
        let Self::LowRank { down, mid, up } = self else { return Ok(None) };
        let down = match mid {
            None => down.flatten_from(1)?,
            Some(mid) => through_core(mid, &down.flatten_from(1)?)?.flatten_from(1)?,
        };
        Ok(Some((down, up.flatten_from(1)?)))
    }

    /// The matrices of a change that is a Kronecker product.
    pub(super) fn kronecker(&self) -> Result<Option<(Tensor, Tensor)>> {
        let Self::Kronecker(left, right) = self else { return Ok(None) };
        Ok(Some((left.dense()?.contiguous()?, right.dense()?.contiguous()?)))
    }

    /// The dense change (out, in * kernel) of a layer's own weight (out, in, ...).
    pub(super) fn dense(&self, weight: &Tensor) -> Result<Tensor> {
        match self {
            Self::LowRank { .. } => match self.narrow()? {
                Some((down, up)) => up.matmul(&down),
                None => candle_core::bail!("a change of low rank has no factors"),
            },
            Self::Hadamard(left, right) => left.dense()? * right.dense()?,
            Self::Kronecker(left, right) => {
                let (left, right) = (left.dense()?, right.dense()?);
                let ((a, b), (c, d)) = (left.dims2()?, right.dims2()?);
                let product = left.reshape((a, 1, b, 1))?.broadcast_mul(&right.reshape((1, c, 1, d))?)?;
                product.reshape((a * c, b * d))
            }
            Self::Full(whole) => match whole.rank() {
                1 => whole.unsqueeze(1),
                _ => whole.flatten_from(1),
            },
            Self::Generalised { own, added } => {
                weight.flatten_from(1)?.matmul(&own.dense()?)? + added.dense()?
            }
            Self::Rotated { blocks, limit, rescale } => {
                let rows = weight.flatten_from(1)?;
                let mut turned = turned(&rows, blocks, limit.as_ref())?;
                if let Some(factors) = rescale {
                    turned = turned.broadcast_mul(&factors.reshape(((), 1))?)?;
                }
                turned - rows
            }
        }
    }
}

impl Factors<Tensor> {
    fn dense(&self) -> Result<Tensor> {
        match self {
            Self::Whole(whole) => whole.flatten_from(1),
            Self::Product(a, b) => a.flatten_from(1)?.matmul(&b.flatten_from(1)?),
            Self::Tucker(core, a, b) => {
                let inner = through_core(core, &b.flatten_from(1)?)?;
                let (rank, input, kernel) = inner.dims3()?;
                let product = a.flatten_from(1)?.t()?.matmul(&inner.reshape((rank, input * kernel))?)?;
                product.reshape(((), input * kernel))
            }
        }
    }
}

/// The rows (rows, columns) with each block of them turned.
fn turned(rows: &Tensor, blocks: &Tensor, limit: Option<&Tensor>) -> Result<Tensor> {
    let (count, size, _) = blocks.dims3()?;
    let (height, width) = rows.dims2()?;
    let mut skew = (blocks - blocks.transpose(1, 2)?)?;
    let limit = limit.map(|limit| limit.flatten_all()?.to_vec1::<f32>()).transpose()?;
    if let Some(&[limit]) = limit.as_deref()
        && limit > 0.0
    {
        let (length, most) = (skew.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?, limit * height as f32);
        if length > most {
            skew = (skew * f64::from(most / length))?;
        }
    }
    let skew = skew.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
    let rotations: Vec<f32> =
        skew.par_chunks((size * size).max(1)).flat_map_iter(|q| rotation(q, size)).collect();
    let rotations = Tensor::from_vec(rotations, (count, size, size), rows.device())?;
    rotations.matmul(&rows.reshape((count, size, width))?)?.reshape((height, width))
}

/// What a block of rows is turned by for a skew matrix Q: the transpose of `(I + Q) (I - Q)^-1`, which solves
/// `(I + Q) X = I - Q`. The symmetric part of `I + Q` is I, so it can be eliminated without a choice of pivots.
fn rotation(skew: &[f32], size: usize) -> Vec<f32> {
    let line = |(i, row): (usize, &[f32])| {
        let unit = |j: usize| f64::from(u8::from(i == j));
        let side = |sign: f64| row.iter().enumerate().map(move |(j, q)| unit(j) + sign * f64::from(*q));
        side(1.0).chain(side(-1.0)).collect()
    };
    let mut lines: Vec<Vec<f64>> = skew.chunks(size.max(1)).enumerate().map(line).collect();
    for pivot in 0..size {
        let Some(own) = lines.get_mut(pivot) else { break };
        let first = own.get(pivot).copied().unwrap_or(1.0);
        own.iter_mut().for_each(|value| *value /= first);
        let own = own.clone();
        for (_, other) in lines.iter_mut().enumerate().filter(|(i, _)| *i != pivot) {
            let factor = other.get(pivot).copied().unwrap_or(0.0);
            other.iter_mut().zip(&own).skip(pivot).for_each(|(value, own)| *value -= factor * own);
        }
    }
    lines.into_iter().flat_map(|line| line.into_iter().skip(size)).map(|value| value as f32).collect()
}

/// The rows that blocks of a shape turn, or why they can't.
fn turned_rows(blocks: &[usize], rescale: Option<&[usize]>) -> std::result::Result<usize, String> {
    let &[count, size, other] = blocks else {
        return Err(format!("its rotations have the shape {blocks:?}"));
    };
    if size != other || !(1..=MAX_BLOCK).contains(&size) || count == 0 {
        return Err(format!("its rotations have the shape {blocks:?}"));
    }
    let rows = times(count, size)?;
    match rescale {
        Some(shape) if shape.iter().product::<usize>() != rows => Err(mismatch(&[blocks, shape])),
        _ => Ok(rows),
    }
}

/// The core (i, j, kernel, kernel) times a matrix (j, in) over j: (i, in, kernel * kernel).
fn through_core(core: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    let core = core.flatten_from(2)?;
    let (i, j, kernel) = core.dims3()?;
    let (_, input) = matrix.dims2()?;
    let rows = core.permute((0, 2, 1))?.reshape((i * kernel, j))?;
    rows.matmul(matrix)?.reshape((i, kernel, input))?.permute((0, 2, 1))?.contiguous()
}

/// The first dimension and the product of the others.
fn flat(shape: &[usize]) -> std::result::Result<(usize, usize), String> {
    let Some((first, rest)) = shape.split_first() else {
        return Err("one of its factors is a single number".to_owned());
    };
    let columns = rest.iter().try_fold(1usize, |product, &dim| times(product, dim))?;
    if *first == 0 || columns == 0 {
        return Err("one of its factors is empty".to_owned());
    }
    Ok((*first, columns))
}

/// The two ranks of a core and the size of its kernel.
fn core(shape: &[usize]) -> std::result::Result<(usize, usize, usize), String> {
    match shape {
        [first, second, rest @ ..] if !rest.is_empty() => {
            flat(shape)?;
            Ok((*first, *second, rest.iter().product()))
        }
        _ => Err(format!("its core has the shape {shape:?}")),
    }
}

fn times(a: usize, b: usize) -> std::result::Result<usize, String> {
    a.checked_mul(b)
        .filter(|product| *product <= MAX_SIZE * 64)
        .ok_or_else(|| "it is impossibly large".to_owned())
}

fn mismatch(shapes: &[&[usize]]) -> String {
    format!("factors of the shapes {shapes:?} do not go together")
}
