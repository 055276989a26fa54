//! Puts built bricks where the runtime looks for them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use qpyt_author::FileError;
use qpyt_author::files::replace;
use serde::Deserialize;

use super::SetupError;
use super::bricks::BrickSources;

/// What of a `brick.toml` matters here.
#[derive(Deserialize)]
struct Manifest {
    brick: ManifestBrick,
}

#[derive(Deserialize)]
struct ManifestBrick {
    wasm: String,
}

/// Copies the manifest and component of each brick to the folder for built bricks, and removes from there what is
/// no brick any more. `components` are by the folder of the package.
pub(super) fn install(
    bricks: &BrickSources,
    components: &BTreeMap<PathBuf, PathBuf>,
) -> Result<(), SetupError> {
    let mut installed = BTreeSet::new();
    for folder in brick_folders(&bricks.workspace)? {
        let component = components.get(&folder).ok_or_else(|| SetupError::NoComponent(folder.clone()))?;
        let name = folder.file_name().map(OsString::from).unwrap_or_default();
        install_brick(&folder, component, &bricks.dist.join(&name))?;
        installed.insert(name);
    }
    remove_others(&bricks.dist, &installed)
}

/// The folders of the workspace that hold a brick.
fn brick_folders(workspace: &Path) -> Result<Vec<PathBuf>, SetupError> {
    let failed = || FileError::on("read", workspace);
    let mut folders = Vec::new();
    for entry in fs::read_dir(workspace).map_err(failed())? {
        let folder = entry.map_err(failed())?.path();
        if folder.join("brick.toml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}

fn install_brick(source: &Path, component: &Path, target: &Path) -> Result<(), SetupError> {
    let manifest_path = source.join("brick.toml");
    let manifest = fs::read(&manifest_path).map_err(FileError::on("read", &manifest_path))?;
    let file_name = component_name(&manifest_path, &manifest)?;
    let wasm = fs::read(component).map_err(FileError::on("read", component))?;
    fs::create_dir_all(target).map_err(FileError::on("create the folder", target))?;
    replace(&target.join(file_name), &wasm)?;
    replace(&target.join("brick.toml"), &manifest)?;
    Ok(())
}

/// The name that the manifest gives the component's file; a plain name, never a path.
fn component_name(path: &Path, manifest: &[u8]) -> Result<String, SetupError> {
    let wrong = |reason: String| SetupError::BadManifest { path: path.to_path_buf(), reason };
    let text = str::from_utf8(manifest).map_err(|error| wrong(error.to_string()))?;
    let manifest: Manifest = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let name = manifest.brick.wasm;
    let plain =
        Path::new(&name).file_name().is_some_and(|file| file == name.as_str()) && name.ends_with(".wasm");
    if plain {
        Ok(name)
    } else {
        Err(wrong(format!("wasm = \"{name}\" must be a file name such as \"name.wasm\"")))
    }
}

fn remove_others(dist: &Path, installed: &BTreeSet<OsString>) -> Result<(), SetupError> {
    fs::create_dir_all(dist).map_err(FileError::on("create the folder", dist))?;
    for entry in fs::read_dir(dist).map_err(FileError::on("read", dist))? {
        let entry = entry.map_err(FileError::on("read", dist))?;
        let path = entry.path();
        if path.is_dir() && !installed.contains(&entry.file_name()) {
            fs::remove_dir_all(&path).map_err(FileError::on("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace with one brick, and its component as if it was built.
    fn workspace(manifest: &str) -> (tempfile::TempDir, BrickSources, BTreeMap<PathBuf, PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let brick = folder.path().join("prompt");
        fs::create_dir_all(&brick).unwrap();
        fs::write(brick.join("brick.toml"), manifest).unwrap();
        let built = folder.path().join("prompt_brick.wasm");
        fs::write(&built, b"component").unwrap();
        let bricks = BrickSources {
            workspace: folder.path().to_path_buf(),
            shared: Vec::new(),
            dist: folder.path().join("dist"),
        };
        (folder, bricks, BTreeMap::from([(brick, built)]))
    }

    #[test]
    fn a_brick_is_installed_under_the_name_in_its_manifest() {
        let (_folder, bricks, components) = workspace("[brick]\nwasm = \"prompt.wasm\"\nuses = []\n");
        install(&bricks, &components).unwrap();
        assert_eq!(fs::read(bricks.dist.join("prompt/prompt.wasm")).unwrap(), b"component");
        assert!(bricks.dist.join("prompt/brick.toml").is_file());
    }

    #[test]
    fn what_is_the_same_is_not_written_again_and_what_is_gone_is_removed() {
        let (_folder, bricks, components) = workspace("[brick]\nwasm = \"prompt.wasm\"\n");
        install(&bricks, &components).unwrap();
        let written = || fs::metadata(bricks.dist.join("prompt/prompt.wasm")).unwrap().modified().unwrap();
        let before = written();
        fs::create_dir_all(bricks.dist.join("former")).unwrap();
        install(&bricks, &components).unwrap();
        assert_eq!(written(), before);
        assert!(!bricks.dist.join("former").exists());
    }

    #[test]
    fn a_manifest_cannot_name_a_file_elsewhere() {
        for name in ["../x.wasm", "/tmp/x.wasm", "a/b.wasm", "prompt.exe", ""] {
            let (_folder, bricks, components) = workspace(&format!("[brick]\nwasm = \"{name}\"\n"));
            let error = install(&bricks, &components).unwrap_err();
            assert!(matches!(error, SetupError::BadManifest { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_brick_without_a_component_is_named() {
        let (_folder, bricks, _) = workspace("[brick]\nwasm = \"prompt.wasm\"\n");
        let error = install(&bricks, &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("prompt") && error.contains("cdylib"), "{error}");
    }
}
