//! A running `hirewire serve`.
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::hirewire::Home;

/// A service that ends with the test.
pub(crate) struct Service {
    child: Child,
    pub(crate) url: String,
    client: reqwest::blocking::Client,
}

/// An answer, read.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.body))
    }
}

impl Service {
    /// Starts the service of a project and waits until it listens.
    pub(crate) fn start(home: &Home, environment: &[(&str, &str)]) -> Self {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--output", "json"]);
        command.envs(environment.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut document = String::new();
        for line in BufReader::new(child.stdout.take().expect("its output")).lines() {
            let line = line.expect("text");
            document.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let ready: Value = serde_json::from_str(&document).expect("what it says");
        let ca = std::fs::read(ready["ca"].as_str().expect("a certificate")).expect("the certificate");
        let client = reqwest::blocking::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca).expect("PEM")])
            .build()
            .expect("a client");
        Self { child, url: ready["url"].as_str().expect("a URL").to_owned(), client }
    }

    /// Sends a request.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::blocking::Body>,
    ) -> Reply {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().expect("an answer");
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().expect("text"),
        }
    }

    /// The URL that fires a workflow's Request trigger, at the port on which this service listens.
    pub(crate) fn callback(&self, home: &Home, workflow: &str) -> String {
        let (code, url) = home.json(&["workflow", "callback-url", workflow]);
        assert_eq!(code, 0, "{url}");
        let url = url["value"].as_str().expect("a URL").to_owned();
        let path = &url[url.find("/workflows/").expect("a path")..];
        format!("{}{path}", self.url)
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `look` gives something.
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < limit, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
