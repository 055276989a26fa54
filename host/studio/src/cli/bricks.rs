//! `qpyt bricks`: what is installed and what it may do.

use std::process::ExitCode;

use anyhow::Context;

use super::arguments::{Common, Scope};
use super::{open, open_store};
use crate::http::audit::CallList;
use crate::library::view::Allowed;
use crate::permissions::{self, Power};
use crate::store::{Call, Grant, NewCall};
use crate::studio::Access;

/// How many lines of the audit are listed.
const AUDIT_LINES: u32 = 200;

/// Lists the installed bricks.
///
/// # Errors
/// When the studio can't start.
pub(super) async fn list(common: &Common, json: bool) -> anyhow::Result<ExitCode> {
    let studio = open(common, Access::Beside).await?;
    let grants = studio.store.grants()?;
    let listed = studio.library.list(&Allowed::read(&studio.store)?);
    if json {
        println!("{}", serde_json::to_string_pretty(&listed)?);
        return Ok(ExitCode::SUCCESS);
    }
    for brick in &listed.bricks {
        let digest: String = brick.digest.chars().take("blake3:".len() + 12).collect();
        let uses = if brick.uses.is_empty() { "nothing".to_owned() } else { brick.uses.join(", ") };
        println!("{:<20} {:<8} {:<20} {:<10} uses {uses}", brick.id, brick.version, digest, brick.category);
        let is_for = |grant: &&Grant| {
            grant.allows.brick == brick.id && grant.allows.digest.to_string() == brick.digest
        };
        for grant in grants.iter().filter(is_for) {
            println!("{:<20} {}", "", may(grant));
        }
    }
    for refused in &listed.refused {
        eprintln!("refused {}: {}", refused.path, refused.message);
    }
    Ok(ExitCode::SUCCESS)
}

/// A permission in words.
fn may(grant: &Grant) -> String {
    let deed = Power::of(&grant.allows.import).map(|power| power.deed(&grant.allows.scope));
    let trial = match grant.would_deny {
        _ if !grant.trial => String::new(),
        1 => " (on trial, needed once)".to_owned(),
        times => format!(" (on trial, needed {times} times)"),
    };
    format!("may {}{trial}", deed.unwrap_or_else(|| grant.allows.scope.clone()))
}

/// Makes a brick forget what it remembers from run to run.
///
/// # Errors
/// When the data folder can't be opened.
pub(super) fn forget(common: &Common, brick: &str) -> anyhow::Result<ExitCode> {
    let store = open_store(common)?;
    let forgotten = store.keep_brick_state(brick, None)?;
    println!("{brick} {}", if forgotten { "starts anew with its next run" } else { "remembers nothing" });
    Ok(ExitCode::SUCCESS)
}

/// Allows a brick something.
///
/// # Errors
/// When there is no such brick, folder or host, or the brick doesn't use that.
pub(super) async fn grant(
    common: &Common,
    brick: &str,
    scope: Scope,
    trial: bool,
) -> anyhow::Result<ExitCode> {
    let (power, scope) = read(scope)?;
    let studio = open(common, Access::Beside).await?;
    let grant = permissions::grant(&studio.store, &studio.library, brick, power.import(), &scope)?;
    if trial {
        studio.store.set_trial(grant.id, true)?;
    }
    let counted = if trial { ", on trial: each time is counted" } else { "" };
    println!("{} may now {}{counted}", grant.allows.brick, power.deed(&grant.allows.scope));
    Ok(ExitCode::SUCCESS)
}

/// Takes a permission back, or puts it on trial.
///
/// # Errors
/// When it was never given.
pub(super) async fn revoke(
    common: &Common,
    brick: &str,
    scope: Scope,
    trial: bool,
) -> anyhow::Result<ExitCode> {
    let (power, scope) = read(scope)?;
    let studio = open(common, Access::Beside).await?;
    if trial {
        permissions::try_without(&studio.store, brick, power, &scope)?;
        println!("{brick} may still {}, and each time is counted", power.deed(&scope));
    } else {
        permissions::revoke(&studio.store, brick, power, &scope)?;
        println!("{brick} may no longer {}", power.deed(&scope));
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists what bricks did with their powers.
///
/// # Errors
/// When the store can't be read.
pub(super) fn audit(common: &Common, brick: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let calls = open_store(common)?.calls(brick, AUDIT_LINES)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&CallList::from(calls))?);
        return Ok(ExitCode::SUCCESS);
    }
    for Call { at, call, .. } in &calls {
        let NewCall { brick, import, scope, outcome, note, .. } = call;
        println!("{at}  {:<8}  {brick}  {import}  {scope}  {note}", outcome.as_str());
    }
    if calls.is_empty() {
        println!("nothing was asked for so far");
    }
    Ok(ExitCode::SUCCESS)
}

/// What the options name. A folder is made absolute.
fn read(scope: Scope) -> anyhow::Result<(Power, String)> {
    let Scope { folder, host, secret } = scope;
    match (folder, host, secret) {
        (Some(folder), ..) => {
            let folder =
                std::path::absolute(&folder).with_context(|| format!("{} is no path", folder.display()))?;
            Ok((Power::Folder, folder.to_string_lossy().into_owned()))
        }
        (None, Some(host), _) => Ok((Power::Host, host)),
        (None, None, Some(secret)) => Ok((Power::Secret, secret)),
        (None, None, None) => anyhow::bail!("say what with --folder, --host or --secret"),
    }
}
