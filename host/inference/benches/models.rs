//! One model in a process of its own, for the comparisons in `tests/bench`, which let it and the usual tool take turns
//! and measure both from outside.
//!
//! `models TASK WEIGHTS INPUT OUTPUT`: each line on standard input asks for one round, each line on standard output
//! says that one is done; at the end the answer goes to OUTPUT. INPUT and OUTPUT are safetensors files; the answer is the
//! tensor `output`. The number of threads is `RAYON_NUM_THREADS`.
//!
//! `models picture FOLDER EDGE STEPS` makes one picture with a whole model, guided, and ends; on standard output it says
//! after how many seconds the model was loaded and its first step taken.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that can't measure stops"
)]

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use qpyt_inference::allocator::{KeepingAllocator, keeping_blocks};
use qpyt_inference::diffusion::flux2::{Flux2Config, Flux2Transformer};
use qpyt_inference::diffusion::unet::{Addition, Framing, Unet, UnetConfig};
use qpyt_inference::diffusion::vae::{Vae, VaeConfig};
use qpyt_inference::language::chat::{ChatLayout, ChatModel};
use qpyt_inference::upscale::{Upscaler, UpscalerLayout};
use qpyt_inference::vision::salient::{SalientLayout, SalientNetwork};
use qpyt_inference::weights::{ConfigFile, Holding, SafetensorsFile, WeightFiles, WeightStorage, Weights};
use qpyt_inference::{Engine, EngineOptions, ImageRequest, Observer, PromptSyntax, StepReport, scan_models};

#[global_allocator]
static ALLOCATOR: KeepingAllocator = KeepingAllocator;

/// Tokens that the chat model reads in one round, one by one.
const TOKENS: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [task, folder, edge, steps] = arguments.as_slice()
        && task == "picture"
    {
        return picture(Path::new(folder), edge.parse().unwrap(), steps.parse().unwrap());
    }
    let [task, weights, input, output] = arguments.as_slice() else {
        println!("models runs one model for the scripts in tests/bench: TASK WEIGHTS INPUT OUTPUT");
        return;
    };
    let input = SafetensorsFile::open(Path::new(input)).unwrap();
    let mut round = prepare(task, &PathBuf::from(weights), input);
    let answer = keeping_blocks(|| {
        let mut answer = None;
        for _ in std::io::stdin().lock().lines() {
            answer = Some(round());
            println!("done");
            std::io::stdout().flush().unwrap();
        }
        answer
    });
    let answers = HashMap::from([("output", answer.expect("no round was asked for"))]);
    candle_core::safetensors::save(&answers, output).unwrap();
}

/// Loads a model, and says what a round with it is.
fn prepare(task: &str, weights: &Path, file: SafetensorsFile) -> Box<dyn FnMut() -> Tensor> {
    let device = Device::Cpu;
    let named = |name: &str| file.tensor(name, &device).unwrap();
    let input = named("input");
    match task {
        "background-removal" => {
            let layout = SalientLayout::read(weights).unwrap().expect("not a network for background removal");
            let network = SalientNetwork::load(&layout, &device).unwrap();
            Box::new(move || network.forward(&input).unwrap())
        }
        "enlarging" => {
            let layout = UpscalerLayout::read(weights).unwrap().expect("not an upscaler");
            let network = Upscaler::load(&layout, &device).unwrap();
            Box::new(move || network.forward(&input).unwrap())
        }
        "unet" => {
            let config = UnetConfig::read(&component_config(weights)).unwrap();
            let unet = Unet::load(&config, &component(weights), &device).unwrap();
            let framing = Framing::whole((8 * input.dim(2).unwrap(), 8 * input.dim(3).unwrap()));
            let pooled = config.addition.map(|_| named("pooled"));
            let addition = pooled.as_ref().map(|pooled| Addition { pooled, framing });
            let context = unet.context(&named("text"), addition).unwrap();
            Box::new(move || unet.forward(&input, 500.0, &context).unwrap())
        }
        "decoding" => {
            let config = VaeConfig::read(&component_config(weights)).unwrap();
            let vae = Vae::load(&config, &component(weights)).unwrap();
            Box::new(move || vae.decode(&input).unwrap())
        }
        "flux2" => {
            let config = Flux2Config::read(&component_config(weights)).unwrap();
            let transformer = Flux2Transformer::load(
                &config,
                &component(weights).held(&Holding { storage: WeightStorage::Q8_0, ..Holding::default() }),
                &device,
            )
            .unwrap();
            let tokens = input.dim(1).unwrap();
            let edge = tokens.isqrt();
            let context = transformer.context(&named("text"), &[(edge, edge)]).unwrap();
            Box::new(move || transformer.forward(&input, tokens, 500.0, &context).unwrap())
        }
        "writing" => {
            let model = ChatModel::load(&ChatLayout::read(weights).unwrap().unwrap(), &device).unwrap();
            let ids = input.to_dtype(DType::U32).unwrap().to_vec1::<u32>().unwrap();
            let mut cache = model.decoder().cache(ids.len()).unwrap();
            let (mut read, mut likeliest) = (0, Vec::new());
            Box::new(move || {
                for id in &ids[read..read + TOKENS] {
                    let logits = model.decoder().next(&[*id], &mut cache).unwrap().flatten_all().unwrap();
                    likeliest.push(logits.argmax(0).unwrap().to_scalar::<u32>().unwrap());
                }
                read += TOKENS;
                Tensor::new(likeliest.as_slice(), &Device::Cpu).unwrap()
            })
        }
        other => panic!("there is no task `{other}`"),
    }
}

/// The configuration of a component's folder.
fn component_config(folder: &Path) -> ConfigFile {
    ConfigFile::read(&folder.join("config.json")).unwrap()
}

/// The weights of a component's folder.
fn component(folder: &Path) -> Weights {
    let files = WeightFiles::open(folder, "diffusion_pytorch_model").unwrap();
    Weights::new(Arc::new(files), &Device::Cpu)
}

/// Says when the first step was taken.
struct FirstStep {
    started: Instant,
    seen: AtomicBool,
}

impl Observer for FirstStep {
    fn step(&self, _report: StepReport<'_>) {
        if !self.seen.swap(true, Ordering::SeqCst) {
            println!("{}", self.started.elapsed().as_secs_f64());
        }
    }
    fn part(&self, _done: usize, _parts: usize) {}
    fn text(&self, _piece: &str) {}
    fn note(&self, _note: &str) {}
    fn cancelled(&self) -> bool {
        false
    }
}

/// Makes a picture and writes it nowhere.
fn picture(folder: &Path, edge: u32, steps: u32) {
    let observer = FirstStep { started: Instant::now(), seen: AtomicBool::new(false) };
    let engine = Engine::new(EngineOptions { memory_budget: 64 << 30, threads: None }).unwrap();
    let scan = scan_models(&[folder.parent().unwrap().to_path_buf()]);
    let model = scan.models.iter().find(|model| model.path == folder).expect("no model there");
    let request = ImageRequest {
        guidance: 7.5,
        seed: 1,
        syntax: PromptSyntax::Plain,
        ..ImageRequest::new("a dog", (edge, edge), steps)
    };
    engine.text_to_image(model, &request, &observer).unwrap();
}
