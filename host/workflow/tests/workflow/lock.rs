//! The lock names what a document was run with, and a later run prefers it.

use qpyt_workflow::{Catalog, Digest, plan, record_lock};

use crate::support::{catalog, document, first_party, id, spec};

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

#[test]
fn the_lock_names_each_brick_by_name_and_requirement_and_the_models() {
    let mut document = document(&[("a", "prompt"), ("b", "prompt"), ("c", "settings")], &[]);
    document.bricks[1].requires = "^0.1".parse().unwrap();
    record_lock(&mut document, &catalog(), [("emoji".to_owned(), digest("blake3:aa"))]);
    let keys: Vec<&str> = document.lock.bricks.keys().map(String::as_str).collect();
    assert_eq!(keys, ["qpyt:prompt@*", "qpyt:prompt@^0.1", "qpyt:settings@*"]);
    assert_eq!(document.lock.models["emoji"], digest("blake3:aa"));
    let spec = catalog().newest(&"qpyt:settings".parse().unwrap()).unwrap().clone();
    assert_eq!(
        (&document.lock.bricks["qpyt:settings@*"].digest, &document.lock.bricks["qpyt:settings@*"].version),
        (&spec.digest, &spec.version)
    );
}

#[test]
fn a_locked_document_stays_on_its_version_until_that_is_gone() {
    let mut document = document(&[("a", "prompt")], &[]);
    record_lock(&mut document, &catalog(), []);
    let newer = || spec("qpyt:prompt", "0.2.0", "", "prompt text", serde_json::json!({}));
    let version =
        |catalog: &Catalog| plan(&document, catalog, &[id("a")]).unwrap().steps[0].spec.version.to_string();

    let both = Catalog::new(first_party().into_iter().chain([newer()]).collect());
    assert_eq!(version(&both), "0.1.0");
    assert_eq!(version(&Catalog::new(vec![newer()])), "0.2.0");
}

#[test]
fn entries_of_removed_bricks_go_and_those_of_missing_bricks_stay() {
    let mut document = document(&[("a", "prompt"), ("b", "settings")], &[]);
    record_lock(&mut document, &catalog(), []);
    let before = document.lock.bricks["qpyt:settings@*"].clone();
    document.bricks.remove(0);
    record_lock(&mut document, &Catalog::default(), []);
    assert_eq!(
        document.lock.bricks.into_iter().collect::<Vec<_>>(),
        [("qpyt:settings@*".to_owned(), before)]
    );
}
