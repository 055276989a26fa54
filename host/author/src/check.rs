//! Everything that is wrong with a component, at once: what the loader refuses, and what a person would miss.

use std::path::{Path, PathBuf};

use qpyt_bricks::package::Package;
use qpyt_bricks::{Binary, BrickInfo, Digest, Interface, MANIFEST_FILE, Manifest, Port, Runtime};
use serde::Serialize;

use crate::AuthorError;
use crate::component;
use crate::files::{read_bounded, read_text};
use crate::schema;

const MAX_WASM_BYTES: u64 = 128 << 20;
const MAX_MANIFEST_BYTES: u64 = 64 << 10;

/// What a check found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The folder or file that was checked.
    pub place: PathBuf,
    /// The bricks in it, as `id version`; none if it can't be loaded.
    pub bricks: Vec<String>,
    /// Digest of the component.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// Its size when compiled for this machine, if it could be.
    pub compiled_bytes: Option<u64>,
    /// The interfaces that it imports and must ask for.
    pub imports: Vec<Interface>,
    /// What it asks the person for.
    pub asks: Vec<String>,
    /// What has to change.
    pub problems: Vec<Finding>,
    /// What could be better.
    pub hints: Vec<Finding>,
}

/// Something to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: a brick, a port, a parameter, a file.
    pub at: String,
    /// What is wrong, and what to do.
    pub text: String,
}

/// Checks what lies at `place`.
///
/// # Errors
/// When there is nothing to check; what is wrong with what there is stands in the report.
pub async fn check(runtime: &Runtime, place: &Path) -> Result<Report, AuthorError> {
    let (manifest, component) = read(place)?;
    let imports = component::imports(&component);
    let mut report = Report {
        place: place.to_owned(),
        bricks: Vec::new(),
        digest: Digest::of(&component),
        bytes: component.len() as u64,
        compiled_bytes: None,
        asks: manifest.as_ref().map(asks).unwrap_or_default(),
        imports: imports.iter().copied().collect(),
        problems: Vec::new(),
        hints: Vec::new(),
    };
    for unused in manifest.iter().flat_map(|manifest| &manifest.uses).filter(|used| !imports.contains(used)) {
        report.hint(MANIFEST_FILE, format!("`uses` names `{unused}`, which the component does not import"));
    }
    match runtime.load(place).await {
        Ok(binary) => report.describe(&binary),
        Err(error) => report.problem(&place.display().to_string(), error.to_string()),
    }
    Ok(report)
}

/// The manifest and the component of a place, without believing either.
fn read(place: &Path) -> Result<(Option<Manifest>, Vec<u8>), AuthorError> {
    if place.is_dir() {
        let text = read_text(&place.join(MANIFEST_FILE), MAX_MANIFEST_BYTES)?;
        let manifest = Manifest::parse(&text).map_err(|problem| AuthorError::manifest(place, problem))?;
        let component = read_bounded(&place.join(&manifest.wasm), MAX_WASM_BYTES)?;
        return Ok((Some(manifest), component));
    }
    let mut file = read_bounded(place, MAX_WASM_BYTES)?;
    let Ok(Some(package)) = Package::read(&file) else { return Ok((None, file)) };
    file.truncate(package.component_bytes);
    Ok((Some(package.manifest), file))
}

/// Size of the component at `place`, without a package section.
///
/// # Errors
/// When it can't be read.
pub fn component_bytes(place: &Path) -> Result<u64, AuthorError> {
    let (_, component) = read(place)?;
    Ok(component.len() as u64)
}

/// What a manifest asks the person for, a line each.
#[must_use]
pub fn asks(manifest: &Manifest) -> Vec<String> {
    let folders = manifest.uses.contains(&Interface::StoreFiles);
    let hosts = manifest.wants.hosts.iter().map(|host| format!("reach {host}"));
    let secrets = manifest.wants.secrets.iter().map(|secret| format!("use the secret “{secret}”"));
    folders
        .then(|| "write pictures into folders that you choose".to_owned())
        .into_iter()
        .chain(hosts)
        .chain(secrets)
        .collect()
}

impl Report {
    fn problem(&mut self, at: &str, text: impl Into<String>) {
        self.problems.push(Finding { at: at.to_owned(), text: text.into() });
    }

    fn hint(&mut self, at: &str, text: impl Into<String>) {
        self.hints.push(Finding { at: at.to_owned(), text: text.into() });
    }

    fn describe(&mut self, binary: &Binary) {
        self.compiled_bytes = Some(binary.compiled_bytes() as u64);
        if binary.manifest().publisher.is_none() {
            self.hint(MANIFEST_FILE, "`publisher` would say whose brick it is");
        }
        let wants = &binary.manifest().wants;
        for (interface, wanted) in
            [(Interface::StoreHttp, &wants.hosts), (Interface::StoreSecrets, &wants.secrets)]
        {
            if binary.manifest().uses.contains(&interface) && wanted.is_empty() {
                self.hint(MANIFEST_FILE, format!("[brick.wants] could name what it needs `{interface}` for, so that the person is asked before the first run"));
            }
        }
        for brick in binary.bricks() {
            self.bricks.push(format!("{} {}", brick.id, brick.version));
            self.texts(brick);
            self.parameters(brick);
        }
    }

    fn texts(&mut self, brick: &BrickInfo) {
        if brick.label.trim().is_empty() {
            self.problem(&brick.id, "its label is empty");
        }
        if brick.doc.trim().is_empty() {
            self.problem(&brick.id, "its doc is empty; say in a sentence what it does");
        }
        for (side, ports) in [("input", &brick.inputs), ("output", &brick.outputs)] {
            for port in ports {
                self.port(&format!("{}, {side} `{}`", brick.id, port.name), port);
            }
        }
    }

    fn port(&mut self, at: &str, port: &Port) {
        if port.label.trim().is_empty() {
            self.problem(at, "its label is empty");
        }
        if port.doc.trim().is_empty() {
            self.hint(at, "its doc is empty; a sentence would explain it");
        }
    }

    fn parameters(&mut self, brick: &BrickInfo) {
        let findings = schema::look_over(&brick.params_schema);
        for (at, text) in findings.problems {
            self.problem(&format!("{}, {at}", brick.id), text);
        }
        for (at, text) in findings.hints {
            self.hint(&format!("{}, {at}", brick.id), text);
        }
    }
}
