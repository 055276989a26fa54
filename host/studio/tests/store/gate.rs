//! The gate that a running brick's calls pass, over a real store.

use std::sync::Arc;

use qpyt_bricks::Digest;
use qpyt_studio::permissions::Power;
use qpyt_studio::permissions::gate::{Closed, Gate};
use qpyt_studio::store::{CallOutcome, Grant, JobId, NewGrant, Store};

const BRICK: &str = "me:fetch";

struct Place {
    _folder: tempfile::TempDir,
    store: Arc<Store>,
    gate: Gate,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let gate = Gate::new(store.clone(), JobId::new(), BRICK.to_owned(), Digest::of(b"component"));
        Self { _folder: folder, store, gate }
    }

    fn grant(&self, power: Power, scope: &str) -> Grant {
        let new = NewGrant {
            brick: BRICK.to_owned(),
            digest: Digest::of(b"component"),
            import: power.import().to_owned(),
            scope: scope.to_owned(),
        };
        self.store.add_grant(&new).unwrap()
    }

    fn passes(&self, power: Power, scope: &str) -> bool {
        match self.gate.ask(power, scope, "a call") {
            Ok(_) => true,
            Err(Closed::Denied(message)) => {
                assert!(message.contains("qpyt bricks grant me:fetch --"), "{message}");
                false
            }
            Err(Closed::Store(error)) => panic!("{error}"),
        }
    }

    fn outcomes(&self) -> Vec<CallOutcome> {
        self.store.calls(None, 10).unwrap().into_iter().map(|call| call.call.outcome).collect()
    }
}

#[test]
fn a_star_lets_names_below_through_and_nothing_beside() {
    let place = Place::new();
    place.grant(Power::Host, "*.example.org:443");
    assert!(place.passes(Power::Host, "api.example.org:443"));
    assert!(place.passes(Power::Host, "a.b.example.org:443"));
    for scope in
        ["example.org:443", "api.example.org:80", "evilexample.org:443", "api.example.org.evil.net:443"]
    {
        assert!(!place.passes(Power::Host, scope), "{scope}");
    }
}

#[test]
fn a_permission_for_one_power_is_none_for_another() {
    let place = Place::new();
    place.grant(Power::Secret, "key");
    assert!(place.passes(Power::Secret, "key"));
    assert!(!place.passes(Power::Host, "key:443"));
    assert!(!place.passes(Power::Folder, "key"));
}

#[test]
fn a_trial_counts_only_what_no_other_permission_covers() {
    let place = Place::new();
    let star = place.grant(Power::Host, "*.example.org:443");
    place.store.set_trial(star.id, true).unwrap();
    let counted = || place.store.grants().unwrap()[0].would_deny;
    assert!(place.passes(Power::Host, "api.example.org:443"));
    assert_eq!(counted(), 1);
    let exact = place.grant(Power::Host, "api.example.org:443");
    assert!(place.passes(Power::Host, "api.example.org:443"));
    assert_eq!((counted(), place.outcomes()[0]), (1, CallOutcome::Allowed));
    place.store.delete_grant(exact.id).unwrap();
    place.store.delete_grant(star.id).unwrap();
    assert!(!place.passes(Power::Host, "api.example.org:443"), "what is taken back is taken back at once");
    let denials = place.store.denials().unwrap()[BRICK];
    assert_eq!((denials.denied, denials.would_deny), (1, 1));
}

#[test]
fn one_run_can_not_push_the_others_out_of_the_audit() {
    let place = Place::new();
    for number in 0..1200 {
        assert!(!place.passes(Power::Host, &format!("h{number}.example.org:443")));
    }
    assert!(!place.passes(Power::Secret, &"x".repeat(100_000)));
    let calls = place.store.calls(None, 20_000).unwrap();
    assert_eq!(calls.len(), 1000);
    assert!(calls[0].call.note.contains("the last that is listed"), "{}", calls[0].call.note);
    assert_eq!(place.store.denials().unwrap()[BRICK].denied, 1201);
}

#[test]
fn a_line_of_the_audit_is_short_whatever_the_brick_says() {
    let place = Place::new();
    assert!(place.gate.ask(Power::Folder, &"é".repeat(50_000), &"n".repeat(50_000)).is_err());
    let call = place.store.calls(None, 1).unwrap().remove(0).call;
    assert_eq!((call.scope.chars().count(), call.note.chars().count()), (1000, 1000));
}
