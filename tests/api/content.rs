//! Pictures by digest.

use qpyt_bricks::media::{Container, Image, PixelFormat, encode};
use serde_json::json;

use crate::client;
use crate::documents::first_picture;

fn picture() -> Vec<u8> {
    let pixels = (0..64u32 * 48).flat_map(|at| [(at % 64 * 4) as u8, (at / 64 * 5) as u8, 90]).collect();
    let image = Image::new(PixelFormat::Rgb8, 64, 48, pixels).unwrap();
    encode(&image, Container::Png, 90).unwrap()
}

#[test]
fn an_uploaded_picture_comes_back_with_headers_that_cache_it_for_ever() {
    let client = client();
    let uploaded = client.send("/api/uploads", &picture());
    assert_eq!(uploaded.status, 201, "{:#}", uploaded.body);
    assert_eq!((uploaded.body["width"].as_u64(), uploaded.body["height"].as_u64()), (Some(64), Some(48)));
    let path = format!("/api/content/{}", uploaded.body["digest"].as_str().unwrap());
    let answer = client.fetch(&path, &[]);
    let headers = answer.headers().clone();
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let again = client.fetch(&path, &[("If-None-Match", headers["etag"].to_str().unwrap())]);
    assert_eq!(again.status(), 304);
    let download = client.fetch(&format!("{path}?download=my%20picture.png"), &[]);
    assert_eq!(download.headers()["content-disposition"], "attachment; filename=\"my picture.png\"");
}

#[test]
fn what_is_no_picture_is_refused_by_name() {
    let answer = client().send("/api/uploads", b"%PDF-1.7 not a picture");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["error"]["code"], "bad-picture");
}

#[test]
fn a_digest_is_not_a_path() {
    let client = client();
    for wrong in ["..%2F..%2Fqpyt.db", "blake3:zz", "blake3:..%2f..%2fqpyt.db", "%2Fetc%2Fpasswd"] {
        let answer = client.get(&format!("/api/content/{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}");
    }
    let unknown = format!("/api/content/blake3:{}", "0".repeat(64));
    assert_eq!(client.get(&unknown).status, 404);
}

#[test]
fn a_picture_can_be_the_start_of_another() {
    let client = client();
    let digest = client.send("/api/uploads", &picture()).body["digest"].clone();
    let mut document = first_picture("blue fish", 5);
    let bricks = document["bricks"].as_array_mut().unwrap();
    bricks.push(json!({"id": "source", "brick": "qpyt:image-input", "params": {"image": digest}}));
    document["links"].as_array_mut().unwrap().push(json!({"from": "source.image", "to": "render.image"}));
    let job =
        client.wait(client.post("/api/jobs", &json!({"document": document})).body["id"].as_str().unwrap());
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let plain = client.post("/api/jobs", &json!({"document": first_picture("blue fish", 5)})).body;
    let plain = client.wait(plain["id"].as_str().unwrap());
    assert_ne!(job["results"][0]["image"], plain["results"][0]["image"]);
}
