//! How much one run may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits of one run; the `[limits]` section of `qpyt.toml`. Times are written in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of the brick's own memories and tables plus the images, tensors and canvases it holds, together.
    pub memory_bytes: u64,
    /// Computing time of the brick itself; waiting for the host does not count.
    #[serde(rename = "cpu_seconds", with = "seconds")]
    pub cpu: Duration,
    /// Time from start to end, waiting included.
    #[serde(rename = "wall_seconds", with = "seconds")]
    pub wall: Duration,
    /// Bytes of all outputs together.
    pub output_bytes: u64,
    /// Longest side of a picture in pixels.
    pub max_side: u32,
    /// Images, tensors, canvases and streams that a brick may hold at once.
    pub handles: u32,
    /// Lines that a brick may write to its log.
    pub log_lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            cpu: Duration::from_secs(30),
            wall: Duration::from_secs(30 * 60),
            output_bytes: 256 << 20,
            max_side: 8192,
            handles: 4096,
            log_lines: 1000,
        }
    }
}

/// Durations as a number of seconds, which may have a fraction.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds)
            .map_err(|error| D::Error::custom(format!("{seconds} is no number of seconds: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_may_name_only_what_it_changes() {
        let limits: Limits = toml::from_str("cpu_seconds = 0.5\nlog_lines = 3").unwrap();
        assert_eq!(limits.cpu, Duration::from_millis(500));
        assert_eq!(limits, Limits { cpu: Duration::from_millis(500), log_lines: 3, ..Limits::default() });
    }

    #[test]
    fn misspelt_and_impossible_limits_are_refused() {
        assert!(toml::from_str::<Limits>("cpu = 1").is_err());
        assert!(toml::from_str::<Limits>("cpu_seconds = -1.0").is_err());
    }
}
