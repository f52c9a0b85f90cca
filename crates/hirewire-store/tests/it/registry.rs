//! Jobs, schemas, secrets, applications, runs, settings, files.
use hirewire_store::seal::{MasterKey, SealError};
use hirewire_store::{
    App, CredentialKind, NewCredential, NewJob, Options, Pickup, ScheduleState, StatusCode, Store,
    StoreError, content_hash,
};
use secrecy::ExposeSecret;

use crate::{at, linked, memory, new_job, upload};

#[test]
fn jobs_change_and_go() {
    let (store, key) = memory();
    let mut job = store.job_by_key(key).unwrap();
    assert_eq!((job.schedule, job.status), (ScheduleState::Disabled, StatusCode::NotConfigured));
    job.schedule = ScheduleState::Active;
    job.status = StatusCode::Quarantine;
    job.quarantine = Some(r#"{"reason":"TooManyDeletes"}"#.into());
    job.settings = r#"[{"name":"x","value":"y"}]"#.into();
    store.update_job(&job).unwrap();
    assert_eq!(store.job("api2aad.ONE").unwrap(), Some(job.clone()));
    let twice = NewJob {
        id: "API2AAD.ONE".into(),
        template: "API2AAD".into(),
        service_principal: "sp".into(),
        service_principal_name: "n".into(),
        settings: "[]".into(),
        created: at(0),
    };
    assert!(matches!(store.create_job(twice.clone()), Err(StoreError::Exists { what: "job", .. })));
    store.accept(upload(key, "r", &["1"])).unwrap();
    let people = vec![linked("1", "t1")];
    store
        .commit_batch(hirewire_store::BatchResult { job: key, cycle: None, now: at(0), people, counts: None })
        .unwrap();
    store.delete_job(key, at(2)).unwrap();
    assert!(matches!(store.update_job(&job), Err(StoreError::NotFound { .. })));
    assert!(matches!(store.delete_job(key, at(2)), Err(StoreError::NotFound { .. })));
    assert_eq!(store.queue_state(key).unwrap().waiting, 0);
    let again = store.create_job(twice).unwrap();
    assert_ne!(again.key, key);
    assert_eq!(store.count_people(again.key).unwrap(), (0, 0));
    assert_eq!(store.jobs().unwrap().len(), 1);
}

#[test]
fn schemas_keep_every_version_byte_for_byte() {
    let (store, job) = memory();
    assert_eq!(store.schema(job, None).unwrap(), None);
    let texts = ["{ \"a\" : 1 }\n", "{\"a\":1}", "{\"a\":1}", "{ \"a\" : 1 }\n"];
    let versions: Vec<i64> =
        texts.iter().map(|text| store.save_schema(job, text, "Ada", at(0)).unwrap()).collect();
    assert_eq!(versions, [1, 2, 2, 3]);
    assert_eq!(store.schema(job, Some(2)).unwrap().unwrap().1, texts[1]);
    assert_eq!(store.restore_schema(job, 2, "Bob", at(9)).unwrap(), 4);
    let (newest, text) = store.schema(job, None).unwrap().unwrap();
    assert_eq!((newest.version, newest.saved_by.as_str(), text.as_str()), (4, "Bob", texts[1]));
    assert_eq!(store.schema_versions(job).unwrap().len(), 4);
    assert!(matches!(store.restore_schema(job, 99, "Bob", at(9)), Err(StoreError::NotFound { .. })));
}

#[test]
fn secrets_stay_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hirewire.db");
    let store = Store::open(&path, Options::default()).unwrap();
    store.put_secret("sp", "SecretToken", b"top-secret-value", at(0)).unwrap();
    store.put_secret("sp", "Url", b"", at(1)).unwrap();
    let names: Vec<String> = store.secret_names("sp").unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["SecretToken", "Url"]);
    assert_eq!(store.open_secret("sp", "SecretToken").unwrap().unwrap().expose_secret(), b"top-secret-value");
    assert_eq!(store.open_secret("sp", "Url").unwrap().unwrap().expose_secret(), b"");
    assert!(store.open_secret("other", "Url").unwrap().is_none());
    store.replace_secrets("sp", &[("Domain".into(), b"d".to_vec())], at(2)).unwrap();
    assert_eq!(store.secret_names("sp").unwrap().len(), 1);
    let new = MasterKey::random().unwrap();
    assert_eq!(store.change_master_key(&new).unwrap(), 1);
    assert!(matches!(store.open_secret("sp", "Domain"), Err(StoreError::Seal(SealError::OtherKey))));
    drop(store);
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(10).any(|window| window == b"top-secret"));
    let store = Store::open(&path, Options { master_key: Some(new) }).unwrap();
    assert_eq!(store.open_secret("sp", "Domain").unwrap().unwrap().expose_secret(), b"d");
    assert!(store.delete_secret("sp", "Domain").unwrap() && !store.delete_secret("sp", "Domain").unwrap());
}

#[test]
fn applications_and_their_credentials() {
    let (store, _) = memory();
    let app = App {
        app_id: "0b9a6c1e-55d0-4f8f-9a35-6d1c2e7b8a90".into(),
        object_id: "7f1f2b64-93a1-4c39-8d25-0e5f0a6f4c11".into(),
        name: "HR".into(),
        template: None,
        created: at(0),
        permissions: vec!["ProvisioningLog.Read.All".into()],
        owns: vec![],
    };
    store.put_app(app.clone()).unwrap();
    assert_eq!(store.app(&app.object_id.to_uppercase()).unwrap(), Some(app.clone()));
    let taken = App { app_id: "other".into(), ..app.clone() };
    assert!(matches!(store.put_app(taken), Err(StoreError::Exists { .. })));

    let secret = || NewCredential::Secret("s3cret-of-hr".into());
    store.add_credential(&app.app_id, "k1", "day", secret(), at(0), Some(at(100))).unwrap();
    store
        .add_credential(&app.app_id, "k2", "old", NewCredential::Secret("older".into()), at(0), None)
        .unwrap();
    let certificate = NewCredential::Certificate {
        thumbprint_sha1: "t".into(),
        thumbprint_sha256: "u".into(),
        jwk: "{}".into(),
    };
    store.add_credential(&app.app_id, "k3", "cert", certificate, at(1), None).unwrap();
    assert!(matches!(
        store.add_credential("none", "k4", "x", secret(), at(0), None),
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store.add_credential(&app.app_id, "K1", "x", secret(), at(0), None),
        Err(StoreError::Exists { .. })
    ));
    let cases = [
        ("s3cret-of-hr", 99, Some("k1")),
        ("s3cret-of-hr", 100, None),
        ("older", 100, Some("k2")),
        ("", 0, None),
    ];
    for (secret, seconds, want) in cases {
        assert_eq!(
            store.verify_secret(&app.app_id, secret, at(seconds)).unwrap().as_deref(),
            want,
            "{secret} {seconds}"
        );
    }
    let shown = store.credentials(&app.app_id).unwrap();
    assert_eq!((shown[0].hint.as_deref(), shown[2].kind), (Some("s3c"), CredentialKind::Certificate));
    assert!(!format!("{shown:?} {:?}", secret()).contains("s3cret-of-hr"));
    assert!(store.delete_credential("k2").unwrap());
    assert!(store.delete_app(&app.app_id).unwrap());
    assert!(store.credentials(&app.app_id).unwrap().is_empty() && store.apps().unwrap().is_empty());
}

#[test]
fn runs_settings_files_and_fingerprints() {
    let (store, _) = memory();
    store.workflow_put("a/1", 2, b"two".to_vec()).unwrap();
    store.workflow_put_all("a/1", vec![(1, b"one".to_vec()), (2, b"zwei".to_vec())]).unwrap();
    store.workflow_put("b/1", 1, vec![0; 10_000]).unwrap();
    assert_eq!(store.workflow_read("a/1").unwrap(), [(1, b"one".to_vec()), (2, b"zwei".to_vec())]);
    let runs = store.workflow_runs("a/", None, 10).unwrap();
    assert_eq!((runs.len(), runs[0].entries, runs[0].last), (1, 2, 2));
    assert!(store.workflow_delete("a/1").unwrap() && store.workflow_read("a/1").unwrap().is_empty());

    store.set_setting("ui.theme", Some("dark")).unwrap();
    store.set_setting("ui.zone", Some("UTC")).unwrap();
    store.set_setting("ui.zone", None).unwrap();
    assert_eq!(store.settings("ui.").unwrap(), [("ui.theme".into(), "dark".into())]);
    assert_eq!(store.setting("ui.zone").unwrap(), None);

    let hash = content_hash(b"file");
    let pickup =
        Pickup { source: "s".into(), name: "a.csv".into(), content_hash: hash, size: 4, picked: at(0) };
    store.record_pickup(pickup.clone()).unwrap();
    assert_eq!(store.find_pickup("s", &hash).unwrap(), Some(pickup));
    assert_eq!(store.find_pickup("t", &hash).unwrap(), None);
    assert_eq!(store.pickups("s", 10).unwrap().len(), 1);

    store.append_fingerprints("s", vec![1, 2]).unwrap();
    store.append_fingerprints("s", vec![3]).unwrap();
    assert_eq!(all(&store, "s"), [1, 2, 3]);
    assert_eq!(store.fingerprint_size("s").unwrap(), (3, 2));
    store.replace_fingerprints("s", vec![vec![9]]).unwrap();
    assert_eq!(all(&store, "s"), [9]);
    store.replace_fingerprints("s", vec![]).unwrap();
    assert_eq!(store.fingerprint_size("s").unwrap(), (0, 0));
    assert_eq!(new_job(&store, "API2AD.x"), store.job("API2AD.x").unwrap().unwrap().key);
}

/// The segments of a source behind each other.
pub(crate) fn all(store: &Store, source: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.fingerprints(source, |segment| bytes.extend_from_slice(segment)).unwrap();
    bytes
}
