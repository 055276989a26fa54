//! The factory presets are good documents.

use std::fs;
use std::path::{Path, PathBuf};

use qpyt_workflow::{Document, ProblemCode, plan, validate};

use crate::support::catalog;

fn presets() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn every_preset_says_what_it_does() {
    let presets = presets();
    assert!(presets.len() >= 5);
    for (file, text) in presets {
        let document =
            Document::from_json(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(document.doc.is_some_and(|doc| doc.len() > 10), "{}", file.display());
    }
}

#[test]
fn every_preset_can_run_on_the_first_party_bricks() {
    for (file, text) in presets() {
        let mut document = Document::from_json(&text).unwrap();
        // Which styles and samplers there are is for the bricks to say; here only the shape counts.
        for node in &mut document.bricks {
            node.params.retain(|name, _| !["styles", "sampler", "schedule"].contains(&name.as_str()));
        }
        assert_eq!(validate(&document, &catalog()), [], "{}", file.display());
        assert!(plan(&document, &catalog(), &[]).unwrap().is_heavy());
    }
}

#[test]
fn every_preset_is_written_as_the_program_writes_it() {
    for (file, text) in presets() {
        assert_eq!(Document::from_json(&text).unwrap().to_json().unwrap(), text, "{}", file.display());
    }
}

#[test]
fn the_first_picture_has_the_bricks_that_its_readers_expect() {
    let (_, text) = presets().into_iter().find(|(file, _)| file.ends_with("first-picture.json")).unwrap();
    let mut document = Document::from_json(text).unwrap();
    let ids: Vec<&str> = document.bricks.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(ids, ["prompt", "styles", "settings", "render", "output"]);
    document.links.remove(0);
    assert_eq!(validate(&document, &catalog())[0].code, ProblemCode::MissingInput);
}
