//! Upscalers: networks against what the originals compute, and pictures of every size through tiles.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::support::{Reference, gap, own_references, repository, values};
use candle_core::{DType, Device, Tensor};
use qpyt_inference::Picture;
use qpyt_inference::pixels::{Kernel, resize};
use qpyt_inference::upscale::{UpscaleError, Upscaler, UpscalerKind, UpscalerLayout};

/// Largest difference allowed of a network's picture in 0..1.
const PICTURE: f32 = 1e-3;

const BUNDLED: &str = "realesr-animevideov3-x4";

fn upscaler_in(path: &Path) -> Upscaler {
    let layout = UpscalerLayout::read(path).unwrap().expect("the upscaler is not recognised");
    Upscaler::load(&layout, &Device::Cpu).unwrap()
}

fn bundled() -> Upscaler {
    upscaler_in(&repository().join(format!("models/{BUNDLED}/{BUNDLED}.safetensors")))
}

/// Compares a network with its reference case.
fn check(upscaler: &Upscaler, case: &Path) {
    let reference = Reference::open(case);
    let output = upscaler.forward(&reference.get("input")).unwrap();
    let gap = gap(&output, &reference.get("output"));
    println!("{}: within {gap:.1e}", case.display());
    assert!(gap <= PICTURE, "{}: the picture differs by {gap}", case.display());
}

/// Compares a picture from tiles with that of the whole: at no seam may the eye see a step.
fn check_seams(upscaler: &Upscaler) {
    let picture = scene(80, 24);
    let (whole, tiled) = (run(upscaler, &picture, 4.0, 80), run(upscaler, &picture, 4.0, 40));
    let mean: f64 = whole.rgb.iter().zip(&tiled.rgb).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>()
        / whole.rgb.len() as f64;
    println!("seams: {} at most, {mean:.3} on average", largest_difference(&whole, &tiled));
    assert!(mean < 0.5 && largest_difference(&whole, &tiled) < 40);
}

/// A picture with edges, slopes and fine stripes.
fn scene(width: u32, height: u32) -> Picture {
    let pixel = |x: u32, y: u32| {
        let wave = ((f64::from(x) * 0.3).sin() * (f64::from(y) * 0.23).cos() * 60.0 + 128.0) as u8;
        let stripe = if (x / 3 + y / 5).is_multiple_of(2) { 220 } else { 40 };
        [wave, if x > width / 2 { stripe } else { wave / 2 }, (y * 255 / height) as u8]
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Picture { width, height, rgb: pixels.flat_map(|(x, y)| pixel(x, y)).collect() }
}

fn run(upscaler: &Upscaler, picture: &Picture, factor: f64, tile: u32) -> Picture {
    upscaler.upscale(picture, factor, tile, &mut |_, _| ControlFlow::Continue(())).unwrap()
}

/// Largest difference between samples of two pictures of one size.
fn largest_difference(a: &Picture, b: &Picture) -> u8 {
    assert_eq!((a.width, a.height, a.rgb.len()), (b.width, b.height, b.rgb.len()));
    a.rgb.iter().zip(&b.rgb).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn the_bundled_upscaler_gives_the_picture_of_the_original() {
    let upscaler = bundled();
    assert_eq!(upscaler.scale(), 4);
    check(&upscaler, &own_references().join(BUNDLED));
}

/// Larger networks, which are not bundled: `QPYT_REFERENCE_MODELS` names a folder with one folder for each.
#[test]
fn other_upscalers_give_the_pictures_of_the_originals() {
    let folder =
        std::env::var_os("QPYT_REFERENCE_MODELS").map_or_else(|| repository().join("models"), PathBuf::from);
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let weights = folder.join(format!("{name}.safetensors"));
        if !weights.is_file() {
            continue;
        }
        let Some(layout) = UpscalerLayout::read(&weights).unwrap() else { continue };
        let bundled_case = own_references().join(&name);
        let case = if folder.join("reference.safetensors").is_file() { folder } else { bundled_case };
        let upscaler = Upscaler::load(&layout, &Device::Cpu).unwrap();
        check(&upscaler, &case);
        check_seams(&upscaler);
        checked += 1;
    }
    assert!(checked > 0);
}

/// Small random tensors of a network, by name, and what it computes, by loops alone and in f64.
struct PlainNetwork {
    tensors: HashMap<String, Tensor>,
    count: u32,
}

/// A feature map: channels of rows of values.
type Map = Vec<Vec<Vec<f64>>>;

impl PlainNetwork {
    fn new() -> Self {
        Self { tensors: HashMap::new(), count: 0 }
    }

    /// Adds a 3x3 convolution of this name.
    fn add(&mut self, name: &str, input: usize, output: usize) {
        self.count += 1;
        let wave = |count: usize, size: f64| -> Vec<f32> {
            (0..count).map(|i| ((i as f64 * 1.7 + f64::from(self.count) * 0.9).sin() * size) as f32).collect()
        };
        let weight = wave(output * input * 9, 1.5 / (input as f64 * 9.0).sqrt());
        let weight = Tensor::from_vec(weight, (output, input, 3, 3), &Device::Cpu).unwrap();
        self.tensors.insert(format!("{name}.weight"), weight);
        let bias = Tensor::from_vec(wave(output, 0.1), output, &Device::Cpu).unwrap();
        self.tensors.insert(format!("{name}.bias"), bias);
    }

    fn convolve(&self, name: &str, x: &Map, leaky: bool) -> Map {
        let weight = &self.tensors[&format!("{name}.weight")];
        let (output, input, _, _) = weight.dims4().unwrap();
        let (weight, bias) = (values(weight), values(&self.tensors[&format!("{name}.bias")]));
        let (height, width) = (x[0].len(), x[0][0].len());
        assert_eq!(x.len(), input);
        let pixel = |o: usize, y: usize, column: usize| {
            let mut sum = f64::from(bias[o]);
            for (c, plane) in x.iter().enumerate() {
                for tap in 0..9 {
                    let (row, column) = (y + tap / 3, column + tap % 3);
                    if (1..=height).contains(&row) && (1..=width).contains(&column) {
                        sum += plane[row - 1][column - 1] * f64::from(weight[(o * input + c) * 9 + tap]);
                    }
                }
            }
            if leaky && sum < 0.0 { 0.2 * sum } else { sum }
        };
        let row = |o: usize, y: usize| (0..width).map(|column| pixel(o, y, column)).collect();
        (0..output).map(|o| (0..height).map(|y| row(o, y)).collect()).collect()
    }

    /// An RRDBNet of one block with these names, as its paper draws it.
    fn rrdb(&self, names: &Names, ups: usize, x: &Map) -> Map {
        let first = self.convolve(names.first, x, false);
        let mut inner = first.clone();
        for dense in 1..=3 {
            let mut seen = inner.clone();
            for layer in 1..=4 {
                let more = self.convolve(&(names.dense)(dense, layer), &seen, true);
                seen.extend(more);
            }
            inner = sum(&inner, &self.convolve(&(names.dense)(dense, 5), &seen, false), 0.2);
        }
        let body = self.convolve(names.body, &sum(&first, &inner, 0.2), false);
        let mut x = sum(&first, &body, 1.0);
        for up in names.ups.iter().take(ups) {
            x = self.convolve(up, &doubled(&x), true);
        }
        self.convolve(names.last, &self.convolve(names.high_resolution, &x, true), false)
    }

    fn saved(&self, path: &Path) -> UpscalerLayout {
        candle_core::safetensors::save(&self.tensors, path).unwrap();
        UpscalerLayout::read(path).unwrap().expect("the upscaler is not recognised")
    }
}

fn sum(a: &Map, b: &Map, share: f64) -> Map {
    let rows = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + share * b).collect();
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(rows).collect()).collect()
}

fn doubled(x: &Map) -> Map {
    let row = |row: &Vec<f64>| row.iter().flat_map(|&value| [value, value]).collect::<Vec<_>>();
    x.iter().map(|plane| plane.iter().flat_map(|line| [row(line), row(line)]).collect()).collect()
}

/// Squares of pixels as channels, in the order of rows.
fn unshuffled(x: &Map, edge: usize) -> Map {
    let part = |plane: &Vec<Vec<f64>>, dy: usize, dx: usize| {
        let row = |line: &Vec<f64>| line.iter().skip(dx).step_by(edge).copied().collect();
        plane.iter().skip(dy).step_by(edge).map(row).collect()
    };
    let squares =
        |plane: &Vec<Vec<f64>>| (0..edge * edge).map(|i| part(plane, i / edge, i % edge)).collect::<Vec<_>>();
    x.iter().flat_map(squares).collect()
}

struct Names {
    first: &'static str,
    dense: fn(usize, usize) -> String,
    body: &'static str,
    ups: [&'static str; 2],
    high_resolution: &'static str,
    last: &'static str,
}

const CURRENT: Names = Names {
    first: "conv_first",
    dense: |dense, layer| format!("body.0.rdb{dense}.conv{layer}"),
    body: "conv_body",
    ups: ["conv_up1", "conv_up2"],
    high_resolution: "conv_hr",
    last: "conv_last",
};

/// A network of one block with few channels.
fn tiny(names: &Names, prefix: &str, input: usize, ups: usize) -> PlainNetwork {
    let mut network = PlainNetwork::new();
    network.add(names.first, input, 6);
    for dense in 1..=3 {
        for layer in 1..=5 {
            let output = if layer == 5 { 6 } else { 4 };
            network.add(&(names.dense)(dense, layer), 6 + 4 * (layer - 1), output);
        }
    }
    network.add(names.body, 6, 6);
    for up in names.ups.iter().take(ups) {
        network.add(up, 6, 6);
    }
    network.add(names.high_resolution, 6, 6);
    network.add(names.last, 6, 3);
    network.tensors = network.tensors.into_iter().map(|(name, t)| (format!("{prefix}{name}"), t)).collect();
    network
}

/// Numbers in 0..1 as a map and as a tensor.
fn input(height: usize, width: usize) -> (Map, Tensor) {
    let value = |c: usize, y: usize, x: usize| ((c * 7 + y * 5 + x * 3) % 17) as f64 / 16.0;
    let row = |c: usize, y: usize| (0..width).map(|x| value(c, y, x)).collect::<Vec<_>>();
    let map: Map = (0..3).map(|c| (0..height).map(|y| row(c, y)).collect()).collect();
    (map.clone(), tensor(&map))
}

fn tensor(map: &Map) -> Tensor {
    let values: Vec<f32> = map.iter().flatten().flatten().map(|&value| value as f32).collect();
    Tensor::from_vec(values, (1, map.len(), map[0].len(), map[0][0].len()), &Device::Cpu).unwrap()
}

#[test]
fn an_rrdbnet_of_any_naming_computes_what_plain_loops_compute() {
    let trunk = Names {
        dense: |dense, layer| format!("RRDB_trunk.0.RDB{dense}.conv{layer}"),
        body: "trunk_conv",
        ups: ["upconv1", "upconv2"],
        high_resolution: "HRconv",
        ..CURRENT
    };
    let numbered = Names {
        first: "model.0",
        dense: |dense, layer| format!("model.1.sub.0.RDB{dense}.conv{layer}.0"),
        body: "model.1.sub.1",
        ups: ["model.3", "model.6"],
        high_resolution: "model.8",
        last: "model.10",
    };
    let numbered_twice = Names { high_resolution: "model.5", last: "model.7", ..numbered };
    let folder = tempfile::tempdir().unwrap();
    let (map, x) = input(9, 14);
    for (names, ups) in [(&CURRENT, 2), (&trunk, 2), (&trunk, 1), (&numbered, 2), (&numbered_twice, 1)] {
        let network = tiny(names, "", 3, ups);
        let layout = network.saved(&folder.path().join("tiny.safetensors"));
        assert_eq!((layout.kind(), layout.scale()), (UpscalerKind::Rrdb, 1 << ups));
        let ours = Upscaler::load(&layout, &Device::Cpu).unwrap().forward(&x).unwrap();
        let gap = gap(&ours, &tensor(&network.rrdb(names, ups, &map)));
        assert!(gap < 1e-5, "{}: differs by {gap}", (names.dense)(1, 1));
    }
}

#[test]
fn pixels_become_channels_in_networks_of_smaller_factors() {
    let folder = tempfile::tempdir().unwrap();
    for (edge, scale, height, width) in [(2, 2, 6, 10), (4, 1, 8, 12)] {
        let network = tiny(&CURRENT, "", 3 * edge * edge, 2);
        let layout = network.saved(&folder.path().join("tiny.safetensors"));
        assert_eq!(layout.scale(), scale);
        let upscaler = Upscaler::load(&layout, &Device::Cpu).unwrap();
        let (map, x) = input(height, width);
        let gap =
            gap(&upscaler.forward(&x).unwrap(), &tensor(&network.rrdb(&CURRENT, 2, &unshuffled(&map, edge))));
        assert!(gap < 1e-5, "factor {scale}: differs by {gap}");
        // Sides that are no multiple are continued, and the picture keeps its size.
        for (height, width) in [(1, 1), (5, 7), (1, 9)] {
            let (_, x) = input(height, width);
            let y = upscaler.forward(&x).unwrap();
            assert_eq!(y.dims(), [1, 3, height * scale as usize, width * scale as usize]);
        }
    }
}

#[test]
fn averaged_weights_are_taken_where_a_file_has_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = tiny(&CURRENT, "params.", 3, 2);
    let averaged = tiny(&CURRENT, "params_ema.", 3, 2);
    for (name, tensor) in averaged.tensors {
        let tensor = if name == "params_ema.conv_last.bias" { (tensor + 1.0).unwrap() } else { tensor };
        network.tensors.insert(name, tensor);
    }
    let layout = network.saved(&folder.path().join("both.safetensors"));
    let plain = tiny(&CURRENT, "", 3, 2);
    let (map, x) = input(5, 6);
    let ours = Upscaler::load(&layout, &Device::Cpu).unwrap().forward(&x).unwrap();
    let wanted = (tensor(&plain.rrdb(&CURRENT, 2, &map)) + 1.0).unwrap();
    assert!(gap(&ours, &wanted) < 1e-5);
}

#[test]
fn half_precision_weights_are_computed_in_single_precision() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = tiny(&CURRENT, "", 3, 2);
    for tensor in network.tensors.values_mut() {
        *tensor = tensor.to_dtype(DType::F16).unwrap();
    }
    let upscaler =
        Upscaler::load(&network.saved(&folder.path().join("half.safetensors")), &Device::Cpu).unwrap();
    for tensor in network.tensors.values_mut() {
        *tensor = tensor.to_dtype(DType::F32).unwrap();
    }
    let (map, x) = input(5, 6);
    assert!(gap(&upscaler.forward(&x).unwrap(), &tensor(&network.rrdb(&CURRENT, 2, &map))) < 1e-5);
}

#[test]
fn tiles_give_the_picture_that_the_whole_gives() {
    let upscaler = bundled();
    let picture = scene(97, 70);
    let whole = run(&upscaler, &picture, 4.0, 1000);
    assert_eq!((whole.width, whole.height), (388, 280));
    for tile in [16, 40, 64] {
        // The halo holds all that a pixel depends on; sums may differ in their last bits.
        let difference = largest_difference(&whole, &run(&upscaler, &picture, 4.0, tile));
        assert!(difference <= 1, "tiles of {tile} differ by {difference}");
    }
}

#[test]
fn any_factor_gives_its_size_and_looks_like_the_picture() {
    let upscaler = bundled();
    let picture = scene(30, 22);
    for (factor, width, height) in
        [(0.5, 15, 11), (1.0, 30, 22), (2.5, 75, 55), (4.0, 120, 88), (6.3, 189, 139)]
    {
        let enlarged = run(&upscaler, &picture, factor, 64);
        assert_eq!((enlarged.width, enlarged.height), (width, height), "factor {factor}");
        let back = resize(&enlarged.rgb, 3, (width, height), (30, 22), Kernel::Lanczos).unwrap();
        let difference: f64 = back.iter().zip(&picture.rgb).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        let mean = difference / back.len() as f64;
        assert!(
            mean < if factor < 1.0 { 30.0 } else { 18.0 },
            "factor {factor}: differs by {mean} on average"
        );
    }
}

#[test]
fn pictures_of_every_shape_are_enlarged() {
    let upscaler = bundled();
    for (width, height) in [(1, 1), (1, 40), (700, 1)] {
        let enlarged = run(&upscaler, &scene(width, height), 4.0, 64);
        assert_eq!((enlarged.width, enlarged.height), (4 * width, 4 * height));
    }
}

#[test]
fn progress_counts_every_tile_of_every_pass_and_can_stop_the_run() {
    let upscaler = bundled();
    let picture = scene(20, 12);
    let mut told = Vec::new();
    let mut listen = |done, of| {
        told.push((done, of));
        ControlFlow::Continue(())
    };
    // One tile of 20x12, then those of 80x48.
    upscaler.upscale(&picture, 5.0, 40, &mut listen).unwrap();
    assert_eq!(told, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
    let mut calls = 0;
    let mut stop = |done, _| {
        calls += 1;
        if done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = upscaler.upscale(&picture, 5.0, 40, &mut stop).unwrap_err();
    assert!(matches!(error, UpscaleError::Cancelled), "{error}");
    assert_eq!(calls, 2);
}

#[test]
fn requests_out_of_range_are_refused_before_anything_runs() {
    let upscaler = bundled();
    let refused = |picture: &Picture, factor: f64, tile: u32| {
        upscaler.upscale(picture, factor, tile, &mut |_, _| panic!("something ran")).unwrap_err()
    };
    let picture = scene(8, 8);
    for factor in [0.0, -1.0, 0.2, 16.5, f64::NAN, f64::INFINITY] {
        assert!(matches!(refused(&picture, factor, 64), UpscaleError::Factor(_)), "{factor}");
    }
    assert!(matches!(refused(&picture, 2.0, 15), UpscaleError::Tile(15)));
    let empty = Picture { width: 0, height: 8, rgb: Vec::new() };
    assert!(matches!(refused(&empty, 2.0, 64), UpscaleError::Picture(_)));
    let short = Picture { width: 8, height: 8, rgb: vec![0; 191] };
    assert!(matches!(refused(&short, 2.0, 64), UpscaleError::Picture(_)));
    let vast = Picture { width: 6000, height: 6000, rgb: vec![0; 108_000_000] };
    assert!(matches!(refused(&vast, 16.0, 64), UpscaleError::Picture(_)));
}

#[test]
fn networks_of_other_kinds_are_not_taken_and_variants_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let emoji = repository().join("models/emoji/unet/diffusion_pytorch_model.safetensors");
    assert!(UpscalerLayout::read(&emoji).unwrap().is_none());
    assert!(UpscalerLayout::read(&repository().join("models/u2netp/u2netp.safetensors")).unwrap().is_none());

    let problem = |network: &PlainNetwork| {
        candle_core::safetensors::save(&network.tensors, &path).unwrap();
        UpscalerLayout::read(&path).err().unwrap().problem
    };
    let mut grey = tiny(&CURRENT, "", 3, 2);
    grey.add("conv_first", 1, 6);
    grey.add("conv_last", 6, 1);
    assert!(problem(&grey).contains("only colour pictures"));
    let mut plus = tiny(&CURRENT, "", 3, 2);
    plus.add("body.0.rdb1.conv1x1", 6, 4);
    assert!(problem(&plus).contains("ESRGAN+"));
    let mut torso = tiny(&CURRENT, "", 3, 2);
    torso.tensors.remove("conv_last.weight");
    assert!(problem(&torso).contains("`conv_last.weight`"));

    let mut cut = tiny(&CURRENT, "", 3, 2);
    cut.tensors.remove("body.0.rdb2.conv3.bias");
    let error = Upscaler::load(&cut.saved(&path), &Device::Cpu).err().unwrap();
    assert!(error.problem.contains("`body.0.rdb2.conv3.bias`"), "{error}");
}
