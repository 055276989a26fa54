//! What other devices than the CPU get: stock operations in half precision, and weights that come block by block. All of
//! it is run on the CPU, where half precision and f64 take the same way.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Tensor};
use qpyt_inference::diffusion::noise::{NoiseSource, TorchGenerator};
use qpyt_inference::diffusion::painter::{Borrowed, FoundPainter, PainterLayout};
use qpyt_inference::diffusion::pipeline::Guide;
use qpyt_inference::weights::{Computing, Holding, Residence};
use qpyt_inference::{
    Adapter, Control, Engine, EngineError, EngineOptions, ImageRequest, InstalledModel, Observer, Offload,
    Picture, Precision, PromptSyntax, StepReport, WeightStorage, scan_models,
};
use tempfile::TempDir;

use crate::bitsandbytes::packed_flux;
use crate::support::{gap, own_references, patterned_picture, spread};

/// One of each kind of network, and one whose file packs its matrices.
fn kinds() -> impl Iterator<Item = Kind> {
    let plain = ["sd15", "sdxl", "sd35", "flux1-dev", "flux2-klein"];
    let packed = std::iter::once_with(|| {
        let folder = packed_flux();
        Kind { id: "packed", path: folder.path().to_path_buf(), _made: Some(folder) }
    });
    plain.into_iter().map(Kind::of).chain(packed)
}

struct Kind {
    id: &'static str,
    path: PathBuf,
    _made: Option<TempDir>,
}

impl Kind {
    fn of(id: &'static str) -> Self {
        Self { id, path: own_references().join(id), _made: None }
    }

    fn layout(&self) -> Box<dyn PainterLayout> {
        FoundPainter::open(&self.path, &Borrowed::new()).unwrap().read().unwrap()
    }

    /// What the network predicts from noise for a prompt, where it is held in a way.
    fn prediction(&self, holding: Holding) -> Tensor {
        let mut layout = self.layout();
        layout.hold(holding);
        let pipeline = layout.load(&Device::Cpu).unwrap();
        let channels = pipeline.vae().config().model_channels();
        let noise = TorchGenerator::new(3).draw(channels * 64);
        let latents = Tensor::from_vec(noise, (1, channels, 8, 8), &Device::Cpu).unwrap();
        let prompt = pipeline.encode_prompt("a lighthouse on a cliff", 0).unwrap();
        let predictor = pipeline.predictor(&Guide::new(&prompt, None, 1.0), (8, 8)).unwrap();
        let output = predictor.predict(&latents, 500.0).unwrap();
        assert_eq!(output.dtype(), DType::F32, "{}", self.id);
        output
    }
}

fn typed(dtype: DType) -> Holding {
    Holding { computing: Computing::typed(dtype), ..Holding::default() }
}

fn streaming(layout: &dyn PainterLayout, dtype: DType, storage: WeightStorage) -> Holding {
    let residence = Arc::new(Residence::plan(&layout.held().blocks(), 0));
    assert!(residence.streamed() > 2, "{}", residence.streamed());
    Holding { storage, computing: Computing::Typed { dtype, residence }, ..Holding::default() }
}

#[test]
fn every_network_predicts_alike_in_any_precision() {
    for kind in kinds() {
        let (id, single) = (kind.id, kind.prediction(Holding::default()));
        for (dtype, most) in [(DType::F64, 2e-5), (DType::F16, 0.02), (DType::BF16, 0.1)] {
            let gap = gap(&kind.prediction(typed(dtype)), &single) / spread(&single);
            assert!(gap < most, "{id} in {dtype:?} is {gap} off");
            assert!(dtype == DType::F64 || gap > 1e-6, "{id} was not computed in {dtype:?}");
        }
    }
}

#[test]
fn weights_that_are_brought_for_each_use_give_the_same_bytes() {
    for kind in kinds() {
        for dtype in [DType::F16, DType::BF16] {
            let resident = kind.prediction(typed(dtype));
            let holding = streaming(kind.layout().as_ref(), dtype, WeightStorage::AsStored);
            assert_eq!(gap(&kind.prediction(holding), &resident), 0.0, "{} in {dtype:?}", kind.id);
        }
    }
}

#[test]
fn weights_that_are_quantised_at_load_are_brought_for_each_use_too() {
    let kind = Kind::of("flux1-dev");
    for storage in [WeightStorage::Q8_0, WeightStorage::Q4K] {
        let resident = kind.prediction(Holding { storage, ..typed(DType::F16) });
        let holding = streaming(kind.layout().as_ref(), DType::F16, storage);
        assert_eq!(gap(&kind.prediction(holding), &resident), 0.0, "{storage:?}");
    }
}

#[test]
fn blocks_are_all_of_a_model_but_its_autoencoder() {
    for kind in kinds() {
        let id = kind.id;
        let mut layout = kind.layout();
        layout.hold(typed(DType::F16));
        let blocks = layout.held().blocks();
        let movable: u64 = blocks.iter().map(|block| block.bytes).sum();
        let all = layout.weight_bytes();
        assert!(movable < all && movable > all / 4, "{id}: {movable} of {all}");
        assert!(blocks.iter().all(|block| block.largest <= block.bytes), "{id}");
        assert!(blocks.iter().any(|block| block.name.ends_with(".1")), "{id}: {blocks:?}");
    }
}

#[test]
fn half_precision_is_counted_as_half() {
    let bytes = |dtype: DType| {
        let mut layout = Kind::of("flux2-klein").layout();
        layout.hold(typed(dtype));
        layout.held().blocks().iter().map(|block| block.bytes).sum::<u64>()
    };
    let (half, single) = (bytes(DType::F16), bytes(DType::F32));
    // Norms stay in f32.
    assert!(half * 2 > single && half * 2 < single * 11 / 10, "{half} of {single}");
}

/// Keeps notes and what was loaded.
#[derive(Default)]
struct Witness {
    notes: Mutex<Vec<String>>,
    doing: Mutex<Vec<String>>,
}

impl Witness {
    /// The blocks that were said to be brought, and of how many.
    fn moved(&self) -> Option<(usize, usize)> {
        let notes = self.notes.lock().unwrap();
        let note = notes.iter().find(|note| note.contains("blocks of the model"))?;
        let mut numbers = note.split(' ').filter_map(|word| word.parse().ok());
        Some((numbers.next()?, numbers.next()?))
    }

    fn loads(&self) -> usize {
        self.doing.lock().unwrap().iter().filter(|what| what.starts_with("loading")).count()
    }
}

impl Observer for Witness {
    fn step(&self, _report: StepReport<'_>) {}
    fn part(&self, _done: usize, _parts: usize) {}
    fn text(&self, _piece: &str) {}
    fn doing(&self, what: &str) {
        self.doing.lock().unwrap().push(what.to_owned());
    }
    fn note(&self, note: &str) {
        self.notes.lock().unwrap().push(note.to_owned());
    }
    fn cancelled(&self) -> bool {
        false
    }
}

fn engine(memory_budget: u64, precision: Precision, offload: Offload) -> Engine {
    let engine = Engine::new(EngineOptions { memory_budget, threads: None }).unwrap();
    engine.with_precision(precision).with_offload(offload)
}

fn model_in(folders: &[&str], id: &str) -> InstalledModel {
    let folders: Vec<_> = folders.iter().map(|folder| own_references().join(folder)).collect();
    let scan = scan_models(&folders);
    scan.models.iter().find(|m| m.id == id).unwrap_or_else(|| panic!("{id}: {:?}", scan.broken)).clone()
}

fn request(edge: u32) -> ImageRequest {
    ImageRequest {
        prompt: "a lighthouse on a cliff at dusk".to_owned(),
        negative: String::new(),
        syntax: PromptSyntax::Weighted,
        embeddings: Vec::new(),
        width: edge,
        height: edge,
        steps: 2,
        guidance: 1.0,
        sampler: None,
        schedule: None,
        seed: 7,
        clip_skip: 0,
        skipping: None,
        adapters: Vec::new(),
        controls: Vec::new(),
        references: Vec::new(),
    }
}

/// Mean difference of bytes.
fn difference(a: &Picture, b: &Picture) -> f64 {
    let gaps = a.rgb.iter().zip(&b.rgb).map(|(a, b)| f64::from(a.abs_diff(*b)));
    gaps.sum::<f64>() / a.rgb.len() as f64
}

const GIGABYTE: u64 = 1 << 30;

#[test]
fn pictures_in_half_precision_are_near_those_in_f32_with_all_that_is_added() {
    let folders = ["sdxl", "sdxl-lora", "sdxl-controlnet"];
    let model = |id: &str| model_in(&folders, id);
    let plain = ImageRequest { negative: "blurry".to_owned(), guidance: 4.0, ..request(32) };
    let adapters = vec![Adapter { model: model("a.kohya"), weight: 1.0 }];
    let picture = patterned_picture(32, 32);
    let controls =
        vec![Control { model: model("sdxl-controlnet"), picture, weight: 1.0, start: 0.0, end: 1.0 }];
    for request in
        [ImageRequest { adapters, ..plain.clone() }, ImageRequest { controls, ..plain.clone() }, plain]
    {
        let paint = |precision| {
            let engine = engine(GIGABYTE, precision, Offload::Auto);
            engine.text_to_image(&model("sdxl"), &request, &Witness::default()).unwrap()
        };
        let single = paint(Precision::Auto);
        assert_eq!(paint(Precision::F32), single);
        for (precision, most) in [(Precision::F16, 1.0), (Precision::Bf16, 6.0)] {
            let gap = difference(&paint(precision), &single);
            assert!(gap < most, "{precision:?} is {gap} off");
        }
    }
}

#[test]
fn numbers_that_break_down_in_half_precision_come_with_the_way_to_f32() {
    let folder = tempfile::tempdir().unwrap();
    let endless = Tensor::full(f32::MAX, (16, 4, 3, 3), &Device::Cpu).unwrap();
    let change = [("lora_unet_conv_in.diff".to_owned(), endless)].into_iter().collect();
    candle_core::safetensors::save(&change, folder.path().join("endless.safetensors")).unwrap();
    let models = scan_models(&[own_references().join("sd15"), folder.path().to_path_buf()]).models;
    let model = |id: &str| models.iter().find(|model| model.id == id).unwrap().clone();
    let adapters = vec![Adapter { model: model("endless"), weight: 1.0 }];
    let request = ImageRequest { adapters, ..request(32) };
    let told = |precision| {
        let engine = engine(GIGABYTE, precision, Offload::Auto);
        engine.text_to_image(&model("sd15"), &request, &Witness::default()).unwrap_err().to_string()
    };
    let way = "or set `inference.precision` to `f32`";
    for (precision, helps) in [(Precision::F16, true), (Precision::Bf16, true), (Precision::Auto, false)] {
        let told = told(precision);
        assert!(told.contains("no longer finite"), "{told}");
        assert_eq!(told.contains(way), helps, "{precision:?}: {told}");
    }
}

#[test]
fn in_f32_on_the_cpu_nothing_is_brought_anywhere() {
    let witness = Witness::default();
    let model = model_in(&["sd35"], "sd35");
    let picture = engine(GIGABYTE, Precision::Auto, Offload::Always);
    let picture = picture.text_to_image(&model, &request(32), &witness).unwrap();
    assert_eq!(witness.moved(), None);
    let usual = engine(GIGABYTE, Precision::Auto, Offload::Auto);
    assert_eq!(picture, usual.text_to_image(&model, &request(32), &Witness::default()).unwrap());
}

/// Bytes that a picture is said to need where there are none.
fn needed(model: &InstalledModel, edge: u32, offload: Offload) -> u64 {
    match engine(1, Precision::F16, offload).text_to_image(model, &request(edge), &Witness::default()) {
        Err(EngineError::OutOfMemory { needed, budget: 1 }) => needed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn blocks_that_do_not_fit_are_brought_and_said_to_be_and_the_picture_stays_the_same() {
    for id in ["sd15", "flux2-klein"] {
        let model = model_in(&[id], id);
        let paint = |budget: u64, offload: Offload| {
            let witness = Witness::default();
            let engine = engine(budget, Precision::F16, offload);
            (engine.text_to_image(&model, &request(32), &witness), witness.moved())
        };
        let (whole, least) = (needed(&model, 32, Offload::Never), needed(&model, 32, Offload::Auto));
        assert!(least < whole, "{id}: {least} of {whole}");
        let (picture, moved) = paint(GIGABYTE, Offload::Auto);
        let picture = picture.unwrap();
        assert_eq!(moved, None, "{id}");
        for (budget, offload) in
            [(whole - 1, Offload::Auto), (least, Offload::Auto), (GIGABYTE, Offload::Always)]
        {
            let (other, moved) = paint(budget, offload);
            assert!(other.unwrap() == picture, "{id} with {budget}");
            let (moved, all) = moved.unwrap_or_else(|| panic!("{id}: nothing was said"));
            let some = budget == whole - 1;
            assert!(if some { moved < all } else { moved == all }, "{id}: {moved} of {all}");
        }
        assert!(matches!(paint(whole - 1, Offload::Never).0, Err(EngineError::OutOfMemory { .. })), "{id}");
        assert!(matches!(paint(least - 1, Offload::Auto).0, Err(EngineError::OutOfMemory { .. })), "{id}");
    }
}

#[test]
fn a_model_comes_back_to_the_device_as_a_whole_once_it_fits_again() {
    let model = model_in(&["flux2-klein"], "flux2-klein");
    // Room for all of a small picture, and for a larger one without some blocks.
    let budget = needed(&model, 32, Offload::Never).max(needed(&model, 36, Offload::Auto));
    assert!(budget < needed(&model, 36, Offload::Never));
    let engine = engine(budget, Precision::F16, Offload::Auto);
    let paint = |edge: u32| {
        let witness = Witness::default();
        let picture = engine.text_to_image(&model, &request(edge), &witness).unwrap();
        (picture, witness.loads(), witness.moved().is_some())
    };
    let (first, loads, moved) = paint(32);
    assert_eq!((loads, moved), (1, false));
    let (_, loads, moved) = paint(36);
    assert_eq!((loads, moved), (1, true));
    let (_, loads, moved) = paint(36);
    assert_eq!((loads, moved), (0, true));
    let (again, loads, moved) = paint(32);
    assert_eq!((loads, moved), (1, false));
    assert!(first == again);
}
