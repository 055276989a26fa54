//! One helper model in a process of its own, for the comparisons in `tests/bench`, which let it and the usual tool take
//! turns and measure both from outside.
//!
//! `helpers TASK WEIGHTS INPUT OUTPUT`: each line on standard input asks for one round, each line on standard output
//! says that one is done; at the end the answer goes to OUTPUT. INPUT and OUTPUT are safetensors files with the tensors
//! `input` and `output`. The number of threads is `RAYON_NUM_THREADS`.
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

use candle_core::{DType, Device, Tensor};
use qpyt_inference::allocator::{KeepingAllocator, keeping_blocks};
use qpyt_inference::language::chat::{ChatLayout, ChatModel};
use qpyt_inference::upscale::{Upscaler, UpscalerLayout};
use qpyt_inference::vision::salient::{SalientLayout, SalientNetwork};
use qpyt_inference::weights::SafetensorsFile;

#[global_allocator]
static ALLOCATOR: KeepingAllocator = KeepingAllocator;

/// Tokens that the chat model reads in one round, one by one.
const TOKENS: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [task, weights, input, output] = arguments.as_slice() else {
        println!("helpers runs one model for the scripts in tests/bench: TASK WEIGHTS INPUT OUTPUT");
        return;
    };
    let input = SafetensorsFile::open(Path::new(input)).unwrap().tensor("input", &Device::Cpu).unwrap();
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
fn prepare(task: &str, weights: &Path, input: Tensor) -> Box<dyn FnMut() -> Tensor> {
    let device = Device::Cpu;
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
