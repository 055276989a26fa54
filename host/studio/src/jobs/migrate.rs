//! Carrying a document's parameters to the versions of its bricks that are installed now, by the bricks' own rules.

use std::sync::Arc;

use qpyt_bricks::registry::Version;
use qpyt_workflow::{BrickNode, BrickSpec, Document, LockedBrick};
use semver::{Comparator, Op, VersionReq};
use serde_json::Value;

use crate::library::Installed;

/// A document at the installed versions, and what the person should know of the way.
#[derive(Debug)]
pub struct Migrated {
    /// The document.
    pub document: Document,
    /// One sentence for each brick that changed or could not.
    pub notes: Vec<String>,
}

/// Carries the parameters of every brick over that was last used in another version than the one installed.
pub async fn migrate(mut document: Document, installed: &Installed) -> Migrated {
    let mut notes = Vec::new();
    let before = document.clone();
    for node in &mut document.bricks {
        let key = node.lock_key();
        let Some(locked) = before.lock.bricks.get(&key) else { continue };
        let Some((spec, version)) = target(node, locked, installed) else { continue };
        match carry(node, locked, &spec, &version).await {
            Ok(note) => {
                notes.extend(note);
                document.lock.bricks.insert(node.lock_key(), lock(locked, &spec));
            }
            Err(note) => notes.push(note),
        }
    }
    document.lock.bricks.retain(|key, _| document.bricks.iter().any(|node| node.lock_key() == *key));
    Migrated { document, notes }
}

/// The version that the node should run on, if it is not the one it is locked to. A version outside what the node
/// accepts counts only if it knows how to carry parameters over.
fn target(
    node: &BrickNode,
    locked: &LockedBrick,
    installed: &Installed,
) -> Option<(Arc<BrickSpec>, Arc<Version>)> {
    let catalog = &installed.catalog;
    let fits = catalog.resolve(&node.brick, &node.requires, None).ok();
    let spec = fits.or_else(|| catalog.newest(&node.brick))?;
    let version = installed.version_of(spec)?;
    let wanted = spec.version != locked.version && (fits.is_some() || version.binary().migrates());
    wanted.then(|| (spec.clone(), version.clone()))
}

/// Changes the node's parameters and, where it has to, which versions it accepts. The note says what changed.
async fn carry(
    node: &mut BrickNode,
    locked: &LockedBrick,
    spec: &BrickSpec,
    version: &Version,
) -> Result<Option<String>, String> {
    let before = Value::Object(node.params.clone());
    let migrated = version.binary().migrate_params(node.brick.as_str(), &locked.version, &before).await;
    let migrated = migrated.map_err(|error| format!("{}: {error}. They stay as they are.", spec.label))?;
    let changed = migrated != before;
    if let Value::Object(params) = migrated {
        node.params = params;
    }
    let accepts = node.requires.matches(&spec.version);
    if !accepts {
        node.requires = compatible_with(spec);
    }
    Ok((changed || !accepts).then(|| {
        format!(
            "{}: its settings were carried from version {} to {}.",
            spec.label, locked.version, spec.version
        )
    }))
}

/// Every version that documents made with this one can use.
fn compatible_with(spec: &BrickSpec) -> VersionReq {
    let version = &spec.version;
    VersionReq {
        comparators: vec![Comparator {
            op: Op::Caret,
            major: version.major,
            minor: Some(version.minor),
            patch: None,
            pre: version.pre.clone(),
        }],
    }
}

fn lock(before: &LockedBrick, spec: &BrickSpec) -> LockedBrick {
    LockedBrick { version: spec.version.clone(), digest: spec.digest.clone(), other: before.other.clone() }
}
