//! One thread owns the writing connection: group commit.
//!
//! Whoever waits when a transaction begins, or comes while it runs, shares its commit and so its flush of the disk. Answers go
//! out after the commit only. A job that fails takes back its own rows and nobody else's.
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::{Result, StoreError};

/// A transaction takes no new jobs after this time, so that the first one does not wait for ever.
const LONGEST: Duration = Duration::from_millis(25);
/// Nor more than this many.
const MOST: usize = 512;
/// Longest wait for callers who were answered together last time and probably come again at once.
const LINGER: Duration = Duration::from_micros(500);
/// After this long without work the write-ahead log is copied into the database.
const QUIET: Duration = Duration::from_millis(200);

type Answer = Box<dyn FnOnce(Result<()>) + Send>;
/// Given the open transaction, or the reason why there is none; says whether it went well.
type Job = Box<dyn FnOnce(Result<&Connection>) -> (bool, Answer) + Send>;

/// Handle of the writer thread; the thread ends when this is dropped, after all jobs handed in before.
pub(crate) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Arc<Mutex<Connection>>) -> std::io::Result<Self> {
        let (jobs, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&connection, &receiver))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands `work` in; `done` is called on the writer's thread once it is on disk or has failed.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<()> {
        let job: Job = Box::new(move |connection| {
            let result = connection.and_then(work);
            let good = result.is_ok();
            let answer: Answer =
                Box::new(move |committed| done(result.and_then(|value| committed.map(|()| value))));
            (good, answer)
        });
        self.jobs.as_ref().ok_or(StoreError::Closed)?.send(job).map_err(|_| StoreError::Closed)
    }

    /// Runs `work` in the writer's transaction and returns when it is on disk.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = channel();
        self.submit(work, move |result| {
            // The caller cannot have gone: it waits below.
            let _ = sender.send(result);
        })?;
        receiver.recv().map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Mutex<Connection>, jobs: &Receiver<Job>) {
    let mut expected = 1;
    let mut unsaved = false;
    loop {
        let first = match jobs.recv_timeout(QUIET) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                if std::mem::take(&mut unsaved) {
                    checkpoint(connection);
                }
                match jobs.recv() {
                    Ok(job) => job,
                    Err(_) => break,
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        expected = group(&connection, first, jobs, expected);
        unsaved = true;
    }
    checkpoint(connection);
}

/// A passive checkpoint never waits for readers; what it cannot copy now it copies next time.
fn checkpoint(connection: &Mutex<Connection>) {
    let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
}

/// Runs one transaction and answers everybody in it; returns how many there were.
fn group(connection: &Connection, first: Job, jobs: &Receiver<Job>, expected: usize) -> usize {
    let began = Instant::now();
    let mut kept: Vec<Answer> = Vec::with_capacity(expected);
    let mut undone: Vec<Answer> = Vec::new();
    let mut count = 0;
    let mut next = Some(first);
    while let Some(job) = next {
        count += 1;
        let (answer, fate) = perform(connection, job, !kept.is_empty());
        match fate {
            Fate::Kept => kept.push(answer),
            Fate::Undone => undone.push(answer),
            Fate::Lost(error) => {
                undone.push(answer);
                for answer in kept.drain(..) {
                    answer(Err(error.clone()));
                }
            }
        }
        let full = count >= MOST || began.elapsed() >= LONGEST;
        next = if full { None } else { wait(jobs, if count < expected { LINGER } else { Duration::ZERO }) };
    }
    let committed = if kept.is_empty() { Ok(()) } else { commit(connection) };
    for answer in kept {
        answer(committed.clone());
    }
    for answer in undone {
        answer(Ok(()));
    }
    count
}

fn wait(jobs: &Receiver<Job>, longest: Duration) -> Option<Job> {
    match jobs.try_recv() {
        Ok(job) => Some(job),
        Err(_) if longest.is_zero() => None,
        Err(_) => jobs.recv_timeout(longest).ok(),
    }
}

/// What became of a job's rows before the commit.
enum Fate {
    /// They are in the open transaction.
    Kept,
    /// The job failed and left nothing.
    Undone,
    /// The job failed so badly (full disk, I/O error) that the whole transaction is gone.
    Lost(StoreError),
}

/// Runs one job. The first job of a transaction needs no savepoint: if it fails there is nothing else to keep.
fn perform(connection: &Connection, job: Job, open: bool) -> (Answer, Fate) {
    let begin = if open { "SAVEPOINT job" } else { "BEGIN IMMEDIATE" };
    if let Err(error) = execute(connection, begin) {
        return (job(Err(error)).1, Fate::Undone);
    }
    let (good, answer) = job(Ok(connection));
    let closed = match (good, open) {
        (true, true) => execute(connection, "RELEASE job"),
        (true, false) => Ok(()),
        (false, true) => {
            execute(connection, "ROLLBACK TO job").and_then(|()| execute(connection, "RELEASE job"))
        }
        (false, false) => roll_back(connection),
    };
    let fate = match closed {
        Ok(()) if good => Fate::Kept,
        Ok(()) => Fate::Undone,
        Err(error) => {
            let _ = roll_back(connection);
            Fate::Lost(error)
        }
    };
    (answer, fate)
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn commit(connection: &Connection) -> Result<()> {
    execute(connection, "COMMIT").inspect_err(|_| {
        let _ = roll_back(connection);
    })
}

/// SQLite ends a transaction by itself on some errors; then there is nothing left to roll back.
fn roll_back(connection: &Connection) -> Result<()> {
    if connection.is_autocommit() { Ok(()) } else { execute(connection, "ROLLBACK") }
}
