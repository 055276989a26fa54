//! Every way in which adapter files write a change of weights, held against its plain definition, element by element.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use qpyt_inference::adapter::{Blended, Lora, LoraLayout, blend};
use qpyt_inference::nn::{Conv2d, Linear};
use qpyt_inference::slots::Slots;
use qpyt_inference::tensor::Conv2dGeometry;
use qpyt_inference::weights::{WeightFiles, Weights};

use crate::support::{gap, largest, values};

const OUT: usize = 6;
const IN: usize = 4;
const KERNEL: usize = 9;

/// A tensor of numbers in -1..1 that look random, other ones for each name.
fn wave(name: &str, shape: &[usize]) -> Tensor {
    let phase: f64 = name.bytes().map(f64::from).sum();
    let random = |i: usize| ((phase + i as f64 * 12.9898).sin() * 43_758.545).fract() as f32;
    Tensor::from_vec((0..shape.iter().product()).map(random).collect::<Vec<_>>(), shape, &Device::Cpu)
        .unwrap()
}

fn save(folder: &Path, tensors: &[(&str, Tensor)]) -> PathBuf {
    let path = folder.join("adapter.safetensors");
    let named = tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
    candle_core::safetensors::save(&named.collect(), &path).unwrap();
    path
}

/// Two linear layers joined to one, and a convolution, all with slots.
struct Bench {
    folder: tempfile::TempDir,
    slots: Slots,
    joined: Linear,
    conv: Conv2d,
    /// What was seen of the layers' weights before any adapter, in the order of [`Layer`].
    fresh: Vec<Vec<f32>>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (flat, square) = ([OUT, IN], [OUT, IN, 3, 3]);
        let names =
            [("attn.to_q.weight", flat.as_slice()), ("attn.to_k.weight", &flat), ("conv.weight", &square)];
        let mut tensors: Vec<_> = names.iter().map(|(name, shape)| (*name, wave(name, shape))).collect();
        let biases = ["attn.to_q.bias", "attn.to_k.bias", "conv.bias"];
        tensors.extend(biases.iter().map(|name| (*name, wave(name, &[OUT]))));
        let files = WeightFiles::single(&save(folder.path(), &tensors)).unwrap();
        let slots = Slots::default();
        let weights = Weights::new(Arc::new(files), &Device::Cpu).with_slots(&slots, "unet");
        let linear = |name: &str| Linear::load(&weights.sub(name), IN, OUT).unwrap();
        let joined = Linear::side_by_side(&[linear("attn.to_q"), linear("attn.to_k")]).unwrap();
        let geometry = Conv2dGeometry { stride: 2, pad_before: 1, pad_after: 1, dilation: 1 };
        let conv = Conv2d::load(&weights.sub("conv"), IN, OUT, 3, geometry).unwrap();
        let mut bench = Self { folder, slots, joined, conv, fresh: Vec::new() };
        bench.fresh =
            [Layer::Query, Layer::Key, Layer::Conv].iter().map(|layer| bench.weight(*layer)).collect();
        bench
    }

    fn lora(&self, tensors: &[(&str, Tensor)]) -> Lora {
        let layout = LoraLayout::read(&save(self.folder.path(), tensors)).unwrap().expect("no adapter");
        Lora::load(&layout, &Device::Cpu).unwrap()
    }

    fn blend(&self, adapters: &[(&Lora, f64)]) -> Vec<Blended> {
        blend(&self.slots, adapters).unwrap()
    }

    /// What the weight of a layer, taken out of what the layer does, is changed by.
    fn change(&self, layer: Layer) -> Vec<f32> {
        let now = self.weight(layer);
        self.slots.clear();
        let own = self.weight(layer);
        assert_eq!(own, self.fresh[layer as usize], "the layer's own weights are not back");
        now.iter().zip(own).map(|(now, own)| now - own).collect()
    }

    /// The weight of a layer, by putting each unit vector through it.
    fn weight(&self, layer: Layer) -> Vec<f32> {
        match layer {
            Layer::Query | Layer::Key => {
                let units = Tensor::eye(IN, candle_core::DType::F32, &Device::Cpu).unwrap();
                let zero = self.joined.forward(&units.zeros_like().unwrap()).unwrap();
                let rows = (self.joined.forward(&units).unwrap() - zero).unwrap().t().unwrap();
                let first = if matches!(layer, Layer::Query) { 0 } else { OUT };
                values(&rows.narrow(0, first, OUT).unwrap().contiguous().unwrap())
            }
            Layer::Conv => {
                // A picture of one pixel of the kernel's size, where the kernel lies on it in the middle.
                let columns = (0..IN * KERNEL).map(|column| {
                    let mut picture = vec![0f32; IN * 9];
                    picture[column] = 1.0;
                    let picture = Tensor::from_vec(picture, (1, IN, 3, 3), &Device::Cpu).unwrap();
                    let padded = picture.pad_with_zeros(2, 1, 1).unwrap().pad_with_zeros(3, 1, 1).unwrap();
                    let zero = self.conv.forward(&padded.zeros_like().unwrap()).unwrap();
                    let seen = (self.conv.forward(&padded).unwrap() - zero).unwrap();
                    // With stride 2 and padding 1 the second output pixel sees the pixels from 1 on.
                    seen.narrow(2, 1, 1).unwrap().narrow(3, 1, 1).unwrap().flatten_all().unwrap()
                });
                values(&Tensor::stack(&columns.collect::<Vec<_>>(), 1).unwrap())
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Layer {
    Query,
    Key,
    Conv,
}

/// The values of a change of `columns` columns whose element is `f(row, column)`.
fn dense(columns: usize, f: impl Fn(usize, usize) -> f64) -> Vec<f32> {
    (0..OUT)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(r, c)| f(r, c) as f32)
        .collect()
}

/// Elements of a matrix that was saved under a name.
fn at(name: &str, shape: &[usize]) -> impl Fn(&[usize]) -> f64 + use<> {
    let (numbers, shape) = (values(&wave(name, shape)), shape.to_vec());
    move |index| {
        let flat = index.iter().zip(&shape).fold(0, |flat, (i, size)| flat * size + i);
        f64::from(numbers[flat])
    }
}

fn sum(count: usize, f: impl Fn(usize) -> f64) -> f64 {
    (0..count).map(f).sum()
}

fn check(what: &str, layer: Layer, tensors: &[(&str, Tensor)], strength: f64, wanted: &[f32]) {
    let bench = Bench::new();
    let lora = bench.lora(tensors);
    let blended = bench.blend(&[(&lora, strength)]);
    assert_eq!(blended, [Blended { layers: 1, misfits: Vec::new() }], "{what}");
    let change = bench.change(layer);
    let worst = change.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let most = wanted.iter().fold(0f32, |most, v| most.max(v.abs()));
    println!("{what}: within {worst:.1e} of {most:.2}");
    assert!(most > 0.05 && worst <= 2e-6 * most.max(1.0), "{what}: differs by {worst}");
}

fn scalar(value: f32) -> Tensor {
    Tensor::new(value, &Device::Cpu).unwrap()
}

/// The tensors of parts of a layer, by what their names end in.
fn parts<'a>(names: &[(&'a str, &[usize])]) -> Vec<(&'a str, Tensor)> {
    names.iter().map(|(name, shape)| (*name, wave(name, shape))).collect()
}

#[test]
fn low_rank_is_up_times_down_by_alpha_over_rank() {
    let (down, up) = ("lora_unet_attn_to_k.lora_down.weight", "lora_unet_attn_to_k.lora_up.weight");
    let mut tensors = parts(&[(down, &[2, IN]), (up, &[OUT, 2])]);
    let (a, b) = (at(down, &[2, IN]), at(up, &[OUT, 2]));
    let product = |row, column| sum(2, |r| b(&[row, r]) * a(&[r, column]));
    check("no alpha", Layer::Key, &tensors, 1.0, &dense(IN, product));
    tensors.push(("lora_unet_attn_to_k.alpha", scalar(3.0)));
    check("alpha", Layer::Key, &tensors, -0.4, &dense(IN, |r, c| -0.4 * 1.5 * product(r, c)));
}

#[test]
fn alphas_that_peft_notes_beside_the_weights_count() {
    let (down, up) = ("unet.attn.to_k.lora_A.weight", "unet.attn.to_k.lora_B.weight");
    let (a, b) = (at(down, &[4, IN]), at(up, &[OUT, 4]));
    for (notes, scale) in [
        (r#"{"unet.lora_alpha": 8, "unet.r": 4}"#, 2.0),
        (r#"{"lora_alpha": 8, "use_rslora": true}"#, 4.0),
        (r#"{"unet.lora_alpha": 8, "unet.alpha_pattern": {"to_k": 2}}"#, 0.5),
        (r#"{"text_encoder.lora_alpha": 8}"#, 1.0),
        ("[]", 1.0),
    ] {
        let bench = Bench::new();
        let path = save(bench.folder.path(), &parts(&[(down, &[4, IN]), (up, &[OUT, 4])]));
        note_in_header(&path, "lora_adapter_metadata", notes);
        let lora = Lora::load(&LoraLayout::read(&path).unwrap().unwrap(), &Device::Cpu).unwrap();
        bench.blend(&[(&lora, 1.0)]);
        let wanted = dense(IN, |row, column| scale * sum(4, |r| b(&[row, r]) * a(&[r, column])));
        let change = bench.change(Layer::Key);
        assert!(change.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-5), "{notes}");
    }
}

/// Adds a note of the writer's to a file of safetensors.
fn note_in_header(path: &Path, key: &str, note: &str) {
    let bytes = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    header["__metadata__"] = serde_json::json!({ key: note });
    let header = header.to_string();
    let length_bytes = (header.len() as u64).to_le_bytes();
    std::fs::write(path, [&length_bytes, header.as_bytes(), &bytes[8 + length..]].concat()).unwrap();
}

#[test]
fn convolutions_of_low_rank_keep_the_kernel_in_the_first_or_in_between() {
    let name = |part: &str| format!("lora_unet_conv.lora_{part}.weight");
    let (down, mid, up) = (name("down"), name("mid"), name("up"));
    let b = at(&up, &[OUT, 2, 1, 1]);
    let tensors = parts(&[(&down, &[2, IN, 3, 3]), (&up, &[OUT, 2, 1, 1])]);
    let a = at(&down, &[2, IN * KERNEL]);
    let wanted = dense(IN * KERNEL, |row, column| sum(2, |r| b(&[row, r, 0, 0]) * a(&[r, column])));
    check("convolution", Layer::Conv, &tensors, 1.0, &wanted);

    let tensors = parts(&[(&down, &[3, IN, 1, 1]), (&mid, &[2, 3, 3, 3]), (&up, &[OUT, 2, 1, 1])]);
    let (a, m) = (at(&down, &[3, IN]), at(&mid, &[2, 3, KERNEL]));
    let wanted = dense(IN * KERNEL, |row, column| {
        let (input, place) = (column / KERNEL, column % KERNEL);
        sum(2, |i| b(&[row, i, 0, 0]) * sum(3, |j| m(&[i, j, place]) * a(&[j, input])))
    });
    check("Tucker", Layer::Conv, &tensors, 0.5, &wanted.iter().map(|v| v * 0.5).collect::<Vec<_>>());
}

#[test]
fn loha_is_the_product_of_two_low_ranks_element_by_element() {
    let name = |layer: &str, part: &str| format!("lora_unet_{layer}.hada_{part}");
    let [w1a, w1b, w2a, w2b] = ["w1_a", "w1_b", "w2_a", "w2_b"].map(|part| name("attn_to_q", part));
    let mut tensors = parts(&[(&w1a, &[OUT, 2]), (&w1b, &[2, IN]), (&w2a, &[OUT, 2]), (&w2b, &[2, IN])]);
    let alpha = name("attn_to_q", "x").replace("hada_x", "alpha");
    tensors.push((&alpha, scalar(1.0)));
    let (a, b, c, d) = (at(&w1a, &[OUT, 2]), at(&w1b, &[2, IN]), at(&w2a, &[OUT, 2]), at(&w2b, &[2, IN]));
    let wanted = dense(IN, |row, column| {
        0.5 * sum(2, |r| a(&[row, r]) * b(&[r, column])) * sum(2, |r| c(&[row, r]) * d(&[r, column]))
    });
    check("LoHa", Layer::Query, &tensors, 1.0, &wanted);

    let [w1a, w1b, w2a, w2b, t1, t2] =
        ["w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2"].map(|part| name("conv", part));
    let (outer, inner, core) = ([2, OUT], [2, IN], [2, 2, 3, 3]);
    let tensors =
        parts(&[(&w1a, &outer), (&w1b, &inner), (&t1, &core), (&w2a, &outer), (&w2b, &inner), (&t2, &core)]);
    let half = |core: &str, a: &str, b: &str| {
        let (t, a, b) = (at(core, &[2, 2, KERNEL]), at(a, &[2, OUT]), at(b, &[2, IN]));
        move |row: usize, column: usize| {
            let (input, place) = (column / KERNEL, column % KERNEL);
            sum(2, |i| sum(2, |j| t(&[i, j, place]) * a(&[i, row]) * b(&[j, input])))
        }
    };
    let (left, right) = (half(&t1, &w1a, &w1b), half(&t2, &w2a, &w2b));
    check("LoHa, Tucker", Layer::Conv, &tensors, 1.0, &dense(IN * KERNEL, |r, c| left(r, c) * right(r, c)));
}

#[test]
fn lokr_is_a_kronecker_product() {
    let name = |layer: &str, part: &str| format!("lora_unet_{layer}.lokr_{part}");
    let [w1, w2, w2a, w2b] = ["w1", "w2", "w2_a", "w2_b"].map(|part| name("attn_to_k", part));
    let alpha = name("attn_to_k", "x").replace("lokr_x", "alpha");
    let left = at(&w1, &[2, 2]);
    let mut tensors = parts(&[(&w1, &[2, 2]), (&w2, &[3, 2])]);
    tensors.push((&alpha, scalar(7.0)));
    let right = at(&w2, &[3, 2]);
    let wanted = dense(IN, |row, column| left(&[row / 3, column / 2]) * right(&[row % 3, column % 2]));
    check("LoKr of two matrices, whose alpha says nothing", Layer::Key, &tensors, 1.0, &wanted);

    let mut tensors = parts(&[(&w1, &[2, 2]), (&w2a, &[3, 4]), (&w2b, &[4, 2])]);
    tensors.push((&alpha, scalar(2.0)));
    let (a, b) = (at(&w2a, &[3, 4]), at(&w2b, &[4, 2]));
    let right = |row: usize, column: usize| sum(4, |r| a(&[row, r]) * b(&[r, column]));
    let wanted = dense(IN, |row, column| 0.5 * left(&[row / 3, column / 2]) * right(row % 3, column % 2));
    check("LoKr with a low rank", Layer::Key, &tensors, 1.0, &wanted);

    let [w1, w2a, w2b, t2] = ["w1", "w2_a", "w2_b", "t2"].map(|part| name("conv", part));
    let tensors = parts(&[(&w1, &[2, 2]), (&w2a, &[2, 3]), (&w2b, &[2, 2]), (&t2, &[2, 2, 3, 3])]);
    let (left, a, b) = (at(&w1, &[2, 2]), at(&w2a, &[2, 3]), at(&w2b, &[2, 2]));
    let t = at(&t2, &[2, 2, KERNEL]);
    let wanted = dense(IN * KERNEL, |row, column| {
        let (input, place) = (column / KERNEL, column % KERNEL);
        let inner = |i: usize, j: usize| t(&[i, j, place]) * a(&[i, row % 3]) * b(&[j, input % 2]);
        left(&[row / 3, input / 2]) * sum(2, |i| sum(2, |j| inner(i, j)))
    });
    check("LoKr, Tucker", Layer::Conv, &tensors, 1.0, &wanted);
}

#[test]
fn a_full_change_is_added_to_weight_and_bias() {
    let bench = Bench::new();
    let (diff, bias) = ("lora_unet_attn_to_k.diff", "lora_unet_attn_to_k.diff_b");
    let lora = bench.lora(&parts(&[(diff, &[OUT, IN]), (bias, &[OUT])]));
    let zero = Tensor::zeros((1, IN), candle_core::DType::F32, &Device::Cpu).unwrap();
    let before = bench.joined.forward(&zero).unwrap();
    bench.blend(&[(&lora, 0.5)]);
    let moved = values(&(bench.joined.forward(&zero).unwrap() - before).unwrap());
    let wanted = values(&(wave(bias, &[OUT]) * 0.5).unwrap());
    assert!(moved[..OUT].iter().all(|v| *v == 0.0), "the other half of the layer moved");
    assert!(moved[OUT..].iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-6));
    let diff = values(&(wave(diff, &[OUT, IN]) * 0.5).unwrap());
    assert!(bench.change(Layer::Key).iter().zip(&diff).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn dora_brings_rows_or_columns_of_the_changed_weight_to_its_lengths() {
    let own = values(&wave("attn.to_q.weight", &[OUT, IN]));
    let (down, up) = ("unet.attn.to_q.lora_A.weight", "unet.attn.to_q.lora_B.weight");
    let (a, b) = (at(down, &[2, IN]), at(up, &[OUT, 2]));
    let changed = |r: usize, c: usize| f64::from(own[r * IN + c]) + sum(2, |k| b(&[r, k]) * a(&[k, c]));
    for (magnitude, shape) in [
        ("unet.attn.to_q.dora_scale", vec![OUT, 1]),
        ("unet.attn.to_q.dora_scale", vec![1, IN]),
        ("unet.attn.to_q.lora_magnitude_vector", vec![OUT]),
    ] {
        let mut tensors = parts(&[(down, &[2, IN]), (up, &[OUT, 2])]);
        let length = (wave(magnitude, &shape).abs().unwrap() + 1.0).unwrap();
        let lengths = values(&length);
        tensors.push((magnitude, length));
        let of_rows = shape[0] == OUT;
        let wanted = dense(IN, |r, c| {
            let norm = if of_rows {
                sum(IN, |c| changed(r, c) * changed(r, c)).sqrt()
            } else {
                sum(OUT, |r| changed(r, c) * changed(r, c)).sqrt()
            };
            let length = f64::from(lengths[if of_rows { r } else { c }]);
            0.8 * (changed(r, c) * length / norm - f64::from(own[r * IN + c]))
        });
        check(&format!("DoRA {shape:?}"), Layer::Query, &tensors, 0.8, &wanted);
    }
}

#[test]
fn glora_takes_the_own_weight_through_a_matrix_and_adds_another_in_either_order() {
    let name = |part: &str| format!("lora_unet_attn_to_q.{part}.weight");
    let own = values(&wave("attn.to_q.weight", &[OUT, IN]));
    let [a1, a2, b1, b2] = ["a1", "a2", "b1", "b2"].map(name);
    let alpha = "lora_unet_attn_to_q.alpha";
    // Newer files hold (in, rank), (rank, in), (out, rank), (rank, in); older ones the other way round.
    for (outer, inner, first, last) in [(&a1, &a2, &b1, &b2), (&a2, &a1, &b2, &b1)] {
        let mut tensors =
            parts(&[(outer, &[IN, 2]), (inner, &[2, IN]), (first, &[OUT, 2]), (last, &[2, IN])]);
        tensors.push((alpha, scalar(1.0)));
        let (a, b) = (at(outer, &[IN, 2]), at(inner, &[2, IN]));
        let (c, d) = (at(first, &[OUT, 2]), at(last, &[2, IN]));
        let taken = |row: usize, column: usize| {
            sum(IN, |i| f64::from(own[row * IN + i]) * sum(2, |r| a(&[i, r]) * b(&[r, column])))
        };
        let wanted = dense(IN, |row, column| {
            0.7 * 0.5 * (taken(row, column) + sum(2, |r| c(&[row, r]) * d(&[r, column])))
        });
        check("GLoRA", Layer::Query, &tensors, 0.7, &wanted);
    }
}

#[test]
fn oft_turns_pairs_of_rows_by_angles_up_to_a_limit_and_stretches_them() {
    let [blocks, alpha, rescale] =
        ["oft_blocks", "alpha", "rescale"].map(|part| format!("lora_unet_conv.{part}"));
    let own = values(&wave("conv.weight", &[OUT, IN, 3, 3]));
    let columns = IN * KERNEL;
    let shape = [OUT / 2, 2, 2];
    let entry = at(&blocks, &shape);
    let skew = |block: usize| entry(&[block, 0, 1]) - entry(&[block, 1, 0]);
    // Each counts twice in the norm, with either sign.
    let length = (2.0 * (0..OUT / 2).map(|block| skew(block).powi(2)).sum::<f64>()).sqrt();
    let factor = at(&rescale, &[OUT, 1]);
    for (limit, stretched) in [(None, false), (Some(0.0), false), (Some(0.01), true), (Some(100.0), true)] {
        let mut tensors = parts(&[(&blocks, &shape)]);
        tensors.extend(limit.map(|limit| (alpha.as_str(), scalar(limit))));
        tensors.extend(stretched.then(|| (rescale.as_str(), wave(&rescale, &[OUT, 1]))));
        let most = limit.map_or(0.0, |limit| f64::from(limit) * OUT as f64);
        let shrunk = if most > 0.0 { (most / length).min(1.0) } else { 1.0 };
        let wanted = dense(columns, |row, column| {
            let q = skew(row / 2) * shrunk;
            let (cosine, sine) = ((1.0 - q * q) / (1.0 + q * q), 2.0 * q / (1.0 + q * q));
            let value = |row: usize| f64::from(own[row * columns + column]);
            let turned = match row % 2 {
                0 => cosine * value(row) - sine * value(row + 1),
                _ => sine * value(row - 1) + cosine * value(row),
            };
            0.7 * (turned * if stretched { factor(&[row, 0]) } else { 1.0 } - value(row))
        });
        check(&format!("OFT {limit:?} {stretched}"), Layer::Conv, &tensors, 0.7, &wanted);
    }
}

#[test]
fn oft_of_larger_blocks_is_cayleys_transform() {
    let blocks = "oft_unet_attn_to_q.oft_blocks";
    let shape = [2, 3, 3];
    let entry = at(blocks, &shape);
    let own = values(&wave("attn.to_q.weight", &[OUT, IN]));
    let bench = Bench::new();
    let lora = bench.lora(&parts(&[(blocks, &shape)]));
    assert_eq!(bench.blend(&[(&lora, 1.0)]), [Blended { layers: 1, misfits: Vec::new() }]);
    let turned: Vec<f32> =
        bench.change(Layer::Query).iter().zip(&own).map(|(change, own)| change + own).collect();
    // (I + Q) X = (I - Q) W, by which X is the transpose of (I + Q) (I - Q)^-1, times W.
    for (row, column) in (0..OUT).flat_map(|row| (0..IN).map(move |column| (row, column))) {
        let (block, i) = (row / 3, row % 3);
        let side = |sign: f64, rows: &[f32]| {
            let row_of = |j: usize| f64::from(rows[(block * 3 + j) * IN + column]);
            row_of(i) + sign * sum(3, |j| (entry(&[block, i, j]) - entry(&[block, j, i])) * row_of(j))
        };
        let (left, right) = (side(1.0, &turned), side(-1.0, &own));
        assert!((left - right).abs() < 1e-5, "{row}, {column}: {left} is not {right}");
    }
    assert!(turned.iter().zip(&own).any(|(a, b)| (a - b).abs() > 0.1));
}

#[test]
fn changes_of_kinds_that_are_not_computed_are_named_once_a_layer() {
    let bench = Bench::new();
    let lora = bench.lora(&parts(&[
        ("lora_unet_attn_to_q.oft_blocks", &[1, 3, 2, 2]),
        ("lora_unet_attn_to_q.alpha", &[]),
        ("lora_unet_attn_to_q.rescale", &[OUT, 1]),
        ("lora_unet_conv.on_input", &[]),
        ("lora_unet_conv.alpha", &[]),
    ]));
    let blended = bench.blend(&[(&lora, 1.0)]);
    assert_eq!((blended[0].layers, blended[0].misfits.len()), (0, 2), "{blended:?}");
    assert_eq!(blended[0].misfits, ["lora_unet_attn_to_q", "lora_unet_conv"]);
}

#[test]
fn several_adapters_add_up_whatever_their_kind_and_order() {
    let bench = Bench::new();
    let low =
        |name: &'static [&'static str; 2]| bench.lora(&parts(&[(name[0], &[2, IN]), (name[1], &[OUT, 2])]));
    let first = low(&["lora_unet_attn_to_q.lora_down.weight", "lora_unet_attn_to_q.lora_up.weight"]);
    let second = low(&["unet.attn.to_k.lora_A.weight", "unet.attn.to_k.lora_B.weight"]);
    let third = bench.lora(&parts(&[("lora_unet_attn_to_q.diff", &[OUT, IN])]));
    let x = wave("x", &[3, IN]);
    let with = |adapters: &[(&Lora, f64)]| {
        bench.blend(adapters);
        bench.joined.forward(&x).unwrap()
    };
    let none = with(&[]);
    let alone = [(&first, 0.7), (&second, -1.2), (&third, 2.0)];
    let sum = alone.iter().fold(none.clone(), |sum, one| (sum + (with(&[*one]) - &none).unwrap()).unwrap());
    for order in [[0, 1, 2], [2, 0, 1]] {
        let together = with(&order.map(|i| alone[i]));
        assert!(gap(&together, &sum) < 1e-5 * largest(&sum), "order {order:?}");
    }
    assert!(gap(&none, &sum) > 0.5);
    assert_eq!(values(&with(&[(&first, 0.0)])), values(&none));
}

#[test]
fn what_the_model_has_not_or_has_in_another_size_is_named_and_left_out() {
    let bench = Bench::new();
    let lora = bench.lora(&parts(&[
        ("unet.attn.to_q.lora_A.weight", &[2, IN]),
        ("unet.attn.to_q.lora_B.weight", &[OUT, 2]),
        ("unet.attn.to_k.lora_A.weight", &[2, IN + 1]),
        ("unet.attn.to_k.lora_B.weight", &[OUT, 2]),
        ("unet.attn.to_v.lora_A.weight", &[2, IN]),
        ("unet.attn.to_v.lora_B.weight", &[OUT, 2]),
        ("lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", &[2, IN]),
        ("lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", &[OUT, 2]),
        ("lora_unet_conv.lora_down.weight", &[2, IN, 3, 3]),
        ("lora_unet_conv.lora_up.weight", &[OUT, 2, 1, 1]),
        ("lora_unet_conv.dora_scale", &[1, OUT]),
        ("unet.norm.w_norm", &[OUT]),
    ]));
    let blended = bench.blend(&[(&lora, 1.0)]);
    assert_eq!(blended[0].layers, 1);
    let text = "lora_te_text_model_encoder_layers_0_mlp_fc1";
    assert_eq!(blended[0].misfits, ["unet.norm", "unet.attn.to_k", "unet.attn.to_v", "lora_unet_conv", text]);
}
