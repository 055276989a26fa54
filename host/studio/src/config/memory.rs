//! How much memory models may use where nobody says so.

use std::fs;

use super::InferenceConfig;

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

/// The memory that this process may fill, in bytes: the machine's, or less where a container says so.
fn machine_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024;
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    Some(group.map_or(machine, |limit| limit.min(machine)))
}
