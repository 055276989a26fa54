//! Makes a table of the roles in `src/roles.toml`.

use std::{env, error::Error, fs, path::Path};

#[derive(serde::Deserialize)]
struct Roles {
    role: Vec<Role>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    id: String,
    label: String,
    ask: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/roles.toml");
    let roles: Roles = toml::from_str(&fs::read_to_string("src/roles.toml")?)?;
    let lines: String = roles
        .role
        .iter()
        .map(|Role { id, label, ask }| format!("Role {{ id: {id:?}, label: {label:?}, ask: {ask:?} }},\n"))
        .collect();
    let target = Path::new(&env::var("OUT_DIR")?).join("roles.rs");
    fs::write(target, format!("&[\n{lines}]"))?;
    Ok(())
}
