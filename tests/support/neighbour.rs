//! A small HTTP server on this machine that answers in every way a brick can meet, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The first line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The server. It ends with the test program.
pub struct Neighbour {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    left: Arc<Mutex<usize>>,
}

impl Neighbour {
    /// Starts one on a free port of the loopback address.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (asked, left) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::<Mutex<usize>>::default());
        let (requests, gone) = (asked.clone(), left.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (requests, gone) = (requests.clone(), gone.clone());
                std::thread::spawn(move || answer(stream, &requests, &gone));
            }
        });
        Self { address, asked, left }
    }

    /// `host:port`, as it is granted.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test failed here").clone()
    }

    /// Waits until `count` requests have come.
    pub fn wait_for_requests(&self, count: usize) {
        wait(|| self.asked().len() >= count);
    }

    /// Waits until `count` clients of `/slow` have hung up.
    pub fn wait_for_hang_ups(&self, count: usize) {
        wait(|| *self.left.lock().expect("no test failed here") >= count);
    }
}

fn wait(done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never came to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn answer(stream: TcpStream, requests: &Mutex<Vec<Asked>>, left: &Mutex<usize>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).is_ok_and(|read| read == 0) {
            return;
        }
    }
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let path = head.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
    requests.lock().expect("no test failed here").push(Asked { head, body });
    let stream = reader.get_mut();
    // A client that hangs up half-way is what some tests are about.
    let _ = match path.as_str() {
        "/redirect" => stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: /secret\r\ncontent-length: 0\r\n\r\n"),
        "/large" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n"),
        "/endless" => endless(stream),
        "/trickle" => trickle(stream),
        "/slow" => {
            let _ = stream.read(&mut [0; 1]);
            *left.lock().expect("no test failed here") += 1;
            Ok(())
        }
        "/v1/chat/completions" => chat(stream),
        "/missing" => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone"),
        _ => stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nset-cookie: a=b\r\ncontent-length: 5\r\n\r\nhello",
        ),
    };
}

/// An answer as language models give it over the OpenAI protocol.
fn chat(stream: &mut TcpStream) -> std::io::Result<()> {
    let body = r#"{"choices":[{"message":{"role":"assistant","content":"Prompt: A red fox in snow."}}]}"#;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A body without a length and without an end.
fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let part = vec![b'x'; 1 << 16];
    loop {
        stream.write_all(b"10000\r\n")?;
        stream.write_all(&part)?;
        stream.write_all(b"\r\n")?;
    }
}

/// A body that comes, but slowly.
fn trickle(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
    loop {
        stream.write_all(b"x")?;
        std::thread::sleep(Duration::from_millis(50));
    }
}
