//! How much one run may use.

use std::time::Duration;

/// Limits of one run. The program sets them from `[limits]` and `[bricks."…".limits]` in `qpyt.toml`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes of the brick's own memories and tables plus the images, tensors and canvases it holds, together.
    pub memory_bytes: u64,
    /// Computing time of the brick itself; waiting for the host does not count.
    pub cpu: Duration,
    /// Time from start to end, waiting included.
    pub wall: Duration,
    /// Bytes of all outputs together.
    pub output_bytes: u64,
    /// Longest side of a picture in pixels.
    pub max_side: u32,
    /// Images, tensors, canvases and streams that a brick may hold at once.
    pub handles: u32,
    /// Bytes that one call from the brick to the host, or its answer to the host, may carry.
    pub hostcall_bytes: u64,
    /// Lines that a brick may write to its log.
    pub log_lines: u32,
    /// Lines that a brick may write in a second; as many may come at once.
    pub log_lines_per_second: u32,
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
            hostcall_bytes: 128 << 20,
            log_lines: 1000,
            log_lines_per_second: 200,
        }
    }
}
