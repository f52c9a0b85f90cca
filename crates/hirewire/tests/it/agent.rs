//! `hirewire agent`: the service reaches the directory only through the connection that the agent dials.
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::directories::Directory;
use crate::hirewire::{Home, sample, text};

const SYNC: [&str; 4] = ["sync", "--yes", "--as-of", "2025-03-03"];

struct Agent(Child);

impl Agent {
    fn start(home: &Home, directory: &Directory, port: u16, token: &str) -> Self {
        let file = home.path().join("agent-side.secret");
        std::fs::write(&file, token).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_hirewire"))
            .args(["agent", "--connect", &format!("localhost:{port}"), "--allow"])
            .arg(directory.part.get("LDAP_URL").trim_start_matches("ldaps://"))
            .arg("--token-file")
            .arg(&file)
            .args(["--ca", directory.part.get("LDAP_CA_FILE")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        Self(child)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn project(directory: &Directory, size: &str) -> (Home, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let tls = std::path::Path::new(directory.part.get("LDAP_CA_FILE")).parent().expect("a folder").display();
    let home = directory.project(
        &sample(&format!("hris/{size}/day1.csv")),
        &format!(
            "connect_seconds = 5\nagent = {{ listen = \"127.0.0.1:{port}\", token = {{ file = \"agent.secret\" }}, \
             certificate_file = \"{tls}/cert.pem\", key_file = \"{tls}/key.pem\" }}\n"
        ),
    );
    std::fs::write(home.path().join("agent.secret"), "0123456789abcdef0123456789abcdef").expect("written");
    (home, port)
}

#[test]
fn only_the_right_agent_carries_the_work() {
    let directory = Directory::start(false);
    let (home, port) = project(&directory, "100");
    let output = home.run(&SYNC);
    assert!(!output.status.success() && text(&output).contains("agent"), "{}", text(&output));
    {
        let _wrong = Agent::start(&home, &directory, port, "a-token-that-is-not-the-right-one");
        let output = home.run(&SYNC);
        assert!(!output.status.success(), "{}", text(&output));
    }
    assert!(directory.everybody().is_empty());
    let _agent = Agent::start(&home, &directory, port, "0123456789abcdef0123456789abcdef");
    let output = home.run(&SYNC);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(directory.everybody().len(), 100);
    let output = home.run(&["target", "check", "directory"]);
    assert!(output.status.success(), "{}", text(&output));
}

/// A cut in the middle of the work, on either side: nothing is lost and nobody is there twice.
#[test]
fn cuts_lose_nothing() {
    let directory = Directory::start(false);
    let (home, port) = project(&directory, "2000");
    let token = "0123456789abcdef0123456789abcdef";
    let some_are_there = |least: usize| {
        let began = Instant::now();
        while directory.everybody().len() < least {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing arrives");
        }
    };
    // The service is killed.
    let agent = Agent::start(&home, &directory, port, token);
    let mut running =
        home.command(&SYNC).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    some_are_there(1);
    running.kill().expect("killed");
    running.wait().expect("ended");
    // The agent is killed, and another one dials in.
    let at = directory.everybody().len();
    let mut running =
        home.command(&SYNC).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    some_are_there((at + 50).min(2000));
    drop(agent);
    let _agent = Agent::start(&home, &directory, port, token);
    running.wait().expect("ended");
    // Whoever could not be written waits; now they are.
    let output = home.run(&["restart", "--reset-scope", "Escrows, Watermark"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = home.run(&SYNC);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(directory.everybody().len(), 2000);
}
