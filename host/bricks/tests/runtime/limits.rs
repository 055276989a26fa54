//! Bricks that use more than they may, and that the studio and its other bricks do not notice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use qpyt_bricks::{
    CancellationToken, Limits, RunError, RunRequest, Value,
    capability::Level,
    media::{Image, PixelFormat},
};

use crate::{
    fixtures::{limits, request, run, run_limited, values},
    host::FakeHost,
};

fn picture() -> Image {
    Image::new(PixelFormat::Rgba8, 64, 64, vec![9; 64 * 64 * 4]).unwrap()
}

fn milliseconds(cpu: u64) -> Limits {
    Limits { cpu: Duration::from_millis(cpu), ..Limits::default() }
}

#[tokio::test]
async fn a_looping_brick_is_stopped_at_its_budget() {
    let (_, result) = run_limited(&*limits().await, "limits:loop", vec![], milliseconds(100)).await;
    let limit = Duration::from_millis(100);
    assert_eq!(result, Err(RunError::CpuBudget { brick: "limits:loop".to_owned(), limit }));
}

#[tokio::test]
async fn the_deadline_stops_a_looping_brick() {
    let wall = Duration::from_millis(100);
    let (_, result) =
        run_limited(&*limits().await, "limits:loop", vec![], Limits { wall, ..milliseconds(3_600_000) })
            .await;
    assert_eq!(result, Err(RunError::DeadlineExceeded { brick: "limits:loop".to_owned(), limit: wall }));
}

#[tokio::test]
async fn cancel_stops_a_looping_brick() {
    cancel_stops("limits:loop").await;
}

#[tokio::test]
async fn cancel_stops_a_brick_that_asks_whether_it_was_cancelled() {
    cancel_stops("limits:poll").await;
}

async fn cancel_stops(brick: &str) {
    let host = Arc::new(FakeHost::default());
    let cancel = CancellationToken::new();
    let limits = Some(milliseconds(3_600_000));
    let binary = crate::fixtures::limits().await;
    let run = binary.run(RunRequest { cancel: cancel.clone(), limits, ..request(brick, vec![], &host) });
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(run, stop);
    assert_eq!(result, Err(RunError::Cancelled));
}

#[tokio::test]
async fn a_run_that_was_cancelled_before_it_began_does_not_begin() {
    let host = Arc::new(FakeHost::default());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let flood = RunRequest { cancel, ..request("limits:flood", vec![], &host) };
    assert_eq!(limits().await.run(flood).await, Err(RunError::Cancelled));
    assert!(host.log().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn other_work_on_the_same_thread_goes_on_while_a_brick_loops() {
    let turns = AtomicU32::new(0);
    let others = async {
        loop {
            turns.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let binary = limits().await;
    tokio::select! {
        (_, result) = run_limited(&binary, "limits:loop", vec![], milliseconds(300)) => {
            assert!(matches!(result, Err(RunError::CpuBudget { .. })));
        }
        () = others => {}
    }
    assert!(turns.load(Ordering::SeqCst) >= 5, "only {turns:?} turns in some 30 ticks");
}

#[tokio::test]
async fn a_brick_that_crashed_runs_again_in_a_new_sandbox() {
    let binary = limits().await;
    for brick in ["limits:trap", "limits:panic"] {
        let (_, result) = run_limited(&binary, brick, vec![], Limits::default()).await;
        let Err(RunError::Trapped { brick: named, reason }) = result else { panic!("{result:?}") };
        assert_eq!(named, brick);
        assert!(reason.contains("panicked"), "{reason}");
    }
    let outcome = run(&binary, "limits:let-go", vec![Value::Image(picture())]).await;
    assert_eq!(values(&outcome), [&Value::Image(picture())]);
}

#[tokio::test]
async fn what_a_brick_says_when_it_panics_is_in_its_log() {
    let (host, _) = run_limited(&*limits().await, "limits:panic", vec![], Limits::default()).await;
    let lines = host.log();
    assert!(
        lines.iter().any(|(level, line)| *level == Level::Warn && line.contains("this brick gives up")),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|(level, line)| *level == Level::Error && line.contains("unreachable")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_brick_that_ends_the_process_ends_only_itself() {
    let (_, result) = run_limited(&*limits().await, "limits:exit", vec![], Limits::default()).await;
    assert!(
        matches!(&result, Err(RunError::Trapped { reason, .. }) if reason.contains("exit")),
        "{result:?}"
    );
}

#[tokio::test]
async fn endless_recursion_fills_the_brick_s_own_stack_only() {
    let (_, result) = run_limited(&*limits().await, "limits:recurse", vec![], Limits::default()).await;
    assert!(matches!(result, Err(RunError::Trapped { .. })), "{result:?}");
}

#[tokio::test]
async fn growing_memory_stops_at_the_limit() {
    let limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
    let (_, result) = run_limited(&*crate::fixtures::limits().await, "limits:grow", vec![], limits).await;
    assert_eq!(result, Err(RunError::OutOfMemory { brick: "limits:grow".to_owned(), limit: 64 << 20 }));
}

#[tokio::test]
async fn memory_that_the_host_holds_counts_too() {
    let limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
    let (_, result) = run_limited(&*crate::fixtures::limits().await, "limits:canvases", vec![], limits).await;
    let outcome = result.unwrap();
    let [Value::Number(canvases)] = values(&outcome)[..] else { panic!("{outcome:?}") };
    // Sixteen canvases of 4 MiB would be the limit; the brick's own memory takes the place of at least one.
    assert!((8.0..16.0).contains(canvases), "{canvases} canvases");
    assert!(outcome.usage.peak_memory <= 64 << 20 && outcome.usage.peak_memory > 32 << 20);
}

#[tokio::test]
async fn inputs_count_against_the_memory_limit() {
    let limits = Limits { memory_bytes: 1000, ..Limits::default() };
    let inputs = vec![Value::Image(picture())];
    let (_, result) = run_limited(&*crate::fixtures::limits().await, "limits:let-go", inputs, limits).await;
    assert!(matches!(result, Err(RunError::OutOfMemory { .. })), "{result:?}");
}

#[tokio::test]
async fn a_brick_that_holds_too_many_handles_is_stopped() {
    let limits = Limits { handles: 256, ..Limits::default() };
    let inputs = vec![Value::Image(picture())];
    let (_, result) = run_limited(&*crate::fixtures::limits().await, "limits:hoard", inputs, limits).await;
    assert_eq!(result, Err(RunError::TooManyHandles { brick: "limits:hoard".to_owned(), limit: 256 }));
}

#[tokio::test]
async fn handles_that_were_let_go_do_not_count_and_none_is_left() {
    let limits = Limits { handles: 256, ..Limits::default() };
    let inputs = vec![Value::Image(picture())];
    let (_, result) = run_limited(&*crate::fixtures::limits().await, "limits:let-go", inputs, limits).await;
    assert_eq!(result.unwrap().usage.open_handles, 0);
}

#[tokio::test]
async fn handles_that_a_brick_forgot_are_counted_and_end_with_its_sandbox() {
    let outcome = run(&*limits().await, "limits:hoard", vec![Value::Image(picture())]).await;
    assert_eq!(outcome.usage.open_handles, 1000);
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_off() {
    let limits = Limits { log_lines: 10, ..Limits::default() };
    let (host, result) = run_limited(&*crate::fixtures::limits().await, "limits:flood", vec![], limits).await;
    result.unwrap();
    let lines = host.log();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[9], (Level::Info, "line 9".to_owned()));
    assert!(lines[10].1.contains("99990") && lines[10].1.contains("log_lines"), "{:?}", lines[10]);
}

#[tokio::test]
async fn what_a_brick_prints_is_its_log_and_progress_is_thinned() {
    let (host, result) = run_limited(&*limits().await, "limits:chatter", vec![], Limits::default()).await;
    result.unwrap();
    let lines = host.log();
    assert_eq!(lines.len(), 1000);
    assert_eq!(lines[999], (Level::Info, "printed 999".to_owned()));
    let progress = host.progress.lock().unwrap();
    assert!((1..1000).contains(&progress.len()), "{} reports", progress.len());
    assert_eq!(progress[0].1, "working");
}

#[tokio::test]
async fn one_long_line_is_cut() {
    let (host, _) = run_limited(&*limits().await, "limits:loud", vec![], Limits::default()).await;
    assert_eq!(host.log()[0].1.len(), 4096);
}

#[tokio::test]
async fn many_bricks_run_at_once() {
    let binary = limits().await;
    let runs = (0..200).map(|_| {
        let binary = binary.clone();
        tokio::spawn(async move { run(&binary, "limits:let-go", vec![Value::Image(picture())]).await })
    });
    for run in runs.collect::<Vec<_>>() {
        assert_eq!(run.await.unwrap().outputs.len(), 1);
    }
}
