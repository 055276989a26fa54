//! How long a brick goes on after it had to stop.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use qpyt_bricks::{Binary, CancellationToken, Limits, RunError, RunRequest};

use crate::{
    built::folder,
    cache,
    host::FakeHost,
    runtime,
    table::{Samples, Table},
};

const WALL: Duration = Duration::from_millis(100);
const HOUR: Duration = Duration::from_secs(3600);

pub async fn measure(table: &mut Table, scale: u32) {
    let runtime = runtime(&cache());
    let binary = runtime.load(&folder("limits")).await.unwrap();
    let deadline = Limits { wall: WALL, cpu: HOUR, ..Limits::default() };
    let budget = Limits { wall: HOUR, cpu: WALL, ..Limits::default() };
    for (what, limits) in
        [("looping brick after its deadline", deadline), ("looping brick after its CPU budget", budget)]
    {
        let mut over = Samples::new();
        for _ in 0..100 / scale {
            over.add(overrun(&binary, limits).await);
        }
        let holds = over.p95() <= Duration::from_millis(15);
        table.alone(what, &over, "≤ 15 ms", Some(holds));
    }
}

/// How much longer than [`WALL`] a brick loops.
async fn overrun(binary: &Binary, limits: Limits) -> Duration {
    let request = RunRequest {
        brick: "limits:loop".to_owned(),
        inputs: vec![],
        params: serde_json::json!({}),
        seed: 7,
        state: None,
        limits: Some(limits),
        cancel: CancellationToken::new(),
        host: Arc::new(FakeHost::default()),
    };
    let start = Instant::now();
    let result = binary.run(request).await;
    let took = start.elapsed();
    assert!(
        matches!(result, Err(RunError::DeadlineExceeded { .. } | RunError::CpuBudget { .. })),
        "{result:?}"
    );
    took.saturating_sub(WALL)
}
