//! The accelerator lane: one thread that owns heavy work, one task at a time, first come first served.
//!
//! Whatever asks for inference, asks here; so two models never fight for memory or cores.

use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

type Task = Box<dyn FnOnce() + Send>;

/// The lane is gone because the studio is shutting down, or a task of it crashed.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The thread could not be started.
    #[error("the accelerator lane could not start: {0}")]
    Start(#[from] std::io::Error),
    /// The lane took no more work, or the task was lost.
    #[error("the accelerator lane stopped before the work was done")]
    Closed,
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(qpyt_inference::EngineError),
}

/// A handle on the lane. Dropping the last one ends its thread after the running task.
#[derive(Clone)]
pub struct AcceleratorLane {
    tasks: mpsc::Sender<Task>,
}

impl AcceleratorLane {
    /// Starts the lane's thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> Result<Self, LaneError> {
        let (tasks, queue) = mpsc::channel::<Task>();
        thread::Builder::new().name("accelerator".into()).spawn(move || {
            for task in queue {
                // A panic in inference must not take the lane, and with it every later job, down.
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(task)).is_err() {
                    tracing::error!("a task on the accelerator lane panicked");
                }
            }
        })?;
        Ok(Self { tasks })
    }

    /// Queues `work` and waits for what it returns.
    ///
    /// # Errors
    /// When the lane is closed or the work panicked.
    pub async fn run<T, F>(&self, work: F) -> Result<T, LaneError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let task: Task = Box::new(move || {
            // The asker may have gone away; then nobody needs the result.
            let _ = answer.send(work());
        });
        self.tasks.send(task).map_err(|_| LaneError::Closed)?;
        result.await.map_err(|_| LaneError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn only_one_task_runs_at_a_time() {
        let lane = AcceleratorLane::start().unwrap();
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (lane, inside, most) = (lane.clone(), inside.clone(), most.clone());
                tokio::spawn(async move {
                    lane.run(move || {
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    })
                    .await
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_panicking_task_does_not_stop_the_lane() {
        let lane = AcceleratorLane::start().unwrap();
        let lost = lane.run(|| panic!("on purpose")).await;
        assert!(matches!(lost, Err(LaneError::Closed)));
        assert_eq!(lane.run(|| 7).await.unwrap(), 7);
    }
}
