//! Who may talk to the studio, and what its pages may load.

use serde_json::json;

use crate::client;
use crate::documents::without_inference;
use crate::http::Client;
use crate::server::Server;

#[test]
fn a_page_of_another_site_cannot_drive_the_studio() {
    let body = json!({"document": without_inference("evil")});
    for header in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let answer = client().post_with("/api/jobs", &body, &[header]);
        assert_eq!(answer.status, 403, "{header:?}");
        assert_eq!(answer.body["error"]["code"], "cross-site");
    }
}

#[test]
fn a_rebound_host_name_gets_no_answer() {
    let answer = client().fetch("/api/jobs", &[("Host", "evil.example")]);
    assert_eq!(answer.status(), 421);
}

#[test]
fn pages_load_nothing_from_elsewhere() {
    let page = client().fetch("/", &[]);
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self'"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
}

#[test]
fn an_address_that_is_not_loopback_asks_for_the_token() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--address", "0.0.0.0"]);
    let (address, token) = server.address.split_once("/?token=").expect("a token in the printed address");
    let address = address.replace("0.0.0.0", "127.0.0.1");
    let client = Client::new(&address);
    assert_eq!(client.get("/api/health").status, 401);
    let bearer = format!("Bearer {token}");
    assert_eq!(client.fetch("/api/health", &[("Authorization", &bearer)]).status(), 200);
    let cookie = format!("qpyt_token={token}");
    assert_eq!(client.fetch("/api/health", &[("Cookie", &cookie)]).status(), 200);
}

#[test]
fn a_path_cannot_leave_the_web_folder() {
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/..%2f..%2fCargo.toml"] {
        let mut answer = client().fetch(path, &[]);
        let body = answer.body_mut().read_to_string().unwrap_or_default();
        assert!(!body.contains("[workspace]"), "{path}");
    }
}
