//! Looking into model folders again and again: what did not change is not read again, and what changed is.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use candle_core::{DType, Device, Tensor};
use qpyt_inference::{ModelScan, ModelScanner, scan_models};

use crate::pickled::{Numbers, checkpoint};
use crate::published_files::{tensors as published_tensors, write as write_header};
use crate::support::{copy_folder, own_references, reference_folder, repository};

/// Older than anything that could still be under way.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Files of a large collection, and how long the first look at it may take.
const COLLECTION: usize = 1000;
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Published files hold nothing but zeros from here on.
const SPARSE_BEYOND: u64 = 16 << 20;

/// A copy of the small reference model, and a scanner of the folder that it is in.
struct Shelf {
    folder: tempfile::TempDir,
    scanner: ModelScanner,
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&reference_folder().join("sd15"), &folder.path().join("model"));
        let scanner = ModelScanner::new(vec![folder.path().to_path_buf()]);
        Self { folder, scanner }
    }

    /// The same with files that have been there for long.
    fn of_old() -> Self {
        let shelf = Self::new();
        let before = SystemTime::now() - DAY;
        for_all_files(shelf.folder.path(), &|file| set_modified(file, before));
        shelf
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("model/unet/config.json")
    }

    fn works(&mut self) -> bool {
        works(&self.scanner.scan())
    }
}

fn works(scan: &ModelScan) -> bool {
    assert_eq!(scan.models.len() + scan.broken.len(), 1);
    scan.broken.is_empty()
}

fn for_all_files(folder: &Path, act: &dyn Fn(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { for_all_files(&path, act) } else { act(&path) }
    }
}

fn set_modified(file: &Path, time: SystemTime) {
    File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
}

/// Replaces a file's bytes, but not its time of change.
fn replace_unseen(file: &Path, bytes: &[u8]) {
    let time = file.metadata().unwrap().modified().unwrap();
    fs::write(file, bytes).unwrap();
    set_modified(file, time);
}

/// As many bytes as a file has, of no use.
fn spoiled(file: &Path) -> Vec<u8> {
    vec![b' '; fs::read(file).unwrap().len()]
}

#[test]
fn a_model_whose_files_stay_as_they_are_is_read_once() {
    let mut shelf = Shelf::of_old();
    assert!(shelf.works());
    let config = shelf.config();
    replace_unseen(&config, &spoiled(&config));
    assert!(shelf.works(), "the configuration was read again");
    assert!(!works(&scan_models(&[shelf.folder.path().to_path_buf()])), "the configuration is still good");
}

#[test]
fn a_model_is_read_again_when_a_file_changes_comes_or_goes() {
    let mut shelf = Shelf::of_old();
    assert!(shelf.works());
    let config = shelf.config();
    let good = fs::read(&config).unwrap();
    fs::write(&config, spoiled(&config)).unwrap();
    assert!(!shelf.works(), "the change was not seen");
    fs::write(&config, &good).unwrap();
    assert!(shelf.works(), "the change back was not seen");
    let hidden = shelf.folder.path().join("model/unet/hidden.json");
    fs::rename(&config, &hidden).unwrap();
    assert!(!shelf.works(), "the missing file was not missed");
    fs::rename(&hidden, &config).unwrap();
    assert!(shelf.works(), "the file was not found again");
}

#[test]
fn a_file_that_was_just_written_is_not_trusted_to_stay() {
    let mut shelf = Shelf::new();
    assert!(shelf.works());
    let config = shelf.config();
    replace_unseen(&config, &spoiled(&config));
    assert!(!shelf.works());
}

#[test]
fn what_is_broken_is_read_every_time() {
    let mut shelf = Shelf::of_old();
    let config = shelf.config();
    let good = fs::read(&config).unwrap();
    replace_unseen(&config, &spoiled(&config));
    assert!(!shelf.works());
    replace_unseen(&config, &good);
    assert!(shelf.works());
}

#[test]
fn a_model_that_went_and_came_back_with_other_contents_is_read_anew() {
    let mut shelf = Shelf::of_old();
    assert!(shelf.works());
    let (folder, away) = (shelf.folder.path().join("model"), shelf.folder.path().join(".away"));
    fs::rename(&folder, &away).unwrap();
    let scan = shelf.scanner.scan();
    assert!(scan.models.is_empty() && scan.broken.is_empty());
    let config = away.join("unet/config.json");
    replace_unseen(&config, &spoiled(&config));
    fs::rename(&away, &folder).unwrap();
    assert!(!shelf.works());
}

#[test]
fn files_that_hold_no_model_that_is_known_are_listed_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let strange = Tensor::zeros((3, 5), DType::F32, &Device::Cpu).unwrap();
    let tensors = [("layer.weight".to_owned(), strange)].into();
    for name in ["a.ckpt", "b.pth", "d.pt"] {
        fs::write(file(name), checkpoint(&tensors, Numbers::Narrow)).unwrap();
    }
    candle_core::safetensors::save(&tensors, file("c.safetensors")).unwrap();
    fs::write(file("notes.txt"), "no model at all").unwrap();
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!((scan.models.len(), scan.broken.len()), (0, 0), "{scan:?}");
    assert_eq!(scan.others, ["a.ckpt", "b.pth", "c.safetensors", "d.pt"].map(file));
    // Files with the ending of the last are used for many things.
    let strangers: Vec<_> = scan.strangers().collect();
    assert_eq!(strangers, ["a.ckpt", "b.pth", "c.safetensors"].map(file));
}

#[test]
fn a_file_alone_is_called_by_its_folder_unless_that_only_collects_models() {
    let folder = tempfile::tempdir().unwrap();
    let lora = own_references().join("sd15-lora/a.kohya.safetensors");
    let upscaler = own_references().join("checkpoints/rrdb.pth");
    for (from, to) in [
        (&upscaler, "fine/weights.pth"),
        (&upscaler, "upscale_models/Sharp.pth"),
        (&upscaler, "ESRGAN/photo/Plain.pth"),
        (&upscaler, "Upscale-Models/mine/model.pth"),
        (&lora, "loras/ink.safetensors"),
        (&lora, "styles/oil.safetensors"),
        (&lora, "chalk/pytorch_lora_weights.safetensors"),
    ] {
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert!(scan.broken.is_empty(), "{:?}", scan.broken);
    let ids: Vec<_> = scan.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["Plain", "Sharp", "chalk", "fine", "ink", "mine", "oil"]);
    let shelf = scan_models(&[folder.path().join("upscale_models")]);
    assert_eq!(shelf.models[0].id, "Sharp");
}

#[test]
fn a_thousand_files_are_listed_within_a_second_and_then_faster() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.pth");
    fs::copy(own_references().join("checkpoints/rrdb.pth"), &file).unwrap();
    set_modified(&file, SystemTime::now() - DAY);
    for number in 1..COLLECTION {
        fs::hard_link(&file, folder.path().join(format!("{number}.pth"))).unwrap();
    }
    // The best of a few, because other programs may be busy at the same time.
    let timed = |scanner: &mut ModelScanner| {
        let start = Instant::now();
        let scan = scanner.scan();
        assert_eq!((scan.models.len(), scan.broken.len()), (COLLECTION, 0));
        start.elapsed()
    };
    let looks = || {
        let mut scanner = ModelScanner::new(vec![folder.path().to_path_buf()]);
        (timed(&mut scanner), timed(&mut scanner))
    };
    let looks: Vec<_> = (0..3).map(|_| looks()).collect();
    let first = looks.iter().map(|(first, _)| *first).min().unwrap();
    let second = looks.iter().map(|(_, second)| *second).min().unwrap();
    println!("{COLLECTION} files: first look {first:?}, second look {second:?}");
    assert!(first < FIRST_LOOK, "the first look took {first:?}");
    assert!(second < first, "the second look took {second:?}, the first {first:?}");
}

#[test]
fn a_thousand_files_of_mixed_kinds_are_listed_within_a_second_and_then_at_once() {
    let (store, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // What people collect: mostly adapters, some checkpoints of every family, a few of everything else.
    let mut kinds = Vec::new();
    for name in ["sd15", "sdxl", "flux1-dev", "sd35-large"] {
        let path = store.path().join(format!("{name}.safetensors"));
        write_header(&published_tensors(name), &path);
        kinds.push((path, 25));
    }
    let adapter = own_references().join("sd15-lora").join("a.kohya.safetensors");
    kinds.push((adapter, 700));
    kinds.push((own_references().join("sd15-controlnet/diffusion_pytorch_model.safetensors"), 100));
    kinds.push((repository().join("models/u2netp/u2netp.safetensors"), 100));
    let mut number = 0;
    for (path, count) in &kinds {
        let first = folder.path().join(format!("{number}.safetensors"));
        copy_sparse(path, &first);
        set_modified(&first, SystemTime::now() - DAY);
        for _ in 1..*count {
            number += 1;
            fs::hard_link(&first, folder.path().join(format!("{number}.safetensors"))).unwrap();
        }
        number += 1;
    }
    assert_eq!(number, COLLECTION);
    let timed = |scanner: &mut ModelScanner| {
        let start = Instant::now();
        let scan = scanner.scan();
        assert_eq!(scan.models.len() + scan.broken.len(), COLLECTION, "{:?}", scan.broken.first());
        assert!(scan.models.len() >= 900, "{:?}", scan.broken.first());
        start.elapsed()
    };
    let looks = || {
        let mut scanner = ModelScanner::new(vec![folder.path().to_path_buf()]);
        (timed(&mut scanner), timed(&mut scanner))
    };
    let looks: Vec<_> = (0..3).map(|_| looks()).collect();
    let first = looks.iter().map(|(first, _)| *first).min().unwrap();
    let second = looks.iter().map(|(_, second)| *second).min().unwrap();
    println!("{COLLECTION} files of mixed kinds: first look {first:?}, second look {second:?}");
    assert!(first < FIRST_LOOK, "the first look took {first:?}");
    assert!(second < first, "the second look took {second:?}, the first {first:?}");
}

/// Copies a file; what is beyond its data takes no room.
fn copy_sparse(from: &Path, to: &Path) {
    let length = from.metadata().unwrap().len();
    let mut start = Vec::new();
    File::open(from).unwrap().take(SPARSE_BEYOND).read_to_end(&mut start).unwrap();
    fs::write(to, start).unwrap();
    File::options().write(true).open(to).unwrap().set_len(length).unwrap();
}
