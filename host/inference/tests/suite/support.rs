//! What the reference tests share: where cases are, their tensors, and comparisons.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use qpyt_inference::Picture;
use qpyt_inference::diffusion::noise::NoiseSource;
use qpyt_inference::weights::SafetensorsFile;

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folder of reference cases: `QPYT_REFERENCE_DIR`, or the ones of the repository.
pub(crate) fn reference_folder() -> PathBuf {
    std::env::var_os("QPYT_REFERENCE_DIR").map_or_else(own_references, PathBuf::from)
}

/// The folder of a case: the one that was asked for if there is one, else the repository's. What a case is based on lies
/// beside it.
pub(crate) fn case_folder(name: &str) -> PathBuf {
    let asked = reference_folder().join(name);
    if asked.is_dir() { asked } else { own_references().join(name) }
}

/// Cases that only this repository has, such as those of the weights that ship.
pub(crate) fn own_references() -> PathBuf {
    repository().join("tests/reference")
}

/// The bundled model.
pub(crate) fn emoji_folder() -> PathBuf {
    repository().join("models/emoji")
}

/// Reference tensors of a case.
pub(crate) struct Reference(SafetensorsFile);

impl Reference {
    pub(crate) fn open(case: &Path) -> Self {
        Self(SafetensorsFile::open(&case.join("reference.safetensors")).unwrap())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.entries().contains_key(name)
    }

    pub(crate) fn get(&self, name: &str) -> Tensor {
        self.0.tensor(name, &Device::Cpu).unwrap()
    }

    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        values(&self.get(name))
    }

    /// Whole numbers, which the weight reader does not take.
    pub(crate) fn integers(&self, path: &Path, name: &str) -> Vec<i64> {
        let bytes = std::fs::read(path.join("reference.safetensors")).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let (begin, end) = self.0.entries()[name].data_offsets;
        bytes[8 + header + begin..8 + header + end]
            .chunks_exact(8)
            .map(|b| i64::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }
}

/// All values of a tensor in row-major order.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest difference between two tensors of one shape.
pub(crate) fn gap(ours: &Tensor, reference: &Tensor) -> f32 {
    assert_eq!(ours.dims(), reference.dims());
    let gaps = values(ours).into_iter().zip(values(reference)).map(|(a, b)| (a - b).abs());
    gaps.fold(0.0, |a, b| if a > b || b.is_nan() { if b.is_nan() { f32::INFINITY } else { a } } else { b })
}

/// Largest magnitude of a tensor's values.
pub(crate) fn largest(tensor: &Tensor) -> f32 {
    values(tensor).into_iter().fold(0.0, |most, v| v.abs().max(most))
}

/// Standard deviation of a tensor's values.
pub(crate) fn spread(tensor: &Tensor) -> f32 {
    let values = values(tensor);
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / values.len() as f32).sqrt()
}

/// Gives recorded draws, in order.
pub(crate) struct Recorded(pub(crate) std::vec::IntoIter<Vec<f32>>);

impl Recorded {
    /// The draws `<run>.drawn.0` and on.
    pub(crate) fn of_run(reference: &Reference, run: &str) -> Self {
        let names = (0..).map(|n| format!("{run}.drawn.{n}")).take_while(|name| reference.has(name));
        Self(names.map(|name| reference.values(&name)).collect::<Vec<_>>().into_iter())
    }
}

impl NoiseSource for Recorded {
    fn draw(&mut self, count: usize) -> Vec<f32> {
        let drawn = self.0.next().expect("more noise was drawn than the reference drew");
        assert_eq!(drawn.len(), count);
        drawn
    }
}

/// A colourful picture with fine and coarse structure, the same wherever it is made.
pub(crate) fn patterned_picture(width: u32, height: u32) -> Picture {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let rgb = pixels.flat_map(|(x, y)| [x * 7 + y * 3, x * y, x * x + y * 5].map(|v| (v % 256) as u8));
    Picture { width, height, rgb: rgb.collect() }
}

/// Sets a key of a JSON file.
pub(crate) fn set_in_file(path: &Path, key: &str, value: serde_json::Value) {
    let mut config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    config[key] = value;
    std::fs::write(path, config.to_string()).unwrap();
}

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            // Not a file copy: a source that is read-only must not give a copy that is.
            std::fs::write(target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}
