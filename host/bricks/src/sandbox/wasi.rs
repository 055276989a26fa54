//! WASI 0.2 with nothing behind it: no files, no sockets, no arguments, no environment. Toolchains link these
//! interfaces whether or not a brick needs them. Clocks stand still and random numbers follow from the run's seed,
//! so a brick is a function of its inputs; see `docs/decisions/022-frozen-clocks-and-seeded-randomness.md`.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use rand_core::TryRng;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use super::log::{Log, Stream};

/// 2000-01-01T00:00:00Z, in seconds since 1970.
const FROZEN_SECONDS: u64 = 946_684_800;
const MAX_RANDOM_BYTES: u64 = 1 << 20;
const WRITE_PERMIT: usize = 64 << 10;

/// The context of one run.
pub(super) fn context(seed: u64, log: &Arc<Log>) -> WasiCtx {
    let [first, second] = [SeededRandom::new(seed, "secure"), SeededRandom::new(seed, "insecure")];
    WasiCtx::builder()
        .stdout(LogStream { log: log.clone(), stream: Stream::Output })
        .stderr(LogStream { log: log.clone(), stream: Stream::Error })
        .secure_random(first)
        .insecure_random(second)
        .insecure_random_seed(u128::from(seed))
        .max_random_size(MAX_RANDOM_BYTES)
        .wall_clock(FrozenClock)
        .monotonic_clock(FrozenClock)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

struct FrozenClock;

impl HostWallClock for FrozenClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(FROZEN_SECONDS)
    }
}

impl HostMonotonicClock for FrozenClock {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

/// BLAKE3's extendable output, keyed by the seed.
struct SeededRandom(blake3::OutputReader);

impl SeededRandom {
    fn new(seed: u64, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("qpyt-bricks 2026 wasi random");
        hasher.update(&seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Self(hasher.finalize_xof())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }
}

impl TryRng for SeededRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(target);
        Ok(())
    }
}

/// A standard stream that ends in the brick's log.
#[derive(Clone)]
struct LogStream {
    log: Arc<Log>,
    stream: Stream,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this form, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_PERMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_follow_from_the_seed() {
        let draw = |seed, purpose| SeededRandom::new(seed, purpose).array::<64>();
        assert_eq!(draw(1, "secure"), draw(1, "secure"));
        assert_ne!(draw(1, "secure"), draw(2, "secure"));
        assert_ne!(draw(1, "secure"), draw(1, "insecure"));
    }
}
