//! The queue: nothing is lost, nothing runs twice, and every change is told.

use std::sync::Barrier;
use std::thread;

use qpyt_bricks::Digest;
use qpyt_studio::store::{
    CancelOutcome, Event, EventKind, Inserted, JobId, JobState, Lane, Outcome, Recovered, Seq, Store,
    StoreError,
};
use serde_json::{Value, json};

use super::{TestStore, new_job, queue};

fn events(store: &Store) -> Vec<Event> {
    store.events_after(Seq::default(), 1000).unwrap()
}

fn kinds(store: &Store, job: JobId) -> Vec<EventKind> {
    events(store).into_iter().filter(|event| event.job == job).map(|event| event.kind).collect()
}

#[test]
fn jobs_run_in_the_order_they_came_each_lane_for_itself() {
    let store = TestStore::new();
    let a = queue(&store, "a", Lane::Accelerator);
    let fast = queue(&store, "fast", Lane::Cpu);
    let b = queue(&store, "b", Lane::Accelerator);
    assert_eq!((a.queue_position, fast.queue_position, b.queue_position), (Some(0), Some(0), Some(1)));

    assert_eq!(store.claim_next(Lane::Accelerator).unwrap().unwrap().id, a.id);
    assert_eq!(store.job(b.id).unwrap().queue_position, Some(0));
    assert_eq!(store.claim_next(Lane::Accelerator).unwrap().unwrap().id, b.id);
    assert_eq!(store.claim_next(Lane::Accelerator).unwrap(), None);
    assert_eq!(store.claim_next(Lane::Cpu).unwrap().unwrap().id, fast.id);
}

#[test]
fn a_job_tells_its_way_from_the_queue_to_the_end() {
    let store = TestStore::new();
    let job = queue(&store, "way", Lane::Cpu);
    assert_eq!((job.state, job.attempt, job.started_at), (JobState::Queued, 1, None));
    assert_eq!(store.job_document(job.id).unwrap(), json!({ "version": 1, "name": "way" }));

    let running = store.claim_next(Lane::Cpu).unwrap().unwrap();
    assert_eq!(running.state, JobState::Running);
    assert!(running.started_at >= Some(running.created_at));
    let bricks = json!({ "prompt": { "state": "done" } });
    let data = json!({ "brick": "prompt" });
    let seq = store.record(job.id, EventKind::BrickFinished, data.clone(), Some(&bricks)).unwrap();
    let seen = store.job(job.id).unwrap();
    assert_eq!((&seen.bricks, seen.last_seq), (&bricks, seq));

    assert!(store.finish_job(job.id, &Outcome::Succeeded, &bricks).unwrap());
    let done = store.job(job.id).unwrap();
    assert_eq!(
        (done.state, done.targets.as_slice()),
        (JobState::Succeeded, ["output".to_owned()].as_slice())
    );
    assert!(done.finished_at >= done.started_at && done.queue_position.is_none());
    assert_eq!(
        kinds(&store, job.id),
        [EventKind::Queued, EventKind::Started, EventKind::BrickFinished, EventKind::Succeeded]
    );
    assert_eq!(events(&store)[2].data, data);
}

#[test]
fn a_failed_job_keeps_its_error() {
    let store = TestStore::new();
    let job = queue(&store, "bad", Lane::Cpu);
    store.claim_next(Lane::Cpu).unwrap();
    let error = json!({ "code": "brick-trapped", "message": "The brick \"render\" stopped." });
    store.finish_job(job.id, &Outcome::Failed(error.clone()), &json!({})).unwrap();
    let store = store.restart();
    let failed = store.job(job.id).unwrap();
    assert_eq!((failed.state, failed.error), (JobState::Failed, Some(error.clone())));
    assert_eq!(events(&store).last().unwrap().data, json!({ "error": error }));
}

#[test]
fn sending_a_job_twice_makes_one_job() {
    let store = TestStore::new();
    let new = new_job("once", Lane::Cpu);
    let Inserted::New(first) = store.insert_job(&new, 10).unwrap() else { panic!("not new") };
    assert_eq!(store.insert_job(&new, 10).unwrap(), Inserted::Existing(first));
    assert_eq!(events(&store).len(), 1);

    // Also when the first has run meanwhile, the queue is full, and the server drew another seed.
    store.claim_next(Lane::Cpu).unwrap();
    let store = store.restart();
    let mut again = new.clone();
    again.document = json!({ "version": 1, "seed": 4 });
    let Inserted::Existing(running) = store.insert_job(&again, 0).unwrap() else { panic!("made twice") };
    assert_eq!(running.state, JobState::Running);
    assert_eq!(store.job_document(new.id).unwrap(), new.document);
}

#[test]
fn an_id_cannot_be_used_for_another_document() {
    let store = TestStore::new();
    let mut new = new_job("one", Lane::Cpu);
    store.insert_job(&new, 10).unwrap();
    new.request = Digest::of(b"another");
    let error = store.insert_job(&new, 10).unwrap_err();
    assert!(matches!(error, StoreError::JobConflict(id) if id == new.id), "{error}");
    assert_eq!(events(&store).len(), 1);
}

#[test]
fn two_threads_that_send_the_same_job_make_one() {
    let store = TestStore::new();
    let new = new_job("race", Lane::Cpu);
    let barrier = Barrier::new(2);
    let made: usize = thread::scope(|scope| {
        let send = || {
            barrier.wait();
            usize::from(matches!(store.insert_job(&new, 10).unwrap(), Inserted::New(_)))
        };
        let threads = [scope.spawn(send), scope.spawn(send)];
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(made, 1);
    assert_eq!(store.jobs(10, None).unwrap().len(), 1);
}

#[test]
fn a_full_queue_takes_no_more() {
    let store = TestStore::new();
    for name in ["a", "b"] {
        store.insert_job(&new_job(name, Lane::Cpu), 2).unwrap();
    }
    let error = store.insert_job(&new_job("c", Lane::Accelerator), 2).unwrap_err();
    assert!(matches!(error, StoreError::QueueFull { limit: 2 }), "{error}");
    store.claim_next(Lane::Cpu).unwrap();
    assert!(store.insert_job(&new_job("c", Lane::Accelerator), 2).is_ok());
}

#[test]
fn each_job_is_claimed_by_one_worker_only() {
    let store = TestStore::new();
    for n in 0..40 {
        queue(&store, &n.to_string(), Lane::Cpu);
    }
    let barrier = Barrier::new(4);
    let mut claimed: Vec<JobId> = thread::scope(|scope| {
        let work = || {
            barrier.wait();
            std::iter::from_fn(|| store.claim_next(Lane::Cpu).unwrap()).map(|job| job.id).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), 40);
    assert_eq!(events(&store).iter().filter(|event| event.kind == EventKind::Started).count(), 40);
}

#[test]
fn cancelling_a_waiting_job_is_done_at_once() {
    let store = TestStore::new();
    let job = queue(&store, "waits", Lane::Cpu);
    let CancelOutcome::Cancelled(cancelled) = store.cancel_job(job.id).unwrap() else {
        panic!("not cancelled")
    };
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert!(cancelled.finished_at.is_some());
    assert_eq!(store.claim_next(Lane::Cpu).unwrap(), None);
    assert_eq!(kinds(&store, job.id), [EventKind::Queued, EventKind::Cancelled]);
}

#[test]
fn cancelling_a_running_job_is_noted_for_its_executor() {
    let store = TestStore::new();
    let job = queue(&store, "runs", Lane::Cpu);
    store.claim_next(Lane::Cpu).unwrap();
    let CancelOutcome::Running(running) = store.cancel_job(job.id).unwrap() else { panic!("not running") };
    assert!(running.cancel_requested && running.state == JobState::Running);

    assert!(store.finish_job(job.id, &Outcome::Cancelled, &json!({})).unwrap());
    let CancelOutcome::Finished(finished) = store.cancel_job(job.id).unwrap() else { panic!("not finished") };
    assert_eq!(finished.state, JobState::Cancelled);
    assert_eq!(kinds(&store, job.id), [EventKind::Queued, EventKind::Started, EventKind::Cancelled]);
}

#[test]
fn a_cancel_and_a_claim_at_the_same_moment_agree() {
    for _ in 0..50 {
        let store = TestStore::new();
        let job = queue(&store, "race", Lane::Cpu);
        let barrier = Barrier::new(2);
        let (cancel, claim) = thread::scope(|scope| {
            let cancel = scope.spawn(|| {
                barrier.wait();
                store.cancel_job(job.id).unwrap()
            });
            let claim = scope.spawn(|| {
                barrier.wait();
                store.claim_next(Lane::Cpu).unwrap()
            });
            (cancel.join().unwrap(), claim.join().unwrap())
        });
        let state = store.job(job.id).unwrap();
        match cancel {
            CancelOutcome::Cancelled(_) => {
                assert_eq!((claim, state.state), (None, JobState::Cancelled));
            }
            CancelOutcome::Running(_) => {
                assert!(claim.is_some() && state.state == JobState::Running && state.cancel_requested);
            }
            CancelOutcome::Finished(_) => panic!("nothing had ended"),
        }
    }
}

#[test]
fn a_job_ends_once() {
    let store = TestStore::new();
    let job = queue(&store, "ends", Lane::Cpu);
    assert!(!store.finish_job(job.id, &Outcome::Succeeded, &json!({})).unwrap(), "it has not begun");
    store.claim_next(Lane::Cpu).unwrap();
    let barrier = Barrier::new(2);
    let ended: Vec<bool> = thread::scope(|scope| {
        let end = |outcome: Outcome| {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                store.finish_job(job.id, &outcome, &json!({})).unwrap()
            })
        };
        let threads = [end(Outcome::Succeeded), end(Outcome::Cancelled)];
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ended.iter().filter(|&&ended| ended).count(), 1);
    assert_eq!(kinds(&store, job.id).len(), 3);
    let expected = if ended[0] { JobState::Succeeded } else { JobState::Cancelled };
    assert_eq!(store.job(job.id).unwrap().state, expected);
}

#[test]
fn a_restart_keeps_the_queue_and_puts_what_ran_first() {
    let store = TestStore::new();
    let names = ["a", "b", "c", "d"];
    let ids: Vec<JobId> = names.iter().map(|name| queue(&store, name, Lane::Cpu).id).collect();
    store.claim_next(Lane::Cpu).unwrap();
    store.claim_next(Lane::Cpu).unwrap();

    let store = store.restart();
    let recovered = store.recover().unwrap();
    assert_eq!(recovered, Recovered { requeued: ids[..2].to_vec(), ..Recovered::default() });
    assert_eq!(
        kinds(&store, ids[0]),
        [EventKind::Queued, EventKind::Started, EventKind::Interrupted, EventKind::Queued]
    );
    let order: Vec<JobId> =
        std::iter::from_fn(|| store.claim_next(Lane::Cpu).unwrap()).map(|job| job.id).collect();
    assert_eq!(order, ids);
    assert_eq!(store.job(ids[0]).unwrap().attempt, 2);
    assert_eq!(store.job(ids[3]).unwrap().attempt, 1);
}

#[test]
fn a_job_that_was_interrupted_twice_is_not_tried_again() {
    let mut store = TestStore::new();
    let job = queue(&store, "kills the program", Lane::Accelerator);
    for _ in 0..2 {
        store.claim_next(Lane::Accelerator).unwrap();
        store = store.restart();
        store.recover().unwrap();
    }
    let interrupted = store.job(job.id).unwrap();
    assert_eq!((interrupted.state, interrupted.attempt), (JobState::Interrupted, 2));
    assert_eq!(store.claim_next(Lane::Accelerator).unwrap(), None);
    let last = events(&store).pop().unwrap();
    assert_eq!((last.kind, last.data), (EventKind::Interrupted, json!({ "attempt": 2, "requeued": false })));
    assert_eq!(store.recover().unwrap(), Recovered::default(), "there is nothing left to settle");
}

#[test]
fn a_cancel_under_way_is_kept_over_a_restart() {
    let store = TestStore::new();
    let job = queue(&store, "being cancelled", Lane::Cpu);
    store.claim_next(Lane::Cpu).unwrap();
    store.cancel_job(job.id).unwrap();
    let store = store.restart();
    assert_eq!(store.recover().unwrap(), Recovered { cancelled: vec![job.id], ..Recovered::default() });
    assert_eq!(store.job(job.id).unwrap().state, JobState::Cancelled);
    assert_eq!(kinds(&store, job.id).last(), Some(&EventKind::Cancelled));
}

#[test]
fn events_are_read_on_from_any_number_and_after_a_restart() {
    let store = TestStore::new();
    for name in ["a", "b", "c"] {
        queue(&store, name, Lane::Cpu);
    }
    let first = store.events_after(Seq::default(), 2).unwrap();
    assert_eq!(first.len(), 2);
    let store = store.restart();
    queue(&store, "d", Lane::Cpu);
    let rest = store.events_after(first[1].seq, 1000).unwrap();
    assert_eq!(rest.len(), 2);
    assert!(rest[0].seq > first[1].seq && rest[1].seq > rest[0].seq);
    assert_eq!(*store.watch_events().borrow(), rest[1].seq);
}

#[test]
fn a_watcher_is_woken_by_each_change_and_not_by_one_that_was_refused() {
    let store = TestStore::new();
    let mut watcher = store.watch_events();
    let new = new_job("seen", Lane::Cpu);
    store.insert_job(&new, 10).unwrap();
    assert!(watcher.has_changed().unwrap());
    let seq = *watcher.borrow_and_update();
    assert_eq!(store.events_after(seq, 10).unwrap(), []);

    let mut other = new.clone();
    other.request = Digest::of(b"other");
    assert!(store.insert_job(&other, 10).is_err());
    assert!(!watcher.has_changed().unwrap());
}

#[test]
fn an_event_and_the_state_of_the_bricks_are_kept_together_or_not_at_all() {
    let store = TestStore::new();
    let nobody = JobId::new();
    let error = store.record(nobody, EventKind::Log, json!({}), Some(&json!({ "x": 1 }))).unwrap_err();
    assert!(matches!(error, StoreError::NoJob(id) if id == nobody), "{error}");
    assert_eq!(events(&store), []);
}

#[test]
fn deleting_a_finished_job_removes_all_that_was_said_about_it() {
    let store = TestStore::new();
    let job = queue(&store, "secret", Lane::Cpu);
    assert!(matches!(store.delete_job(job.id), Err(StoreError::JobNotFinished(_))));
    store.claim_next(Lane::Cpu).unwrap();
    assert!(matches!(store.delete_job(job.id), Err(StoreError::JobNotFinished(_))));
    let last = store.record(job.id, EventKind::Log, json!({ "message": "a secret" }), None).unwrap();
    store.finish_job(job.id, &Outcome::Succeeded, &json!({})).unwrap();

    store.delete_job(job.id).unwrap();
    assert!(matches!(store.job(job.id), Err(StoreError::NoJob(_))));
    assert_eq!(kinds(&store, job.id), [EventKind::Deleted]);
    assert!(events(&store)[0].seq > last, "numbers are never used twice");
    assert!(matches!(store.delete_job(job.id), Err(StoreError::NoJob(_))));
}

#[test]
fn the_history_is_paged_from_the_newest() {
    let store = TestStore::new();
    let ids: Vec<JobId> = (0..5).map(|n| queue(&store, &n.to_string(), Lane::Cpu).id).collect();
    let page = store.jobs(2, None).unwrap();
    assert_eq!(page.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[4], ids[3]]);
    let page = store.jobs(10, Some(page[1].number)).unwrap();
    assert_eq!(page.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[2], ids[1], ids[0]]);
}

#[test]
fn names_and_documents_come_back_as_they_were() {
    let store = TestStore::new();
    let mut new = new_job("Ω '); DROP TABLE jobs; --", Lane::Cpu);
    new.document = json!({ "future key": [1, 2.5, null, { "a\u{0}b": "\"" }], "big": u64::MAX });
    store.insert_job(&new, 10).unwrap();
    let store = store.restart();
    assert_eq!(store.job(new.id).unwrap().name, new.name);
    assert_eq!(store.job_document(new.id).unwrap(), new.document);
    assert_eq!(store.job(new.id).unwrap().bricks["prompt"]["state"], Value::from("pending"));
}
