//! Opening, locking, backing up.
use hirewire_store::{Options, Store, StoreError};

use crate::{new_job, upload};

#[test]
fn the_second_writer_learns_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hirewire.db");
    let first = Store::open(&path, Options::default()).unwrap();
    let error = Store::open(&path, Options::default()).unwrap_err();
    assert!(
        matches!(error, StoreError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    assert!(error.help().unwrap().contains(&std::process::id().to_string()));

    let job = new_job(&first, "API2AAD.one");
    let reader = Store::open_read_only(&path).unwrap();
    first.accept(upload(job, "r1", &["1"])).unwrap();
    assert_eq!(reader.queue_state(job).unwrap().waiting, 1);
    assert!(matches!(reader.set_setting("x", Some("y")), Err(StoreError::ReadOnly)));

    drop(first);
    let again = Store::open(&path, Options::default()).unwrap();
    assert_eq!(again.job("api2aad.ONE").unwrap().unwrap().key, job);
    assert_eq!(again.queue_state(job).unwrap().waiting, 1);
}

#[test]
fn foreign_and_newer_files_stay_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hirewire.db");
    drop(Store::open(&path, Options::default()).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 1_000).unwrap();
    assert!(matches!(
        Store::open(&path, Options::default()),
        Err(StoreError::NewerDatabase { found: 1_000, .. })
    ));
    assert!(matches!(Store::open_read_only(&path), Err(StoreError::NewerDatabase { .. })));

    let foreign = folder.path().join("other.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let before = std::fs::read(&foreign).unwrap();
    assert!(matches!(Store::open(&foreign, Options::default()), Err(StoreError::ForeignDatabase { .. })));
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    std::fs::write(
        folder.path().join("text.db"),
        "this is no database, it is a text of more than 100 bytes ".repeat(20),
    )
    .unwrap();
    assert!(matches!(
        Store::open(folder.path().join("text.db"), Options::default()),
        Err(StoreError::Sqlite(_))
    ));
    assert!(Store::open(folder.path().join("no/such/folder.db"), Options::default()).is_err());
}

#[test]
fn a_backup_is_a_whole_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("hirewire.db"), Options::default()).unwrap();
    let job = new_job(&store, "API2AAD.one");
    store.accept(upload(job, "r1", &["1", "2"])).unwrap();
    let copy = folder.path().join("copy.db");
    store.back_up(&copy).unwrap();
    assert!(matches!(store.back_up(&copy), Err(StoreError::Exists { .. })));
    let copy = Store::open(&copy, Options::default()).unwrap();
    assert_eq!(copy.queue_state(job).unwrap().waiting, 2);
}
