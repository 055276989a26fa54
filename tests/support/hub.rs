//! A small Hub on this machine: it names commits, lists files, sends large ones on to a second server, and misbehaves
//! when it is told to.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A model of the catalogue of which nothing is known beforehand, and its repository.
pub const MODEL: &str = "smollm2-135m-instruct";
pub const REPO: &str = "HuggingFaceTB/SmolLM2-135M-Instruct";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How the servers answer.
#[derive(Default)]
pub struct Manners {
    /// What the Hub has, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Lines that the listing has besides.
    pub more: Vec<Value>,
    /// Only who shows this token gets in.
    pub token: Option<String>,
    /// So many bodies of large files end after this many bytes.
    pub truncated: Option<(usize, usize)>,
    /// The wait between two blocks of 16 KiB of large files.
    pub slow: Option<Duration>,
    /// Large files have their last byte changed.
    pub forged: bool,
    /// What the ETags of large files begin with.
    pub etag: String,
    /// The second server answers so many requests with 503.
    pub busy: usize,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whether the second server was asked.
    pub at_store: bool,
    /// The path with its query.
    pub path: String,
    /// The headers, in lower case.
    pub head: String,
}

/// The Hub and the server behind it. Both end with the test program.
pub struct Hub {
    hub: SocketAddr,
    store: SocketAddr,
    manners: Arc<Mutex<Manners>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Hub {
    /// A Hub with a small model: some texts and weights of this many bytes.
    pub fn with_weights(bytes: usize) -> Self {
        let weights = (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        let files = BTreeMap::from([
            ("config.json".to_owned(), b"{\"model_type\": \"llama\"}".to_vec()),
            ("tokenizer.json".to_owned(), b"{}".to_vec()),
            ("merges.txt".to_owned(), b"a b\n".to_vec()),
            ("README.md".to_owned(), b"not asked for".to_vec()),
            ("model.safetensors".to_owned(), weights),
        ]);
        let manners = Manners { files, etag: "\"first".to_owned(), ..Manners::default() };
        let (manners, asked) = (Arc::new(Mutex::new(manners)), Arc::default());
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [hub, store] = [0, 1].map(|at: usize| listeners[at].local_addr().expect("its address"));
        let here = Self { hub, store, manners, asked };
        for (at, listener) in listeners.into_iter().enumerate() {
            let (manners, asked) = (here.manners.clone(), here.asked.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (manners, asked) = (manners.clone(), asked.clone());
                    std::thread::spawn(move || answer(stream, at == 1, store, &manners, &asked));
                }
            });
        }
        here
    }

    /// What `HF_ENDPOINT` has to be.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.hub)
    }

    /// Lets a studio reach both servers.
    pub fn allow(&self, data: &Path) {
        let text = format!("[network]\nprivate_hosts = [\"{}\", \"{}\"]\n", self.hub, self.store);
        std::fs::write(data.join("qpyt.toml"), text).expect("the configuration is written");
    }

    /// How it answers from now on.
    pub fn manners(&self) -> MutexGuard<'_, Manners> {
        self.manners.lock().expect("no test failed here")
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test failed here").clone()
    }

    /// The requests for the weights so far.
    pub fn asked_for_weights(&self) -> Vec<Asked> {
        let weights = |asked: &Asked| asked.at_store && asked.path.ends_with("model.safetensors");
        self.asked().into_iter().filter(weights).collect()
    }

    /// The weights as they should be.
    pub fn weights(&self) -> Vec<u8> {
        self.manners().files["model.safetensors"].clone()
    }
}

fn answer(
    stream: TcpStream,
    at_store: bool,
    store: SocketAddr,
    manners: &Mutex<Manners>,
    asked: &Mutex<Vec<Asked>>,
) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).is_ok_and(|read| read == 0) {
            return;
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let head = head.to_lowercase();
    asked.lock().expect("no test failed here").push(Asked {
        at_store,
        path: path.clone(),
        head: head.clone(),
    });
    let stream = reader.get_mut();
    // A client that hangs up half-way is what some tests are about.
    let _ = if at_store {
        large(stream, &path, &head, manners)
    } else {
        hub(stream, &path, &head, store, &manners.lock().expect("no test failed here"))
    };
}

fn hub(
    stream: &mut TcpStream,
    path: &str,
    head: &str,
    store: SocketAddr,
    manners: &Manners,
) -> std::io::Result<()> {
    if let Some(token) = &manners.token {
        let shown = head.lines().find_map(|line| line.strip_prefix("authorization: bearer "));
        match shown {
            None => return refuse(stream, "401 Unauthorized", "GatedRepo"),
            Some(shown) if shown != token.to_lowercase() => {
                return refuse(stream, "403 Forbidden", "GatedRepo");
            }
            Some(_) => {}
        }
    }
    let api = format!("/api/models/{REPO}");
    if let Some(rest) = path.strip_prefix(&api) {
        return match rest {
            "/revision/main" => send_json(stream, &json!({ "sha": COMMIT })),
            _ if rest == format!("/tree/{COMMIT}?recursive=true") => send_json(stream, &listing(manners)),
            _ => refuse(stream, "404 Not Found", "RevisionNotFound"),
        };
    }
    let Some(name) = path.strip_prefix(&format!("/{REPO}/resolve/{COMMIT}/")) else {
        return refuse(stream, "401 Unauthorized", "RepoNotFound");
    };
    match manners.files.get(name) {
        None => refuse(stream, "404 Not Found", "EntryNotFound"),
        Some(_) if is_large(name) => {
            let to = format!("http://{store}/blobs/{name}");
            write!(stream, "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        }
        Some(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\netag: \"small\"\r\ncontent-length: {}\r\n\r\n", bytes.len())?;
            stream.write_all(bytes)
        }
    }
}

fn listing(manners: &Manners) -> Value {
    let mut lines = vec![json!({"type": "directory", "path": "onnx", "size": 0})];
    for (path, bytes) in &manners.files {
        let mut line = json!({"type": "file", "path": path, "size": bytes.len(), "oid": "0"});
        if is_large(path) {
            line["lfs"] = json!({"oid": hex(&Sha256::digest(bytes)), "size": bytes.len()});
        }
        lines.push(line);
    }
    lines.extend(manners.more.iter().cloned());
    Value::Array(lines)
}

fn large(stream: &mut TcpStream, path: &str, head: &str, manners: &Mutex<Manners>) -> std::io::Result<()> {
    let (mut bytes, etag, slow, cut) = {
        let mut manners = manners.lock().expect("no test failed here");
        if manners.busy > 0 {
            manners.busy -= 1;
            return write!(stream, "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n");
        }
        let mut bytes = manners.files[path.trim_start_matches("/blobs/")].clone();
        if let (true, Some(last)) = (manners.forged, bytes.last_mut()) {
            *last ^= 1;
        }
        let cut = manners.truncated.filter(|(times, _)| *times > 0).map(|(times, at)| {
            manners.truncated = Some((times - 1, at));
            at
        });
        (bytes, format!("{}\"", manners.etag), manners.slow, cut)
    };
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    let from =
        header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from = from.filter(|_| header("if-range").is_none_or(|known| known == etag)).unwrap_or(0);
    let total = bytes.len();
    let rest = bytes.split_off(from);
    let mut answer = String::new();
    let _ = match from {
        0 => write!(answer, "HTTP/1.1 200 OK\r\n"),
        _ => write!(
            answer,
            "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {from}-{}/{total}\r\n",
            total - 1
        ),
    };
    let _ = write!(answer, "etag: {etag}\r\ncontent-length: {}\r\n\r\n", rest.len());
    stream.write_all(answer.as_bytes())?;
    for block in rest[..cut.unwrap_or(rest.len()).min(rest.len())].chunks(16 << 10) {
        stream.write_all(block)?;
        std::thread::sleep(slow.unwrap_or_default());
    }
    Ok(())
}

fn refuse(stream: &mut TcpStream, status: &str, code: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nx-error-code: {code}\r\ncontent-length: 0\r\n\r\n")
}

fn send_json(stream: &mut TcpStream, value: &Value) -> std::io::Result<()> {
    let body = value.to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn is_large(path: &str) -> bool {
    path.ends_with(".safetensors")
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
