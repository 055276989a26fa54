//! The same brick in both languages (`counter/`): it remembers from run to run and carries parameters over.

use std::path::Path;

use qpyt_bricks::{Memory, RunError, SavedState, Value};
use serde_json::json;

use crate::{brick::Brick, kit::Kit};

pub fn check(kit: Kit) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kits/counter").join(kit.name());
    let counter = Brick::of(kit, source);
    assert!(counter.binary.is_stateful() && counter.binary.migrates());
    remembers(&counter);
    migrates(&counter);
    draws(&counter);
}

fn remembers(counter: &Brick) {
    let (said, state) = count(counter, None);
    assert_eq!(said, "2 after nothing");
    let (said, _) = count(counter, Some(state));
    assert_eq!(said, "4 after 0.2.0");
    let broken = SavedState { version: "0.1.0".parse().unwrap(), blob: b"{".as_slice().into() };
    let failed = counter.run_after(Some(broken), json!({}));
    assert!(matches!(failed, Err(RunError::State { .. })), "{failed:?}");
}

fn count(counter: &Brick, state: Option<SavedState>) -> (String, SavedState) {
    let outcome = counter.run_after(state, json!({ "step": 2 })).unwrap();
    let (Value::Text(said), Memory::Keep(state)) = (&outcome.outputs[0].value, outcome.memory) else {
        panic!("it gave something else, or nothing to keep");
    };
    (said.clone(), state)
}

fn migrates(counter: &Brick) {
    assert_eq!(counter.migrate("0.1.7", json!({ "by": 5 })), Ok(json!({ "step": 5 })));
    let refused = counter.migrate("0.0.1", json!({ "by": 5 })).unwrap_err();
    assert!(refused.contains("Set the step anew."), "{refused}");
}

fn draws(counter: &Brick) {
    let draw = |seed| counter.run_with_seed(seed).unwrap().outputs[1].value.clone();
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}
