//! `hirewire agent`: LDAP for a service that cannot reach the directory itself.
use hirewire_target::agent::{Agent, AgentOptions};
use hirewire_target::password::SecretSource;

use crate::cli::AgentArgs;
use crate::cycle::block_on;
use crate::output::say;
use crate::report::Report;

/// Runs until the process is ended; dials again after every cut.
pub(crate) fn run(arguments: &AgentArgs) -> Result<(), Report> {
    let options = AgentOptions {
        connect: arguments.connect.clone(),
        allow: arguments.allow.clone(),
        token: SecretSource::File { file: arguments.token_file.clone() },
        ca_file: arguments.ca.clone(),
    };
    let agent = Agent::new(options).map_err(|error| Report::new(error.to_string()))?;
    let mut last = String::new();
    block_on(agent.run(|state| {
        let line = match state {
            Ok(()) => format!("connected to {}", arguments.connect),
            Err(error) => format!("{}: {error}; dialling again", arguments.connect),
        };
        // The same reason again and again is said once.
        if line != last {
            say(&line);
        }
        last = line;
    }));
    Ok(())
}
