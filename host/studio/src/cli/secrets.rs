//! `qpyt secrets`: what bricks may use and never see.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::arguments::{Common, SecretsAction};
use super::open_store;
use crate::store::SecretValue;

/// More than any value may have.
const MOST_BYTES: u64 = 64 << 10;

/// Keeps, lists or forgets secrets.
///
/// # Errors
/// When the name or the value can't be one, there is no such secret, or the data folder can't be written.
pub(super) fn secrets(common: &Common, action: SecretsAction) -> anyhow::Result<ExitCode> {
    let store = open_store(common)?;
    match action {
        SecretsAction::Set { name } => {
            store.set_secret(&name, read_value()?)?;
            println!("{name} is kept; allow a brick to use it with: qpyt bricks grant BRICK --secret {name}");
        }
        SecretsAction::Remove { name } => {
            store.delete_secret(&name)?;
            println!("{name} is forgotten");
        }
        SecretsAction::List { json: true } => {
            let secrets = store.secrets()?;
            let secrets: Vec<_> = secrets
                .into_iter()
                .map(|secret| json!({"name": secret.name, "set_at": secret.set_at.to_string()}))
                .collect();
            println!("{}", serde_json::to_string_pretty(&json!({ "secrets": secrets }))?);
        }
        SecretsAction::List { json: false } => {
            let secrets = store.secrets()?;
            for secret in &secrets {
                println!("{:<32} set {}", secret.name, secret.set_at);
            }
            if secrets.is_empty() {
                println!("no secrets are kept");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The value from the standard input: not an argument, which other users of the machine could see and shells keep.
fn read_value() -> anyhow::Result<SecretValue> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("Paste the value and end with Enter and Ctrl+D. It is shown as you type.");
    }
    let mut text = String::new();
    input
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .context("the value can't be read from the standard input")?;
    Ok(SecretValue::new(text.trim_end_matches(['\r', '\n']).to_owned())?)
}
