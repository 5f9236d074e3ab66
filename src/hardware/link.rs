//! The connection to a program, owned by a thread, so that a program that hangs cannot make its caller hang.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::Error;
use super::message::{self, Answer, LONGEST_HEADER, Wanted};
use super::settings::Place;

/// How long a program may take to end by itself once its input has ended.
const GRACE: Duration = Duration::from_secs(2);

/// A message to send, and what is waited for. The message stays with the caller, who may have to send it again.
struct Job {
    request: Arc<Vec<u8>>,
    wanted: Wanted,
    array: Vec<u8>,
}

/// An answer, and the array behind it in the memory that the job brought.
type Reply = (Result<Answer, Error>, Vec<u8>);

/// A program that was started or connected to. Dropped, it is told to end (its input ends), and killed if it does not.
#[derive(Debug)]
pub(super) struct Link {
    program: String,
    // Goes first: with it goes the thread, and with that the program's input.
    jobs: Sender<Job>,
    replies: Receiver<Reply>,
    peer: Peer,
}

#[derive(Debug)]
enum Peer {
    Started(Child),
    Listens(TcpStream),
}

impl Link {
    /// Starts the program, whose name in messages is `program`, or connects to it.
    pub(super) fn open(place: &Place, program: &str, timeout: Duration) -> Result<Self, Error> {
        let (jobs, todo) = mpsc::channel();
        let (done, replies) = mpsc::channel();
        let (peer, output, input): (_, Box<dyn Write + Send>, Box<dyn Read + Send>) = match place {
            Place::Started(name, arguments) => {
                let refused = |cause| Error::Start { program: program.to_owned(), cause };
                let mut child = command(name, arguments).spawn().map_err(refused)?;
                match (child.stdin.take(), child.stdout.take()) {
                    (Some(output), Some(input)) => (Peer::Started(child), Box::new(output), Box::new(input)),
                    _ => return Err(refused(io::Error::other("it has no standard input and output"))),
                }
            }
            Place::Listens(addresses) => {
                let refused = |cause| Error::Connect { program: program.to_owned(), cause };
                let stream = connect(addresses, timeout).map_err(refused)?;
                let clone = || stream.try_clone().map_err(refused);
                let (output, input) = (clone()?, clone()?);
                (Peer::Listens(stream), Box::new(output), Box::new(input))
            }
        };
        let link = Self { program: program.to_owned(), jobs, replies, peer };
        let own = program.to_owned();
        let serving = thread::Builder::new().name("hardware".into()).spawn(move || {
            serve(&own, output, BufReader::with_capacity(LONGEST_HEADER, input), &todo, &done);
        });
        match serving {
            Ok(_) => Ok(link),
            Err(cause) => Err(Error::Start { program: program.to_owned(), cause }),
        }
    }

    /// Sends a message and waits for the answer, at most so long. `array` gets what follows the answer's header.
    /// After an error that does not [spare the connection](Error::spares_connection) this link is of no use.
    pub(super) fn exchange(
        &mut self,
        request: &Arc<Vec<u8>>,
        wanted: Wanted,
        array: &mut Vec<u8>,
        within: Duration,
    ) -> Result<Answer, Error> {
        let job = Job { request: Arc::clone(request), wanted, array: std::mem::take(array) };
        // A thread that is gone has said why, or says so by its absence.
        let sent = self.jobs.send(job).map_err(|_| RecvTimeoutError::Disconnected);
        match sent.and_then(|()| self.replies.recv_timeout(within)) {
            Ok((Err(Error::Closed { program, how }), _)) => {
                // The status of a program that ended says more than that its output did.
                let how = self.peer.ended().map_or(how, |status| format!("ended ({status}) before it answered"));
                Err(Error::Closed { program, how })
            }
            Ok((answer, filled)) => {
                *array = filled;
                answer
            }
            Err(RecvTimeoutError::Timeout) => {
                self.peer.kill();
                Err(Error::TimedOut { program: self.program.clone(), seconds: within.as_secs_f64() })
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::Closed { program: self.program.clone(), how: "is lost".to_owned() })
            }
        }
    }
}

/// A program with pipes to it, in a process group of its own: Ctrl-C is for us, who then end it in order.
fn command(name: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut command, 0x200); // CREATE_NEW_PROCESS_GROUP
    command
}

fn connect(addresses: &[SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    let mut refusal = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(address, timeout) {
            // A port of our own may be given out that is the one we look for, and a socket may connect to itself.
            Ok(stream) if stream.local_addr()? == *address => refusal = io::ErrorKind::ConnectionRefused.into(),
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// Sends what is to be sent and reads the answers, one after the other, until there is no more to do or the stream is
/// no longer where both sides think it is.
fn serve(
    program: &str,
    mut output: impl Write,
    mut input: BufReader<impl Read>,
    todo: &Receiver<Job>,
    done: &Sender<Reply>,
) {
    for Job { request, wanted, mut array } in todo {
        let sent = output.write_all(&request).and_then(|()| output.flush());
        // The caller may then use this memory for the next one.
        drop(request);
        let lost = |error| Error::Closed { program: program.to_owned(), how: format!("is lost ({error})") };
        let answer = sent.map_err(lost).and_then(|()| message::read(program, &mut input, &wanted, &mut array));
        let usable = answer.as_ref().err().is_none_or(Error::spares_connection);
        if done.send((answer, array)).is_err() || !usable {
            return;
        }
    }
}

impl Peer {
    /// How a started program ended, if it does so within the grace.
    fn ended(&mut self) -> Option<ExitStatus> {
        let Self::Started(child) = self else { return None };
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match child.try_wait() {
                Ok(None) if start.elapsed() < GRACE => thread::sleep(pause),
                Ok(status) => return status,
                Err(_) => return None,
            }
            pause = (2 * pause).min(Duration::from_millis(50));
        }
    }

    /// Ends it at once.
    fn kill(&mut self) {
        // What cannot be killed or shut down has ended already.
        match self {
            Self::Started(child) => drop(child.kill()),
            Self::Listens(stream) => drop(stream.shutdown(Shutdown::Both)),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill();
            // Waited for with an end, as a program that hangs within the system takes its time even then.
            self.ended();
        }
    }
}
