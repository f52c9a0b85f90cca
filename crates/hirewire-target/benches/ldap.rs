//! Creating and listing people, beside `ldapadd` and `ldapsearch` with the same entries on the same server in the same run.
//!
//! `cargo bench -p hirewire-target --bench ldap [-- COUNT] [PART]`, PART being `slapd` or `samba`; prints rates and ratios. The bar: at least 0.9 × the better
//! of one and four `ldapadd` processes.
#![allow(clippy::print_stdout)]
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use base64::Engine as _;
use hirewire_engine::target::{Step, Target as _};
use hirewire_engine::value::{AttributeValue, Attributes};
use hirewire_target::ldap::LdapTarget;

struct Server {
    script: PathBuf,
    folder: PathBuf,
    values: HashMap<String, String>,
    ad: bool,
}

impl Server {
    fn start(name: &str, environment: &[(&str, &str)]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../parts/{name}.sh"));
        let folder = tempfile::Builder::new().prefix("hw-").tempdir().unwrap().keep();
        let output =
            Command::new(&script).arg("up").arg(&folder).envs(environment.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let values =
            text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
        Self { script, folder, values, ad: name == "samba-ad" }
    }

    fn get(&self, ad: &str, inet: &str) -> &str {
        &self.values[if self.ad { ad } else { inet }]
    }

    fn target(&self) -> LdapTarget {
        let json = serde_json::json!({
            "urls": [self.get("AD_URL", "LDAP_URL")],
            "dialect": if self.ad { "active_directory" } else { "inetOrgPerson" },
            "bind": { "method": "simple", "name": self.get("AD_BIND_DN", "LDAP_BIND_DN"), "password": self.get("AD_PASSWORD", "LDAP_PASSWORD") },
            "base_dn": self.get("AD_BASE_DN", "LDAP_BASE_DN"),
            "container": self.get("AD_PEOPLE_DN", "LDAP_PEOPLE_DN"),
            "tls": { "ca_file": self.get("AD_CA_FILE", "LDAP_CA_FILE") },
        });
        LdapTarget::new(serde_json::from_value(json).unwrap()).unwrap()
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .env("LDAPTLS_CACERT", self.get("AD_CA_FILE", "LDAP_CA_FILE"))
            .args([
                "-x",
                "-H",
                self.get("AD_URL", "LDAP_URL"),
                "-D",
                self.get("AD_BIND_DN", "LDAP_BIND_DN"),
                "-w",
                self.get("AD_PASSWORD", "LDAP_PASSWORD"),
            ])
            .stdout(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new(&self.script).arg("down").arg(&self.folder).output();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn person(server: &Server, key: &str) -> Attributes {
    let mut person = Attributes::new();
    let mut set = |name: &str, value: &str| {
        person.insert(name.into(), AttributeValue::Text(value.into()));
    };
    for (name, value) in [
        ("cn", key),
        ("sn", "Müller"),
        ("givenName", "Jürgen"),
        ("displayName", "Jürgen Müller"),
        ("title", "Software Engineer"),
        ("telephoneNumber", "+44 20 7946 0000"),
        ("mobile", "+44 7000 000000"),
        ("l", "London"),
        ("postalCode", "EC1A 1AA"),
        ("physicalDeliveryOfficeName", "HQ"),
    ] {
        set(name, value);
    }
    set("mail", &format!("{key}@corp.example"));
    if server.ad {
        for (name, value) in [
            ("employeeID", key),
            ("sAMAccountName", key),
            ("department", "Engineering"),
            ("company", "Northbeam"),
        ] {
            set(name, value);
        }
        set("userPrincipalName", &format!("{key}@corp.example"));
    } else {
        for (name, value) in
            [("employeeNumber", key), ("uid", key), ("departmentNumber", "Engineering"), ("o", "Northbeam")]
        {
            set(name, value);
        }
    }
    person
}

/// The same entries as the target sends, password included.
fn ldif(server: &Server, prefix: &str, range: std::ops::Range<usize>) -> String {
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let password: Vec<u8> = "\"Pa55word!Pa55word!\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let people = server.get("AD_PEOPLE_DN", "LDAP_PEOPLE_DN");
    let mut text = String::new();
    for i in range {
        let key = format!("{prefix}{i:06}");
        let rdn = if server.ad { "CN" } else { "uid" };
        let _ = writeln!(text, "dn: {rdn}={key},{people}");
        for class in
            ["top", "person", "organizationalPerson", if server.ad { "user" } else { "inetOrgPerson" }]
        {
            let _ = writeln!(text, "objectClass: {class}");
        }
        for (name, value) in person(server, &key) {
            let AttributeValue::Text(value) = value else { continue };
            let _ = writeln!(text, "{name}:: {}", base64(value.as_bytes()));
        }
        if server.ad {
            let _ = writeln!(text, "userAccountControl: 512\nunicodePwd:: {}", base64(&password));
        }
        text.push('\n');
    }
    text
}

/// People per second of `processes` parallel ldapadd.
fn ldapadd(server: &Server, prefix: &str, count: usize, processes: usize) -> f64 {
    let each = count / processes;
    let files: Vec<PathBuf> = (0..processes)
        .map(|p| {
            let file = server.folder.join(format!("{prefix}{p}.ldif"));
            std::fs::write(&file, ldif(server, prefix, p * each..(p + 1) * each)).unwrap();
            file
        })
        .collect();
    let started = Instant::now();
    let mut running: Vec<_> =
        files.iter().map(|f| server.tool("ldapadd").arg("-f").arg(f).spawn().unwrap()).collect();
    assert!(running.iter_mut().all(|c| c.wait().unwrap().success()));
    (each * processes) as f64 / started.elapsed().as_secs_f64()
}

async fn create(server: &Server, prefix: &str, count: usize) -> f64 {
    let target = server.target();
    let steps: Vec<Step> =
        (0..count).map(|i| Step::Create { attributes: person(server, &format!("{prefix}{i:06}")) }).collect();
    let started = Instant::now();
    for batch in steps.chunks(500) {
        for answer in target.apply(batch).await {
            answer.unwrap();
        }
    }
    count as f64 / started.elapsed().as_secs_f64()
}

async fn list(server: &Server) -> (usize, f64) {
    let target = server.target();
    let wanted =
        ["cn", "sn", "displayName", "mail", "title", "telephoneNumber", "l", "accountDisabled", "manager"]
            .map(str::to_owned);
    let mut count = 0;
    target.enumerate(&wanted, &mut |_| count += 1).await.unwrap(); // schema and connection
    count = 0;
    let started = Instant::now();
    target.enumerate(&wanted, &mut |_| count += 1).await.unwrap();
    (count, count as f64 / started.elapsed().as_secs_f64())
}

fn ldapsearch(server: &Server, count: usize) -> f64 {
    let started = Instant::now();
    let page = if server.ad { "pr=1000/noprompt" } else { "pr=500/noprompt" };
    let wanted =
        ["cn", "sn", "displayName", "mail", "title", "telephoneNumber", "l", "userAccountControl", "manager"];
    let status = server
        .tool("ldapsearch")
        .args([
            "-E",
            page,
            "-LLL",
            "-b",
            server.get("AD_PEOPLE_DN", "LDAP_PEOPLE_DN"),
            "(objectClass=person)",
        ])
        .args(wanted)
        .status();
    assert!(status.unwrap().success());
    count as f64 / started.elapsed().as_secs_f64()
}

fn main() {
    let count = std::env::args().filter_map(|a| a.parse().ok()).next();
    let part_wanted = std::env::args().skip(1).find(|a| a.starts_with(|c: char| c.is_ascii_alphabetic()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (label, part, environment, usual) in [
        ("slapd, durable", "openldap", &[("OPENLDAP_SYNC", "# every write is flushed")][..], 2000),
        ("slapd, dbnosync", "openldap", &[], 6000),
        ("Samba AD", "samba-ad", &[], 400),
    ] {
        if part_wanted.as_ref().is_some_and(|wanted| !label.to_lowercase().contains(wanted.as_str())) {
            continue;
        }
        let count = count.unwrap_or(usual);
        let server = Server::start(part, environment);
        // Warm up, then alternate, so that a growing directory and a busy machine treat all alike.
        runtime.block_on(create(&server, "warm", count / 10));
        let (mut single, mut parallel, mut ours) = (0f64, 0f64, 0f64);
        for round in 0..3 {
            single = single.max(ldapadd(&server, &format!("a{round}"), count, 1));
            ours = ours.max(runtime.block_on(create(&server, &format!("c{round}"), count)));
            parallel = parallel.max(ldapadd(&server, &format!("b{round}"), count, 4));
        }
        let ratio = ours / single.max(parallel);
        println!(
            "{label}: create {ours:.0}/s; ldapadd {single:.0}/s, four at once {parallel:.0}/s; ratio {ratio:.2} (at least 0.90)"
        );
        let (people, rate) = runtime.block_on(list(&server));
        let tool = ldapsearch(&server, people);
        println!(
            "{label}: list {people} people {rate:.0}/s; ldapsearch {tool:.0}/s; ratio {:.2}",
            rate / tool
        );
    }
}
