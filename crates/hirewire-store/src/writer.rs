//! One thread owns the writing connection: group commit.
//!
//! Whoever waits when a transaction begins, or comes while it runs, shares its commit and so its flush of the disk. Answers go
//! out after the commit only. A job that fails takes back its own rows and nobody else's.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
const QUIET: Duration = Duration::from_secs(1);

type Answer = Box<dyn FnOnce(Result<()>) + Send>;
/// Given the open transaction, or the reason why there is none; says whether it went well.
type Job = Box<dyn FnOnce(Result<&Connection>) -> (bool, Answer) + Send>;

/// What the thread is told.
enum Message {
    /// Something to run.
    Work(Job),
    /// Somebody wrote by himself: a checkpoint is due in the next quiet moment.
    Wrote,
}

/// Handle of the writer thread; the thread ends when this is dropped, after all jobs handed in before.
pub(crate) struct Writer {
    connection: Arc<Mutex<Connection>>,
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// What callers and the thread know of each other.
#[derive(Default)]
struct Shared {
    /// Jobs handed to the thread and not yet answered.
    pending: AtomicUsize,
    /// Transactions that callers ran by themselves.
    alone: AtomicUsize,
    /// There is something to checkpoint, and the thread knows.
    unsaved: AtomicBool,
}

impl Writer {
    pub(crate) fn start(connection: Arc<Mutex<Connection>>) -> std::io::Result<Self> {
        let (messages, receiver) = channel();
        let shared = Arc::new(Shared::default());
        let (theirs, known) = (connection.clone(), shared.clone());
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&theirs, &receiver, &known))?;
        Ok(Self { connection, messages: Some(messages), thread: Some(thread), shared })
    }

    /// Hands `work` in; `done` is called on the writer's thread once it is on disk or has failed.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<()> {
        let shared = self.shared.clone();
        let job: Job = Box::new(move |connection| {
            let result = connection.and_then(work);
            let good = result.is_ok();
            let answer: Answer = Box::new(move |committed| {
                shared.pending.fetch_sub(1, Ordering::SeqCst);
                done(result.and_then(|value| committed.map(|()| value)));
            });
            (good, answer)
        });
        self.shared.pending.fetch_add(1, Ordering::SeqCst);
        self.send(Message::Work(job))
    }

    /// Runs `work` in a transaction and returns when it is on disk: together with others through the thread, or here when
    /// nobody else writes, which saves two changes of thread.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.shared.pending.load(Ordering::SeqCst) == 0
            && let Ok(connection) = self.connection.try_lock()
        {
            let result = alone(&connection, work);
            drop(connection);
            self.shared.alone.fetch_add(1, Ordering::SeqCst);
            if !self.shared.unsaved.swap(true, Ordering::SeqCst) {
                self.send(Message::Wrote)?;
            }
            return result;
        }
        let (sender, receiver) = channel();
        self.submit(work, move |result| {
            // The caller cannot have gone: it waits below.
            let _ = sender.send(result);
        })?;
        receiver.recv().map_err(|_| StoreError::Closed)?
    }

    fn send(&self, message: Message) -> Result<()> {
        self.messages.as_ref().ok_or(StoreError::Closed)?.send(message).map_err(|_| StoreError::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One caller's transaction.
fn alone<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    execute(connection, "BEGIN IMMEDIATE")?;
    match work(connection) {
        Ok(value) => commit(connection).map(|()| value),
        Err(error) => roll_back(connection).and(Err(error)),
    }
}

fn run(connection: &Mutex<Connection>, messages: &Receiver<Message>, shared: &Shared) {
    let mut expected = 1;
    let mut seen = 0;
    loop {
        let message = match messages.recv_timeout(QUIET) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => {
                let now = shared.alone.load(Ordering::SeqCst);
                if std::mem::replace(&mut seen, now) != now {
                    continue;
                }
                if shared.unsaved.swap(false, Ordering::SeqCst) {
                    checkpoint(connection);
                }
                messages.recv().ok()
            }
            Err(RecvTimeoutError::Disconnected) => None,
        };
        match message {
            None => break,
            Some(Message::Wrote) => {}
            Some(Message::Work(job)) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                expected = group(&connection, job, messages, expected);
                shared.unsaved.store(true, Ordering::SeqCst);
            }
        }
    }
    checkpoint(connection);
}

/// A passive checkpoint never waits for readers; what it cannot copy now it copies next time.
fn checkpoint(connection: &Mutex<Connection>) {
    let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
}

/// Runs one transaction and answers everybody in it; returns how many there were.
fn group(connection: &Connection, first: Job, messages: &Receiver<Message>, expected: usize) -> usize {
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
        next =
            if full { None } else { wait(messages, if count < expected { LINGER } else { Duration::ZERO }) };
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

fn wait(messages: &Receiver<Message>, longest: Duration) -> Option<Job> {
    loop {
        let message = match messages.try_recv() {
            Ok(message) => message,
            Err(_) if longest.is_zero() => return None,
            Err(_) => messages.recv_timeout(longest).ok()?,
        };
        if let Message::Work(job) = message {
            return Some(job);
        }
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
