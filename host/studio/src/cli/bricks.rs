//! `qpyt bricks`: what is installed and what it may do.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::arguments::Common;
use super::open;
use crate::permissions::{self, FILES};
use crate::studio::Access;

/// Lists the installed bricks.
///
/// # Errors
/// When the studio can't start.
pub(super) async fn list(common: &Common, json: bool) -> anyhow::Result<ExitCode> {
    let studio = open(common, Access::Beside).await?;
    let listed = studio.library.list(&studio.store.grants()?);
    if json {
        println!("{}", serde_json::to_string_pretty(&listed)?);
        return Ok(ExitCode::SUCCESS);
    }
    for brick in &listed.bricks {
        let digest: String = brick.digest.chars().take("blake3:".len() + 12).collect();
        let uses = if brick.uses.is_empty() { "nothing".to_owned() } else { brick.uses.join(", ") };
        println!("{:<20} {:<8} {:<20} {:<10} uses {uses}", brick.id, brick.version, digest, brick.category);
        for folder in &brick.granted {
            println!("{:<20} may write into {folder}", "");
        }
    }
    for refused in &listed.refused {
        eprintln!("refused {}: {}", refused.path, refused.message);
    }
    Ok(ExitCode::SUCCESS)
}

/// Allows a brick to write into a folder.
///
/// # Errors
/// When there is no such brick or folder.
pub(super) async fn grant(common: &Common, brick: &str, folder: &Path) -> anyhow::Result<ExitCode> {
    let folder = std::path::absolute(folder).with_context(|| format!("{} is no path", folder.display()))?;
    let studio = open(common, Access::Beside).await?;
    let grant = permissions::grant(&studio.store, &studio.library, brick, FILES, &folder.to_string_lossy())?;
    println!("{} may now write into {}", grant.allows.brick, grant.allows.scope);
    Ok(ExitCode::SUCCESS)
}

/// Takes a permission back.
///
/// # Errors
/// When it was never given.
pub(super) async fn revoke(common: &Common, brick: &str, folder: &Path) -> anyhow::Result<ExitCode> {
    let folder = std::path::absolute(folder).with_context(|| format!("{} is no path", folder.display()))?;
    let studio = open(common, Access::Beside).await?;
    permissions::revoke(&studio.store, brick, &folder)?;
    println!("{brick} may no longer write into {}", folder.display());
    Ok(ExitCode::SUCCESS)
}
