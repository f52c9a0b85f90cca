//! Automation jobs: a runbook's name stands for a declared command or an HTTP job (`spec/workflows.md` §11.4).
//!
//! No shell: a command is a list of arguments, its environment is what the project names. A job's state is a file, so
//! that a workflow that asks for it after a restart gets an answer.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hirewire_workflow::expression::{Value, member};
use hirewire_workflow::host::{Connector, ConnectorCall, Reply, Secrets};
use hirewire_workflow::run::Answer;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::failure::{Failure, done, respond};
use crate::secret::SecretReference;

/// Most bytes of a job's output that are kept.
const MAX_OUTPUT: u64 = 8 << 20;

/// Declared commands and HTTP jobs: stands in for Azure Automation.
///
/// ```toml
/// [connections.azureautomation]
/// kind = "automation"
///
/// [connections.azureautomation.runbooks.New-Mailbox]
/// command = ["pwsh", "-NoProfile", "-File", "scripts/new-mailbox.ps1", "-Upn", "{Upn}"]
/// timeout_seconds = 600
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutomationConfig {
    /// Name of the runbook in the definition → what is run.
    pub runbooks: BTreeMap<String, RunbookConfig>,
}

/// What a runbook's name stands for: `command` or `url`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunbookConfig {
    /// Program and arguments; no shell reads them. An argument `{Name}` becomes the parameter of that name. All
    /// parameters stand as one JSON object on standard input; standard output is the job's output.
    pub command: Vec<String>,
    /// Folder in which the command runs; the project folder unless set.
    pub folder: Option<PathBuf>,
    /// Environment of the command beside `PATH`, `HOME` and `LANG`.
    pub environment: BTreeMap<String, SecretReference>,
    /// Instead of a command: a URL that gets `{"runbook", "parameters"}` by POST; its answer is the job's output.
    pub url: Option<String>,
    /// Value of the `Authorization` header for `url`.
    pub authorization: Option<SecretReference>,
    /// Longest time; 600 unless set.
    pub timeout_seconds: Option<u64>,
}

impl RunbookConfig {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.unwrap_or(600).clamp(1, 86_400))
    }
}

impl AutomationConfig {
    pub(crate) fn relative_to(&mut self, base: &Path) {
        for runbook in self.runbooks.values_mut() {
            runbook.folder = Some(base.join(runbook.folder.clone().unwrap_or_default()));
            runbook.environment.values_mut().for_each(|s| s.relative_to(base));
            if let Some(authorization) = &mut runbook.authorization {
                authorization.relative_to(base);
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, runbook) in &self.runbooks {
            if runbook.command.is_empty() == runbook.url.is_none() {
                return Err(format!("runbooks.{name}: give either `command` or `url`"));
            }
            if let Some(url) = &runbook.url {
                crate::bind::web_address(&format!("runbooks.{name}.url"), url)?;
            }
        }
        Ok(())
    }
}

/// `azureautomation`.
pub(crate) struct AutomationConnector {
    inner: Arc<Jobs>,
}

struct Jobs {
    config: AutomationConfig,
    vault: Arc<dyn Secrets>,
    /// Where jobs are noted.
    folder: PathBuf,
    running: Mutex<HashSet<String>>,
}

impl AutomationConnector {
    pub(crate) fn new(config: AutomationConfig, vault: Arc<dyn Secrets>, folder: PathBuf) -> Self {
        Self { inner: Arc::new(Jobs { config, vault, folder, running: Mutex::default() }) }
    }

    async fn answer(&self, call: &ConnectorCall) -> Result<Answer, Failure> {
        let unknown =
            || Failure::missing(format!("the operation {} {} is not known here", call.method, call.path));
        let (_, rest) = call.path.split_once("/jobs").ok_or_else(unknown)?;
        let parts: Vec<&str> = rest.split('/').filter(|p| !p.is_empty()).collect();
        match (call.method.as_str(), &parts[..]) {
            ("PUT" | "POST", [] | [_]) => self.create(call).await,
            ("GET", [id]) => Ok(done(self.inner.read(id)?)),
            ("GET", [id, "output"]) => {
                let output = std::fs::read_to_string(self.inner.file(id, "out")?).unwrap_or_default();
                self.inner.read(id)?;
                Ok(respond(200, "text/plain", Some(Json::from(output))))
            }
            _ => Err(unknown()),
        }
    }

    async fn create(&self, call: &ConnectorCall) -> Result<Answer, Failure> {
        let query = |key: &str| member(&call.queries, key).map(|v| Value::from(v).to_text().into_owned());
        let name = query("runbookName").ok_or_else(|| Failure::bad("the query 'runbookName' is missing"))?;
        let known = &self.inner.config.runbooks;
        let (name, runbook) = known.iter().find(|(n, _)| n.eq_ignore_ascii_case(&name)).ok_or_else(|| {
            Failure::missing(format!(
                "the runbook '{name}' is not declared; add [connections.NAME.runbooks.\"{name}\"] with a `command` or `url` to hirewire.toml"
            ))
        })?;
        let parameters =
            call.body.as_ref().and_then(|b| b.get("properties")).and_then(|p| p.get("parameters"));
        let parameters = parameters.and_then(Json::as_object).cloned().unwrap_or_default();
        let id = uuid::Uuid::new_v4().to_string();
        let job = Job { id: id.clone(), name: name.clone(), parameters, begun: now() };
        self.inner.note(&job, "Running", None, None)?;
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        let (jobs, runbook) = (Arc::clone(&self.inner), runbook.clone());
        let task = tokio::spawn(async move { jobs.run(job, &runbook).await });
        if query("wait").is_some_and(|w| w.eq_ignore_ascii_case("true")) {
            let _ = task.await;
        }
        Ok(respond(201, "application/json", Some(self.inner.read(&id)?)))
    }
}

struct Job {
    id: String,
    name: String,
    parameters: Map<String, Json>,
    begun: String,
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

impl Jobs {
    /// A file of a job; an id that is none cannot name one.
    fn file(&self, id: &str, ending: &str) -> Result<PathBuf, Failure> {
        let id: uuid::Uuid = id.parse().map_err(|_| Failure::missing(format!("there is no job '{id}'")))?;
        Ok(self.folder.join(format!("{id}.{ending}")))
    }

    fn note(
        &self,
        job: &Job,
        status: &str,
        ended: Option<String>,
        exception: Option<String>,
    ) -> Result<(), Failure> {
        let path = self.file(&job.id, "json")?;
        let text = json!({
            "id": format!("/jobs/{}", job.id), "name": job.id,
            "properties": {
                "jobId": job.id, "status": status, "provisioningState": if ended.is_some() { "Succeeded" } else { "Processing" },
                "creationTime": job.begun, "startTime": job.begun, "endTime": ended, "exception": exception,
                "runbook": {"name": job.name}, "parameters": job.parameters,
            },
        })
        .to_string();
        let wrong = |e: std::io::Error| Failure::broken(format!("the job cannot be noted: {e}"));
        std::fs::create_dir_all(&self.folder).map_err(wrong)?;
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).map_err(wrong)?;
        std::fs::rename(&beside, &path).map_err(wrong)
    }

    fn read(&self, id: &str) -> Result<Json, Failure> {
        let text = std::fs::read_to_string(self.file(id, "json")?)
            .map_err(|_| Failure::missing(format!("there is no job '{id}'")))?;
        let mut job: Json =
            serde_json::from_str(&text).map_err(|_| Failure::broken("the job's note is damaged"))?;
        let is_here = self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(id);
        if let Some(properties) = job.get_mut("properties").filter(|p| p["status"] == "Running" && !is_here) {
            properties["status"] = Json::from("Failed");
            properties["exception"] = Json::from("the process ended while the job was running");
        }
        Ok(job)
    }

    async fn run(&self, job: Job, runbook: &RunbookConfig) {
        let work = async {
            match &runbook.url {
                Some(url) => self.post(&job, runbook, url).await,
                None => self.command(&job, runbook).await,
            }
        };
        let ended = tokio::time::timeout(runbook.timeout(), work).await;
        let ended = ended.unwrap_or_else(|_| {
            Err((String::new(), format!("the job took longer than {} seconds", runbook.timeout().as_secs())))
        });
        let (output, exception) = match ended {
            Ok(output) => (output, None),
            Err((output, exception)) => (output, Some(exception)),
        };
        let status = if exception.is_some() { "Failed" } else { "Completed" };
        let kept = self.file(&job.id, "out").map(|path| std::fs::write(path, output));
        if !matches!(kept, Ok(Ok(()))) || self.note(&job, status, Some(now()), exception).is_err() {
            tracing::warn!(job = %job.id, "the end of an automation job could not be noted");
        }
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.id);
    }

    async fn command(&self, job: &Job, runbook: &RunbookConfig) -> Result<String, (String, String)> {
        let failed = |text: String| (String::new(), text);
        let Some((program, arguments)) = runbook.command.split_first() else {
            return Err(failed("the runbook has no command".into()));
        };
        let mut command = tokio::process::Command::new(program);
        for argument in arguments {
            command.arg(self.argument(job, argument));
        }
        command.env_clear();
        for name in ["PATH", "HOME", "LANG", "SystemRoot"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for (name, reference) in &runbook.environment {
            let value = reference.resolve(&self.vault).await.map_err(|e| failed(format!("{name}: {e:?}")))?;
            command.env(name, value.expose_secret());
        }
        if let Some(folder) = &runbook.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|e| failed(format!("{program} cannot be started: {e}")))?;
        let input = Json::Object(job.parameters.clone()).to_string();
        let mut stdin = child.stdin.take();
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin.take() {
                // A command that does not read its input is no error.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let (_, output, said) = tokio::join!(write, text(&mut stdout), text(&mut stderr));
        let status = child.wait().await.map_err(|e| failed(format!("{program}: {e}")))?;
        if status.success() {
            return Ok(output);
        }
        let last = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
        Err((
            output,
            format!("{program} ended with {status}: {}", last.chars().take(500).collect::<String>()),
        ))
    }

    /// `{Name}` as a whole is the parameter; it stays one argument whatever is in it.
    fn argument(&self, job: &Job, argument: &str) -> String {
        let name = argument.strip_prefix('{').and_then(|a| a.strip_suffix('}'));
        match name {
            Some(name) => member(&job.parameters, name)
                .map(|v| Value::from(v).to_text().into_owned())
                .unwrap_or_default(),
            None => argument.to_owned(),
        }
    }

    async fn post(&self, job: &Job, runbook: &RunbookConfig, url: &str) -> Result<String, (String, String)> {
        let failed = |text: String| (String::new(), text);
        let client =
            crate::tls::http(None, runbook.timeout().as_secs()).map_err(|e| failed(format!("{e:?}")))?;
        let mut request = client.post(url).json(&json!({"runbook": job.name, "parameters": job.parameters}));
        if let Some(reference) = &runbook.authorization {
            let value = reference.resolve(&self.vault).await.map_err(|e| failed(format!("{e:?}")))?;
            request = request.header("Authorization", value.expose_secret());
        }
        let answer = request.send().await.map_err(|e| failed(e.without_url().to_string()))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| failed(e.without_url().to_string()))?;
        if status.is_success() {
            Ok(text)
        } else {
            Err((text, format!("the job's address answered {status}")))
        }
    }
}

/// What a pipe gives, up to [`MAX_OUTPUT`]; the rest is read and dropped, so that the command does not hang.
async fn text(pipe: &mut Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(pipe) = pipe else { return String::new() };
    let mut kept = Vec::new();
    let _ = (&mut *pipe).take(MAX_OUTPUT).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(pipe, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).into_owned()
}

impl Connector for AutomationConnector {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(async move { self.answer(&call).await.unwrap_or_else(Answer::from) })
    }
}
