//! What the photo editor takes for each of its operations on a picture of 1024², in the sandbox in which it runs
//! for people: from the picture in the host to the changed picture in the host.
//!
//! `cargo bench --bench editor` prints the table; `-- blur` measures those whose name has that word.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that can't measure stops"
)]
#![allow(dead_code, reason = "the table and the fake studio are shared with the other bench and the tests")]

#[path = "../../../../tests/support/fixtures.rs"]
mod built;
#[path = "../../tests/runtime/host.rs"]
mod host;
mod operations;
#[path = "../twins/table.rs"]
mod table;

use std::{path::Path, sync::Arc, time::Duration};

use qpyt_bricks::{
    Binary, CancellationToken, Limits, NamedValue, RunRequest, Runtime, RuntimeOptions, Value,
    media::{Image, PixelFormat},
};

use self::{
    host::FakeHost,
    operations::{OPERATIONS, Operation},
    table::{Samples, time},
};

const SIDE: u32 = 1024;
/// Runs of each operation; what a busy machine adds to some of them does not reach the fastest.
const RUNS: usize = 15;
/// So long, a slider still feels as if it held the picture.
const BUDGET: Duration = Duration::from_millis(60);

fn main() {
    let word = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
    // One thread, as one brick has.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (editor, picture) = (tokio.block_on(load()), picture());
    println!("| operation | fastest of {RUNS} | median | |");
    println!("| --- | ---: | ---: | --- |");
    for operation in OPERATIONS.iter().filter(|operation| operation.name.contains(&word)) {
        let mut samples = Samples::new();
        for _ in 0..RUNS {
            samples.add(tokio.block_on(run(&editor, &picture, operation)));
        }
        let [fastest, median] = [samples.fastest(), samples.median()];
        let verdict = if fastest <= BUDGET { "" } else { "over 60 ms" };
        println!("| {} | {} | {} | {verdict} |", operation.name, time(fastest), time(median));
    }
}

/// The editor as it is in the source now.
async fn load() -> Arc<Binary> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let (brick, target) = (plugins.join("filter"), plugins.join("target"));
    built::build(&brick, &target);
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = place.join("bench-editor");
    built::put(&brick, &target, &folder);
    let cache_folder = place.join("bench-compiled");
    let runtime = Runtime::new(RuntimeOptions { cache_folder, limits: Limits::default() }).unwrap();
    runtime.load(&folder).await.unwrap()
}

/// Opaque, with slopes and noise in all channels, as photographs have.
fn picture() -> Image {
    let pixels = (0..SIDE * SIDE).flat_map(|at| {
        let (x, y) = (at % SIDE, at / SIDE);
        let noise = at.wrapping_mul(2_654_435_761) >> 28;
        [x / 4 + noise, y / 4 + noise, (x + y) / 8 + noise].map(|value| value.min(255) as u8)
    });
    Image::new(PixelFormat::Rgb8, SIDE, SIDE, pixels.collect()).unwrap()
}

async fn run(editor: &Binary, picture: &Image, operation: &Operation) -> Duration {
    let request = RunRequest {
        brick: "qpyt:filter".to_owned(),
        inputs: vec![NamedValue { port: "image".to_owned(), value: Value::Image(picture.clone()) }],
        params: serde_json::from_str(operation.params).unwrap(),
        seed: 7,
        state: None,
        limits: None,
        cancel: CancellationToken::new(),
        host: Arc::new(FakeHost::default()),
    };
    editor.run(request).await.unwrap().usage.wall
}
