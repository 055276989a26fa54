//! An adapter file, read by its header alone: the layers it changes, how, and which network it is made for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::architecture::recognise;
use super::delta::{Delta, Factors, Shaped};
use super::keys::{self, Part, Target};
use crate::diffusion::architecture::Architecture;
use crate::weights::{BrokenFile, Loaded, TensorFile};

/// Most layers that a file may change.
const MAX_LAYERS: usize = 1 << 15;
/// Bytes of a number in memory.
const NUMBER_BYTES: u64 = 4;
/// Under which key PEFT notes what an adapter was trained with.
const PEFT_NOTE: &str = "lora_adapter_metadata";

/// An open adapter file with a sound header.
pub struct LoraLayout {
    pub(super) file: Arc<TensorFile>,
    pub(super) entries: Vec<Entry>,
    /// Names of tensors that change no layer in a way that is known.
    pub(super) strangers: Vec<String>,
    /// Layers, as the file spells them, that are changed in a way that is known and not computed.
    pub(super) others: Vec<String>,
    architecture: Option<Architecture>,
}

/// The change of one layer.
pub(super) struct Entry {
    pub(super) target: Target,
    /// The layer as the file spells it.
    pub(super) spelled: String,
    pub(super) delta: Option<Delta<Stored>>,
    pub(super) alpha: Option<Stored>,
    /// Alpha divided by what belongs under it, if the file's notes say so.
    pub(super) noted_scale: Option<f64>,
    pub(super) magnitude: Option<Stored>,
    pub(super) bias: Option<Stored>,
}

/// A tensor in the file.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) name: String,
    shape: Vec<usize>,
}

impl Shaped for Stored {
    fn shape(&self) -> &[usize] {
        &self.shape
    }
}

impl LoraLayout {
    /// Reads a file's header. None if it is no adapter: less than half of its tensors are parts of one.
    ///
    /// # Errors
    /// The file is broken, or parts of it do not go together.
    pub fn read(path: &Path) -> Loaded<Option<Self>> {
        Self::recognise(&Arc::new(TensorFile::open(path)?))
    }

    /// Looks for an adapter in an open file, as [`LoraLayout::read`] does.
    ///
    /// # Errors
    /// Parts of it do not go together.
    pub fn recognise(file: &Arc<TensorFile>) -> Loaded<Option<Self>> {
        let broken = |problem: String| BrokenFile::new(file.path(), problem);
        let mut layers: BTreeMap<Target, (String, BTreeMap<Part, Stored>)> = BTreeMap::new();
        let (mut strangers, mut others) = (Vec::new(), BTreeSet::new());
        for (name, entry) in file.entries() {
            let Some((target, part, spelled)) = keys::parse(name) else {
                strangers.push(name.clone());
                continue;
            };
            // Four dimensions are butterflies of rotations.
            let computed = part != Part::Rotation || entry.shape.len() == 3;
            if part == Part::Other || !computed {
                others.insert(spelled.to_owned());
                continue;
            }
            let (_, parts) = layers.entry(target).or_insert_with(|| (spelled.to_owned(), BTreeMap::new()));
            let stored = Stored { name: name.clone(), shape: entry.shape.clone() };
            if let Some(twice) = parts.insert(part, stored) {
                return Err(broken(format!("`{name}` and `{}` are the same part of one layer", twice.name)));
            }
            if layers.len() + others.len() > MAX_LAYERS {
                return Err(broken(format!("changes more than {MAX_LAYERS} layers")));
            }
        }
        if strangers.len() * 2 >= file.entries().len() {
            return Ok(None);
        }
        let notes = PeftNotes::read(file);
        let mut entries = Vec::new();
        // The alpha of a change that is not computed is no stranger of its own.
        layers.retain(|_, (spelled, parts)| {
            !others.contains(spelled) || parts.keys().any(|p| ![Part::Alpha, Part::Rescale].contains(p))
        });
        for (target, (spelled, parts)) in layers {
            let entry = Entry::assemble(target, spelled, parts, &notes, &mut strangers)
                .map_err(|(spelled, problem)| broken(format!("layer `{spelled}`: {problem}")))?;
            entries.extend(entry);
        }
        if entries.is_empty() && others.is_empty() {
            return Ok(None);
        }
        let sizes: Vec<_> = entries
            .iter()
            .filter_map(|entry| {
                let (rows, columns) = entry.delta.as_ref()?.size().ok()?;
                Some((&entry.target, (rows, columns?)))
            })
            .collect();
        let architecture = recognise(&sizes);
        let others = others.into_iter().collect();
        Ok(Some(Self { file: Arc::clone(file), entries, strangers, others, architecture }))
    }

    /// The network that the adapter is made for; none if its layers leave that open.
    pub fn architecture(&self) -> Option<Architecture> {
        self.architecture
    }

    /// The file.
    pub fn files(&self) -> Vec<PathBuf> {
        vec![self.file.path().to_path_buf()]
    }

    /// Memory that the adapter takes besides once it is blended into a model: its factors joined to those of others,
    /// or a copy of each weight that it changes as a whole.
    pub fn blended_bytes(&self) -> u64 {
        let besides = self.entries.iter().filter_map(|entry| {
            let delta = entry.delta.as_ref()?;
            let numbers = match (&entry.magnitude, delta.size()) {
                (Some(_), Ok((out, Some(input)))) => (out as u64).saturating_mul(input as u64),
                _ => delta.blended_numbers(),
            };
            Some(numbers.saturating_mul(NUMBER_BYTES))
        });
        besides.fold(self.weight_bytes(), u64::saturating_add)
    }

    /// Memory that the adapter takes once loaded.
    pub fn weight_bytes(&self) -> u64 {
        let strange = |name: &String| self.strangers.binary_search(name).is_ok();
        let kept = self.file.entries().iter().filter(|(name, _)| !strange(name));
        let numbers = |shape: &[usize]| shape.iter().map(|&dim| dim as u64).product::<u64>();
        kept.map(|(_, entry)| numbers(&entry.shape) * NUMBER_BYTES).sum()
    }
}

impl Entry {
    /// Puts the parts of a layer's change together; none if the main part is missing, which is then noted.
    fn assemble(
        target: Target,
        spelled: String,
        mut parts: BTreeMap<Part, Stored>,
        notes: &PeftNotes,
        strangers: &mut Vec<String>,
    ) -> Result<Option<Self>, (String, String)> {
        let (mut alpha, magnitude) = (parts.remove(&Part::Alpha), parts.remove(&Part::Magnitude));
        let bias = parts.remove(&Part::Bias);
        let delta = rotation(&mut parts, &mut alpha).or_else(|| delta_of(&mut parts));
        strangers.extend(parts.into_values().map(|left| left.name));
        strangers.sort_unstable();
        if delta.is_none() && bias.is_none() {
            strangers.extend([alpha, magnitude].into_iter().flatten().map(|left| left.name));
            strangers.sort_unstable();
            return Ok(None);
        }
        let checked = delta.as_ref().map(Delta::size).transpose();
        if let Err(problem) = checked {
            return Err((spelled, problem));
        }
        let noted_scale = delta.as_ref().and_then(Delta::rank).and_then(|rank| notes.scale(&spelled, rank));
        Ok(Some(Self { target, spelled, delta, alpha, noted_scale, magnitude, bias }))
    }
}

/// Takes the parts of rotations, of which alpha is the limit.
fn rotation(parts: &mut BTreeMap<Part, Stored>, alpha: &mut Option<Stored>) -> Option<Delta<Stored>> {
    let blocks = parts.remove(&Part::Rotation)?;
    Some(Delta::Rotated { blocks, limit: alpha.take(), rescale: parts.remove(&Part::Rescale) })
}

/// Takes the parts of the change itself.
fn delta_of(parts: &mut BTreeMap<Part, Stored>) -> Option<Delta<Stored>> {
    use Part::*;
    let has =
        |parts: &BTreeMap<Part, Stored>, wanted: &[Part]| wanted.iter().all(|part| parts.contains_key(part));
    if has(parts, &[Down, Up]) {
        return Some(Delta::LowRank {
            down: parts.remove(&Down)?,
            mid: parts.remove(&Mid),
            up: parts.remove(&Up)?,
        });
    }
    if has(parts, &[HadaW1A, HadaW1B, HadaW2A, HadaW2B]) {
        let left = factors(parts, HadaT1, HadaW1A, HadaW1B)?;
        return Some(Delta::Hadamard(left, factors(parts, HadaT2, HadaW2A, HadaW2B)?));
    }
    let half = |parts: &BTreeMap<Part, Stored>, whole, a, b| has(parts, &[whole]) || has(parts, &[a, b]);
    if half(parts, LokrW1, LokrW1A, LokrW1B) && half(parts, LokrW2, LokrW2A, LokrW2B) {
        let left = match parts.remove(&LokrW1) {
            Some(whole) => Factors::Whole(whole),
            None => Factors::Product(parts.remove(&LokrW1A)?, parts.remove(&LokrW1B)?),
        };
        let right = match parts.remove(&LokrW2) {
            Some(whole) => Factors::Whole(whole),
            None => factors(parts, LokrT2, LokrW2A, LokrW2B)?,
        };
        return Some(Delta::Kronecker(left, right));
    }
    if has(parts, &[GloraA1, GloraA2, GloraB1, GloraB2]) {
        return generalised(parts);
    }
    parts.remove(&Full).map(Delta::Full)
}

/// GLoRA in either order of its factors: `b1 b2 + W a1 a2`, and `b2 b1 + W a2 a1` as LyCORIS once had it. The rank,
/// which is the smaller side of each, tells them apart. None for convolutions.
fn generalised(parts: &mut BTreeMap<Part, Stored>) -> Option<Delta<Stored>> {
    use Part::{GloraA1, GloraA2, GloraB1, GloraB2};
    let shapes = [GloraA1, GloraA2, GloraB1, GloraB2].map(|part| Some(parts.get(&part)?.shape.as_slice()));
    let newer = match shapes {
        [Some(&[rows, columns]), Some([_, _]), Some([_, _]), Some([_, _])] => rows >= columns,
        _ => return None,
    };
    let (a1, a2) = (parts.remove(&GloraA1)?, parts.remove(&GloraA2)?);
    let (b1, b2) = (parts.remove(&GloraB1)?, parts.remove(&GloraB2)?);
    let (own, added) = if newer { ((a1, a2), (b1, b2)) } else { ((a2, a1), (b2, b1)) };
    Some(Delta::Generalised {
        own: Factors::Product(own.0, own.1),
        added: Factors::Product(added.0, added.1),
    })
}

fn factors(parts: &mut BTreeMap<Part, Stored>, core: Part, a: Part, b: Part) -> Option<Factors<Stored>> {
    let (a, b) = (parts.remove(&a)?, parts.remove(&b)?);
    Some(match parts.remove(&core) {
        Some(core) => Factors::Tucker(core, a, b),
        None => Factors::Product(a, b),
    })
}

/// What PEFT notes beside the weights, since its files hold no alphas: `<component>.lora_alpha`,
/// `<component>.alpha_pattern` by layer, and `<component>.use_rslora`.
#[derive(Default)]
struct PeftNotes(Map<String, Value>);

impl PeftNotes {
    fn read(file: &TensorFile) -> Self {
        let notes = file.note(PEFT_NOTE).and_then(|text| serde_json::from_str::<Value>(text).ok());
        match notes {
            Some(Value::Object(notes)) => Self(notes),
            _ => Self::default(),
        }
    }

    /// Alpha over the rank, or over its root where the adapter was trained so.
    fn scale(&self, spelled: &str, rank: usize) -> Option<f64> {
        let (component, layer) = spelled.split_once('.')?;
        let get = |key: &str| self.0.get(&format!("{component}.{key}")).or_else(|| self.0.get(key));
        let of_layer = get("alpha_pattern").and_then(Value::as_object).and_then(|pattern| {
            let fits = |key: &str| layer == key || layer.strip_suffix(key).is_some_and(|l| l.ends_with('.'));
            pattern.iter().find(|(key, _)| fits(key)).map(|(_, alpha)| alpha)
        });
        let alpha = of_layer.or_else(|| get("lora_alpha"))?.as_f64().filter(|alpha| alpha.is_finite())?;
        let rooted = get("use_rslora").and_then(Value::as_bool) == Some(true);
        let rank = rank.max(1) as f64;
        Some(alpha / if rooted { rank.sqrt() } else { rank })
    }
}
