//! The narrow world: a binary may import what its manifest asks for and must export what makes it a brick.

use std::path::Path;

use semver::{Version, VersionReq};
use wasmtime::component::{Component, ComponentExportIndex};

use crate::{
    Interface, Manifest,
    contract::{same_line, version_of, versioned},
};

/// WASI packages that are linked, with nothing behind them.
const WASI_PACKAGES: [&str; 6] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];
const WASI_VERSIONS: &str = "0.2";

/// Where a brick's functions are in the binary: two that each has, and those of the optional interfaces.
#[derive(Clone, Copy)]
pub(crate) struct Exports {
    pub(crate) describe: ComponentExportIndex,
    pub(crate) run: ComponentExportIndex,
    pub(crate) state: Option<StateExports>,
    pub(crate) migrate: Option<ComponentExportIndex>,
}

/// The functions of `qpyt:brick/state`.
#[derive(Clone, Copy)]
pub(crate) struct StateExports {
    pub(crate) save: ComponentExportIndex,
    pub(crate) restore: ComponentExportIndex,
}

/// Checks imports and exports. The error names what is wrong and the line that makes it right.
pub(crate) fn check(component: &Component, manifest: &Manifest) -> Result<Exports, String> {
    let ty = component.component_type();
    check_imports(ty.imports(component.engine()).map(|(name, _)| name), manifest)?;
    for (name, _) in ty.exports(component.engine()) {
        check_export(name)?;
    }
    let save = find(component, "qpyt:brick/state", "save");
    let restore = find(component, "qpyt:brick/state", "restore");
    Ok(Exports {
        describe: export(component, "qpyt:brick/describe", "bricks")?,
        run: export(component, "qpyt:brick/run", "run")?,
        state: save.zip(restore).map(|(save, restore)| StateExports { save, restore }),
        migrate: find(component, "qpyt:brick/migrate", "migrate-params"),
    })
}

/// The manifest of a component that came without one: it uses what it imports.
pub(crate) fn bare_manifest(component: &Component, path: &Path) -> Manifest {
    let ty = component.component_type();
    let uses = ty
        .imports(component.engine())
        .filter_map(|(import, _)| {
            Interface::ALL.into_iter().find(|known| import.split('@').next() == Some(known.name()))
        })
        .collect();
    let wasm = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Manifest { wasm, uses, ..Manifest::default() }
}

/// `namespace:package/interface@version`, as far as it is there.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: Option<Version>,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version.parse().ok()?)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/')?;
        Some(Self { package, interface, version })
    }

    fn has_version(&self, supported: &str) -> bool {
        let requirement = VersionReq::parse(supported);
        self.version.as_ref().zip(requirement.ok()).is_some_and(|(version, req)| req.matches(version))
    }
}

fn check_imports<'a>(imports: impl Iterator<Item = &'a str>, manifest: &Manifest) -> Result<(), String> {
    let mut missing = Vec::new();
    for import in imports {
        let name = Name::parse(import).ok_or_else(|| unknown(import))?;
        if name.package.starts_with("wasi:") {
            check_wasi(import, &name)?;
        } else if !name.package.starts_with("qpyt:") {
            return Err(unknown(import));
        } else {
            let asked = check_ours(import, &name)?;
            missing.extend(asked.filter(|interface| !may_import(manifest, *interface)));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let imports: Vec<_> = missing.iter().map(|interface| format!("`{interface}`")).collect();
    let uses: Vec<_> = manifest.uses.iter().chain(&missing).map(|name| format!("\"{name}\"")).collect();
    Err(format!(
        "{} imports {}, which brick.toml does not ask for; if it should, write: uses = [{}]",
        manifest.wasm,
        imports.join(", "),
        uses.join(", ")
    ))
}

/// A request to the network may carry a secret, so every brick that uses the one imports the other; without asking for
/// secrets it gets none (`link::secrets`).
fn may_import(manifest: &Manifest, interface: Interface) -> bool {
    manifest.uses.contains(&interface)
        || (interface == Interface::StoreSecrets && manifest.uses.contains(&Interface::StoreHttp))
}

fn unknown(import: &str) -> String {
    format!("it imports `{import}`, which bricks can't have; what there is stands in the studio's wit folder")
}

fn check_wasi(import: &str, name: &Name) -> Result<(), String> {
    if !WASI_PACKAGES.contains(&name.package) {
        return Err(unknown(import));
    }
    if !name.has_version(WASI_VERSIONS) {
        return Err(format!(
            "it imports `{import}`, but bricks get WASI {WASI_VERSIONS}; build it for the target wasm32-wasip2"
        ));
    }
    Ok(())
}

/// The interface that must be asked for, or none if the import is free.
fn check_ours(import: &str, name: &Name) -> Result<Option<Interface>, String> {
    check_version(import, name)?;
    let path = format!("{}/{}", name.package, name.interface);
    let interface = Interface::ALL.into_iter().find(|interface| interface.name() == path);
    let free = name.interface == "types" || name.package == "qpyt:media";
    if interface.is_none() && !free {
        return Err(unknown(import));
    }
    Ok(interface)
}

fn check_version(path: &str, name: &Name) -> Result<(), String> {
    let Some(supported) = version_of(name.package) else { return Err(unknown(path)) };
    if name.version.as_ref().is_some_and(|version| same_line(version, supported)) {
        return Ok(());
    }
    Err(format!(
        "it was built for `{path}`, but this studio has version {supported} of `{}`; build it against that, or update the studio",
        name.package
    ))
}

/// What the host gives, a brick may not pretend to give.
fn check_export(export: &str) -> Result<(), String> {
    let Some(name) = Name::parse(export) else { return Ok(()) };
    match name.package {
        "qpyt:brick" => check_version(export, &name),
        package if package.starts_with("qpyt:") => {
            Err(format!("it exports `{export}`, which only the studio may provide"))
        }
        _ => Ok(()),
    }
}

fn export(component: &Component, interface: &str, function: &str) -> Result<ComponentExportIndex, String> {
    find(component, interface, function).ok_or_else(|| {
        format!(
            "it is no brick: it does not export `{function}` of `{}`; a brick exports `qpyt:brick/describe` and `qpyt:brick/run`",
            versioned(interface)
        )
    })
}

fn find(component: &Component, interface: &str, function: &str) -> Option<ComponentExportIndex> {
    let instance = component.get_export_index(None, versioned(interface).as_str())?;
    component.get_export_index(Some(&instance), function)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(uses: &[Interface]) -> Manifest {
        Manifest { wasm: "brick.wasm".to_owned(), uses: uses.to_vec(), ..Manifest::default() }
    }

    fn import(name: &str, uses: &[Interface]) -> Result<(), String> {
        check_imports([name].into_iter(), &manifest(uses))
    }

    #[test]
    fn media_plain_types_and_wasi_need_no_asking() {
        for name in [
            "qpyt:media/image@0.1.0",
            "qpyt:media/tensor@0.1.3",
            "qpyt:job/types@0.1.0",
            "qpyt:brick/types@0.1.0",
            "wasi:io/streams@0.2.6",
        ] {
            assert_eq!(import(name, &[]), Ok(()), "{name}");
        }
    }

    #[test]
    fn every_version_of_the_same_line_is_let_in() {
        for version in ["0.1.0", "0.1.1", "0.1.2"] {
            assert_eq!(import(&format!("qpyt:store/files@{version}"), &[Interface::StoreFiles]), Ok(()));
        }
    }

    #[test]
    fn the_network_brings_the_interface_of_secrets_with_it_and_not_the_other_way_round() {
        assert_eq!(import("qpyt:store/secrets@0.1.1", &[Interface::StoreHttp]), Ok(()));
        let message = import("qpyt:store/http@0.1.1", &[Interface::StoreSecrets]).unwrap_err();
        assert!(message.contains("`qpyt:store/http`"), "{message}");
    }

    #[test]
    fn other_imports_are_refused_with_the_line_to_write() {
        let uses = [Interface::JobContext];
        assert_eq!(import("qpyt:job/context@0.1.0", &uses), Ok(()));
        let message = import("qpyt:ai/imaging@0.1.0", &uses).unwrap_err();
        assert!(message.contains("`qpyt:ai/imaging`"), "{message}");
        assert!(message.ends_with(r#"uses = ["qpyt:job/context", "qpyt:ai/imaging"]"#), "{message}");
    }

    #[test]
    fn unknown_versions_are_refused_with_the_one_there_is() {
        for (name, there_is) in [
            ("qpyt:job/context@0.2.0", "0.1.0 of `qpyt:job`"),
            ("qpyt:media/image@1.0.0", "0.1.0 of `qpyt:media`"),
            ("qpyt:store/files@0.0.9", "0.1.1 of `qpyt:store`"),
            ("qpyt:job/context", "0.1.0"),
        ] {
            let message = import(name, &[Interface::JobContext]).unwrap_err();
            assert!(message.contains(there_is) && message.contains(name), "{message}");
        }
        let message = import("wasi:io/streams@0.3.0", &[]).unwrap_err();
        assert!(message.contains("wasm32-wasip2"), "{message}");
    }

    #[test]
    fn what_there_is_not_is_refused_by_name() {
        for name in ["qpyt:ai/magic@0.1.0", "wasi:http/types@0.2.0", "acme:rocket/launch@1.0.0", "env"] {
            let message = import(name, &Interface::ALL).unwrap_err();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn a_brick_may_not_pretend_to_be_the_studio() {
        assert!(check_export("qpyt:job/context@0.1.0").is_err());
        assert!(check_export("qpyt:brick/run@0.1.0").is_ok());
        assert!(check_export("qpyt:brick/run@0.2.0").unwrap_err().contains("0.1.1"));
        assert!(check_export("qpyt:magic/run@0.1.0").is_err());
        assert!(check_export("acme:extra/thing@1.0.0").is_ok());
    }
}
