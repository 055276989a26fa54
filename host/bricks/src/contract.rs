//! The packages of the contract (`wit/`) and the version that this studio has of each.

use semver::Version;

/// Every package with its version. A program built against an earlier version with the same leading numbers fits.
pub const PACKAGES: [(&str, &str); 5] = [
    ("qpyt:brick", "0.1.1"),
    ("qpyt:media", "0.1.0"),
    ("qpyt:job", "0.1.0"),
    ("qpyt:ai", "0.1.2"),
    ("qpyt:store", "0.1.1"),
];

/// The version of the package `package`, or none if the contract has no such package.
pub(crate) fn version_of(package: &str) -> Option<&'static str> {
    PACKAGES.into_iter().find(|(name, _)| *name == package).map(|(_, version)| version)
}

/// `interface` (such as `qpyt:store/http`) with the version of its package.
pub(crate) fn versioned(interface: &str) -> String {
    let package = interface.split_once('/').map_or(interface, |(package, _)| package);
    match version_of(package) {
        Some(version) => format!("{interface}@{version}"),
        None => interface.to_owned(),
    }
}

/// True if the two belong together: they differ in nothing but what a minor version adds.
pub(crate) fn same_line(asked: &Version, there_is: &str) -> bool {
    let Ok(there_is) = Version::parse(there_is) else { return false };
    asked.pre.is_empty()
        && asked.major == there_is.major
        && (asked.major > 0 || (asked.minor == there_is.minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_gets_the_version_of_its_package() {
        assert_eq!(versioned("qpyt:store/http"), "qpyt:store/http@0.1.1");
        assert_eq!(versioned("qpyt:media/image"), "qpyt:media/image@0.1.0");
    }

    #[test]
    fn earlier_and_later_minor_versions_belong_together_and_majors_do_not() {
        let fits = |asked: &str| same_line(&asked.parse().unwrap(), "0.1.1");
        assert!(fits("0.1.0") && fits("0.1.1") && fits("0.1.7"));
        assert!(!fits("0.2.0") && !fits("1.1.1") && !fits("0.1.1-rc.1"));
        assert!(same_line(&"1.4.0".parse().unwrap(), "1.2.0"));
    }

    /// The WIT files are what bricks are built against.
    #[test]
    fn the_versions_are_those_of_the_wit_files() {
        for (package, version) in PACKAGES {
            let name = package.trim_start_matches("qpyt:");
            let file = format!("{}/../../wit/{name}/{name}.wit", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains(&format!("package {package}@{version};")), "{file} is not at {version}");
        }
    }
}
