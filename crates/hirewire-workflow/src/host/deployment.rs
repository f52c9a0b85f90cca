//! A workflow ready to run: definition, parameter values, settings, keys, version.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::bind::bind_parameters;
use crate::definition::{Finding, Workflow, compile};
use crate::run::RunOptions;

/// Who sends events to a Request trigger, where the sender signs them in its own way.
#[derive(Debug, Clone)]
pub enum Sender {
    /// HiBob: `Bob-Signature`, a test ping, repeated deliveries. Without a secret signatures are not checked.
    HiBob(Option<String>),
}

/// A workflow with everything a run needs.
pub struct Deployment {
    /// The compiled definition.
    pub workflow: Arc<Workflow>,
    /// Parameter values and settings.
    pub options: RunOptions,
    /// Hash of definition, parameters and settings: runs go on with the version they began with.
    pub version: String,
    /// Whether history is dropped when a run ends (`kind: Stateless`).
    pub stateless: bool,
    /// Who sends events to the Request trigger.
    pub sender: Option<Sender>,
    enabled: AtomicBool,
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment").field("workflow", &self.workflow.name).finish_non_exhaustive()
    }
}

/// What is kept of a version, so that its runs can go on after the files have changed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    name: String,
    definition: Json,
    parameters: Map<String, Json>,
    settings: Map<String, Json>,
    standard: bool,
    stateless: bool,
}

impl Version {
    pub(crate) fn deploy(self) -> Result<Deployment, Vec<Finding>> {
        let (workflow, findings) = compile(&self.name, &self.definition, self.standard);
        let workflow = workflow.ok_or(findings)?;
        Deployment::new(workflow, &self.parameters, self.settings, self.stateless)
    }
}

impl Deployment {
    /// Binds a compiled definition to parameter values and settings.
    ///
    /// # Errors
    /// One finding per parameter without a value or with a wrong one.
    pub fn new(
        workflow: Workflow,
        parameters: &Map<String, Json>,
        settings: Map<String, Json>,
        stateless: bool,
    ) -> Result<Self, Vec<Finding>> {
        let parameters = bind_parameters(&workflow, parameters, &settings)?;
        let options = RunOptions { parameters, app_settings: settings, ..RunOptions::default() };
        let mut deployment = Self {
            workflow: Arc::new(workflow),
            options,
            version: String::new(),
            stateless,
            sender: None,
            enabled: AtomicBool::new(true),
        };
        let text = serde_json::to_vec(&deployment.kept()).unwrap_or_default();
        let hash = digest::digest(&digest::SHA256, &text);
        deployment.version = hash.as_ref()[..16].iter().map(|b| format!("{b:02x}")).collect();
        Ok(deployment)
    }

    pub(crate) fn kept(&self) -> Version {
        Version {
            name: self.workflow.name.clone(),
            definition: self.workflow.definition.clone(),
            parameters: self.options.parameters.clone(),
            settings: self.options.app_settings.clone(),
            standard: self.workflow.is_standard,
            stateless: self.stateless,
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.workflow.name
    }

    /// Whether its triggers fire.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }
}
