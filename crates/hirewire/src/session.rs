//! Where a command's words go: this process's own terminal, or the terminal of a command that runs in the service for
//! somebody else (see [`crate::control`]).
use std::cell::RefCell;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// The other end of a command that runs here for another process.
pub(crate) trait Remote: Send {
    /// Data for the caller's standard output.
    fn out(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// A line for the caller's standard error.
    fn say(&mut self, text: &str);
    /// Asks the person at the caller's terminal; no answer is a no.
    fn ask(&mut self, question: &str) -> bool;
    /// Whether a person sits at the caller's terminal.
    fn has_terminal(&self) -> bool;
    /// The caller's working directory, from which it means its paths.
    fn folder(&self) -> &Path;
}

thread_local! {
    static REMOTE: RefCell<Option<Box<dyn Remote>>> = const { RefCell::new(None) };
}

/// Does some work for somebody elsewhere: what it prints and asks on this thread goes there.
pub(crate) fn on_behalf_of<T>(remote: Box<dyn Remote>, work: impl FnOnce() -> T) -> T {
    REMOTE.set(Some(remote));
    let result = work();
    REMOTE.set(None);
    result
}

/// Whether this thread works for somebody elsewhere.
pub(crate) fn is_remote() -> bool {
    REMOTE.with_borrow(Option::is_some)
}

/// Standard output of whoever called.
pub(crate) struct Out(pub(crate) anstream::AutoStream<io::Stdout>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        REMOTE.with_borrow_mut(|remote| match remote {
            Some(remote) => remote.out(bytes).map(|()| bytes.len()),
            None => self.0.write(bytes),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        if is_remote() { Ok(()) } else { self.0.flush() }
    }
}

/// One line to whoever called, beside the data.
pub(crate) fn say(text: &str) {
    REMOTE.with_borrow_mut(|remote| match remote {
        Some(remote) => remote.say(text),
        None => drop(writeln!(anstream::stderr(), "{text}")),
    });
}

/// Asks whoever called. Only a yes is a yes.
pub(crate) fn ask(question: &str) -> io::Result<bool> {
    let answer = REMOTE.with_borrow_mut(|remote| Some(remote.as_mut()?.ask(question)));
    answer.map_or_else(|| ask_here(question), Ok)
}

/// Asks at this process's terminal.
pub(crate) fn ask_here(question: &str) -> io::Result<bool> {
    let mut err = anstream::stderr();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Whether somebody could be asked.
pub(crate) fn somebody_is_here() -> bool {
    REMOTE.with_borrow(|remote| match remote {
        Some(remote) => remote.has_terminal(),
        None => io::stdin().is_terminal(),
    })
}

/// A path as the caller means it, absolute.
pub(crate) fn path(path: &Path) -> PathBuf {
    REMOTE.with_borrow(|remote| match remote {
        Some(remote) => remote.folder().join(path),
        None => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    })
}
