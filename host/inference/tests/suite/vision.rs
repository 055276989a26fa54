//! Background removal: the network against what the original computes, and pictures of every kind to mattes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::support::{Reference, gap, own_references, repository};
use candle_core::{Device, Tensor};
use qpyt_inference::Picture;
use qpyt_inference::pixels::{Kernel, PictureError, resize};
use qpyt_inference::vision::salient::{MatteError, SalientKind, SalientLayout, SalientNetwork};
use qpyt_inference::weights::SafetensorsFile;

/// Largest difference allowed of the network's answer, which lies in 0..1.
const ANSWER: f32 = 1e-3;

fn weight_file() -> PathBuf {
    repository().join("models/u2netp/u2netp.safetensors")
}

fn network_in(path: &Path) -> SalientNetwork {
    let layout = SalientLayout::read(path).unwrap().expect("the network is not recognised");
    SalientNetwork::load(&layout, &Device::Cpu).unwrap()
}

/// All tensors of the bundled network.
fn bundled_tensors() -> HashMap<String, Tensor> {
    let file = SafetensorsFile::open(&weight_file()).unwrap();
    let names = file.entries().keys();
    names.map(|name| (name.clone(), file.tensor(name, &Device::Cpu).unwrap())).collect()
}

/// A picture of a bright disc before a dark gradient.
fn disc(width: u32, height: u32) -> Picture {
    let (radius, middle) =
        (f64::from(width.min(height)) / 4.0, (f64::from(width) / 2.0, f64::from(height) / 2.0));
    let pixel = |x: u32, y: u32| {
        let inside = (f64::from(x) - middle.0).hypot(f64::from(y) - middle.1) < radius;
        if inside { [230, 190, 40] } else { [(x * 60 / width) as u8, 40, (y * 80 / height) as u8] }
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Picture { width, height, rgb: pixels.flat_map(|(x, y)| pixel(x, y)).collect() }
}

#[test]
fn u2netp_answers_as_the_published_network() {
    let network = network_in(&weight_file());
    assert_eq!(network.kind(), SalientKind::U2Net);
    let reference = Reference::open(&own_references().join("u2netp"));
    let answer = network.forward(&reference.get("input")).unwrap();
    let gap = gap(&answer, &reference.get("d0"));
    println!("u2netp: within {gap:.1e}");
    assert!(gap <= ANSWER, "the answer differs by {gap}");
}

#[test]
fn batch_normalisation_beside_the_kernels_is_folded_into_them() {
    let mut tensors = bundled_tensors();
    let kernels: Vec<String> =
        tensors.keys().filter(|name| name.ends_with("conv_s1.weight")).cloned().collect();
    for (number, kernel) in kernels.iter().enumerate() {
        let block = kernel.strip_suffix("conv_s1.weight").unwrap();
        let channels = tensors[kernel].dims()[0];
        let spread = |base: f64, step: f64| {
            let values: Vec<f32> =
                (0..channels).map(|i| (base + step * ((i + number) as f64).sin()) as f32).collect();
            Tensor::from_vec(values, channels, &Device::Cpu).unwrap()
        };
        let (scale, mean, variance) = (spread(1.2, 0.3), spread(0.1, 0.2), spread(0.8, 0.4));
        // The kernel and shift that the normalisation turns back into the bundled ones.
        let factor = (&scale / (&variance + 1e-5).unwrap().sqrt().unwrap()).unwrap();
        let unfolded = tensors[kernel].broadcast_div(&factor.reshape((channels, 1, 1, 1)).unwrap()).unwrap();
        let bias = tensors[&format!("{block}conv_s1.bias")].clone();
        let centre = ((spread(0.3, 0.1) - &mean).unwrap() * &factor).unwrap();
        tensors.insert(kernel.clone(), unfolded);
        tensors.insert(format!("{block}conv_s1.bias"), spread(0.3, 0.1));
        tensors.insert(format!("{block}bn_s1.weight"), scale);
        tensors.insert(format!("{block}bn_s1.bias"), (bias - centre).unwrap());
        tensors.insert(format!("{block}bn_s1.running_mean"), mean);
        tensors.insert(format!("{block}bn_s1.running_var"), variance);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with-norms.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let reference = Reference::open(&own_references().join("u2netp"));
    let answer = network_in(&path).forward(&reference.get("input")).unwrap();
    let gap = gap(&answer, &reference.get("d0"));
    assert!(gap <= ANSWER, "the answer differs by {gap}");
}

#[test]
fn an_is_net_is_told_by_its_first_convolution_and_answers_at_the_pictures_size() {
    let mut tensors = bundled_tensors();
    tensors.retain(|name, _| !name.starts_with("outconv"));
    let shared = tensors["stage1.rebnconvin.conv_s1.weight"].clone();
    // IS-Net's first block sees what the convolution of stride 2 gives, not the picture.
    let wide = Tensor::cat(&[&shared; 4], 1).unwrap();
    tensors.insert("stage1.rebnconvin.conv_s1.weight".into(), wide);
    let first = shared.narrow(0, 0, 12).unwrap();
    tensors.insert("conv_in.weight".into(), first);
    tensors.insert("conv_in.bias".into(), Tensor::new(&[0.1f32; 12], &Device::Cpu).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("is-net.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let network = network_in(&path);
    assert_eq!(network.kind(), SalientKind::IsNet);
    let answer =
        network.forward(&Tensor::zeros((1, 3, 66, 50), candle_core::DType::F32, &Device::Cpu).unwrap());
    assert_eq!(answer.unwrap().dims(), [1, 1, 66, 50]);
}

#[test]
fn a_bright_disc_is_cut_out() {
    let picture = disc(200, 120);
    let matte = network_in(&weight_file()).matte(&picture).unwrap();
    assert_eq!(matte.len(), 200 * 120);
    let at = |x: usize, y: usize| matte[y * 200 + x];
    assert!(at(100, 60) > 230, "the middle of the disc is {}", at(100, 60));
    for (x, y) in [(3, 3), (196, 3), (3, 116), (196, 116), (20, 60), (180, 60)] {
        assert!(at(x, y) < 25, "the background at {x}, {y} is {}", at(x, y));
    }
}

#[test]
fn pictures_of_every_shape_have_a_matte_of_their_size() {
    let network = network_in(&weight_file());
    let grey = |width: u32, height: u32, value: u8| Picture {
        width,
        height,
        rgb: vec![value; (width * height * 3) as usize],
    };
    for picture in [grey(1, 1, 0), grey(1, 1, 255), grey(1, 37, 90), grey(5000, 2, 128), grey(64, 48, 128)] {
        let matte = network.matte(&picture).unwrap();
        assert_eq!(matte.len(), (picture.width * picture.height) as usize);
    }
}

#[test]
fn what_is_not_a_picture_is_refused() {
    let network = network_in(&weight_file());
    let refused = |width, height, bytes| {
        let error = network.matte(&Picture { width, height, rgb: vec![0; bytes] }).unwrap_err();
        let MatteError::Picture(error) = error else { panic!("{error}") };
        error
    };
    assert_eq!(refused(0, 5, 0), PictureError::Empty { width: 0, height: 5 });
    assert!(matches!(refused(4, 4, 47), PictureError::Length { bytes: 47, expected: 48, .. }));
    assert!(matches!(refused(u32::MAX, u32::MAX, 3), PictureError::TooLarge { .. }));
}

/// Samples, channels, size before and after, samples that are expected.
type ResizeCase<'a> = (&'a [u8], usize, (u32, u32), (u32, u32), &'a [u8]);

/// Numbers from Pillow 13.0.0, `Image.resize(size, Image.Resampling.LANCZOS)`.
#[test]
fn size_changes_give_the_bytes_of_pillow() {
    let sample = |i: u32| ((i * 37 + i / 7 * 50 + i * i % 11 * 9) % 256) as u8;
    let grey: Vec<u8> = (0..35).map(sample).collect();
    let rgb: Vec<u8> = (0..36).map(sample).collect();
    let cases: [ResizeCase<'_>; 5] = [
        (&grey, 1, (7, 5), (3, 2), &[119, 184, 168, 183, 129, 126]),
        (
            &grey,
            1,
            (7, 5),
            (11, 8),
            &[
                0, 4, 40, 83, 145, 196, 197, 182, 199, 246, 255, 25, 52, 98, 119, 142, 175, 198, 226, 240,
                199, 164, 99, 136, 181, 174, 166, 178, 177, 221, 251, 129, 27, 174, 182, 188, 180, 226, 247,
                127, 79, 149, 115, 63, 182, 187, 206, 224, 236, 196, 90, 46, 97, 127, 130, 165, 173, 213,
                255, 181, 57, 86, 140, 131, 141, 151, 218, 157, 98, 152, 135, 64, 99, 141, 140, 163, 180,
                255, 151, 12, 60, 120, 114, 109, 111, 135, 173, 193,
            ],
        ),
        (&grey, 1, (7, 5), (7, 2), &[80, 140, 162, 197, 160, 203, 133, 205, 146, 191, 115, 102, 131, 144]),
        (&grey, 1, (7, 5), (2, 5), &[78, 217, 158, 178, 198, 119, 174, 127, 114, 132]),
        (
            &rgb,
            3,
            (4, 3),
            (5, 2),
            &[
                94, 34, 134, 166, 160, 219, 197, 161, 196, 166, 115, 162, 167, 188, 235, 133, 97, 160, 167,
                205, 127, 111, 175, 102, 87, 119, 111, 157, 199, 117,
            ],
        ),
    ];
    for (samples, channels, from, to, wanted) in cases {
        assert_eq!(
            resize(samples, channels, from, to, Kernel::Lanczos).unwrap(),
            wanted,
            "{from:?} to {to:?}"
        );
    }
    assert!(resize(&grey, 1, (7, 5), (0, 5), Kernel::Lanczos).is_err());
}
