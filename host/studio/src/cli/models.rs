//! `qpyt models`: what is installed.

use std::process::ExitCode;

use super::arguments::Common;
use super::open;
use crate::studio::Access;

/// Lists the installed models.
///
/// # Errors
/// When the studio can't start.
pub(super) async fn list(common: &Common, json: bool) -> anyhow::Result<ExitCode> {
    let studio = open(common, Access::Beside).await?;
    let listed = studio.models.list();
    if json {
        println!("{}", serde_json::to_string_pretty(&listed)?);
        return Ok(ExitCode::SUCCESS);
    }
    for model in &listed.models {
        let mib = model.bytes as f64 / (1024.0 * 1024.0);
        println!("{:<24} {:<18} {mib:>9.1} MiB  {}", model.id, model.family, model.path);
    }
    if listed.models.is_empty() {
        println!("no models are installed");
    }
    for broken in &listed.broken {
        eprintln!("broken {}: {}", broken.path, broken.message);
    }
    Ok(ExitCode::SUCCESS)
}
