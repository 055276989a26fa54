//! The same brick in both languages (`tour/`): it asks everything of the host once, so that every interface is seen to
//! reach the host and to come back.

use std::{path::Path, sync::Arc};

use qpyt_bricks::{NamedValue, Value};
use serde_json::json;

use crate::{
    brick::Brick,
    host::{FakeHost, stored_picture},
    kit::Kit,
};

pub fn check(kit: Kit) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kits/tour").join(kit.name());
    let tour = Brick::of(kit, source);
    let host = Arc::new(FakeHost::default());
    let image = NamedValue { port: "image".to_owned(), value: Value::Image(stored_picture()) };
    let outcome = tour.run_on(&host, vec![image.clone()], json!({})).unwrap();
    let found = json!({
        "seeded": true,
        "hasTime": true,
        "moment": [2031, 2, 3, 4, 5, 6],
        "models": [["emoji", "tiny", 64]],
        "unknown": null,
        "usual": [25, 1.5, true],
        "painted": [64, 32],
        "repainted": [64, 32],
        "inpainted": [64, 32],
        "matte": "luma8",
        "depth": "luma32f",
        "caption": "4 pixels wide",
        "upscaled": [10, 10],
        "answer": "a red fox",
        "translation": "RENARD",
        "opened": [4, 4],
        "kept": "first",
        "file": "/pictures/fox.webp",
        "response": [200, "POST", "hello"],
        "secret": "example-key",
        "refused": "denied",
        "changed": [4, 4],
        "decoded": [4, 4],
        "tensor": [[3, 4, 4], "float32", 8],
        "back": "rgb8",
    });
    let found = NamedValue { port: "found".to_owned(), value: Value::Json(found) };
    assert_eq!(outcome.outputs, [found, image]);
    assert_eq!(outcome.usage.open_handles, 0);
    check_what_the_host_saw(&host);
}

fn check_what_the_host_saw(host: &FakeHost) {
    let requests = host.requests.lock().unwrap();
    assert_eq!(requests.len(), 3);
    assert_eq!((requests[0].prompt.as_str(), requests[0].negative.as_str()), ("a fox", "blur"));
    assert_eq!(*host.kept.lock().unwrap(), ["A fox Png 90 {\"seed\":9}", "/pictures/fox Webp 90"]);
    let looked = host.looked.lock().unwrap();
    let answered = looked.iter().find(|line| line.starts_with("complete talker")).unwrap();
    for part in ["Be brief.", "a fox", "16 0.5 1 9", "top_k"] {
        assert!(answered.contains(part), "{answered} without {part}");
    }
    let digest = stored_picture().digest();
    for line in [
        "upscale grower Some(64)".to_owned(),
        format!("inpaint {digest} within (4, 4) at 0.25"),
        "adapter style at -0.5".to_owned(),
        format!("control edges by {digest} at 0.75 from 0 until 0.5"),
        format!("reference {digest}"),
    ] {
        assert!(looked.contains(&line), "{looked:?} without {line}");
    }
    let sent = host.sent.lock().unwrap();
    assert_eq!(
        (sent[0].0.url.as_str(), sent[0].1.as_deref()),
        ("https://api.example.org/x", Some("example-key"))
    );
    assert!(host.log().iter().any(|(_, line)| line == "On tour."));
    assert_eq!(*host.progress.lock().unwrap(), [(0.5, "Half".to_owned())]);
}
