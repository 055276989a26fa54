//! Configuration: the defaults, then `qpyt.toml`, then `QPYT_…` variables, then flags; what comes later wins.
//! A key that does not exist is an error that names the right one, so that a slip of the finger never goes unnoticed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::Value;

/// The name of the configuration file.
const FILE_NAME: &str = "qpyt.toml";
const PREFIX: &str = "QPYT_";

/// Variables that begin like ours and are read elsewhere: the installation, the log, and the tests.
const OTHER_VARIABLES: [&str; 4] = ["QPYT_HOME", "QPYT_LOG", "QPYT_CHROMIUM", "QPYT_REFERENCE_DIR"];

/// Every key, with its table before the dot.
pub const KEYS: [&str; 18] = [
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
    "limits.log_lines",
    "inference.memory_budget_mib",
    "inference.threads",
    "jobs.cpu_lanes",
    "jobs.max_queue",
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
    /// Whether setting up must do without the network.
    pub offline: bool,
    /// What one run of a brick may use.
    pub limits: LimitsConfig,
    /// What models may use.
    pub inference: InferenceConfig,
    /// The queue.
    pub jobs: JobsConfig,
}

/// What one run of a brick may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Memory of the sandbox and of what the host holds for it, in MiB.
    pub memory_mib: u64,
    /// Processor time in seconds.
    pub cpu_seconds: u64,
    /// Time by the clock in seconds, waiting for models included.
    pub wall_seconds: u64,
    /// Size of all outputs together, in MiB.
    pub output_mib: u64,
    /// The longest side of a picture in pixels.
    pub max_side: u32,
    /// Pictures, tensors, canvases and streams held at once.
    pub handles: u32,
    /// Lines in the log.
    pub log_lines: u32,
}

/// What models may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceConfig {
    /// Memory for models in MiB; 0 means 60 % of the machine's memory. See [`memory_budget_bytes`](Self::memory_budget_bytes).
    pub memory_budget_mib: u64,
    /// Threads for models; 0 means one for each core.
    pub threads: u64,
}

/// The queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsConfig {
    /// How many jobs without models run side by side.
    pub cpu_lanes: usize,
    /// How many jobs may wait.
    pub max_queue: u32,
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

/// Where the program was started. A value of its own, so that tests need not change the process.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The variables.
    pub variables: BTreeMap<String, String>,
    /// The current folder.
    pub current_folder: PathBuf,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("Could not read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("The configuration {} is not valid TOML: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// No setting has this name.
    #[error("There is no setting `{key}` ({place}); did you mean `{nearest}`?")]
    UnknownKey {
        /// The name.
        key: String,
        /// Where it stands.
        place: String,
        /// The setting whose name is most alike.
        nearest: String,
    },
    /// The setting cannot have this value.
    #[error("The setting `{key}` ({place}) must be {expected}, but it is {found}.")]
    BadValue {
        /// The name.
        key: String,
        /// Where it stands.
        place: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// There is no place for the data folder.
    #[error("The home folder is not known. Say where to keep the data with --data DIR.")]
    NoHome,
}

impl Environment {
    /// That of this process.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn of_process() -> io::Result<Self> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Ok(Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            current_folder: std::env::current_dir()?,
        })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        self.get("HOME").or_else(|| self.get("USERPROFILE")).map(PathBuf::from)
    }

    /// The data folder where nobody says otherwise, after the XDG base directory specification.
    fn default_data(&self) -> Option<PathBuf> {
        let xdg = self.get("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        Some(xdg.or_else(|| Some(self.home()?.join(".local/share")))?.join("qpyt"))
    }

    /// `path` made absolute: `~/` is the home folder, and what is relative starts at `base`.
    fn absolute(&self, base: &Path, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => base.join(path),
        }
    }
}

impl Config {
    /// The settings where nothing is said.
    fn default_with(data: PathBuf) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8000,
            data,
            open_browser: true,
            model_folders: Vec::new(),
            brick_folders: Vec::new(),
            offline: false,
            limits: LimitsConfig {
                memory_mib: 1024,
                cpu_seconds: 30,
                wall_seconds: 14_400,
                output_mib: 512,
                max_side: 8192,
                handles: 4096,
                log_lines: 1000,
            },
            inference: InferenceConfig { memory_budget_mib: 0, threads: 0 },
            jobs: JobsConfig { cpu_lanes: 2, max_queue: 1000 },
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
        let mut config = Self::default_with(data);
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
        let table: toml::Table = text.parse().map_err(|source: toml::de::Error| ConfigError::Syntax {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        let source = Source {
            place: format!("in {}", path.display()),
            base: path.parent().unwrap_or(Path::new(".")),
            environment,
        };
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
        const MAX_MIB: u64 = 1 << 24;
        fn whole(place: &mut dyn Number, range: RangeInclusive<u64>) -> Option<Slot<'_>> {
            Some(Slot::Whole(place, range))
        }
        match key {
            "address" => Some(Slot::Address(&mut self.address)),
            "port" => whole(&mut self.port, 0..=65_535),
            "data" => Some(Slot::Folder(&mut self.data)),
            "open_browser" => Some(Slot::Flag(&mut self.open_browser)),
            "model_folders" => Some(Slot::Folders(&mut self.model_folders)),
            "brick_folders" => Some(Slot::Folders(&mut self.brick_folders)),
            "offline" => Some(Slot::Flag(&mut self.offline)),
            "limits.memory_mib" => whole(&mut self.limits.memory_mib, 16..=MAX_MIB),
            "limits.cpu_seconds" => whole(&mut self.limits.cpu_seconds, 1..=86_400),
            "limits.wall_seconds" => whole(&mut self.limits.wall_seconds, 1..=604_800),
            "limits.output_mib" => whole(&mut self.limits.output_mib, 1..=MAX_MIB),
            "limits.max_side" => whole(&mut self.limits.max_side, 64..=32_768),
            "limits.handles" => whole(&mut self.limits.handles, 16..=1_000_000),
            "limits.log_lines" => whole(&mut self.limits.log_lines, 0..=1_000_000),
            "inference.memory_budget_mib" => whole(&mut self.inference.memory_budget_mib, 0..=MAX_MIB),
            "inference.threads" => whole(&mut self.inference.threads, 0..=1024),
            "jobs.cpu_lanes" => whole(&mut self.jobs.cpu_lanes, 1..=256),
            "jobs.max_queue" => whole(&mut self.jobs.max_queue, 1..=100_000),
            _ => None,
        }
    }
}

impl InferenceConfig {
    /// Memory for models in bytes: what was said, else 60 % of the machine's memory, else (where the system does
    /// not tell) 8 GiB.
    #[must_use]
    pub fn memory_budget_bytes(&self) -> u64 {
        const FALLBACK: u64 = 8 << 30;
        match self.memory_budget_mib {
            0 => machine_memory().map_or(FALLBACK, |bytes| bytes / 10 * 6),
            mib => mib << 20,
        }
    }
}

/// Where a value comes from.
struct Source<'a> {
    /// In words, for messages.
    place: String,
    /// Where relative paths start.
    base: &'a Path,
    environment: &'a Environment,
}

/// The place of a setting, by what it may be.
enum Slot<'a> {
    Address(&'a mut IpAddr),
    Flag(&'a mut bool),
    Folder(&'a mut PathBuf),
    Folders(&'a mut Vec<PathBuf>),
    Whole(&'a mut dyn Number, RangeInclusive<u64>),
}

/// A whole number of any width.
trait Number {
    /// Takes the value if it has room for it.
    fn set(&mut self, value: u64) -> Option<()>;
}

impl<T: TryFrom<u64>> Number for T {
    fn set(&mut self, value: u64) -> Option<()> {
        *self = value.try_into().ok()?;
        Some(())
    }
}

impl Slot<'_> {
    /// Takes the value, or says what would be right.
    fn fill(self, value: &Value, source: &Source<'_>) -> Result<(), String> {
        let expected = self.expected();
        let path =
            |text: &str| Some(source.environment.absolute(source.base, text)).filter(|_| !text.is_empty());
        let filled = match self {
            Self::Address(place) => value.as_str().and_then(|text| text.parse().ok()).map(|new| *place = new),
            Self::Flag(place) => value.as_bool().map(|new| *place = new),
            Self::Folder(place) => value.as_str().and_then(path).map(|new| *place = new),
            Self::Folders(place) => value
                .as_array()
                .and_then(|items| items.iter().map(|item| item.as_str().and_then(path)).collect())
                .map(|new| *place = new),
            Self::Whole(place, range) => value
                .as_integer()
                .and_then(|number| number.try_into().ok())
                .filter(|number| range.contains(number))
                .and_then(|new| place.set(new)),
        };
        filled.ok_or(expected)
    }

    /// What a variable's text means for this setting. Text that means nothing stays text and is refused later.
    fn read_text(&self, text: &str) -> Value {
        let typed = match self {
            Self::Flag(_) => text.parse().ok().map(Value::Boolean),
            Self::Whole(..) => text.parse().ok().map(Value::Integer),
            Self::Folders(_) => {
                let folders = std::env::split_paths(text).map(|path| path.to_string_lossy().into_owned());
                Some(Value::Array(folders.filter(|path| !path.is_empty()).map(Value::String).collect()))
            }
            Self::Address(_) | Self::Folder(_) => None,
        };
        typed.unwrap_or_else(|| Value::String(text.to_owned()))
    }

    fn expected(&self) -> String {
        match self {
            Self::Address(_) => "an IP address such as \"127.0.0.1\"".to_owned(),
            Self::Flag(_) => "true or false".to_owned(),
            Self::Folder(_) => "the path of a folder".to_owned(),
            Self::Folders(_) => "a list of paths of folders".to_owned(),
            Self::Whole(_, range) => format!("a whole number from {} to {}", range.start(), range.end()),
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

fn unknown<'a>(key: &str, place: &str, known: impl Iterator<Item = &'a str> + Clone) -> ConfigError {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    // A right name in the wrong table is nearer than any other.
    let moved = known.clone().find(|name| last(name) == last(key));
    let alike = |name: &&str| strsim::jaro_winkler(name, key);
    let nearest = moved.or_else(|| known.clone().max_by(|a, b| alike(a).total_cmp(&alike(b))));
    ConfigError::UnknownKey {
        key: key.to_owned(),
        place: place.to_owned(),
        nearest: nearest.unwrap_or_default().to_owned(),
    }
}

fn bad(key: &str, place: &str, expected: String, found: &impl Display) -> ConfigError {
    let found: String = found.to_string().chars().take(200).collect();
    ConfigError::BadValue { key: key.to_owned(), place: place.to_owned(), expected, found }
}

/// The memory that this process may fill, in bytes: the machine's, or less where a container says so.
fn machine_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024;
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    Some(group.map_or(machine, |limit| limit.min(machine)))
}
