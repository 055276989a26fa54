//! The brick of the template, as it is and after a change.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::{builds_alone, built, complaint, copy_of_built, new_key, packed, run, server, text, told};

#[test]
fn a_new_brick_passes_its_checks_and_tests_as_it_is() {
    let data = TempDir::new().unwrap();
    let checked = told(&run(data.path(), &["brick", "check", text(built())]));
    assert!(checked.contains("acme:lighten 0.1.0") && checked.contains("No problems."), "{checked}");
    let tested = told(&run(data.path(), &["brick", "test", text(built())]));
    assert!(tested.contains("2 of 2 passed"), "{tested}");
    let json = told(&run(data.path(), &["brick", "test", "--json", text(built())]));
    let cases: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(cases[0]["name"], "lighter");
    // Every pixel is read once and written once.
    assert_eq!(cases[0]["usage"]["bytes_copied"], 2 * 16 * 16 * 4);
    assert_eq!(cases[0]["usage"]["open_handles"], 0);
}

#[test]
fn a_name_that_is_taken_or_no_name_is_refused() {
    let data = TempDir::new().unwrap();
    let into = text(data.path());
    told(&run(data.path(), &["brick", "new", "twice", "--into", into]));
    let again = complaint(&run(data.path(), &["brick", "new", "twice", "--into", into]));
    assert!(again.contains("is there already"), "{again}");
    let wrong = complaint(&run(data.path(), &["brick", "new", "Not A Name", "--into", into]));
    assert!(wrong.contains("`Not A Name` is no name"), "{wrong}");
}

#[test]
fn a_picture_that_changed_is_told_with_its_first_difference() {
    let (home, folder) = copy_of_built();
    let case = folder.join("tests/lighter.json");
    let changed = fs::read_to_string(&case).unwrap().replace("0.5", "0.25");
    fs::write(&case, changed).unwrap();
    let failed = complaint(&run(home.path(), &["brick", "test", text(&folder)]));
    assert!(failed.contains("256 of 256 pixels differ by at most 64 of 255, first at (0, 0)"), "{failed}");
    assert!(folder.join("tests/lighter-image.actual.png").exists());
    told(&run(home.path(), &["brick", "test", "--update", text(&folder)]));
    assert!(told(&run(home.path(), &["brick", "test", text(&folder)])).contains("2 of 2 passed"));
    assert!(!folder.join("tests/lighter-image.actual.png").exists());
}

#[test]
fn what_a_check_finds_is_told_at_once() {
    let (home, folder) = copy_of_built();
    let place = folder.join("dist");
    let manifest = place.join("brick.toml");
    let wide = fs::read_to_string(&manifest).unwrap().replace("uses = []", "uses = [\"qpyt:store/files\"]");
    fs::write(&manifest, wide).unwrap();
    let json = told(&run(home.path(), &["brick", "check", "--json", text(&place)]));
    let report: Value = serde_json::from_str(&json).unwrap();
    assert!(
        report["hints"].to_string().contains("`qpyt:store/files`, which the component does not import"),
        "{json}"
    );
    assert_eq!(report["asks"].as_array().map(Vec::len), Some(1), "{json}");
    fs::write(place.join("lighten.wasm"), "no component").unwrap();
    let broken = complaint(&run(home.path(), &["brick", "check", text(&place)]));
    assert!(broken.contains("not WebAssembly") && broken.contains("1 problem."), "{broken}");
}

#[test]
fn an_installed_package_is_listed_and_has_a_page() {
    let home = TempDir::new().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("lighten.wasm"));
    let key = new_key(home.path(), "acme.key");
    packed(&key, &file);
    let shown = told(&run(&data, &["brick", "install", "--yes", text(&file)]));
    assert!(shown.contains("acme:lighten 0.1.0") && shown.contains("seen for the first time"), "{shown}");
    assert!(data.join("bricks/acme.lighten-0.1.0.wasm").exists());
    let listed = told(&run(&data, &["bricks", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let bricks = listed["bricks"].as_array().unwrap();
    assert!(bricks.iter().any(|brick| brick["id"] == "acme:lighten"), "{bricks:?}");

    let page = told(&run(&data, &["brick", "doc", "acme:lighten"]));
    for part in ["# Lighten", "`amount`", "number -1.0..1.0", "Signed by", "blake3:"] {
        assert!(page.contains(part), "{part} is not on the page: {page}");
    }
    let html = home.path().join("page.html");
    told(&run(&data, &["brick", "doc", "acme:lighten", "--html", "--out", text(&html)]));
    assert!(fs::read_to_string(&html).unwrap().contains("<h1>Lighten</h1>"));

    told(&run(&data, &["brick", "remove", "acme:lighten@0.1.0"]));
    assert!(complaint(&run(&data, &["brick", "remove", "acme:lighten"])).contains("not among the packages"));
}

#[test]
fn bricks_that_come_with_the_studio_pass_their_golden_cases() {
    let _alone = builds_alone();
    let home = TempDir::new().unwrap();
    for (brick, cases) in [
        ("controlnet", 2),
        ("depth", 2),
        ("edges", 3),
        ("filter", 5),
        ("img2img", 1),
        ("img2prompt", 1),
        ("inpaint", 4),
        ("llm-prompter", 3),
        ("lora-manager", 1),
        ("mask", 3),
        ("normal-map", 3),
        ("outpaint", 2),
        ("reference", 2),
        ("rembg", 4),
        ("render", 3),
        ("render-flux", 1),
        ("render-flux2-klein", 1),
        ("render-sdxl", 1),
        ("translator", 1),
        ("upscale-painted", 2),
        ("upscaler", 2),
        ("vectorize", 4),
    ] {
        let source = server::checkout().join("plugins").join(brick);
        let said = told(&run(home.path(), &["brick", "test", text(&source)]));
        assert!(said.contains(&format!("{cases} of {cases} passed")), "{said}");
    }
}
