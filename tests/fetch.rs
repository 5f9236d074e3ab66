//! Data sets that are fetched, from a server in this file that does what servers and networks do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use flatlight::data::Error;
use flatlight::data::fetch::{Client, Event, Outcome, Remote, SOURCES};
use sha2::{Digest as _, Sha256};

/// What the server does with a connection.
enum Answer {
    /// Sends this and closes it.
    Says(Vec<u8>),
    /// Sends this and then nothing, without closing it.
    Hangs(Vec<u8>),
}
use Answer::{Hangs, Says};

/// A server on this machine that gives one answer after the other, and then none.
struct Server {
    from: String,
    /// What was asked, in lower case.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn with(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let from = format!("http://{}/sets", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let mut hanging = Vec::new();
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept() else { return };
                log.lock().unwrap().push(request(&mut stream));
                let (Says(bytes) | Hangs(bytes)) = &answer;
                // A client that had enough has closed it.
                let _ = stream.write_all(bytes);
                if matches!(answer, Hangs(_)) {
                    hanging.push(stream);
                }
            }
            if !hanging.is_empty() {
                thread::sleep(Duration::from_secs(60));
            }
        });
        Self { from, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Which byte the n-th request asked to go on from.
    #[track_caller]
    fn range(&self, number: usize) -> Option<u64> {
        let asked = self.asked();
        let line = asked[number].lines().find_map(|line| line.strip_prefix("range: bytes="))?;
        Some(line.strip_suffix('-').unwrap().parse().unwrap())
    }
}

/// The head of a request.
fn request(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { break };
        if line.is_empty() {
            break;
        }
        head.push_str(&line.to_lowercase());
        head.push('\n');
    }
    head
}

/// An answer of HTTP: its status, what else its head says, and what is sent of its body.
fn http(status: &str, head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\nconnection: close\r\n{head}\r\n").as_bytes(), body].concat()
}

/// All of a file is promised, and so much of it sent.
fn whole(file: &[u8], sent: usize) -> Vec<u8> {
    http("200 OK", &format!("content-length: {}\r\n", file.len()), &file[..sent])
}

/// What follows so many bytes of a file is promised, and so much of it sent.
fn rest(file: &[u8], from: usize, sent: usize) -> Vec<u8> {
    let (length, last, all) = (file.len() - from, file.len() - 1, file.len());
    let head = format!("content-length: {length}\r\ncontent-range: bytes {from}-{last}/{all}\r\n");
    http("206 Partial Content", &head, &file[from..from + sent])
}

/// Some file, longer than what goes through a buffer at once.
fn file() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

const NAME: &str = "file.gz";
const PART: &str = "file.gz.part";

/// How a file is published.
fn published(bytes: &[u8]) -> Remote {
    let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Remote { name: NAME, bytes: bytes.len() as u64, sha256: Box::leak(sum.into_boxed_str()) }
}

/// A fresh folder, and what was told of a fetch into it.
struct Fetch {
    folder: tempfile::TempDir,
    told: Vec<Event>,
}

impl Fetch {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), told: Vec::new() }
    }

    fn from(&mut self, server: &Server, file: &[u8]) -> Result<Outcome, Error> {
        self.told.clear();
        let client = Client::new(&server.from, Duration::from_millis(300)).unwrap();
        client.fetch(&published(file), self.folder.path(), &mut |event| self.told.push(event))
    }

    /// Fetches what must fail, in one line.
    #[track_caller]
    fn refused(&mut self, server: &Server, file: &[u8], parts: &[&str]) {
        let message = self.from(server, file).unwrap_err().to_string();
        assert!(!message.contains(['\n', '\r']), "{message}");
        parts.iter().for_each(|part| assert!(message.contains(part), "`{part}` is not in: {message}"));
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    /// Names and contents of what is in the folder.
    fn holds(&self) -> Vec<(String, Vec<u8>)> {
        holds(self.folder.path())
    }

    #[track_caller]
    fn noted(&self, part: &str) {
        let noted = self.told.iter().any(|event| matches!(event, Event::Note(note) if note.contains(part)));
        assert!(noted, "`{part}` is not in {:?}", self.told);
    }
}

fn holds(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    let mut found: Vec<_> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect();
    found.sort();
    found
}

fn only(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    vec![(name.to_owned(), bytes.to_owned())]
}

#[test]
fn a_file_comes_whole_and_is_not_fetched_again() {
    let file = file();
    let server = Server::with(vec![Says(whole(&file, file.len()))]);
    let mut fetch = Fetch::new();
    assert_eq!(fetch.from(&server, &file).unwrap(), Outcome::Fetched);
    assert_eq!(fetch.holds(), only(NAME, &file));
    let done: Vec<u64> = fetch
        .told
        .iter()
        .map(|event| match event {
            Event::Bytes(bytes) => *bytes,
            Event::Note(note) => panic!("{note}"),
        })
        .collect();
    assert!(done.len() > 3 && done.is_sorted(), "{done:?}");
    assert_eq!([done.first(), done.last()], [Some(&0), Some(&300_000)]);
    let [asked] = &server.asked()[..] else { panic!("one request") };
    assert!(asked.starts_with("get /sets/file.gz http/1.1\n") && asked.contains("user-agent: flatlight/"), "{asked}");
    assert_eq!(server.range(0), None);

    assert_eq!(fetch.from(&server, &file).unwrap(), Outcome::There);
    assert_eq!(server.asked().len(), 1);
    assert_eq!(fetch.told, [Event::Bytes(300_000)]);
}

#[test]
fn a_broken_connection_is_gone_on_from() {
    let file = file();
    let server = Server::with(vec![
        Says(whole(&file, 100_000)),
        Says(rest(&file, 100_000, 50_000)),
        // Nothing more, and then not even an answer.
        Hangs(rest(&file, 150_000, 10_000)),
        Hangs(Vec::new()),
    ]);
    let mut fetch = Fetch::new();
    fetch.refused(
        &server,
        &file,
        &["nothing came for too long", "160,000 of 300,000 bytes are kept in", "goes on from"],
    );
    assert_eq!(fetch.holds(), only(PART, &file[..160_000]));
    let ranges = [0, 1, 2, 3].map(|number| server.range(number));
    assert_eq!(ranges, [None, Some(100_000), Some(150_000), Some(160_000)]);
    fetch.noted("tried again after 100,000 bytes");

    // Another time, with what the first has left.
    let server = Server::with(vec![Says(rest(&file, 160_000, 140_000))]);
    assert_eq!(fetch.from(&server, &file).unwrap(), Outcome::Fetched);
    assert_eq!(server.range(0), Some(160_000));
    assert_eq!(fetch.holds(), only(NAME, &file));
    fetch.noted("goes on after 160,000 bytes");

    // Nothing but the name was missing.
    let mut fetch = Fetch::new();
    fetch.write(PART, &file);
    assert_eq!(fetch.from(&Server::with(vec![]), &file).unwrap(), Outcome::Fetched);
    assert_eq!(fetch.holds(), only(NAME, &file));
}

#[test]
fn a_connection_that_breaks_over_and_over_is_given_up() {
    let file = file();
    let mut answers = vec![Says(whole(&file, 1000))];
    answers.extend((0..8).map(|piece| Says(rest(&file, 1000 + 400 * piece, 400))));
    let server = Server::with(answers);
    let mut fetch = Fetch::new();
    fetch.refused(&server, &file, &["the connection failed", "2,600 of 300,000 bytes are kept in"]);
    assert_eq!((server.asked().len(), fetch.holds()), (5, only(PART, &file[..2600])));
}

#[test]
fn a_server_that_cannot_go_on_starts_again() {
    let file = file();
    let from_start = || Says(whole(&file, file.len()));
    for (answers, ranges) in [
        // It does not know of ranges.
        (vec![from_start()], &[Some(1234)][..]),
        // It has no such range.
        (
            vec![Says(http("416 Range Not Satisfiable", "content-length: 0\r\n", b"")), from_start()],
            &[Some(1234), None],
        ),
        // It gives another one.
        (vec![Says(rest(&file, 1000, file.len() - 1000)), from_start()], &[Some(1234), None]),
        (vec![Says(http("206 Partial Content", "content-length: 2\r\n", b"xx")), from_start()], &[Some(1234), None]),
    ] {
        let mut fetch = Fetch::new();
        fetch.write(PART, &file[..1234]);
        let server = Server::with(answers);
        assert_eq!(fetch.from(&server, &file).unwrap(), Outcome::Fetched);
        assert_eq!(fetch.holds(), only(NAME, &file));
        let asked: Vec<_> = (0..server.asked().len()).map(|number| server.range(number)).collect();
        assert_eq!(asked, ranges);
        fetch.noted("cannot go on after 1,234 bytes");
    }
    // What was left is longer than the file, or as long and another: it is not asked to go on.
    for left in [vec![0; 300_001], vec![0; 300_000]] {
        let mut fetch = Fetch::new();
        fetch.write(PART, &left);
        let server = Server::with(vec![from_start()]);
        assert_eq!(fetch.from(&server, &file).unwrap(), Outcome::Fetched);
        assert_eq!((fetch.holds(), server.range(0)), (only(NAME, &file), None));
    }
}

#[test]
fn another_file_than_the_published_one_is_not_kept() {
    let file = file();
    let mut other = file.clone();
    other[77] ^= 1;
    let [published, found] = [&file, &other].map(|bytes| published(bytes).sha256);
    let mut fetch = Fetch::new();
    let server = Server::with(vec![Says(whole(&other, other.len()))]);
    fetch.refused(&server, &file, &["SHA-256", found, published, "removed", "--from"]);
    assert_eq!(fetch.holds(), []);

    // What was left is damaged, what follows is right.
    fetch.write(PART, &other[..1000]);
    let server = Server::with(vec![Says(rest(&file, 1000, file.len() - 1000)), Says(whole(&file, file.len()))]);
    fetch.refused(&server, &file, &["SHA-256", found]);
    assert_eq!(fetch.holds(), []);
    assert_eq!(fetch.from(&server, &file).unwrap(), Outcome::Fetched);

    // A page of a gateway, a file that is longer, and one that does not say how long it is.
    let longer = [&file[..], b"x"].concat();
    for (answer, length) in [
        (http("200 OK", "content-length: 6\r\n", b"<html>"), "6 bytes"),
        (whole(&longer, longer.len()), "300,001 bytes"),
        (http("200 OK", "", &longer), "300,000 are published"),
    ] {
        let mut fetch = Fetch::new();
        fetch.refused(&Server::with(vec![Says(answer)]), &file, &["gives another file", length]);
        assert_eq!(fetch.holds(), []);
    }
}

#[test]
fn a_file_that_is_there_and_another_is_replaced_once_the_right_one_is_here() {
    let file = file();
    let mut fetch = Fetch::new();
    fetch.write(NAME, b"something else");
    fetch.refused(&Server::with(vec![Says(http("404 Not Found", "", b""))]), &file, &["404 Not Found"]);
    assert_eq!(fetch.holds(), only(NAME, b"something else"));
    fetch.noted("is not the file that is published (14 bytes, SHA-256 ");

    let server = Server::with(vec![Says(whole(&file, file.len()))]);
    assert_eq!(fetch.from(&server, &file).unwrap(), Outcome::Fetched);
    assert_eq!(fetch.holds(), only(NAME, &file));
    assert!(matches!(&fetch.told[0], Event::Note(note) if note.contains("fetched again")), "{:?}", fetch.told);
}

#[test]
fn a_server_that_does_not_answer_is_told() {
    let file = file();
    let mut fetch = Fetch::new();
    for (answer, part) in [
        (Says(http("404 Not Found", "content-length: 3\r\n", b"no!")), "the server answers 404 Not Found"),
        (Says(http("503 Service Unavailable", "", b"")), "503 Service Unavailable"),
        (Says(Vec::new()), "the connection failed"),
        (Says(b"220 ftp.example.org\r\n\r\n".to_vec()), "a broken answer"),
        (Hangs(Vec::new()), "nothing came for too long"),
        (Hangs(b"HTTP/1.1 200 OK\r\n".to_vec()), "nothing came for too long"),
        (Hangs(whole(&file, 0)), "nothing came for too long"),
    ] {
        let start = Instant::now();
        fetch.refused(&Server::with(vec![answer]), &file, &[part, "--from", "/sets/file.gz: "]);
        assert_eq!(fetch.holds(), [], "{part}");
        assert!(start.elapsed() < Duration::from_secs(5), "{part}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Server { from: format!("http://{gone}"), asked: Arc::default() };
    fetch.refused(&nobody, &file, &["the connection failed", "refused"]);
    // It sends too slowly to be quick, but does not stop: that is no broken connection.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = Server { from: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
    let sent = file.clone();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        request(&mut stream);
        stream.write_all(&whole(&sent, 0)).unwrap();
        for piece in sent.chunks(60_000) {
            thread::sleep(Duration::from_millis(150));
            stream.write_all(piece).unwrap();
        }
    });
    assert_eq!(fetch.from(&slow, &file).unwrap(), Outcome::Fetched);
}

#[test]
fn an_answer_from_elsewhere_is_followed() {
    let file = file();
    let there = Server::with(vec![Says(whole(&file, file.len()))]);
    let moved = http("302 Found", &format!("location: {}/there.gz\r\ncontent-length: 0\r\n", there.from), b"");
    let mut fetch = Fetch::new();
    assert_eq!(fetch.from(&Server::with(vec![Says(moved)]), &file).unwrap(), Outcome::Fetched);
    assert!(there.asked()[0].starts_with("get /sets/there.gz "), "{:?}", there.asked());
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let file = file();
    let server = Server::with(vec![]);
    let client = Client::new(&server.from, Duration::from_secs(1)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let message = client.fetch(&published(&file), &folder.path().join("gone"), &mut |_| {}).unwrap_err().to_string();
    assert!(message.starts_with("cannot write ") && message.contains("gone/file.gz.part: "), "{message}");
    for name in [NAME, PART] {
        let mut fetch = Fetch::new();
        std::fs::create_dir(fetch.folder.path().join(name)).unwrap();
        fetch.refused(&server, &file, &[name, "not a regular file"]);
    }
    assert!(server.asked().is_empty());
    for address in ["", "http://", "ftp://example.org", "example.org/sets"] {
        let message = Client::new(address, Duration::from_secs(1)).unwrap_err().to_string();
        assert!(message.contains("begins with http:// or https://"), "{message}");
    }
}

// The command.

/// A program in a fresh folder, with data in `data` there.
fn program(root: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).stdin(Stdio::null()).env_remove("RUST_LOG").env("FLATLIGHT_DATA", root.join("data"));
    for proxy in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    command
}

/// The program itself with arguments separated by blanks.
fn command(root: &Path, arguments: &str) -> Command {
    let mut command = program(root, env!("CARGO_BIN_EXE_flatlight"));
    command.args(arguments.split_whitespace());
    command
}

/// Runs what must fail, and gives all lines of standard error but the last, which must say so.
#[track_caller]
fn fails(output: Output, code: i32, parts: &[&str]) -> Vec<String> {
    let text = String::from_utf8(output.stderr).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let last = lines.pop().unwrap_or_default();
    assert!(output.status.code() == Some(code) && last.starts_with("error: "), "{text}");
    parts.iter().for_each(|part| assert!(last.contains(part), "`{part}` is not in `{last}`"));
    assert_eq!(output.stdout, b"");
    lines
}

/// A file as long as the published one, but of zeros.
fn zeros(set: &str) -> Vec<u8> {
    let source = SOURCES.iter().find(|source| source.name == set).unwrap();
    vec![0; usize::try_from(source.files[0].bytes).unwrap()]
}

#[test]
fn the_command_says_what_is_wrong_and_leaves_no_folder_that_looks_like_a_set() {
    let root = tempfile::tempdir().unwrap();
    let run = |arguments: &str| command(root.path(), &format!("{arguments} --quiet")).output().unwrap();
    let zeros = zeros("mnist");
    let first = "/sets/train-images-idx3-ubyte.gz: ";
    for (answer, parts) in [
        (Says(http("404 Not Found", "", b"")), &[first, "404 Not Found"][..]),
        (Says(whole(&zeros, zeros.len())), &[first, "gives another file: SHA-256", "440fcabf", "removed"]),
        (Hangs(Vec::new()), &[first, "nothing came for too long (see --timeout)"]),
    ] {
        let server = Server::with(vec![answer]);
        let start = Instant::now();
        let lines = fails(run(&format!("fetch mnist --timeout 1 --from {}", server.from)), 1, parts);
        assert_eq!(lines, [""; 0], "--quiet");
        assert_eq!(server.asked().len(), 1);
        assert!(!root.path().join("data/mnist").exists());
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    fails(run("train mnist-rings"), 1, &["no data set \"mnist\"", "get it with `flatlight fetch mnist`"]);
    fails(run("fetch minst"), 2, &["`minst`", "cifar10, mnist, fashion-mnist", "did you mean `mnist`?"]);
    fails(run("fetch mnist --from example.org"), 2, &["--from: example.org: ", "http://"]);
    fails(run("fetch mnist --timeout 0"), 2, &["--timeout", "1..=3600"]);
    assert!(!root.path().join("data/mnist").exists());
    for set in ["digits", "vowel"] {
        let output = run(&format!("fetch {set}"));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.starts_with(&format!("{set}: comes with the program")), "{said}");
    }
    std::fs::remove_dir(root.path().join("data")).unwrap();
    std::fs::write(root.path().join("data"), "a file").unwrap();
    fails(run("fetch mnist"), 1, &["cannot make the folder ", "a part of this path is a file"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_what_is_there_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let zeros = zeros("cifar10");
    let server = Server::with(vec![Says(whole(&zeros, zeros.len()))]);
    // Files stop growing at some size, in blocks of 512 bytes, as they would on a full disk.
    let script = format!("ulimit -f 1000; trap '' XFSZ; exec \"$0\" fetch cifar10 --quiet --from {}", server.from);
    let mut limited = program(root.path(), "sh");
    let output = limited.args(["-c", &script, env!("CARGO_BIN_EXE_flatlight")]).output().unwrap();
    let parts = ["cannot write ", "data/cifar10/cifar-10-binary.tar.gz.part: ", "File too large", "free some space"];
    fails(output, 1, &parts);
    let left = holds(&root.path().join("data/cifar10"));
    assert_eq!(left, only("cifar-10-binary.tar.gz.part", &zeros[..512_000]));
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_what_came_and_the_next_fetch_goes_on_from_there() {
    let root = tempfile::tempdir().unwrap();
    let zeros = zeros("cifar10");
    let server = Server::with(vec![Hangs(whole(&zeros, 3_000_000)), Says(http("503 Service Unavailable", "", b""))]);
    let arguments = format!("fetch cifar10 --from {}", server.from);
    let mut child = command(root.path(), &arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let part = root.path().join("data/cifar10/cifar-10-binary.tar.gz.part");
    let start = Instant::now();
    while part.metadata().map_or(0, |meta| meta.len()) < 3_000_000 {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing came");
        thread::sleep(Duration::from_millis(20));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let start = Instant::now();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    // The server still says nothing.
    assert!(start.elapsed() < Duration::from_secs(5));
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("interrupted after "), "{last}");
    assert!(last.contains(" of 170.05 MB of cifar-10-binary.tar.gz; kept in "), "{last}");
    assert!(last.ends_with("cifar-10-binary.tar.gz.part, the same command goes on from there"), "{last}");

    let output = command(root.path(), &arguments).output().unwrap();
    let lines = fails(output, 1, &["503 Service Unavailable"]);
    assert!(lines[0].contains("goes on after 3,000,000 bytes"), "{lines:?}");
    assert_eq!(server.range(1), Some(3_000_000));
    assert_eq!(part.metadata().unwrap().len(), 3_000_000);
    let output = command(root.path(), "train mnist-rings --set data.set=cifar10").output().unwrap();
    fails(output, 1, &["cifar-10-binary.tar.gz.part", "give the same `flatlight fetch` again"]);
}
