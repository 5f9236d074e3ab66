//! Gets the sets that are published by others, file by file: with the address, length and SHA-256 of each, and on from
//! where it stopped.
//!
//! A file is written under its name with [`.part`](PART) behind it and renamed when its sum is right, so that what has its
//! name is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use ureq::http::{Response, StatusCode, header};

use super::error::{Error, grouped};

/// How the name of a file ends until it is whole.
pub const PART: &str = ".part";

/// How often a connection may break, each time after it brought something, before it is given up.
const BREAKS: u32 = 5;

/// A published file.
#[derive(Clone, Copy, Debug)]
pub struct Remote {
    /// Its name, here and behind the address of its set.
    pub name: &'static str,
    /// Its length.
    pub bytes: u64,
    /// Its sum, in lower case.
    pub sha256: &'static str,
}

/// A published set.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// What it is called here, and its folder.
    pub name: &'static str,
    /// The address that names of files are put behind.
    pub from: &'static str,
    /// Its files.
    pub files: &'static [Remote],
}

impl Source {
    /// The length of all files, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// The sets that can be fetched.
///
/// Addresses are those of the sets' own pages, but for MNIST, which yann.lecun.com refuses to give: it comes from where torchvision takes
/// it. Lengths and sums are those of TensorFlow Datasets.
pub static SOURCES: [Source; 3] = [
    Source {
        name: "cifar10",
        from: "https://www.cs.toronto.edu/~kriz",
        files: &[Remote {
            name: super::cifar::ARCHIVE,
            bytes: 170_052_171,
            sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        }],
    },
    Source {
        name: "mnist",
        from: "https://ossci-datasets.s3.amazonaws.com/mnist",
        files: &[
            Remote {
                name: "train-images-idx3-ubyte.gz",
                bytes: 9_912_422,
                sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            },
            Remote {
                name: "train-labels-idx1-ubyte.gz",
                bytes: 28_881,
                sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            },
            Remote {
                name: "t10k-images-idx3-ubyte.gz",
                bytes: 1_648_877,
                sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            },
            Remote {
                name: "t10k-labels-idx1-ubyte.gz",
                bytes: 4_542,
                sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            },
        ],
    },
    Source {
        name: "fashion-mnist",
        // Not to be had by https; the sums tell what is right.
        from: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        files: &[
            Remote {
                name: "train-images-idx3-ubyte.gz",
                bytes: 26_421_880,
                sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            },
            Remote {
                name: "train-labels-idx1-ubyte.gz",
                bytes: 29_515,
                sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            },
            Remote {
                name: "t10k-images-idx3-ubyte.gz",
                bytes: 4_422_102,
                sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            },
            Remote {
                name: "t10k-labels-idx1-ubyte.gz",
                bytes: 5_148,
                sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            },
        ],
    },
];

/// What a fetch tells while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many bytes of the file are here.
    Bytes(u64),
    /// Something that is not as it should be, and what is done about it.
    Note(String),
}

/// How a fetch ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file was here already.
    There,
    /// It came.
    Fetched,
}

/// Where files come from, and how long to wait for them.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    from: String,
}

impl Client {
    /// Files from an address, `http://` or `https://`, with nothing heard for `patience` taken for a broken connection.
    /// Proxies are those that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    ///
    /// # Errors
    /// An address of another kind.
    pub fn new(from: &str, patience: Duration) -> Result<Self, Error> {
        if !["http://", "https://"].iter().any(|scheme| from.len() > scheme.len() && from.starts_with(scheme)) {
            return Err(Error::Fetch {
                url: from.to_owned(),
                what: "is no address to fetch from; it begins with http:// or https://".into(),
            });
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("flatlight/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .timeout_per_write(Some(patience))
            .build();
        Ok(Self { agent: config.new_agent(), from: from.trim_end_matches('/').to_owned() })
    }

    /// Puts a file into a folder that exists, and tells of it: whole, or what came of it as [`PART`].
    ///
    /// A file of that name is left alone if it is the one published, otherwise replaced once that one is here. What an
    /// earlier fetch left is gone on from, if the server can.
    ///
    /// # Errors
    /// If the server cannot be reached, has no such file or gives another one, or if the folder cannot be written to.
    pub fn fetch(&self, file: &Remote, folder: &Path, tell: &mut dyn FnMut(Event)) -> Result<Outcome, Error> {
        let whole = folder.join(file.name);
        if whole.exists() {
            let (bytes, sum) = sum_of(&whole)?;
            if (bytes, hex(sum.clone()).as_str()) == (file.bytes, file.sha256) {
                tell(Event::Bytes(bytes));
                return Ok(Outcome::There);
            }
            tell(Event::Note(format!(
                "{}: is not the file that is published ({} bytes, SHA-256 {}); it is fetched again and then replaced",
                whole.display(),
                grouped(bytes),
                hex(sum)
            )));
        }
        let url = format!("{}/{}", self.from, file.name);
        let mut part = Part::open(folder.join(format!("{}{PART}", file.name)), file)?;
        if part.bytes > 0 {
            tell(Event::Note(format!("{}: goes on after {} bytes", part.path.display(), grouped(part.bytes))));
        }
        let mut breaks = 0;
        while part.bytes < file.bytes {
            let before = part.bytes;
            tell(Event::Bytes(before));
            let asked = self.request(&url, file, &mut part, tell);
            if asked.is_err() && part.bytes == 0 {
                part.remove()?;
            }
            let Err(broken) = asked? else { break };
            breaks = if part.bytes > before { breaks + 1 } else { BREAKS };
            if breaks >= BREAKS {
                return Err(Error::Fetch { url, what: format!("{broken}; {}", part.remedy(file)?) });
            }
            tell(Event::Note(format!("{url}: {broken}; tried again after {} bytes", grouped(part.bytes))));
        }
        part.finish(&url, file, &whole)?;
        tell(Event::Bytes(file.bytes));
        Ok(Outcome::Fetched)
    }

    /// Asks for what is missing of a file and writes what comes. The inner error is a connection that broke.
    fn request(
        &self,
        url: &str,
        file: &Remote,
        part: &mut Part,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Result<(), String>, Error> {
        let refused = |what: String| Err(Error::Fetch { url: url.to_owned(), what });
        let ask = |from: u64| match from {
            0 => self.agent.get(url).call(),
            _ => self.agent.get(url).header(header::RANGE, format!("bytes={from}-")).call(),
        };
        let mut answer = ask(part.bytes);
        // A range that is refused, or another one: from the start, then, and with no more questions asked.
        if part.bytes > 0 && answer.as_ref().is_ok_and(|answer| !goes_on(answer, part.bytes)) {
            tell(Event::Note(format!("{url}: cannot go on after {} bytes; from the start", grouped(part.bytes))));
            part.clear()?;
            if answer.as_ref().is_ok_and(|answer| answer.status() != StatusCode::OK) {
                answer = ask(0);
            }
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => match reason(&error) {
                Some(broken) => return Ok(Err(broken)),
                None => return refused(format!("{error}; check the address, or give another one with --from")),
            },
        };
        let status = answer.status();
        let wanted = if part.bytes > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        if status != wanted {
            return refused(format!("the server answers {status}; try later, or another address with --from"));
        }
        let length = answer.body().content_length().map(|length| length.saturating_add(part.bytes));
        if let Some(length) = length.filter(|&length| length != file.bytes) {
            return refused(other_length(length, file));
        }
        let mut reader = answer.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) if part.bytes < file.bytes => return Ok(Err("the connection ended too early".into())),
                Ok(0) => return Ok(Ok(())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let error = ureq::Error::from(error);
                    return Ok(Err(reason(&error).unwrap_or_else(|| error.to_string())));
                }
            };
            if part.bytes + count as u64 > file.bytes {
                let length = part.bytes + count as u64;
                part.clear()?;
                return refused(other_length(length, file));
            }
            part.write(&buffer[..count])?;
            tell(Event::Bytes(part.bytes));
        }
    }
}

/// Whether an answer is what comes after so many bytes.
fn goes_on<B>(answer: &Response<B>, from: u64) -> bool {
    let range = answer.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    // Any failure but a range that is not satisfied is no matter of the range.
    let failed = !answer.status().is_success() && answer.status() != StatusCode::RANGE_NOT_SATISFIABLE;
    failed
        || answer.status() == StatusCode::PARTIAL_CONTENT
            && range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

/// What is wrong with a server whose file is not as long as it should be.
fn other_length(length: u64, file: &Remote) -> String {
    format!(
        "gives another file: {} bytes or more where {} are published; try later, or another address with --from",
        grouped(length),
        grouped(file.bytes)
    )
}

/// Why a connection broke that may do better next time; nothing if the request itself is at fault.
fn reason(error: &ureq::Error) -> Option<String> {
    match error {
        ureq::Error::Timeout(_) => Some("nothing came for too long (see --timeout)".into()),
        ureq::Error::HostNotFound => Some("no such host is known".into()),
        ureq::Error::ConnectionFailed => Some("the connection failed".into()),
        ureq::Error::Io(cause) => Some(format!("the connection failed: {cause}")),
        ureq::Error::Protocol(cause) => Some(format!("a broken answer: {cause}")),
        _ => None,
    }
}

/// A file that is not whole yet.
struct Part {
    path: PathBuf,
    file: File,
    /// What is in it.
    bytes: u64,
    /// The sum of what is in it.
    sum: Sha256,
}

impl Part {
    /// Opens what an earlier fetch left, or starts.
    fn open(path: PathBuf, wanted: &Remote) -> Result<Self, Error> {
        let (mut bytes, mut sum) = if path.exists() { sum_of(&path)? } else { (0, Sha256::new()) };
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|cause| Error::Unwritable { path: path.clone(), cause })?;
        if bytes > wanted.bytes || bytes == wanted.bytes && hex(sum.clone()) != wanted.sha256 {
            // Nothing that could be gone on from.
            file.set_len(0).map_err(|cause| Error::Unwritable { path: path.clone(), cause })?;
            (bytes, sum) = (0, Sha256::new());
        }
        file.seek(io::SeekFrom::Start(bytes)).map_err(|cause| Error::Unwritable { path: path.clone(), cause })?;
        Ok(Self { path, file, bytes, sum })
    }

    fn unwritable(&self) -> impl Fn(io::Error) -> Error {
        let path = self.path.clone();
        move |cause| Error::Unwritable { path: path.clone(), cause }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(self.unwritable())?;
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Error> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(self.unwritable())?;
        (self.bytes, self.sum) = (0, Sha256::new());
        Ok(())
    }

    fn remove(&self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(self.unwritable())
    }

    /// What is left of a fetch that failed, and what to do. An empty file is not left.
    fn remedy(&self, wanted: &Remote) -> Result<String, Error> {
        if self.bytes == 0 {
            self.remove()?;
            return Ok("check the network and the address, or give another one with --from".into());
        }
        Ok(format!(
            "{} of {} bytes are kept in {}, the same command goes on from there",
            grouped(self.bytes),
            grouped(wanted.bytes),
            self.path.display()
        ))
    }

    /// Gives the file its name, if it is the one that is published.
    fn finish(self, url: &str, wanted: &Remote, whole: &Path) -> Result<(), Error> {
        let unwritable = self.unwritable();
        self.file.sync_all().map_err(&unwritable)?;
        let found = hex(self.sum.clone());
        if found != wanted.sha256 {
            self.remove()?;
            let what = format!(
                "gives another file: SHA-256 {found} where {} is published; it was removed, try again, or another address \
                 with --from",
                wanted.sha256
            );
            return Err(Error::Fetch { url: url.to_owned(), what });
        }
        fs::rename(&self.path, whole).map_err(unwritable)
    }
}

/// Length and sum of a file.
fn sum_of(path: &Path) -> Result<(u64, Sha256), Error> {
    let (file, _) = super::file::open(path)?;
    let (mut reader, mut sum, mut bytes) = (io::BufReader::with_capacity(1 << 16, file), Sha256::new(), 0);
    loop {
        let piece = io::BufRead::fill_buf(&mut reader).map_err(|cause| Error::io(path, cause))?;
        if piece.is_empty() {
            return Ok((bytes, sum));
        }
        sum.update(piece);
        let count = piece.len();
        bytes += count as u64;
        io::BufRead::consume(&mut reader, count);
    }
}

/// A sum as it is published.
fn hex(sum: Sha256) -> String {
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
