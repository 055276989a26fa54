//! Bricks that use more than they may, and that the studio and its other bricks do not notice.

use std::{
    path::Path,
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
    built::folder,
    fixtures::{limits, new_runtime, request, run, run_limited, values},
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
async fn a_brick_that_heeds_its_cancellation_has_time_to_clean_up() {
    let host = cancel_stops("limits:poll").await;
    assert_eq!(host.log(), [(Level::Info, "cleaned up".to_owned())]);
}

#[tokio::test]
async fn a_brick_that_ignores_its_cancellation_is_stopped_all_the_same() {
    let host = cancel_stops("limits:stubborn").await;
    assert!(host.log().is_empty());
}

async fn cancel_stops(brick: &str) -> Arc<FakeHost> {
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
    host
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
async fn log_lines_that_come_too_fast_are_dropped_and_counted() {
    let limits = Limits { log_lines: 100_000, log_lines_per_second: 10, ..Limits::default() };
    let (host, result) = run_limited(&*crate::fixtures::limits().await, "limits:flood", vec![], limits).await;
    let wall = result.unwrap().usage.wall;
    let lines = host.log();
    let kept = lines.len() - 1;
    assert!(kept >= 10 && kept as f64 <= 10.0 + 10.0 * wall.as_secs_f64(), "{kept} lines in {wall:?}");
    let (level, told) = &lines[kept];
    assert!(*level == Level::Warn && told.starts_with(&(100_000 - kept).to_string()), "{told}");
    assert!(told.contains("log_lines_per_second"), "{told}");
}

#[tokio::test]
async fn progress_that_says_done_again_and_again_is_thinned_too() {
    let (host, result) = run_limited(&*limits().await, "limits:done", vec![], Limits::default()).await;
    result.unwrap();
    let told = host.progress.lock().unwrap().len();
    assert!((1..1000).contains(&told), "{told} reports");
}

#[tokio::test]
async fn a_call_to_the_host_carries_no_more_than_it_may() {
    let limits = Limits { hostcall_bytes: 512 << 10, ..Limits::default() };
    let (host, result) = run_limited(&*crate::fixtures::limits().await, "limits:loud", vec![], limits).await;
    assert_eq!(result, Err(RunError::TooMuchAtOnce { brick: "limits:loud".to_owned(), limit: 512 << 10 }));
    assert!(host.log().is_empty());
}

#[tokio::test]
async fn an_answer_carries_no_more_than_a_call_may() {
    let limits = Limits { hostcall_bytes: 512 << 10, ..Limits::default() };
    let (_, result) =
        run_limited(&*crate::fixtures::limits().await, "limits:wide-json", vec![], limits).await;
    assert!(matches!(result, Err(RunError::TooMuchAtOnce { .. })), "{result:?}");
}

#[tokio::test]
async fn json_counts_by_what_the_host_keeps_for_it() {
    // The text has 2 MiB, its million of numbers much more.
    let limits = Limits { output_bytes: 16 << 20, ..Limits::default() };
    let (_, result) =
        run_limited(&*crate::fixtures::limits().await, "limits:wide-json", vec![], limits).await;
    assert!(matches!(result, Err(RunError::TooMuchOutput { .. })), "{result:?}");
}

#[tokio::test]
async fn a_brick_gives_only_so_many_values() {
    let (_, result) = run_limited(&*limits().await, "limits:many", vec![], Limits::default()).await;
    let Err(RunError::BadOutput { problem, .. }) = result else { panic!("{result:?}") };
    assert!(problem.contains("10000") && problem.contains("4096"), "{problem}");
}

#[tokio::test]
async fn an_answer_of_the_host_counts_until_the_brick_has_it() {
    let image = Image::new(PixelFormat::Rgba8, 1024, 1024, vec![9; 4 << 20]).unwrap();
    let limited = async |mib: u64| {
        let limits = Limits { memory_bytes: mib << 20, ..Limits::default() };
        run_limited(
            &*crate::fixtures::limits().await,
            "limits:read",
            vec![Value::Image(image.clone())],
            limits,
        )
        .await
        .1
    };
    // The picture, the part that is read, and room for that part in the brick: three times 4 MiB.
    let result = limited(11).await;
    assert!(matches!(result, Err(RunError::OutOfMemory { .. })), "{result:?}");
    assert!(limited(16).await.is_ok());
}

#[tokio::test]
async fn what_the_host_needs_to_write_a_file_counts() {
    let image = Image::new(PixelFormat::Rgba8, 1024, 1024, vec![9; 4 << 20]).unwrap();
    for (mib, fits) in [(8, false), (32, true)] {
        let limits = Limits { memory_bytes: mib << 20, ..Limits::default() };
        let inputs = vec![Value::Image(image.clone())];
        let (_, result) =
            run_limited(&*crate::fixtures::limits().await, "limits:encode", inputs, limits).await;
        let outcome = result.unwrap();
        match values(&outcome)[..] {
            [Value::Number(_)] if fits => {}
            [Value::Text(refusal)] if !fits => assert!(refusal.contains("TooLarge"), "{refusal}"),
            _ => panic!("{mib} MiB: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn however_a_run_ends_nothing_that_it_held_is_left() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let runtime = new_runtime(&cache);
    let binary = runtime.load(&folder("limits")).await.unwrap();
    let host = Arc::new(FakeHost::default());
    let short =
        Limits { cpu: Duration::from_millis(50), memory_bytes: 32 << 20, handles: 2000, ..Limits::default() };
    let mut taken_back = 0;
    for (brick, leaves) in [
        ("limits:hoard", 1000),
        ("limits:hoard-and-fail", 1000),
        ("limits:hoard-and-trap", 1000),
        ("limits:let-go", 0),
        ("limits:loop", 1),
        ("limits:grow", 1),
        ("limits:canvases", 0),
        ("limits:exit", 1),
    ] {
        let inputs = if brick == "limits:canvases" { vec![] } else { vec![Value::Image(picture())] };
        let limited = RunRequest { limits: Some(short), ..request(brick, inputs, &host) };
        let _ = binary.run(limited).await;
        let left = runtime.leftovers();
        assert_eq!((left.sandboxes, left.handles_left, left.bytes_left), (0, 0, 0), "{brick}: {left:?}");
        assert!(left.handles_taken_back - taken_back >= leaves, "{brick}: {left:?}");
        taken_back = left.handles_taken_back;
    }
    for brick in ["limits:hoard-and-loop", "limits:stubborn"] {
        let cancel = CancellationToken::new();
        let inputs = vec![Value::Image(picture())];
        let run = binary.run(RunRequest { cancel: cancel.clone(), ..request(brick, inputs, &host) });
        let stop = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            cancel.cancel();
        };
        assert_eq!(tokio::join!(run, stop).0, Err(RunError::Cancelled));
        let left = runtime.leftovers();
        assert_eq!((left.sandboxes, left.handles_left, left.bytes_left), (0, 0, 0), "{brick}: {left:?}");
    }
    let given_up = binary.run(request("limits:hoard-and-loop", vec![Value::Image(picture())], &host));
    assert!(tokio::time::timeout(Duration::from_millis(30), given_up).await.is_err());
    let left = runtime.leftovers();
    assert_eq!((left.sandboxes, left.handles_left, left.bytes_left), (0, 0, 0), "given up: {left:?}");
}

#[tokio::test]
async fn what_a_brick_prints_is_its_log_and_progress_is_thinned() {
    let fast = Limits { log_lines_per_second: 1000, ..Limits::default() };
    let (host, result) = run_limited(&*limits().await, "limits:chatter", vec![], fast).await;
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
