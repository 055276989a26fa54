//! Bricks on the network and with secrets: what the person allowed goes, everything else is refused with the way to
//! allow it, and all of it is in the audit.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bricks::install;
use crate::fixtures;
use crate::http::{Answer, Client};
use crate::neighbour::Neighbour;
use crate::server::Server;

const SECRET: &str = "the-foxes-own-s3cret";

/// A studio with the network bricks and a server beside it.
struct Place {
    _server: Server,
    client: Client,
    data: TempDir,
    neighbour: Neighbour,
}

impl Place {
    /// The configuration may say more; the neighbour is exempt from the ban on private addresses.
    fn new(network: &str) -> Self {
        let neighbour = Neighbour::start();
        let host = neighbour.host();
        Self::with(neighbour, &format!("[network]\nprivate_hosts = [\"{host}\"]\n{network}"))
    }

    fn with(neighbour: Neighbour, configuration: &str) -> Self {
        let data = TempDir::new().unwrap();
        fs::write(data.path().join("qpyt.toml"), configuration).unwrap();
        install(&fixtures::folder("network"), &data.path().join("bricks/network"));
        let server = Server::start(data.path(), &[]);
        let client = Client::new(&server.address);
        Self { _server: server, client, data, neighbour }
    }

    fn grant(&self, brick: &str, import: &str, scope: &str) -> Answer {
        let grant = json!({"brick": brick, "import": import, "scope": scope});
        self.client.post("/api/grants", &grant)
    }

    fn grant_host(&self, brick: &str) -> Value {
        let answer = self.grant(brick, "qpyt:store/http", &self.neighbour.host());
        assert_eq!(answer.status, 201, "{:#}", answer.body);
        answer.body
    }

    fn start(&self, brick: &str, params: &Value) -> String {
        let document =
            json!({"version": 1, "name": "Out", "bricks": [{"id": "x", "brick": brick, "params": params}]});
        let answer = self.client.post("/api/jobs", &json!({"document": document}));
        assert_eq!(answer.status, 202, "{:#}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    fn run(&self, brick: &str, params: &Value) -> Value {
        self.client.wait(&self.start(brick, params))
    }

    /// What `network:try` heard: status, head and body, or the error alone.
    fn heard(&self, params: &Value) -> Vec<String> {
        heard(&self.run("network:try", params))
    }

    fn calls(&self, query: &str) -> Vec<Value> {
        self.client.get(&format!("/api/audit?{query}")).body["calls"].as_array().unwrap().clone()
    }
}

fn heard(job: &Value) -> Vec<String> {
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let outputs = job["bricks"]["x"]["outputs"]["out"].as_array().unwrap();
    let text = |output: &Value| match &output["value"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    outputs.iter().map(text).collect()
}

fn message(job: &Value) -> &str {
    assert_eq!(job["state"], "failed", "{job:#}");
    job["error"]["message"].as_str().unwrap()
}

#[test]
fn a_host_is_reached_once_it_is_allowed_and_no_longer_when_that_is_taken_back() {
    let place = Place::new("");
    let params = json!({"url": place.neighbour.url("/hello"), "method": "POST", "body": "fox", "headers": {"x-a": "b"}});
    let refused = place.run("network:send", &params);
    let way = format!("qpyt bricks grant network:send --host {}", place.neighbour.host());
    assert!(message(&refused).contains(&way), "{}", message(&refused));
    assert_eq!(refused["error"]["code"], "denied");
    assert!(place.neighbour.asked().is_empty());

    let grant = place.grant_host("network:send");
    assert_eq!((&grant["trial"], &grant["would_deny"]), (&json!(false), &json!(0)));
    let answer = heard(&place.run("network:send", &params));
    assert!(
        answer[0].starts_with("200") && answer[1].contains("text/plain") && answer[2] == "hello",
        "{answer:?}"
    );
    let asked = place.neighbour.asked();
    assert_eq!((asked.len(), asked[0].body.as_slice()), (1, &b"fox"[..]));
    let head = asked[0].head.to_lowercase();
    assert!(head.starts_with("post /hello http/1.1") && head.contains("x-a: b"), "{head}");
    assert!(head.contains(&format!("host: {}", place.neighbour.host())), "{head}");
    for absent in ["authorization", "cookie", "referer", "accept-encoding"] {
        assert!(!head.contains(absent), "{head}");
    }
    // The same again is asked again: nothing of the network comes from the cache, and no cookie was kept.
    place.run("network:send", &params);
    assert_eq!(place.neighbour.asked().len(), 2);
    assert!(!place.neighbour.asked()[1].head.to_lowercase().contains("cookie"));

    assert_eq!(place.client.delete(&format!("/api/grants/{}", grant["id"])).status, 204);
    assert!(message(&place.run("network:send", &params)).contains(&way));
    assert_eq!(place.neighbour.asked().len(), 2);
}

#[test]
fn a_permission_is_for_one_brick_one_host_and_one_port() {
    let place = Place::new("");
    place.grant_host("network:send");
    let url = |url: &str| json!({ "url": url });
    let port = place.neighbour.address.port();
    assert!(place.heard(&url(&place.neighbour.url("/")))[0].contains("--host"), "another brick");
    place.grant_host("network:try");
    assert_eq!(place.heard(&url(&place.neighbour.url("/")))[2], "hello");
    for other in [
        format!("http://127.0.0.1:{}/", port ^ 1),
        "http://127.0.0.1/".to_owned(),
        format!("http://127.0.0.2:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://127.0.0.1.example.org:{port}/"),
    ] {
        let answer = place.heard(&url(&other));
        assert!(answer[0].contains("qpyt bricks grant network:try --host"), "{other}: {answer:?}");
    }
    // Other spellings of the same host are the same host.
    for same in [format!("http://2130706433:{port}/"), format!("HTTP://0x7f.1:{port}/#x")] {
        assert_eq!(place.heard(&url(&same))[2], "hello", "{same}");
    }
    for wrong in [
        format!("http://fox@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}\\@example.org/"),
        format!("http://127.0.0.1:{port}/\u{0}"),
        "ftp://127.0.0.1/".to_owned(),
        "127.0.0.1".to_owned(),
    ] {
        assert!(place.heard(&url(&wrong))[0].contains("BadArgument"), "{wrong}");
    }
}

#[test]
fn private_addresses_are_closed_even_where_the_host_is_allowed() {
    let place = Place::with(Neighbour::start(), "");
    let port = place.neighbour.address.port();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")] {
        assert_eq!(place.grant("network:try", "qpyt:store/http", &host).status, 201);
        let answer = place.heard(&json!({"url": format!("http://{host}/hello")}));
        assert!(answer[0].contains("Denied") && answer[0].contains("private_hosts"), "{host}: {answer:?}");
        assert!(answer[0].contains(&host), "{answer:?}");
    }
    assert!(place.neighbour.asked().is_empty());
    let calls = place.calls("brick=network:try");
    assert_eq!(calls[0]["outcome"], "denied", "{calls:#?}");
}

#[test]
fn an_exemption_is_for_the_host_as_it_is_written() {
    let place = Place::new("");
    let port = place.neighbour.address.port();
    place.grant("network:try", "qpyt:store/http", &format!("localhost:{port}"));
    let answer = place.heard(&json!({"url": format!("http://localhost:{port}/hello")}));
    assert!(answer[0].contains("private_hosts") && place.neighbour.asked().is_empty(), "{answer:?}");
}

#[test]
fn redirects_are_answers_and_are_not_followed() {
    let place = Place::new("");
    place.grant_host("network:try");
    let answer = place.heard(&json!({"url": place.neighbour.url("/redirect")}));
    assert!(answer[0].starts_with("302") && answer[1].contains("location: /secret"), "{answer:?}");
    let missing = place.heard(&json!({"url": place.neighbour.url("/missing")}));
    assert!(missing[0].starts_with("404") && missing[2] == "none", "{missing:?}");
    assert_eq!(place.neighbour.asked().len(), 2);
}

#[test]
fn a_body_without_end_is_not_read_to_its_end() {
    let place = Place::new("");
    place.grant_host("network:try");
    for path in ["/large", "/endless"] {
        let answer = place.heard(&json!({"url": place.neighbour.url(path)}));
        assert!(answer[0].contains("TooLarge(33554432)"), "{path}: {answer:?}");
    }
}

#[test]
fn headers_that_would_change_the_request_are_refused() {
    let place = Place::new("");
    place.grant_host("network:try");
    for (name, value) in [
        ("Host", "evil.example"),
        ("transfer-encoding", "chunked"),
        ("Content-Length", "0"),
        ("connection", "upgrade"),
        ("x", "a\r\nhost: evil.example"),
    ] {
        let answer = place.heard(&json!({"url": place.neighbour.url("/"), "headers": {name: value}}));
        assert!(answer[0].contains("BadArgument"), "{name}: {answer:?}");
    }
    assert!(place.neighbour.asked().is_empty());
}

#[test]
fn a_slow_server_is_given_up_and_a_cancelled_job_hangs_up() {
    let place = Place::new("timeout_seconds = 1");
    place.grant_host("network:try");
    for path in ["/slow", "/trickle"] {
        let answer = place.heard(&json!({"url": place.neighbour.url(path)}));
        assert!(answer[0].contains("TimedOut"), "{path}: {answer:?}");
    }
    place.neighbour.wait_for_hang_ups(1);

    let place = Place::new("timeout_seconds = 600");
    place.grant_host("network:try");
    let job = place.start("network:try", &json!({"url": place.neighbour.url("/slow")}));
    place.neighbour.wait_for_requests(1);
    place.client.post(&format!("/api/jobs/{job}/cancel"), &json!({}));
    assert_eq!(place.client.wait(&job)["state"], "cancelled");
    place.neighbour.wait_for_hang_ups(1);
    assert_eq!(place.calls("")[0]["note"], "GET with 0 bytes", "a call that was cut off is listed too");
}

#[test]
fn the_switch_ends_requests_that_are_under_way_and_stays_where_it_was_left() {
    let place = Place::new("timeout_seconds = 600");
    place.grant_host("network:try");
    assert_eq!(place.client.get("/api/network").body, json!({"offline": false, "forced": false}));
    let job = place.start("network:try", &json!({"url": place.neighbour.url("/slow")}));
    place.neighbour.wait_for_requests(1);
    let off = place.client.put("/api/network", &json!({"offline": true}), &[]);
    assert_eq!((off.status, off.body), (200, json!({"offline": true, "forced": false})));
    let answer = heard(&place.client.wait(&job));
    assert!(answer[0].contains("Denied") && answer[0].contains("switched off"), "{answer:?}");
    place.neighbour.wait_for_hang_ups(1);
    let answer = place.heard(&json!({"url": place.neighbour.url("/hello")}));
    assert!(answer[0].contains("Bricks page"), "{answer:?}");
    assert_eq!(place.neighbour.asked().len(), 1);

    let Place { _server, data, neighbour, .. } = place;
    let server = _server.kill_and_start_again();
    let client = Client::new(&server.address);
    let place = Place { _server: server, client, data, neighbour };
    assert_eq!(place.client.get("/api/network").body["offline"], true);
    place.client.put("/api/network", &json!({"offline": false}), &[]);
    assert_eq!(place.heard(&json!({"url": place.neighbour.url("/hello")}))[2], "hello");
}

#[test]
fn the_configuration_can_keep_the_network_off() {
    let neighbour = Neighbour::start();
    let configuration = format!("offline = true\n[network]\nprivate_hosts = [\"{}\"]", neighbour.host());
    let place = Place::with(neighbour, &configuration);
    place.grant_host("network:try");
    assert_eq!(place.client.get("/api/network").body, json!({"offline": true, "forced": true}));
    let refused = place.client.put("/api/network", &json!({"offline": false}), &[]);
    assert_eq!((refused.status, &refused.body["error"]["code"]), (409, &json!("forced-offline")));
    assert_eq!(place.client.put("/api/network", &json!({"offline": true}), &[]).status, 200);
    let answer = place.heard(&json!({"url": place.neighbour.url("/hello")}));
    assert!(answer[0].contains("offline = true"), "{answer:?}");
    assert!(place.neighbour.asked().is_empty());
}

#[test]
fn a_secret_reaches_the_server_and_nobody_else() {
    let place = Place::new("");
    place.grant_host("network:send");
    let params = json!({"url": place.neighbour.url("/hello"), "secret": "example-key"});
    let refused = place.run("network:send", &params);
    assert!(message(&refused).contains("qpyt bricks grant network:send --secret example-key"));
    assert_eq!(place.grant("network:send", "qpyt:store/secrets", "example-key").status, 201);
    assert!(message(&place.run("network:send", &params)).contains("qpyt secrets set example-key"));

    let kept = place.client.put("/api/secrets/example-key", &json!({"value": SECRET}), &[]);
    assert_eq!((kept.status, &kept.body["name"]), (200, &json!("example-key")), "{:#}", kept.body);
    let job = place.run("network:send", &params);
    assert_eq!(heard(&job)[2], "hello");
    let asked = place.neighbour.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].head.to_lowercase().contains(&format!("authorization: bearer {SECRET}")));

    let listed = place.client.get("/api/secrets").body;
    assert_eq!(listed["secrets"][0]["name"], "example-key");
    let both =
        json!({"url": place.neighbour.url("/"), "secret": "example-key", "headers": {"authorization": "x"}});
    let doubled = place.run("network:send", &both);
    let events = place.client.events("/api/events", Some(0), 12);
    let whole = place.client.get(&format!("/api/jobs/{}", job["id"].as_str().unwrap())).body;
    let audit = json!(place.calls(""));
    for told in [listed, kept.body, whole, audit, doubled, json!(events)] {
        assert!(!told.to_string().contains(SECRET), "{told:#}");
    }
    for file in ["qpyt.db", "qpyt.db-wal"] {
        let bytes = fs::read(place.data.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "{file}");
    }

    assert_eq!(place.client.delete("/api/secrets/example-key").status, 204);
    assert_eq!(place.client.delete("/api/secrets/example-key").status, 404);
    assert!(message(&place.run("network:send", &params)).contains("qpyt secrets set"));
    assert_eq!(place.neighbour.asked().len(), 1);
}

#[test]
fn secrets_with_a_wrong_name_or_value_are_refused() {
    let client = crate::client();
    for (name, value) in [("Example", "x"), ("..%2fkey", "x"), ("key", ""), ("key", "a\nb"), ("key", "é")] {
        let answer = client.put(&format!("/api/secrets/{name}"), &json!({"value": value}), &[]);
        assert_eq!(
            (answer.status, &answer.body["error"]["code"]),
            (400, &json!("bad-secret")),
            "{name} {value:?}"
        );
    }
}

#[test]
fn permissions_have_a_scope_that_fits_what_they_are_for() {
    let place = Place::new("");
    for (import, scope, hint) in [
        ("qpyt:store/http", "example.org", "with its port"),
        ("qpyt:store/http", "*.org:443", "top-level"),
        ("qpyt:store/http", "https://example.org:443", "with its port"),
        ("qpyt:store/secrets", "Example Key", "lower-case"),
        ("qpyt:store/files", "/tmp", "does not use"),
        ("qpyt:ai/models", "all", "needs no permission"),
    ] {
        let answer = place.grant("network:try", import, scope);
        assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &json!("bad-grant")), "{scope}");
        assert!(answer.body["error"]["message"].as_str().unwrap().contains(hint), "{:#}", answer.body);
    }
    let star = place.grant("network:try", "qpyt:store/http", "*.Example.ORG.:443").body;
    assert_eq!(star["scope"], "*.example.org:443");
}

#[test]
fn a_trial_lets_calls_through_and_counts_what_would_be_denied() {
    let place = Place::new("");
    let grant = place.grant_host("network:try");
    let params = json!({"url": place.neighbour.url("/hello")});
    let put = |trial: bool| {
        let path = format!("/api/grants/{}/trial", grant["id"]);
        place.client.put(&path, &json!({"trial": trial}), &[])
    };
    assert_eq!(place.heard(&params)[2], "hello");
    assert_eq!((put(true).status, &put(true).body["trial"]), (200, &json!(true)));
    place.heard(&json!({"url": place.neighbour.url("/hello"), "times": 3}));
    let look = || place.client.get("/api/grants").body["grants"][0].clone();
    assert_eq!((&look()["trial"], &look()["would_deny"]), (&json!(true), &json!(3)));
    let outcomes: Vec<_> = place.calls("").iter().map(|call| call["outcome"].clone()).collect();
    assert_eq!(outcomes, ["on-trial", "on-trial", "on-trial", "allowed"]);
    assert_eq!(put(false).body["trial"], false);
    place.heard(&params);
    assert_eq!(look()["would_deny"], 3);
    let nowhere = place.client.put("/api/grants/999/trial", &json!({"trial": true}), &[]);
    assert_eq!(nowhere.status, 404);
}

#[test]
fn the_audit_says_who_asked_for_what_and_how_it_went() {
    let place = Place::new("");
    let params = json!({"url": place.neighbour.url("/missing?key=private"), "method": "POST", "body": "fox"});
    place.heard(&params);
    place.grant_host("network:try");
    let job = place.run("network:try", &params);
    place.grant("network:secrets", "qpyt:store/secrets", "a-key");
    place.run("network:secrets", &json!({"names": ["a-key", "b-key"]}));
    let calls = place.calls("limit=10");
    let line = |call: &Value| {
        let text = |key: &str| call[key].as_str().unwrap().to_owned();
        [text("brick"), text("import"), text("scope"), text("outcome"), text("note")]
    };
    let (http, secrets) = ("qpyt:store/http", "qpyt:store/secrets");
    let host = place.neighbour.host();
    let expected = [
        ["network:secrets", secrets, "b-key", "denied", "asked for"],
        ["network:secrets", secrets, "a-key", "allowed", "asked for"],
        ["network:try", http, &host, "allowed", "POST with 3 bytes, answered 404 with 4 bytes"],
        ["network:try", http, &host, "denied", "POST with 3 bytes"],
    ];
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), expected);
    assert_eq!(calls[2]["job"], job["id"]);
    assert!(calls[2]["digest"].as_str().unwrap().starts_with("blake3:"));
    assert!(!json!(calls).to_string().contains("private"), "addresses may hold keys, so they are not listed");
    assert_eq!(place.calls("brick=network:secrets").len(), 2);
    assert_eq!(place.calls("brick=network:secrets&limit=1").len(), 1);
}
