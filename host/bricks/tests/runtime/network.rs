//! The network and secrets as the contract carries them: what reaches the studio, what comes back, and what is
//! stopped before.

use std::{fs, path::Path, sync::Arc};

use qpyt_bricks::{
    HostError, Interface, Limits, RunError, RunOutcome, RunRequest, Value,
    capability::{Header, HttpError, HttpResponse, Method},
};
use serde_json::json;

use crate::{
    fixtures::{network, request, runtime, values},
    host::FakeHost,
    loading::variant,
};

async fn run(brick: &str, params: serde_json::Value, host: &Arc<FakeHost>) -> Result<RunOutcome, RunError> {
    network().await.run(RunRequest { params, ..request(brick, vec![], host) }).await
}

fn texts(outcome: &RunOutcome) -> Vec<String> {
    let text = |value: &&Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
    values(outcome).iter().filter_map(text).collect()
}

fn answering(answer: Result<HttpResponse, HttpError>) -> Arc<FakeHost> {
    Arc::new(FakeHost { answer: Some(answer), ..FakeHost::default() })
}

fn with_body(bytes: usize) -> Arc<FakeHost> {
    answering(Ok(HttpResponse { status: 200, headers: vec![], body: vec![b'x'; bytes] }))
}

#[tokio::test]
async fn a_request_reaches_the_studio_and_its_response_the_brick() {
    let host = Arc::new(FakeHost::default());
    let params = json!({
        "method": "POST", "url": "https://api.example.org/x?y=1", "headers": {"accept": "text/plain"},
        "body": "hello", "secret": "example-key"
    });
    let outcome = run("network:send", params, &host).await.unwrap();
    let echo = vec![Value::Number(200.0), Value::Text("x-method: POST".into()), Value::Text("hello".into())];
    assert_eq!(values(&outcome).into_iter().cloned().collect::<Vec<_>>(), echo);
    let sent = host.sent.lock().unwrap();
    let (asked, bearer, most) = &sent[0];
    assert_eq!((asked.method, asked.url.as_str()), (Method::Post, "https://api.example.org/x?y=1"));
    assert_eq!(asked.headers, [Header { name: "accept".to_owned(), value: "text/plain".to_owned() }]);
    assert_eq!((asked.body.as_slice(), bearer.as_deref()), (&b"hello"[..], Some("example-key")));
    assert_eq!(*most, 32 << 20);
    assert_eq!(outcome.usage.bytes_copied, 10);
    assert_eq!(outcome.usage.open_handles, 0);
}

#[tokio::test]
async fn a_brick_gets_a_handle_on_a_secret_and_nothing_to_read() {
    let host = Arc::new(FakeHost::default());
    let names = json!({"names": ["example-key", "other-key", "../key"]});
    let outcome = run("network:secrets", names, &host).await.unwrap();
    let [handle, denied, wrong] = &texts(&outcome)[..] else { panic!("{outcome:?}") };
    assert!(handle.contains("handle") && !handle.contains("example-key"), "{handle}");
    assert!(denied.contains("qpyt bricks grant --secret other-key"), "{denied}");
    assert!(wrong.contains("BadArgument"), "{wrong}");
}

#[tokio::test]
async fn what_is_over_the_contract_s_bounds_does_not_reach_the_studio() {
    let host = Arc::new(FakeHost::default());
    let outcome = run("network:flood", json!({}), &host).await.unwrap();
    let answers = texts(&outcome);
    for (answer, part) in answers.iter().zip(["the URL", "65 headers", "headers together", "the body"]) {
        assert!(answer.contains("BadArgument") && answer.contains(part), "{answer}");
    }
    assert_eq!(answers.len(), 4);
    assert!(host.sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_response_counts_against_the_memory_of_the_brick() {
    let limits = Some(Limits { memory_bytes: 24 << 20, ..Limits::default() });
    let send = |host: &Arc<FakeHost>| RunRequest {
        limits,
        params: json!({"url": "https://api.example.org/"}),
        ..request("network:try", vec![], host)
    };
    let host = with_body(8 << 20);
    let outcome = network().await.run(send(&host)).await.unwrap();
    assert_eq!(texts(&outcome)[1], format!("{} bytes", 8 << 20));
    let room = host.sent.lock().unwrap()[0].2;
    assert!((8 << 20..16 << 20).contains(&room), "{room} is half of what the sandbox leaves of the limit");
    let outcome = network().await.run(send(&with_body(16 << 20))).await.unwrap();
    assert!(texts(&outcome)[0].contains("TooLarge"), "{outcome:?}");
}

#[tokio::test]
async fn a_large_response_arrives_whole_and_is_let_go_again() {
    let host = with_body(8 << 20);
    let params = json!({"url": "https://api.example.org/", "times": 12});
    let limits = Some(Limits { memory_bytes: 64 << 20, ..Limits::default() });
    let often = RunRequest { params, limits, ..request("network:send", vec![], &host) };
    let outcome = network().await.run(often).await.unwrap();
    assert_eq!(texts(&outcome)[1], format!("{} bytes", 8 << 20));
    assert_eq!(outcome.usage.bytes_copied, 12 * (8 << 20));
}

#[tokio::test]
async fn what_the_network_refused_is_kept_beside_the_brick_s_words() {
    let denied = HttpError::Denied("run: qpyt bricks grant x --host api.example.org:443".to_owned());
    let host = answering(Err(denied.clone()));
    let result = run("network:send", json!({"url": "https://api.example.org/"}), &host).await;
    let Err(RunError::Host { message, cause }) = result else { panic!("{result:?}") };
    assert!(message.contains("qpyt bricks grant"), "{message}");
    assert_eq!(cause, Some(HostError::Http(denied)));
}

#[tokio::test]
async fn a_brick_says_what_it_will_ask_for_and_is_not_pure() {
    let network = network().await;
    assert_eq!(network.manifest().wants.hosts, ["api.example.org:443"]);
    assert_eq!(network.manifest().wants.secrets, ["example-key"]);
    assert!(!network.is_pure() && !network.is_heavy());
}

#[tokio::test]
async fn the_network_without_secrets_is_enough_to_load_and_secrets_are_denied() {
    let narrow = variant("network", "\"qpyt:job/context\", \"qpyt:store/http\"", |_| ());
    let binary = runtime().load(narrow.path()).await.unwrap();
    assert!(!binary.manifest().uses.contains(&Interface::StoreSecrets));
    let host = Arc::new(FakeHost::default());
    let params = json!({"names": ["example-key"]});
    let secrets = RunRequest { params, ..request("network:secrets", vec![], &host) };
    let outcome = binary.run(secrets).await.unwrap();
    assert!(texts(&outcome)[0].contains("add \\\"qpyt:store/secrets\\\" to `uses`"), "{outcome:?}");
}

#[tokio::test]
async fn the_network_is_refused_to_a_binary_that_does_not_ask_for_it() {
    let narrow = variant("network", "\"qpyt:job/context\", \"qpyt:store/secrets\"", |_| ());
    let message = runtime().load(narrow.path()).await.unwrap_err().to_string();
    assert!(message.contains("imports `qpyt:store/http`"), "{message}");
    let none = variant("network", "\"qpyt:job/context\"", |_| ());
    let message = runtime().load(none.path()).await.unwrap_err().to_string();
    assert!(message.contains("`qpyt:store/http`") && message.contains("`qpyt:store/secrets`"), "{message}");
}

/// What bricks built before `qpyt:store` and `qpyt:brick` grew look like.
fn older(bytes: &mut [u8]) {
    crate::loading::replace_all(bytes, b"@0.1.1", b"@0.1.0");
}

#[tokio::test]
async fn a_brick_built_against_the_contract_s_first_version_loads_and_runs() {
    let manifest = fs::read_to_string(crate::built::folder("capabilities").join("brick.toml")).unwrap();
    let uses = manifest.split_once("uses = [").unwrap().1.split_once(']').unwrap().0;
    let old = variant("capabilities", uses, |bytes| older(bytes));
    assert!(contains(&old.path().join("brick.wasm"), b"qpyt:store/files@0.1.0"));
    assert!(contains(&old.path().join("brick.wasm"), b"qpyt:brick/run@0.1.0"));
    let binary = runtime().load(old.path()).await.unwrap();
    let host = Arc::new(FakeHost::default());
    let inputs = vec![Value::Text(crate::host::stored_picture().digest().to_string())];
    let outcome = binary.run(request("capabilities:all", inputs, &host)).await.unwrap();
    assert_eq!(*values(&outcome)[2], Value::Text("/granted/fox.jpg".to_owned()));
}

fn contains(file: &Path, text: &[u8]) -> bool {
    fs::read(file).unwrap().windows(text.len()).any(|part| part == text)
}
