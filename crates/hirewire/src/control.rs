//! Commands beside a running service. One process writes a project; a command that finds the service at work hands itself
//! over through the socket `control.sock` in the project's state folder and prints what the service answers. The folder
//! belongs to the service's user alone (mode 0700), and so does whoever can reach the socket.
//!
//! On the wire: frames of a tag, a length of four bytes (big endian) and as many bytes. The caller sends one `Request`; the
//! service sends output (`o`), talk (`e`), questions (`?`, answered with `y` or `n`) and at last the exit code (`x`).
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde::{Deserialize, Serialize};

use crate::cli::Cli;
use crate::context::Context;
use crate::report::{self, Report};
use crate::session::{self, Remote};

/// Longest frame; a command line or a page of output is far below.
const LONGEST: u32 = 1 << 26;

const OUT: u8 = b'o';
const TALK: u8 = b'e';
const QUESTION: u8 = b'?';
const EXIT: u8 = b'x';
const REQUEST: u8 = b'r';
const ANSWER: u8 = b'a';

/// A command that another process hands over.
#[derive(Serialize, Deserialize)]
struct Request {
    /// Its arguments, without the program's name.
    arguments: Vec<String>,
    /// Its working directory.
    folder: PathBuf,
    /// Whether somebody can be asked.
    terminal: bool,
}

/// Where the service listens for commands.
fn socket(state: &Path) -> PathBuf {
    state.join("control.sock")
}

fn send(stream: &mut impl Write, tag: u8, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(bytes.len() + 5);
    frame.push(tag);
    frame.extend(length.to_be_bytes());
    frame.extend(bytes);
    stream.write_all(&frame)
}

fn receive(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if length > LONGEST {
        return Err(io::Error::other("a frame is longer than allowed"));
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes)?;
    Ok((head[0], bytes))
}

/// The caller, as a command that runs in the service sees it. A caller that went away gets no more output; the command goes
/// on, as one does whose terminal was closed.
struct Caller {
    stream: UnixStream,
    request: Request,
}

impl Remote for Caller {
    fn out(&mut self, bytes: &[u8]) -> io::Result<()> {
        let _ = send(&mut self.stream, OUT, bytes);
        Ok(())
    }

    fn say(&mut self, text: &str) {
        let _ = send(&mut self.stream, TALK, text.as_bytes());
    }

    fn ask(&mut self, question: &str) -> bool {
        let asked = send(&mut self.stream, QUESTION, question.as_bytes());
        asked
            .and_then(|()| receive(&mut self.stream))
            .is_ok_and(|(tag, bytes)| tag == ANSWER && bytes == b"y")
    }

    fn has_terminal(&self) -> bool {
        self.request.terminal
    }

    fn folder(&self) -> &Path {
        &self.request.folder
    }
}

/// Takes commands from now on, until the process ends; what they open is what `context` has open.
pub(crate) fn listen(context: &Context) -> Result<(), Report> {
    let project = context.project.folder.clone();
    let path = socket(&context.project.state());
    // Whoever has the store's lock is the only service, so what is there was left behind.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(|error| report::file(&path, "listened on", &error))?;
    let accept = move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let project = project.clone();
            let serve = move || {
                if let Err(error) = serve(stream, &project) {
                    tracing::debug!(%error, "a command was not taken over");
                }
            };
            let _ = std::thread::Builder::new().name("command".into()).spawn(serve);
        }
    };
    std::thread::Builder::new().name("control".into()).spawn(accept)?;
    Ok(())
}

fn serve(mut stream: UnixStream, project: &Path) -> io::Result<()> {
    let (tag, bytes) = receive(&mut stream)?;
    if tag != REQUEST {
        return Err(io::Error::other("this is no request"));
    }
    let request: Request = serde_json::from_slice(&bytes)?;
    let arguments = std::iter::once("hirewire").chain(request.arguments.iter().map(String::as_str));
    let mut last = stream.try_clone()?;
    let code = match Cli::try_parse_from(arguments) {
        Ok(mut cli) => {
            cli.global.project = project.to_owned();
            session::on_behalf_of(Box::new(Caller { stream, request }), || crate::finish(&cli))
        }
        // The caller parsed the same line before; another version of the program may stand on the other side.
        Err(error) => {
            send(&mut last, TALK, error.to_string().as_bytes())?;
            crate::FAILED
        }
    };
    send(&mut last, EXIT, &[code])
}

/// Gives this process's command to the service that has the project open. `None` when none listens.
pub(crate) fn hand_over(state: &Path) -> Option<u8> {
    let mut stream = UnixStream::connect(socket(state)).ok()?;
    let request = Request {
        arguments: std::env::args().skip(1).collect(),
        folder: std::env::current_dir().ok()?,
        terminal: session::somebody_is_here(),
    };
    send(&mut stream, REQUEST, &serde_json::to_vec(&request).ok()?).ok()?;
    loop {
        match receive(&mut stream) {
            Ok((OUT, bytes)) => {
                if anstream::stdout().write_all(&bytes).is_err() {
                    return Some(crate::FAILED);
                }
            }
            Ok((TALK, bytes)) => session::say(&String::from_utf8_lossy(&bytes)),
            Ok((QUESTION, bytes)) => {
                let yes = session::ask_here(&String::from_utf8_lossy(&bytes)).unwrap_or(false);
                let _ = send(&mut stream, ANSWER, if yes { b"y" } else { b"n" });
            }
            Ok((EXIT, bytes)) => return Some(bytes.first().copied().unwrap_or(crate::FAILED)),
            Ok(_) => {}
            Err(error) => {
                session::say(&format!("the service went away in the middle of the command: {error}"));
                return Some(crate::FAILED);
            }
        }
    }
}
