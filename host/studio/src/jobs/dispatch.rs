//! The workers: each takes the next job of its lane, runs it to its end and takes the next.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::executor::Executor;
use crate::store::{Job, Lane};

/// How often a worker looks for jobs that it was not told of, such as those of another process.
const LOOK: Duration = Duration::from_secs(2);

/// How often the rows of running jobs are looked at for a cancel from elsewhere.
const HEED: Duration = Duration::from_millis(500);

/// Works for ever on one lane.
pub async fn work(lane: Lane, executor: Arc<Executor>, arrived: Arc<Notify>) {
    loop {
        // Listening starts before looking, so that a job which arrives in between is not missed.
        let next = arrived.notified();
        match executor.store.claim_next(lane) {
            Ok(Some(job)) => {
                run(&executor, job).await;
                continue;
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%lane, %error, "the queue can't be read"),
        }
        let _ = tokio::time::timeout(LOOK, next).await;
    }
}

/// Stops running jobs that another process on the same data folder cancelled; it can only leave a note in the row.
pub async fn heed(executor: Arc<Executor>) {
    loop {
        tokio::time::sleep(HEED).await;
        for job in executor.live.running() {
            if executor.store.job(job).is_ok_and(|job| job.cancel_requested) {
                executor.live.cancel(job);
            }
        }
    }
}

/// Runs a job in a task of its own, so that a fault in the studio ends that job and not the lane.
async fn run(executor: &Arc<Executor>, job: Job) {
    let id = job.id;
    let running = executor.clone();
    if let Err(fault) = tokio::spawn(async move { running.run(&job).await }).await {
        tracing::error!(job = %id, %fault, "the studio failed while it ran a job");
        executor.give_up(id).await;
    }
}
