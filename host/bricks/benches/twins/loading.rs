//! How much memory loaded bricks take, and how long a start takes when all of them were compiled before.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use crate::{
    built::folder,
    cache,
    calls::request,
    host::FakeHost,
    runtime, swaps,
    table::{Samples, Table},
};

/// Asks this program to load the bricks in a folder and to print what memory they take.
pub const CHILD: &str = "--memory-of";

/// The bricks whose memory is measured; some are left out first, for what the first ones bring with them.
const LOADED: usize = 320;
const FIRST: usize = 20;
const CACHED: usize = 40;

pub async fn measure(table: &mut Table, scale: u32) {
    let many = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-bricks");
    copies_of_a_brick(&many.join("all"), LOADED);
    copies_of_a_brick(&many.join("few"), CACHED);
    let compiler = runtime(&cache());
    for folder in folders(&many.join("all")) {
        compiler.load(&folder).await.unwrap();
    }
    drop(compiler);
    per_gib(table, &many);
    cached_start(table, &many.join("few"), scale).await;
}

/// Folders with the same brick under other names.
fn copies_of_a_brick(target: &Path, count: usize) {
    for number in 0..count {
        install(&target.join(format!("{number:04}")), &brick(number));
    }
}

/// The brick `pictures`, under a name of its own.
pub fn brick(number: usize) -> Vec<u8> {
    let (old, new) = (b"pictures:", format!("pict{number:04}:"));
    let mut wasm = fs::read(folder("pictures").join("pictures.wasm")).unwrap();
    let found: Vec<_> = wasm.windows(old.len()).enumerate().filter(|(_, part)| part == old).collect();
    let starts: Vec<_> = found.into_iter().map(|(start, _)| start).collect();
    for start in starts {
        wasm[start..start + old.len()].copy_from_slice(new.as_bytes());
    }
    wasm
}

/// Writes a brick folder.
pub fn install(folder: &Path, wasm: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("brick.toml"), "[brick]\nwasm = \"brick.wasm\"\nuses = []").unwrap();
    fs::write(folder.join("brick.wasm"), wasm).unwrap();
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// In a process of its own, which has compiled nothing.
fn per_gib(table: &mut Table, many: &Path) {
    let child = Command::new(std::env::current_exe().unwrap()).arg(CHILD).arg(many).output().unwrap();
    let text = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{text}{}", String::from_utf8_lossy(&child.stderr));
    let number = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    };
    let each = |name: &str| number(name) / (LOADED - FIRST) as u64;
    let fit = (1u64 << 30) / each("rss").max(1);
    let detail = format!(
        "{fit} ({} KiB each, {} KiB of them anonymous; {} KiB after a run of each)",
        each("rss") >> 10,
        each("anonymous") >> 10,
        each("ran") >> 10
    );
    table.count("loaded bricks per GiB of resident memory", &detail, "≥ 3,000", Some(fit >= 3000));
}

/// What the child does.
pub fn measure_memory(many: &Path) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let runtime = runtime(&cache());
        let mut binaries = Vec::new();
        let mut before = (0, 0);
        for (number, folder) in folders(&many.join("all")).iter().enumerate() {
            if number == FIRST {
                tokio::time::sleep(Duration::from_millis(200)).await;
                before = resident();
            }
            binaries.push(runtime.load(folder).await.unwrap());
        }
        assert_eq!(runtime.compilations(), 0);
        // What was mapped for loading is let go of a moment later.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let loaded = resident();
        for binary in &binaries {
            let id = binary.bricks()[0].id.clone();
            // It does not know its new name, but says so by running.
            let _ = binary.run(request(&Arc::new(FakeHost::default()), &id, vec![])).await;
        }
        let ran = resident();
        println!("rss {}\nanonymous {}", loaded.0 - before.0, loaded.1.saturating_sub(before.1));
        println!("ran {}", ran.0 - before.0);
    });
}

/// Resident bytes of this process: all, and those that no file is behind.
fn resident() -> (u64, u64) {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let kib = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
    };
    (kib("VmRSS:") << 10, kib("RssAnon:") << 10)
}

async fn cached_start(table: &mut Table, few: &Path, scale: u32) {
    let shelf = tempfile::tempdir().unwrap();
    let mut samples = Samples::new();
    assert_eq!(swaps::open(few, shelf.path()).await, CACHED);
    for _ in 0..(30 / scale).max(3) {
        assert_eq!(samples.time(swaps::open(few, shelf.path())).await, CACHED);
    }
    let holds = samples.p95().as_millis() <= 300;
    table.alone("start with 40 cached bricks until all serve", &samples, "≤ 300 ms", Some(holds));
}
