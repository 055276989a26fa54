//! What one run of a brick may use: defaults for all bricks, and what is different for some.

use std::{collections::BTreeMap, time::Duration};

use qpyt_bricks::Limits;
use toml::Value;

use super::{
    ConfigError,
    error::{bad, unknown},
    slot::{Slot, Source},
};

/// The largest number of MiB that can be said anywhere.
pub(super) const MAX_MIB: u64 = 1 << 24;
const MIB: u64 = 1 << 20;

/// The keys below `limits`.
pub(super) const KEYS: [&str; 9] = [
    "memory_mib",
    "cpu_seconds",
    "wall_seconds",
    "output_mib",
    "max_side",
    "handles",
    "hostcall_mib",
    "log_lines",
    "log_lines_per_second",
];

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
    /// What one call between a brick and the host may carry, in MiB.
    pub hostcall_mib: u64,
    /// Lines in the log.
    pub log_lines: u32,
    /// Lines in the log in one second.
    pub log_lines_per_second: u32,
}

/// What is said for single bricks, by brick id: the keys that differ from the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrickLimits(BTreeMap<String, BTreeMap<String, u64>>);

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            memory_mib: 1024,
            cpu_seconds: 30,
            wall_seconds: 14_400,
            output_mib: 512,
            max_side: 8192,
            handles: 4096,
            hostcall_mib: 128,
            log_lines: 1000,
            log_lines_per_second: 200,
        }
    }
}

impl LimitsConfig {
    /// The place of one of [`KEYS`] and what it may be.
    pub(super) fn slot(&mut self, key: &str) -> Option<Slot<'_>> {
        match key {
            "memory_mib" => Some(Slot::whole(&mut self.memory_mib, 16..=MAX_MIB)),
            "cpu_seconds" => Some(Slot::whole(&mut self.cpu_seconds, 1..=86_400)),
            "wall_seconds" => Some(Slot::whole(&mut self.wall_seconds, 1..=604_800)),
            "output_mib" => Some(Slot::whole(&mut self.output_mib, 1..=MAX_MIB)),
            "max_side" => Some(Slot::whole(&mut self.max_side, 64..=32_768)),
            "handles" => Some(Slot::whole(&mut self.handles, 16..=1_000_000)),
            "hostcall_mib" => Some(Slot::whole(&mut self.hostcall_mib, 1..=MAX_MIB)),
            "log_lines" => Some(Slot::whole(&mut self.log_lines, 0..=1_000_000)),
            "log_lines_per_second" => Some(Slot::whole(&mut self.log_lines_per_second, 1..=1_000_000)),
            _ => None,
        }
    }

    /// As the runtime takes them.
    #[must_use]
    pub fn to_limits(&self) -> Limits {
        Limits {
            memory_bytes: self.memory_mib.saturating_mul(MIB),
            cpu: Duration::from_secs(self.cpu_seconds),
            wall: Duration::from_secs(self.wall_seconds),
            output_bytes: self.output_mib.saturating_mul(MIB),
            max_side: self.max_side,
            handles: self.handles,
            hostcall_bytes: self.hostcall_mib.saturating_mul(MIB),
            log_lines: self.log_lines,
            log_lines_per_second: self.log_lines_per_second,
        }
    }
}

impl BrickLimits {
    /// Reads the table `bricks` of a file. Values are checked here, so that a mistake is told at the start.
    pub(super) fn read(&mut self, bricks: &Value, source: &Source<'_>) -> Result<(), ConfigError> {
        let table = |key: &str, value: &Value| {
            let expected = || bad(key, &source.place, "a table".to_owned(), value);
            value.as_table().cloned().ok_or_else(expected)
        };
        for (brick, said) in table("bricks", bricks)? {
            if !brick
                .split_once(':')
                .is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
            {
                return Err(ConfigError::NoBrick { brick, place: source.place.clone() });
            }
            let of_brick = |key: &str| format!("bricks.\"{brick}\"{key}");
            for (key, limits) in table(&of_brick(""), &said)? {
                if key != "limits" {
                    let known = of_brick(".limits");
                    return Err(unknown(
                        &of_brick(&format!(".{key}")),
                        &source.place,
                        std::iter::once(known.as_str()),
                    ));
                }
                for (key, value) in table(&of_brick(".limits"), &limits)? {
                    let number = read(&of_brick(".limits"), &key, &value, source)?;
                    self.0.entry(brick.clone()).or_default().insert(key, number);
                }
            }
        }
        Ok(())
    }

    /// The bricks for which something is said, with their limits: what is said, and `defaults` for the rest.
    pub fn over(&self, defaults: &LimitsConfig) -> BTreeMap<String, LimitsConfig> {
        let with = |said: &BTreeMap<String, u64>| {
            let mut limits = defaults.clone();
            for (key, value) in said {
                // They were checked when they were read.
                limits.slot(key).map(|slot| slot.set(*value));
            }
            limits
        };
        self.0.iter().map(|(brick, said)| (brick.clone(), with(said))).collect()
    }
}

/// The number of one key, which is in its range.
fn read(table: &str, key: &str, value: &Value, source: &Source<'_>) -> Result<u64, ConfigError> {
    let known: Vec<_> = KEYS.iter().map(|key| format!("{table}.{key}")).collect();
    let here = format!("{table}.{key}");
    let mut scratch = LimitsConfig::default();
    let slot = scratch.slot(key);
    let slot = slot.ok_or_else(|| unknown(&here, &source.place, known.iter().map(String::as_str)))?;
    slot.fill(value, source).map_err(|expected| bad(&here, &source.place, expected, value))?;
    // Every limit is a whole number, or it would not have been taken.
    Ok(value.as_integer().and_then(|number| number.try_into().ok()).unwrap_or_default())
}
