//! The running service: it picks exports up by itself, and commands beside it are done by it.
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use crate::hirewire::{Home, text};

const STAFF: &str = "Staff No;Given;Surname;Mail;State\nS-1;Ada;Moreau;ada@contoso.com;Active\nS-2;Lin;Chen;lin@contoso.com;Active\n";

/// A running `hirewire serve`, ended with the test.
struct Service {
    child: Child,
    /// Read from no more, but kept open: a program whose output goes nowhere ends.
    _out: Lines<BufReader<ChildStdout>>,
}

impl Service {
    fn start(home: &Home) -> Self {
        let log = std::fs::File::create(home.path().join("service.log")).expect("a log");
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the service starts");
        let out = child.stdout.take().expect("its output");
        let mut out = BufReader::new(out).lines();
        let listening = out.by_ref().map_while(Result::ok).any(|line| line.contains("listening"));
        let service = Self { child, _out: out };
        assert!(listening, "the service does not listen");
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn home() -> Home {
    let folder = tempfile::tempdir().expect("a folder");
    let export = folder.path().join("staff.csv");
    std::fs::write(&export, STAFF).expect("the export");
    let home = Home::from_export(&export);
    let file = home.path().join("hirewire.toml");
    let toml = std::fs::read_to_string(&file).expect("the project");
    let toml = toml
        .replace(&export.display().to_string(), "incoming/*.csv")
        .replace("# every = \"1m\"", "every = \"1s\"");
    std::fs::write(&file, toml).expect("the project");
    std::fs::create_dir(home.path().join("incoming")).expect("a folder");
    home
}

/// Waits until the accounts are as wanted.
fn wait(home: &Home, what: &str, wanted: impl Fn(&[serde_json::Value]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !wanted(&home.users()) {
        let log = || std::fs::read_to_string(home.path().join("service.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "{what}: {:?}\n{}", home.users(), log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn exports_are_picked_up_and_commands_are_done_by_the_service() {
    let home = home();
    let service = Service::start(&home);
    std::fs::write(home.path().join("incoming/one.csv"), STAFF).expect("the export");
    wait(&home, "the first export is applied", |users| users.len() == 2);

    let other = home.path().join("other.csv");
    std::fs::write(&other, format!("{STAFF}S-3;Max;Stein;max@contoso.com;Active\n")).expect("the export");
    let output =
        home.command(&["sync", "--yes", "other.csv"]).current_dir(home.path()).arg("-C").arg(".").output();
    let output = output.expect("the command runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("create 1"), "{}", text(&output));
    assert_eq!(home.users().len(), 3);

    let output = home.run(&["app", "add", "uploader", "--grant", "SynchronizationData-User.Upload"]);
    assert!(text(&output).contains("client secret"), "{}", text(&output));
    let (_, cycles) = home.json(&["cycles"]);
    let cycle = cycles["value"][0]["id"].as_str().expect("a cycle").to_owned();
    let output = home.run(&["undo", &cycle, "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    wait(&home, "the joiner is taken back", |users| users.len() == 2);

    let output = home.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1), "a second service is refused: {}", text(&output));
    drop(service);
    assert_eq!(home.run(&["sync", "--yes"]).status.code(), Some(0), "the project is free again");
}
