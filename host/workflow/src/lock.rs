//! Writing down what a document was run with.

use crate::catalog::Catalog;
use crate::digest::Digest;
use crate::document::{Document, LockedBrick};

/// Records in the document's lock the bricks it runs on and the models it used. Entries of bricks that are no longer
/// in the document go; those of bricks that are not installed stay, so that they can be found again. Models are added
/// to those already known.
pub fn record_lock(
    document: &mut Document,
    catalog: &Catalog,
    models: impl IntoIterator<Item = (String, Digest)>,
) {
    let mut bricks = std::collections::BTreeMap::new();
    for node in &document.bricks {
        let key = node.lock_key();
        let before = document.lock.bricks.get(&key);
        let now = catalog.resolve_node(document, node).ok().map(|spec| LockedBrick {
            version: spec.version.clone(),
            digest: spec.digest.clone(),
            other: before.map(|locked| locked.other.clone()).unwrap_or_default(),
        });
        if let Some(locked) = now.or_else(|| before.cloned()) {
            bricks.insert(key, locked);
        }
    }
    document.lock.bricks = bricks;
    document.lock.models.extend(models);
}
