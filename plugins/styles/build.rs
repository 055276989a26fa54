//! Turns `styles.toml` into a table in the binary, so that a run parses nothing.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    style: Vec<Style>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Style {
    id: String,
    label: String,
    group: String,
    prompt: String,
    negative: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=styles.toml");
    let list: List = toml::from_str(&fs::read_to_string("styles.toml")?)?;
    let rows: String = list.style.iter().map(row).collect();
    let target = Path::new(&env::var("OUT_DIR")?).join("styles.rs");
    fs::write(target, format!("&[{rows}]"))?;
    Ok(())
}

fn row(Style { id, label, group, prompt, negative }: &Style) -> String {
    format!(
        "Style {{ id: {id:?}, label: {label:?}, group: {group:?}, prompt: {prompt:?}, negative: {negative:?} }},\n"
    )
}
