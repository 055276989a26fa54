//! The installed models and the engine that runs them, behind the accelerator lane.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use qpyt_bricks::Digest;
use qpyt_inference::prompt::{Marked, marked, mentions, take_loras};
use qpyt_inference::text::InversionLayout;
use qpyt_inference::{
    BrokenModel, Engine, EngineError, Family, InstalledModel, ModelScan, ModelScanner, Precision,
    WeightStorage,
};

use serde::Serialize;
use utoipa::ToSchema;

use crate::catalogue::Catalogue;
use crate::jobs::lane::{AcceleratorLane, LaneError};
use crate::store::{Store, StoreError};

/// How long a look into the model folders stays good. Short, so that a model copied there shows up at once.
const FRESH: Duration = Duration::from_secs(2);

/// How alike names must be to be offered for each other, of 1.
const ALIKE: f64 = 0.8;
/// Most names that are offered.
const MOST_ALIKE: usize = 3;

/// The model shelf.
pub struct Models {
    engine: Arc<Engine>,
    lane: AcceleratorLane,
    store: Arc<Store>,
    folders: Vec<PathBuf>,
    looks: Mutex<Looks>,
}

/// Looks into the model folders.
struct Looks {
    scanner: ModelScanner,
    /// The last one, and when it was.
    latest: Option<(Instant, Arc<ModelScan>)>,
}

impl Models {
    /// A shelf over `folders`.
    pub fn new(engine: Engine, lane: AcceleratorLane, store: Arc<Store>, folders: Vec<PathBuf>) -> Self {
        let looks = Looks { scanner: ModelScanner::new(folders.clone()), latest: None };
        Self { engine: Arc::new(engine), lane, store, folders, looks: Mutex::new(looks) }
    }

    /// What is installed, and what is there but can't be used. Reads headers only.
    pub fn scan(&self) -> Arc<ModelScan> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, scan)) = looks.latest.as_ref()
            && at.elapsed() < FRESH
        {
            return scan.clone();
        }
        let scan = Arc::new(looks.scanner.scan());
        looks.latest = Some((Instant::now(), scan.clone()));
        scan
    }

    /// Looks into the folders anew the next time, because something was put there or taken away.
    pub fn look_again(&self) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).latest = None;
    }

    /// What is installed, for showing.
    pub fn list(&self) -> ModelList {
        let scan = self.scan();
        let view = |model: &InstalledModel| ModelView {
            id: model.id.clone(),
            label: model.label.clone(),
            family: model.family.name().to_owned(),
            bytes: model.bytes,
            size_multiple: model.painting.map(|traits| traits.size_multiple),
            native_size: model.painting.map(|traits| traits.native_size),
            path: model.path.display().to_string(),
        };
        let broken = |model: &BrokenModel| BrokenView {
            path: model.path.display().to_string(),
            family: model.family.map(|family| family.name().to_owned()),
            message: model.problem().to_owned(),
            get: model.entry.map(str::to_owned),
        };
        ModelList {
            models: scan.models.iter().map(view).collect(),
            broken: scan.broken.iter().map(broken).collect(),
            unknown: scan.strangers().map(stranger).collect(),
        }
    }

    /// The installed model with this id, or the broken one that would have it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, id: &str) -> Result<InstalledModel, ModelProblem> {
        let scan = self.scan();
        if let Some(model) = scan.models.iter().find(|model| model.id == id) {
            return Ok(model.clone());
        }
        let broken = scan.broken.iter().find(|model| {
            [model.path.file_name(), model.path.file_stem()].contains(&Some(std::ffi::OsStr::new(id)))
        });
        Err(match broken {
            Some(broken) => ModelProblem::Broken(broken.clone()),
            None => ModelProblem::Missing {
                id: id.to_owned(),
                installed: scan.models.iter().map(|model| model.id.clone()).collect(),
                folders: self.folders.clone(),
            },
        })
    }

    /// The LoRA that a prompt means by a name: by id, or by what it is called, whatever the case.
    ///
    /// # Errors
    /// Why there is none.
    pub fn lora_named(&self, name: &str) -> Result<InstalledModel, ModelProblem> {
        let scan = self.scan();
        let loras = || scan.models.iter().filter(|model| model.family == Family::Lora);
        let named = |model: &&InstalledModel| {
            [&model.id, &model.label].into_iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        if let Some(model) = loras().find(named) {
            return Ok(model.clone());
        }
        self.find(name).map_err(|problem| match problem {
            ModelProblem::Missing { folders, .. } => ModelProblem::MissingLora {
                name: name.to_owned(),
                near: alike(name, loras().map(|model| model.id.as_str())),
                folders,
            },
            other => other,
        })
    }

    /// The installed models that a prompt names: LoRAs and embeddings.
    pub fn named_in(&self, prompt: &str) -> Vec<InstalledModel> {
        let (words, loras) = take_loras(prompt);
        let loras = loras.iter().filter_map(|lora| self.lora_named(&lora.name).ok());
        loras.chain(self.embeddings_in(&[&words])).collect()
    }

    /// The installed embeddings that texts mention.
    pub fn embeddings_in(&self, texts: &[&str]) -> Vec<InstalledModel> {
        let scan = self.scan();
        let mentioned = |model: &&InstalledModel| {
            model.family == Family::Embedding && texts.iter().any(|text| mentions(text, &model.id))
        };
        scan.models.iter().filter(mentioned).cloned().collect()
    }

    /// What a person should know of embeddings that texts mark as such and that are not there or can't be used.
    pub fn missing_embeddings(&self, texts: &[&str]) -> Vec<String> {
        let scan = self.scan();
        let embeddings = scan.models.iter().filter(|model| model.family == Family::Embedding);
        let known = embeddings.map(|model| model.id.as_str());
        let files = scan
            .broken
            .iter()
            .map(|broken| broken.path.as_path())
            .chain(scan.others.iter().map(PathBuf::as_path));
        let files: Vec<(&str, &Path)> =
            files.filter_map(|path| Some((path.file_stem()?.to_str()?, path))).collect();
        // Of equal names the last counts: the one that can be used.
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).chain(known).collect();
        let missing = |Marked { which, word }| match which {
            None => Some(format!("There is no embedding “{word}”; it is read as words.")),
            Some(place) => files.get(place).map(|(name, path)| {
                let told = why_no_embedding(&scan, path);
                format!("The embedding “{name}” can't be used and is read as words: {told}.")
            }),
        };
        texts.iter().flat_map(|text| marked(text, &names)).filter_map(missing).collect()
    }

    /// Digest over the model's files. Files are read once and remembered by size and time of change.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn digest(&self, model: &InstalledModel) -> Result<Digest, StoreError> {
        let mut hasher = blake3::Hasher::new();
        // Weights that are quantised at load make another picture.
        let storage = self.engine.weight_storage();
        if storage != WeightStorage::AsStored {
            hasher.update(storage.name().as_bytes()).update(&[0]);
        }
        // So does what networks compute in.
        let precision = self.engine.precision();
        if precision != Precision::Auto {
            hasher.update(precision.name().as_bytes()).update(&[0]);
        }
        let folder = if model.path.is_dir() { Some(model.path.as_path()) } else { model.path.parent() };
        for file in model.files() {
            // Parts that are borrowed lie elsewhere; where must not matter.
            let elsewhere = file.file_name().map_or(file.as_path(), Path::new);
            let name = file.strip_prefix(folder.unwrap_or(&model.path)).unwrap_or(elsewhere);
            let name = name.to_string_lossy().into_owned();
            hasher.update(name.as_bytes()).update(&[0]);
            hasher.update(self.store.file_digest(file)?.as_bytes());
        }
        Ok(hasher.finalize().into())
    }

    /// Runs `work` on the engine when its turn comes.
    ///
    /// # Errors
    /// When the lane is closed.
    pub async fn on_engine<T, F>(&self, work: F) -> Result<T, LaneError>
    where
        T: Send + 'static,
        F: FnOnce(&Engine) -> Result<T, EngineError> + Send + 'static,
    {
        let engine = self.engine.clone();
        self.lane.run(move || work(&engine)).await?.map_err(LaneError::Engine)
    }
}

/// The installed models, as the HTTP API and `qpyt models` show them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// Usable ones, by id.
    pub models: Vec<ModelView>,
    /// What is there and can't be used.
    pub broken: Vec<BrokenView>,
    /// Files in which no model that is known here is.
    pub unknown: Vec<BrokenView>,
}

/// An installed model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelView {
    /// Used in documents.
    pub id: String,
    /// For the person.
    pub label: String,
    /// Such as `stable-diffusion`.
    pub family: String,
    /// On disk.
    pub bytes: u64,
    /// Of a model that paints: sides must be multiples of this many pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_multiple: Option<u32>,
    /// Of a model that paints: the side, in pixels, that it was trained at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_size: Option<u32>,
    /// Where it is.
    pub path: String,
}

/// A model that can't be used.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrokenView {
    /// Where it is.
    pub path: String,
    /// Such as `stable-diffusion`, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Why.
    pub message: String,
    /// The model of the catalogue that has the parts which it lacks, if that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
}

/// Why a file that is said to be an embedding is none.
fn why_no_embedding(scan: &ModelScan, path: &Path) -> String {
    match InversionLayout::require(path) {
        Err(broken) => broken.to_string(),
        // What is wrong is not in the file, such as another one of its name.
        Ok(_) => {
            let listed = scan.broken.iter().find(|broken| broken.path == path);
            listed.map(|broken| broken.message.clone()).unwrap_or_default()
        }
    }
}

/// What can be said of a file in which a model could be and none that is known is.
fn stranger(path: &Path) -> BrokenView {
    let pickled = path.extension().is_some_and(|ending| ending == "ckpt" || ending == "pth");
    let way = if pickled { " Look for the same model in safetensors." } else { "" };
    let message = format!("It can be read, but no model that is known here is in it.{way}");
    BrokenView { path: path.display().to_string(), family: None, message, get: None }
}

/// Why a model can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelProblem {
    /// It is not installed.
    #[error("The model “{id}” is not installed. {}", way_to(.id, .installed, .folders))]
    Missing {
        /// What was asked for.
        id: String,
        /// What there is.
        installed: Vec<String>,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// A LoRA that a prompt names is not installed.
    #[error("<lora:{name}>: this LoRA is not installed. {}", way_to_lora(.name, .near, .folders))]
    MissingLora {
        /// As the prompt names it.
        name: String,
        /// LoRAs whose names are like it.
        near: Vec<String>,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// It is there but can't be read.
    #[error("The model at {} can't be used: {}", .0.path.display(), .0.problem())]
    Broken(BrokenModel),
}

/// The most models that a message lists.
const MOST_LISTED: usize = 12;

/// As many as can be read at a glance, and how many more there are.
fn first_of(installed: &[String]) -> String {
    let listed = installed.get(..MOST_LISTED).unwrap_or(installed).join(", ");
    match installed.len().saturating_sub(MOST_LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// What to do about a model that is missing.
fn way_to(id: &str, installed: &[String], folders: &[PathBuf]) -> String {
    if let Some(way) = pull(id) {
        return way;
    }
    let folder = own_folder(folders);
    if installed.is_empty() {
        format!("Put a model folder into {folder}.")
    } else {
        format!("Installed: {}. Others go into {folder}.", first_of(installed))
    }
}

/// What to do about a LoRA that is missing.
fn way_to_lora(name: &str, near: &[String], folders: &[PathBuf]) -> String {
    if let Some(way) = pull(name) {
        return way;
    }
    let file = format!(
        "A LoRA is a file such as {name}.safetensors; download it from where its maker offers it and put it into {}.",
        own_folder(folders)
    );
    match near {
        [] => file,
        near => format!("Did you mean {}? {file}", near.join(" or ")),
    }
}

/// How to get a model of the catalogue.
fn pull(id: &str) -> Option<String> {
    let known = Catalogue::embedded().is_ok_and(|catalogue| catalogue.find(id).is_ok());
    known.then(|| format!("Get it on the Models page, or with `qpyt models pull {id}`."))
}

/// The folder that people put their models into.
fn own_folder(folders: &[PathBuf]) -> String {
    folders.last().map(|folder| folder.display().to_string()).unwrap_or_default()
}

/// The names that are most like another one, the most alike first.
fn alike<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let name = name.to_lowercase();
    let share = |known: &str| {
        let known = known.to_lowercase();
        if known.contains(&name) { 1.0 } else { strsim::jaro_winkler(&known, &name) }
    };
    let mut near: Vec<_> = known.map(|known| (share(known), known)).collect();
    near.retain(|(share, _)| *share >= ALIKE);
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(MOST_ALIKE).map(|(_, known)| known.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_like_another_come_first_and_others_not_at_all() {
        let known = ["sdxl-base", "pixel-art-xl", "Pixel Art", "ink wash", "pixelart-v2", "pixels"];
        let near = alike("pixel art", known.into_iter());
        assert_eq!(near.first().map(String::as_str), Some("Pixel Art"));
        assert!(near.len() == 3 && near.contains(&"pixelart-v2".to_owned()), "{near:?}");
        assert_eq!(alike("watercolour", known.into_iter()), Vec::<String>::new());
        assert_eq!(alike("wash", known.into_iter()), ["ink wash"]);
    }

    #[test]
    fn a_lora_that_is_missing_comes_with_names_that_are_near_and_the_way_to_get_it() {
        let near = vec!["pixel-art-xl".to_owned(), "pixelart-v2".to_owned()];
        let folders = vec![PathBuf::from("/else"), PathBuf::from("/data/models")];
        let missing = ModelProblem::MissingLora { name: "pixel art".to_owned(), near, folders };
        assert_eq!(
            missing.to_string(),
            "<lora:pixel art>: this LoRA is not installed. Did you mean pixel-art-xl or pixelart-v2? A LoRA is a file \
             such as pixel art.safetensors; download it from where its maker offers it and put it into /data/models."
        );
    }

    #[test]
    fn of_many_models_a_message_lists_the_first_and_counts_the_rest() {
        let installed = |count: usize| (0..count).map(|it| format!("m{it}")).collect::<Vec<_>>();
        assert_eq!(first_of(&installed(2)), "m0, m1");
        assert!(first_of(&installed(12)).ends_with("m10, m11"));
        assert!(first_of(&installed(1000)).ends_with("m11 and 988 more"));
    }
}
