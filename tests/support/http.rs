//! A small client: JSON in, JSON out, every status an answer.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Talks to one studio.
pub struct Client {
    agent: ureq::Agent,
    address: String,
}

/// A status and a body.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as JSON, or null.
    pub body: Value,
}

impl Client {
    /// A client of the studio at `address`.
    pub fn new(address: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            // A server that answered before it had read a request to its end may close the connection; a request that
            // goes out over it a moment later would be lost.
            .max_idle_connections(0)
            .build();
        Self { agent: config.into(), address: address.to_owned() }
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(self.url(path)).call())
    }

    /// `GET path` with headers; the raw response.
    pub fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> ureq::http::Response<ureq::Body> {
        let mut request = self.agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.call().expect("an answer")
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.agent.post(self.url(path)).send_json(body))
    }

    /// `POST path` with a JSON body; the raw response.
    pub fn fetch_posted(&self, path: &str, body: &Value) -> ureq::http::Response<ureq::Body> {
        self.agent.post(self.url(path)).send_json(body).expect("an answer")
    }

    /// `POST path` with a JSON body and headers.
    pub fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send_json(body))
    }

    /// `POST path` with raw bytes.
    pub fn send(&self, path: &str, bytes: &[u8]) -> Answer {
        answer(self.agent.post(self.url(path)).content_type("application/octet-stream").send(bytes))
    }

    /// `PUT path` with a JSON body.
    pub fn put(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.put(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send_json(body))
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(self.url(path)).call())
    }

    /// Waits until a job has ended and returns it.
    pub fn wait(&self, job: &str) -> Value {
        self.wait_until(job, |job| {
            !["queued", "running"].contains(&job["state"].as_str().unwrap_or_default())
        })
    }

    /// Waits until a job looks as wanted and returns it.
    pub fn wait_until(&self, job: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let found = self.get(&format!("/api/jobs/{job}")).body;
            if wanted(&found) {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "the job never got there: {found:#}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The first `count` frames of an event stream, each as its lines.
    pub fn events(&self, path: &str, last: Option<i64>, count: usize) -> Vec<Vec<String>> {
        let last = last.map(|seq| seq.to_string());
        let headers: Vec<_> = last.iter().map(|seq| ("Last-Event-ID", seq.as_str())).collect();
        let mut frames = vec![Vec::new()];
        for line in BufReader::new(self.fetch(path, &headers).into_body().into_reader()).lines() {
            let line = line.expect("a line");
            if line.starts_with(':') {
                continue;
            }
            match (line.is_empty(), frames.last_mut()) {
                (false, Some(frame)) => frame.push(line),
                (true, Some(frame)) if !frame.is_empty() => {
                    if frames.len() == count {
                        break;
                    }
                    frames.push(Vec::new());
                }
                _ => {}
            }
        }
        frames
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = response.expect("an answer");
    let status = response.status().as_u16();
    Answer { status, body: response.body_mut().read_json().unwrap_or(Value::Null) }
}
