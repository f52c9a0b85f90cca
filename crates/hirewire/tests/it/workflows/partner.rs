//! The other side of a workflow's HTTP actions: a small server that records what it is sent.
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Status, headers and body of an answer.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

/// A listening server; it ends with the test process.
pub(crate) struct Partner {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Partner {
    /// Answers every request with what `judge` says.
    pub(crate) fn start(judge: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (shared, judge) = (Arc::clone(&seen), Arc::new(judge));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, judge) = (Arc::clone(&shared), Arc::clone(&judge));
                std::thread::spawn(move || drop(talk(stream, &seen, judge.as_ref())));
            }
        });
        Self { url, seen }
    }

    /// What came in so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("lock").clone()
    }
}

fn talk(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Request>>,
    judge: &dyn Fn(&Request) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim().split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut request = Request { path, headers, body: Vec::new() };
        let length = request.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
        request.body = vec![0; length];
        reader.read_exact(&mut request.body)?;
        seen.lock().expect("lock").push(request.clone());
        let (status, headers, body) = judge(&request);
        let mut answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        answer.push_str("\r\n");
        answer.push_str(&body);
        stream.write_all(answer.as_bytes())?;
    }
}
