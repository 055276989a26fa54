//! Sandboxes, calls and pictures.

use std::{sync::Arc, time::Duration};

use qpyt_bricks::{
    Binary, CancellationToken, NamedValue, RunOutcome, RunRequest, Value,
    media::{Image, PixelFormat},
};

use crate::{
    bare::{Bare, Wasi},
    built::folder,
    cache,
    host::FakeHost,
    runtime,
    table::{Samples, Table},
};

const SIDE: u32 = 1024;
/// Calls in one run, for what one call costs.
const CALLS: u32 = 10_000;

pub async fn measure(table: &mut Table, scale: u32) {
    let runtime = runtime(&cache());
    let pictures = runtime.load(&folder("pictures")).await.unwrap();
    let limits = runtime.load(&folder("limits")).await.unwrap();
    first_call(table, &pictures, scale).await;
    one_image(table, &pictures, scale).await;
    every_pixel(table, &pictures, scale).await;
    warm_calls(table, scale).await;
    host_calls(table, &limits, scale).await;
}

/// A run with nothing special about it.
pub fn request(host: &Arc<FakeHost>, brick: &str, inputs: Vec<NamedValue>) -> RunRequest {
    RunRequest {
        brick: brick.to_owned(),
        inputs,
        params: serde_json::json!({}),
        seed: 7,
        state: None,
        limits: None,
        cancel: CancellationToken::new(),
        host: host.clone(),
    }
}

async fn run(binary: &Binary, request: RunRequest) -> RunOutcome {
    binary.run(request).await.unwrap()
}

async fn first_call(table: &mut Table, binary: &Binary, scale: u32) {
    let bare = Bare::load("pictures");
    let host = Arc::new(FakeHost::default());
    let [mut ours, mut always, mut lazily] = [const { Samples::new() }; 3];
    for warmed in [false, true] {
        if warmed {
            [ours, always, lazily] = [const { Samples::new() }; 3];
        }
        for _ in 0..20_000 / scale {
            let request = request(&host, "pictures:echo", vec![]);
            ours.time(run(binary, request)).await;
            always.time(bare.run_once("pictures:echo", "{}", Wasi::Always)).await;
            lazily.time(bare.run_once("pictures:echo", "{}", Wasi::Lazily)).await;
        }
    }
    let quick = |bare: &Samples| {
        let median = ours.median();
        median.as_secs_f64() <= 1.3 * bare.median().as_secs_f64() && median <= Duration::from_micros(25)
    };
    let budget = "≤ 1.3 × bare, ≤ 25 µs";
    table.twins("fresh sandbox and first call", &ours, &always, budget, Some(quick(&always)));
    table.twins("the same, bare without a WASI context", &ours, &lazily, budget, Some(quick(&lazily)));
}

fn picture() -> Image {
    let pixels = (0..SIDE * SIDE * 4).map(|i| (i * 31 % 251) as u8).collect();
    Image::new(PixelFormat::Rgba8, SIDE, SIDE, pixels).unwrap()
}

async fn one_image(table: &mut Table, binary: &Binary, scale: u32) {
    let bare = Bare::load("pictures");
    let host = Arc::new(FakeHost::default());
    let image = picture();
    let pixels = Arc::new(image.pixels().to_vec());
    let (mut ours, mut theirs, mut copied) = (Samples::new(), Samples::new(), 0);
    for _ in 0..5_000 / scale {
        let inputs = vec![NamedValue { port: "in".to_owned(), value: Value::Image(image.clone()) }];
        let request = request(&host, "pictures:echo", inputs);
        let outcome = ours.time(run(binary, request)).await;
        copied += outcome.usage.bytes_copied;
        let Value::Image(echo) = &outcome.outputs[0].value else { panic!("{outcome:?}") };
        assert!(echo.shares_pixels_with(&image));
        theirs.time(bare.run_on("pictures:echo", SIDE, SIDE, &pixels)).await;
    }
    let what = "image handed from brick to brick: bytes copied";
    table.count(what, &copied.to_string(), "0", Some(copied == 0));
    table.twins("image handed from brick to brick: whole run", &ours, &theirs, "", None);
}

async fn every_pixel(table: &mut Table, binary: &Binary, scale: u32) {
    let bare = Bare::load("pictures");
    let host = Arc::new(FakeHost::default());
    let image = picture();
    image.digest();
    let pixels = Arc::new(image.pixels().to_vec());
    let (mut ours, mut theirs, mut copies) = (Samples::new(), Samples::new(), 0.0f64);
    for _ in 0..300 / scale {
        let inputs = vec![NamedValue { port: "in".to_owned(), value: Value::Image(image.clone()) }];
        let request = request(&host, "pictures:repaint", inputs);
        let outcome = ours.time(run(binary, request)).await;
        copies = copies.max(outcome.usage.bytes_copied as f64 / pixels.len() as f64);
        theirs.time(bare.run_on("pictures:repaint", SIDE, SIDE, &pixels)).await;
    }
    let what = "1024² RGBA read and written: copies";
    table.count(what, &format!("{copies}"), "≤ 2", Some(copies <= 2.0));
    table.twins("1024² RGBA read and written: whole run", &ours, &theirs, "", None);
}

/// The runtime never calls an instance twice, so there is nothing of ours to compare.
async fn warm_calls(table: &mut Table, scale: u32) {
    let bare = Bare::load("pictures");
    let mut samples = Samples::new();
    for _ in 0..200 / scale {
        samples.add(bare.warm_calls("pictures:echo", 1000).await);
    }
    table.alone("host → guest call in a warm instance (bare only)", &samples.per(1000), "", None);
}

async fn host_calls(table: &mut Table, binary: &Binary, scale: u32) {
    let bare = Bare::load("limits");
    let host = Arc::new(FakeHost::default());
    let (mut ours, mut theirs) = (Samples::new(), Samples::new());
    for _ in 0..500 / scale {
        let request = request(&host, "limits:ask", vec![]);
        ours.time(run(binary, request)).await;
        theirs.time(bare.run_once("limits:ask", "{}", Wasi::Lazily)).await;
    }
    table.twins("guest → host call", &ours.per(CALLS), &theirs.per(CALLS), "", None);
}
