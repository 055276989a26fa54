//! Configuration: the defaults, then `qpyt.toml`, then `QPYT_…` variables, then flags; what comes later wins.
//! A key that does not exist is an error that names the right one, so that a slip of the finger never goes unnoticed.

mod environment;
mod error;
mod hub;
mod limits;
mod memory;
mod slot;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use qpyt_bricks::HostScope;
use qpyt_inference::{Offload, Precision, WeightStorage};
use toml::Value;

pub use self::environment::Environment;
pub use self::error::ConfigError;
use self::error::{bad, unknown};
pub use self::hub::HubConfig;
use self::limits::MAX_MIB;
pub use self::limits::{BrickLimits, LimitsConfig};
use self::slot::{Number, Slot, Source};

/// The name of the configuration file.
const FILE_NAME: &str = "qpyt.toml";
const PREFIX: &str = "QPYT_";

/// Variables that begin like ours and are read elsewhere: the installation, the log, and the tests.
const OTHER_VARIABLES: [&str; 6] =
    ["QPYT_HOME", "QPYT_LOG", "QPYT_CHROMIUM", "QPYT_REFERENCE_DIR", "QPYT_FUZZ_SECONDS", "QPYT_FUZZ_SEED"];

/// Every key, with its table before the dot.
pub const KEYS: [&str; 26] = [
    "address",
    "port",
    "data",
    "open_browser",
    "model_folders",
    "brick_folders",
    "offline",
    "limits.memory_mib",
    "limits.cpu_seconds",
    "limits.wall_seconds",
    "limits.output_mib",
    "limits.max_side",
    "limits.handles",
    "limits.hostcall_mib",
    "limits.log_lines",
    "limits.log_lines_per_second",
    "inference.memory_budget_mib",
    "inference.threads",
    "inference.weights",
    "inference.precision",
    "inference.offload",
    "inference.device_memory_mib",
    "jobs.cpu_lanes",
    "jobs.max_queue",
    "network.private_hosts",
    "network.timeout_seconds",
];

/// What the studio is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on. Any but a loopback address asks clients for a token.
    pub address: IpAddr,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// The data folder.
    pub data: PathBuf,
    /// Whether `serve` opens a browser.
    pub open_browser: bool,
    /// More folders with models.
    pub model_folders: Vec<PathBuf>,
    /// More folders with bricks.
    pub brick_folders: Vec<PathBuf>,
    /// Whether everything must do without the network: setting up, and every brick.
    pub offline: bool,
    /// What one run of a brick may use.
    pub limits: LimitsConfig,
    /// What is different for single bricks.
    pub bricks: BrickLimits,
    /// What models may use.
    pub inference: InferenceConfig,
    /// The queue.
    pub jobs: JobsConfig,
    /// The network as bricks reach it.
    pub network: NetworkConfig,
    /// Where models come from.
    pub hub: HubConfig,
}

/// What models may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceConfig {
    /// Memory for models in MiB; 0 means 60 % of the machine's memory. See [`memory_budget_bytes`](Self::memory_budget_bytes).
    pub memory_budget_mib: u64,
    /// Threads for models; 0 means one for each core.
    pub threads: u64,
    /// How transformers that paint hold their weights.
    pub weights: WeightStorage,
    /// What networks that paint compute in.
    pub precision: Precision,
    /// Whether blocks of networks that paint are brought to the device for each use.
    pub offload: Offload,
    /// Memory of a device other than the CPU for models in MiB; 0 means most of what it has free.
    pub device_memory_mib: u64,
}

/// The queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsConfig {
    /// How many jobs without models run side by side.
    pub cpu_lanes: usize,
    /// How many jobs may wait.
    pub max_queue: u32,
}

/// The network as bricks reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Hosts with their ports that bricks may reach although they are in a private network, once they are allowed.
    pub private_hosts: Vec<HostScope>,
    /// How long one request may take, in seconds.
    pub timeout_seconds: u64,
}

/// What the command line says. `None` leaves a setting as it is.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The configuration file to read instead of the one that is looked for.
    pub config_file: Option<PathBuf>,
    /// See [`Config::address`].
    pub address: Option<IpAddr>,
    /// See [`Config::port`].
    pub port: Option<u16>,
    /// See [`Config::data`].
    pub data: Option<PathBuf>,
    /// See [`Config::open_browser`].
    pub open_browser: Option<bool>,
}

impl Config {
    /// The settings where nothing is said.
    fn default_with(data: PathBuf, hub: HubConfig) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8000,
            data,
            open_browser: true,
            model_folders: Vec::new(),
            brick_folders: Vec::new(),
            offline: false,
            limits: LimitsConfig::default(),
            bricks: BrickLimits::default(),
            inference: InferenceConfig {
                memory_budget_mib: 0,
                threads: 0,
                weights: WeightStorage::default(),
                precision: Precision::default(),
                offload: Offload::default(),
                device_memory_mib: 0,
            },
            jobs: JobsConfig { cpu_lanes: 2, max_queue: 1000 },
            network: NetworkConfig { private_hosts: Vec::new(), timeout_seconds: 30 },
            hub,
        }
    }

    /// Reads all four layers.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key, where it stands and what it may be.
    pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Self, ConfigError> {
        let current = &environment.current_folder;
        let said = environment.get("QPYT_DATA").map(|path| environment.absolute(current, path));
        let data = overrides.data.as_ref().map(|path| current.join(path)).or(said);
        let data = data.or_else(|| environment.default_data()).ok_or(ConfigError::NoHome)?;
        let file = find_file(overrides, environment, &data);
        let mut config = Self::default_with(data, HubConfig::read(environment)?);
        if let Some(path) = file {
            config.apply_file(&path, environment)?;
        }
        config.apply_variables(environment)?;
        config.apply_flags(overrides, current);
        Ok(config)
    }

    fn apply_file(&mut self, path: &Path, environment: &Environment) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
        let mut table: toml::Table = text.parse().map_err(|source: toml::de::Error| ConfigError::Syntax {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        let source = Source {
            place: format!("in {}", path.display()),
            base: path.parent().unwrap_or(Path::new(".")),
            environment,
        };
        if let Some(bricks) = table.remove("bricks") {
            self.bricks.read(&bricks, &source)?;
        }
        for (key, value) in flatten(table) {
            let slot = self.slot(&key).ok_or_else(|| unknown(&key, &source.place, KEYS.iter().copied()))?;
            slot.fill(&value, &source).map_err(|expected| bad(&key, &source.place, expected, &value))?;
        }
        Ok(())
    }

    fn apply_variables(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        let names: BTreeMap<String, &str> = KEYS.iter().map(|key| (variable(key), *key)).collect();
        let known = || names.keys().map(String::as_str).chain(OTHER_VARIABLES);
        let source = Source {
            place: "an environment variable".to_owned(),
            base: &environment.current_folder,
            environment,
        };
        for (name, text) in &environment.variables {
            if !name.starts_with(PREFIX) || OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            let slot = names.get(name).and_then(|key| self.slot(key));
            let slot = slot.ok_or_else(|| unknown(name, &source.place, known()))?;
            let value = slot.read_text(text);
            slot.fill(&value, &source).map_err(|expected| bad(name, &source.place, expected, &value))?;
        }
        Ok(())
    }

    fn apply_flags(&mut self, overrides: &Overrides, current: &Path) {
        let Overrides { config_file: _, address, port, data, open_browser } = overrides;
        self.address = address.unwrap_or(self.address);
        self.port = port.unwrap_or(self.port);
        self.open_browser = open_browser.unwrap_or(self.open_browser);
        if let Some(data) = data {
            self.data = current.join(data);
        }
    }

    /// The place of a setting and what it may be.
    fn slot(&mut self, key: &str) -> Option<Slot<'_>> {
        fn whole(place: &mut dyn Number, range: RangeInclusive<u64>) -> Option<Slot<'_>> {
            Some(Slot::whole(place, range))
        }
        if let Some(key) = key.strip_prefix("limits.") {
            return self.limits.slot(key);
        }
        match key {
            "address" => Some(Slot::Address(&mut self.address)),
            "port" => whole(&mut self.port, 0..=65_535),
            "data" => Some(Slot::Folder(&mut self.data)),
            "open_browser" => Some(Slot::Flag(&mut self.open_browser)),
            "model_folders" => Some(Slot::Folders(&mut self.model_folders)),
            "brick_folders" => Some(Slot::Folders(&mut self.brick_folders)),
            "offline" => Some(Slot::Flag(&mut self.offline)),
            "inference.memory_budget_mib" => whole(&mut self.inference.memory_budget_mib, 0..=MAX_MIB),
            "inference.threads" => whole(&mut self.inference.threads, 0..=1024),
            "inference.weights" => Some(Slot::Choice(&mut self.inference.weights)),
            "inference.precision" => Some(Slot::Choice(&mut self.inference.precision)),
            "inference.offload" => Some(Slot::Choice(&mut self.inference.offload)),
            "inference.device_memory_mib" => whole(&mut self.inference.device_memory_mib, 0..=MAX_MIB),
            "jobs.cpu_lanes" => whole(&mut self.jobs.cpu_lanes, 1..=256),
            "jobs.max_queue" => whole(&mut self.jobs.max_queue, 1..=100_000),
            "network.private_hosts" => Some(Slot::Hosts(&mut self.network.private_hosts)),
            "network.timeout_seconds" => whole(&mut self.network.timeout_seconds, 1..=600),
            _ => None,
        }
    }
}

/// The file that the command line names, else one in the current folder, else one in the data folder.
fn find_file(overrides: &Overrides, environment: &Environment, data: &Path) -> Option<PathBuf> {
    let current = &environment.current_folder;
    let named = overrides.config_file.as_ref().map(|path| current.join(path));
    named.or_else(|| [current.join(FILE_NAME), data.join(FILE_NAME)].into_iter().find(|path| path.is_file()))
}

/// The entries of a table and of the tables in it, by dotted key.
fn flatten(table: toml::Table) -> Vec<(String, Value)> {
    let mut entries = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                entries
                    .extend(flatten(inner).into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            Value::Table(_) if KEYS.iter().any(|known| known.starts_with(&format!("{key}."))) => {}
            value => entries.push((key, value)),
        }
    }
    entries
}

/// The variable that sets this key.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}
