//! What a monitoring system reads: the bricks' counters and the queue, as OpenMetrics text.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::blocking;
use super::error::ApiError;
use crate::library::view::{Allowed, BrickHealth, BrickList, BrickView};
use crate::studio::Studio;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`
pub async fn text(State(studio): State<Arc<Studio>>) -> Result<impl IntoResponse, ApiError> {
    let text = blocking(move || {
        let bricks = studio.library.list(&Allowed::read(&studio.store)?);
        let queue = studio.store.queue_lengths()?;
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Readings { bricks, queue }));
        let mut text = String::new();
        text::encode(&mut text, &registry).map_err(ApiError::internal)?;
        Ok::<_, ApiError>(text)
    });
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text.await??))
}

/// The numbers of one moment.
#[derive(Debug)]
struct Readings {
    bricks: BrickList,
    /// Jobs by state.
    queue: Vec<(&'static str, u32)>,
}

/// What is counted of each brick.
type Counter = (&'static str, &'static str, fn(&BrickView) -> u64);

const COUNTERS: [Counter; 7] = [
    ("qpyt_brick_runs", "Runs that ended, well or not", |brick| brick.metrics.runs),
    ("qpyt_brick_failures", "Runs that ended with an error", |brick| brick.metrics.failures),
    ("qpyt_brick_traps", "Runs in which the brick crashed", |brick| brick.metrics.traps),
    ("qpyt_brick_swaps", "Times that another version took over", |brick| brick.metrics.swaps),
    ("qpyt_brick_copied_bytes", "Bytes copied between brick and studio", |brick| brick.metrics.bytes_copied),
    ("qpyt_brick_denied", "Times, ever, that it was denied something", |brick| brick.metrics.denied),
    ("qpyt_brick_would_deny", "Times, ever, that only a permission on trial allowed it", |brick| {
        brick.metrics.would_deny
    }),
];

const GAUGES: [Counter; 2] = [
    ("qpyt_brick_peak_memory_bytes", "The most memory that one run had", |brick| brick.metrics.peak_memory),
    ("qpyt_brick_quarantined", "1 if the brick is set aside", |brick| {
        u64::from(brick.health == BrickHealth::Quarantined)
    }),
];

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, read) in COUNTERS {
            self.of_each_brick(&mut encoder, name, help, |brick| ConstCounter::new(read(brick)))?;
        }
        self.of_each_brick(
            &mut encoder,
            "qpyt_brick_cpu_seconds",
            "The brick's own computing time",
            |brick| ConstCounter::new(brick.metrics.cpu_ms as f64 / 1000.0),
        )?;
        for (name, help, read) in GAUGES {
            self.of_each_brick(&mut encoder, name, help, |brick| gauge(read(brick)))?;
        }
        let refused = gauge(self.bricks.refused.len() as u64);
        let refused_encoder = encoder.encode_descriptor(
            "qpyt_bricks_refused",
            "Bricks that do not serve",
            None,
            refused.metric_type(),
        )?;
        refused.encode(refused_encoder)?;
        let kind = gauge(0).metric_type();
        let mut jobs = encoder.encode_descriptor("qpyt_jobs", "Unfinished jobs by state", None, kind)?;
        for (state, count) in &self.queue {
            gauge(u64::from(*count)).encode(jobs.encode_family(&[("state", *state)])?)?;
        }
        Ok(())
    }
}

impl Readings {
    /// One series for each brick; its numbers are those of all its versions.
    fn of_each_brick<M: EncodeMetric>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        read: impl Fn(&BrickView) -> M,
    ) -> fmt::Result {
        let Some(first) = self.bricks.bricks.first() else { return Ok(()) };
        let mut family = encoder.encode_descriptor(name, help, None, read(first).metric_type())?;
        let mut told = None;
        for brick in &self.bricks.bricks {
            if told.replace(&brick.id) == Some(&brick.id) {
                continue;
            }
            let labels = [("brick", brick.id.as_str())];
            read(brick).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}
