//! Files that were made to do harm: whatever a `.wasm` holds, the loader says what is wrong with it and lives on.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use qpyt_bricks::{LoadError, Runtime};
use tempfile::TempDir;

use crate::{
    built::folder,
    fixtures::new_runtime,
    mutation::{Random, mutate},
};

/// A runtime with its own cache, which goes with it.
struct Loader {
    runtime: Runtime,
    _cache: TempDir,
    brick: TempDir,
}

impl Loader {
    fn new() -> Self {
        let (cache, brick) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let uses = "[\"qpyt:job/context\"]";
        let manifest = format!("[brick]\nwasm = \"brick.wasm\"\nuses = {uses}");
        fs::write(brick.path().join("brick.toml"), manifest).unwrap();
        Self { runtime: new_runtime(cache.path()), _cache: cache, brick }
    }

    /// What the loader says about these bytes; none if they are a brick.
    async fn refusal(&self, wasm: &[u8]) -> Option<String> {
        fs::write(self.brick.path().join("brick.wasm"), wasm).unwrap();
        let error = self.runtime.load(self.brick.path()).await.err()?;
        let words = error.to_string();
        assert!(!matches!(error, LoadError::Interrupted(_)), "the loader panicked: {words}");
        assert!(words.len() > 20, "no words: {words}");
        Some(words)
    }

    async fn text(&self, wat: &str) -> String {
        self.refusal(&wat::parse_str(wat).unwrap()).await.unwrap()
    }
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(folder(name).join(format!("{name}.wasm"))).unwrap()
}

/// The sections of a module or component: where each begins, its kind and where its payload begins.
fn sections(wasm: &[u8]) -> Vec<(usize, u8, usize)> {
    let (mut found, mut at) = (Vec::new(), 8);
    while at < wasm.len() {
        let (mut size, mut shift, mut payload) = (0usize, 0, at + 1);
        loop {
            let byte = wasm[payload];
            size |= usize::from(byte & 0x7f) << shift;
            (shift, payload) = (shift + 7, payload + 1);
            if byte & 0x80 == 0 {
                break;
            }
        }
        found.push((at, wasm[at], payload));
        at = payload + size;
    }
    found
}

fn section(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut size = payload.len();
    while size >= 0x80 {
        bytes.push(size as u8 | 0x80);
        size >>= 7;
    }
    bytes.push(size as u8);
    bytes.extend_from_slice(payload);
    bytes
}

const MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const COMPONENT: u8 = 4;

/// The brick `limits` with more core modules, which are instantiated with it.
fn grafted(modules: &[&str]) -> Vec<u8> {
    let mut wasm = fixture("limits");
    let first = sections(&wasm).iter().filter(|(_, kind, _)| *kind == MODULE).count();
    for (number, module) in modules.iter().enumerate() {
        wasm.extend(section(MODULE, &wat::parse_str(module).unwrap()));
        wasm.extend(section(CORE_INSTANCE, &[1, 0, (first + number) as u8, 0]));
    }
    wasm
}

#[tokio::test]
async fn a_file_that_was_cut_off_anywhere_is_refused() {
    let loader = Loader::new();
    let wasm = fixture("limits");
    let mut ends: Vec<usize> = (0..9).collect();
    for (start, kind, payload) in sections(&wasm) {
        ends.extend([start, start + 1, payload, payload + 1]);
        if kind == MODULE {
            let module = &wasm[payload..];
            let inner = sections(&module[..module.len().min(60_000)]);
            ends.extend(inner.iter().flat_map(|(start, _, inside)| [payload + start, payload + inside]));
        }
    }
    // A brick without its last custom sections is still one.
    let last = sections(&wasm).iter().rposition(|(_, kind, _)| *kind != 0).unwrap();
    let whole = sections(&wasm).get(last + 1).map_or(wasm.len(), |(start, ..)| *start);
    ends.retain(|end| *end < whole);
    ends.push(whole - 1);
    for end in ends {
        assert!(loader.refusal(&wasm[..end]).await.is_some(), "the first {end} bytes are a brick");
    }
}

#[tokio::test]
async fn noise_is_refused() {
    let loader = Loader::new();
    let mut random = Random::new(1);
    for round in 0..300 {
        let mut bytes: Vec<u8> = (0..random.below(4096)).map(|_| random.byte()).collect();
        if round % 3 > 0 {
            bytes.splice(0..0, *b"\0asm\x0d\0\x01\0");
        }
        if round % 3 == 2 {
            let noise = bytes.split_off(8);
            bytes.extend(section(random.below(12) as u8, &noise));
        }
        assert!(loader.refusal(&bytes).await.is_some());
    }
}

#[tokio::test]
async fn a_core_module_is_refused_with_what_to_build_instead() {
    let words = Loader::new().text("(module (func (export \"run\")))").await;
    assert!(words.contains("core WebAssembly module") && words.contains("wasm32-wasip2"), "{words}");
}

#[tokio::test]
async fn thousands_of_imports_exports_and_types_are_refused() {
    let loader = Loader::new();
    let many = |count: usize, item: &dyn Fn(usize) -> String| {
        format!("(component {})", (0..count).map(item).collect::<String>())
    };
    let words = loader.text(&many(20_000, &|i| format!("(import \"a{i}\" (func))"))).await;
    assert!(words.contains("a0"), "{words}");
    let exports =
        |i| if i == 0 { "(component $c)".to_owned() } else { format!("(export \"e{i}\" (component $c))") };
    loader.text(&many(20_000, &exports)).await;
    loader.text(&many(50_000, &|i| format!("(type $t{i} (list u{}))", 8 << (i % 4)))).await;
    // Each type is twice the one before.
    loader
        .text(&many(60, &|i| match i {
            0 => "(type $t0 (tuple u8 u8))".to_owned(),
            i => format!("(type $t{i} (tuple $t{0} $t{0}))", i - 1),
        }))
        .await;
}

#[tokio::test]
async fn components_in_components_in_components_are_refused() {
    let loader = Loader::new();
    for depth in [10, 100, 1000, 5000] {
        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        for _ in 0..depth {
            let inner = std::mem::replace(&mut wasm, b"\0asm\x0d\0\x01\0".to_vec());
            wasm.extend(section(COMPONENT, &inner));
        }
        assert!(loader.refusal(&wasm).await.is_some(), "{depth} components deep");
    }
}

#[tokio::test]
async fn types_in_types_in_types_are_refused() {
    let loader = Loader::new();
    for depth in [100, 5000, 50_000] {
        let types: String = (1..depth).map(|i| format!("(type $t{i} (list $t{}))", i - 1)).collect();
        loader.text(&format!("(component (type $t0 (list u8)) {types})")).await;
    }
}

#[tokio::test]
async fn a_start_function_that_loops_is_stopped() {
    let wasm = grafted(&["(module (func $s (loop (br 0))) (start $s))"]);
    let words = Loader::new().refusal(&wasm).await.unwrap();
    assert!(words.contains("computed for more than 50 ms"), "{words}");
}

#[tokio::test]
async fn a_start_function_that_traps_is_told() {
    let wasm = grafted(&["(module (func $s unreachable) (start $s))"]);
    let words = Loader::new().refusal(&wasm).await.unwrap();
    assert!(words.contains("panicked"), "{words}");
}

/// Grows the memories one after the other, by a page at a time, to `pages` each.
fn growing(memories: usize, pages: usize) -> String {
    let declared = "(memory 1)".repeat(memories);
    let grown: String = (0..memories)
        .map(|memory| {
            format!(
                "(loop (drop (memory.grow {memory} (i32.const 1))) (br_if 0 (i32.lt_u (memory.size {memory}) (i32.const {pages}))))"
            )
        })
        .collect();
    format!("(module {declared} (func $s {grown}) (start $s))")
}

/// The limit is 256 MiB, which are 4096 pages.
#[tokio::test]
async fn several_memories_count_together() {
    let loader = Loader::new();
    let one = growing(1, 2500);
    assert_eq!(loader.refusal(&grafted(&[&one])).await, None);
    for hostile in [grafted(&[&growing(2, 2500)]), grafted(&[&one, &one]), grafted(&[&growing(8, 1000)])] {
        let words = loader.refusal(&hostile).await.unwrap();
        assert!(words.contains("more than 256 MiB of memory"), "{words}");
    }
}

#[tokio::test]
async fn a_memory_or_table_that_is_too_large_from_the_start_is_refused() {
    let loader = Loader::new();
    for module in [
        "(module (memory 65536))",
        "(module (memory 30000) (memory 30000))",
        "(module (table 4000000000 funcref))",
        "(module (memory i64 1000000))",
    ] {
        let words = loader.refusal(&grafted(&[module])).await;
        assert!(words.is_some(), "{module}");
    }
    let crowd = vec!["(module (memory 1))"; 40];
    assert!(loader.refusal(&grafted(&crowd)).await.is_some());
    let crowd = vec!["(module)"; 100];
    assert!(loader.refusal(&grafted(&crowd)).await.is_some());
}

#[tokio::test]
async fn large_data_and_sections_of_nonsense_do_no_harm() {
    let loader = Loader::new();
    let data = "x".repeat(16 << 20);
    let wasm = grafted(&[&format!("(module (memory 257) (data (i32.const 0) \"{data}\"))")]);
    assert_eq!(loader.refusal(&wasm).await, None);
    let far = "(module (memory 4000) (data (i32.const 0) \"a\") (data (i32.const 262000000) \"b\"))";
    assert_eq!(loader.refusal(&grafted(&[far])).await, None);
    let mut wasm = fixture("limits");
    for name in ["name", "producers", "component-name", "component-type", "qpyt", ".debug_info"] {
        let mut payload = vec![name.len() as u8];
        payload.extend_from_slice(name.as_bytes());
        payload.extend((0..1000u32).map(|i| (i * 37) as u8));
        wasm.extend(section(0, &payload));
    }
    assert_eq!(loader.refusal(&wasm).await, None);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let loader = Loader::new();
    let file = fs::File::create(loader.brick.path().join("brick.wasm")).unwrap();
    file.set_len(1 << 40).unwrap();
    let words = loader.runtime.load(loader.brick.path()).await.unwrap_err().to_string();
    assert!(words.contains("at most"), "{words}");
}

/// For as long as `QPYT_FUZZ_SECONDS` says; see `docs/decisions/092-fuzzing-the-loader.md`.
#[tokio::test]
async fn bricks_that_were_changed_at_random_are_loaded_or_refused() {
    let seconds = std::env::var("QPYT_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let seed = std::env::var("QPYT_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let loader = Loader::new();
    let corpus = ["limits", "outputs", "pictures", "system"].map(fixture);
    let mut random = Random::new(seed);
    // What ends the whole process can be looked at afterwards.
    let last = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzzed.wasm");
    let end = Instant::now() + Duration::from_secs(seconds);
    println!("QPYT_FUZZ_SEED={seed}; the last file is {}", last.display());
    let (mut loads, mut bricks) = (0, 0);
    while loads < 20 || Instant::now() < end {
        let parent = &corpus[random.below(corpus.len())];
        let other = &corpus[random.below(corpus.len())];
        let child = mutate(parent, other, &mut random);
        fs::write(&last, &child).unwrap();
        loads += 1;
        bricks += u32::from(loader.refusal(&child).await.is_none());
    }
    println!("{loads} changed files, {bricks} of them still bricks");
}
