//! An emulator as a user starts it.
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Map, Value, json};

/// A running emulator that ends with the test.
pub(crate) struct Emulator {
    pub(crate) child: Child,
    environment: Map<String, Value>,
    errors: Option<ChildStderr>,
}

impl Emulator {
    /// Starts it with arguments and environment variables.
    pub(crate) fn start(arguments: &[&OsStr], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hirewire"))
            .args(["emulator", "--output", "json"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut document = String::new();
        for line in BufReader::new(child.stdout.take().expect("its output")).lines() {
            let line = line.expect("text");
            document.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let environment: Value = serde_json::from_str(&document).expect("the environment as JSON");
        let errors = child.stderr.take();
        Self { child, environment: environment.as_object().expect("an object").clone(), errors }
    }

    /// One of the printed variables.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.environment[name].as_str().expect("text")
    }

    /// Runs a client program to its end.
    pub(crate) fn run(&self, command: &mut Command) {
        for (name, value) in &self.environment {
            command.env(name, value.as_str().unwrap_or_default());
        }
        let output = command.output().expect("the client starts");
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("all steps passed"), "{text}");
    }

    /// Asks it to end and gives what it wrote to standard error.
    pub(crate) fn end(mut self) -> String {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.expect("kill runs").success());
        let mut text = String::new();
        self.errors.take().expect("its errors").read_to_string(&mut text).expect("text");
        assert!(self.child.wait().expect("it ends").success(), "{text}");
        text
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of an emulator that was started with `--http`.
pub(crate) struct Caller {
    pub(crate) client: Client,
    pub(crate) token: String,
    url: String,
    job: String,
}

impl Caller {
    pub(crate) fn new(emulator: &Emulator) -> Self {
        let client = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(300))
            .build()
            .expect("a client");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", emulator.get("HIREWIRE_CLIENT_ID")),
            ("client_secret", emulator.get("HIREWIRE_CLIENT_SECRET")),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        let answer = client.post(emulator.get("HIREWIRE_TOKEN_URL")).form(&form).send().expect("an answer");
        let answer: Value = answer.json().expect("JSON");
        let upload = emulator.get("HIREWIRE_BULK_UPLOAD_URL");
        let url = emulator.get("HIREWIRE_URL").to_owned();
        let job = upload.trim_end_matches("/bulkUpload").trim_start_matches(&url).to_owned();
        Self { client, token: answer["access_token"].as_str().expect("a token").to_owned(), url, job }
    }

    /// A request; the path may begin with `{job}`.
    pub(crate) fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let path = path.replace("{job}", &self.job);
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// The JSON of a `GET`.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path).send().expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().expect("JSON")
    }

    /// Posts one person; gives the status.
    pub(crate) fn upload(&self, external_id: &str) -> u16 {
        let body = one_person(external_id).to_string();
        let request = self.ask("POST", "{job}/bulkUpload").header("content-type", "application/scim+json");
        request.body(body).send().expect("an answer").status().as_u16()
    }
}

/// A bulk request with one person.
pub(crate) fn one_person(external_id: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "POST", "bulkId": external_id, "path": "/Users", "data": {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
            "externalId": external_id, "userName": format!("{external_id}@contoso.com"),
            "displayName": format!("Person {external_id}"), "active": true } }],
        "failOnErrors": null,
    })
}
