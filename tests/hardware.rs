//! Hardware in the loop: the protocol against a scripted driver, what goes wrong with it, programs that are started, and
//! `assets/drivers/bench.py` where there is a Python with numpy.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::driver::{Fake, Message, outputs, receive};
use flatlight::hardware::{Error, Hardware, HardwareSettings, Sent};
use flatlight::layer::Layer as _;
use flatlight::optics::{RingDense, RingRecipe};
use flatlight::reference::microring::Ring;
use serde_json::json;

/// A layer of 3 inputs and 2 outputs: each output is `scale`, in nm and within 0 and 1, times the sum of the inputs.
const HELLO: &str = r#"{"type":"hello","protocol":1,"name":"fake","settle_seconds":0.001,"layers":[{"name":"mix","inputs":3,"outputs":2,"parameters":[{"name":"scale","shape":[2],"unit":"nm","limits":[0,1]},{"name":"bias","shape":[1],"limits":[null,7]}]}]}"#;
const INPUTS: [f32; 6] = [1.0, 2.0, 3.0, -4.0, 0.5, 0.25];

/// One that is right except where `act` does something else.
fn wrong_at(place: usize, mut act: impl FnMut(&mut TcpStream) -> bool + Send + 'static) -> Fake {
    Fake::new(move |count, message, stream| if count == place { act(stream) } else { right(message, stream) })
}

/// What the layer `mix` gives.
fn mixed(arrays: &[f32]) -> Vec<f32> {
    let (scale, inputs) = (&arrays[..2], &arrays[3..]);
    inputs.chunks_exact(3).flat_map(|x| scale.iter().map(move |s| s * x.iter().sum::<f32>())).collect()
}

fn right((header, arrays): &Message, stream: &mut TcpStream) -> bool {
    let answer = if header["type"] == "hello" { format!("{HELLO}\n").into_bytes() } else { outputs(&mixed(arrays), 2) };
    stream.write_all(&answer).is_ok()
}

fn say(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(text.as_bytes()).is_ok()
}

fn parameters<'a>(scale: &'a [f32], bias: &'a [f32]) -> [Sent<'a>; 2] {
    // Not in the order of the hello.
    [
        Sent { name: "bias", unit: "", shape: &[1], values: bias },
        Sent { name: "scale", unit: "nm", shape: &[2], values: scale },
    ]
}

/// Outputs of `mix` for the inputs above.
fn mix(hardware: &mut Hardware) -> Result<Vec<f32>, Error> {
    let mut outputs = vec![0.0; 4];
    hardware.measure("mix", &parameters(&[0.5, 0.25], &[0.0]), 2, &INPUTS, &mut outputs)?;
    Ok(outputs)
}

const MIXED: [f32; 4] = [3.0, 1.5, -1.625, -0.8125];

#[track_caller]
fn told(error: &Error, parts: &[&str]) {
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    parts.iter().for_each(|part| assert!(line.contains(part), "`{part}` is not in `{line}`"));
}

#[test]
fn a_measurement_is_sent_and_answered_as_the_protocol_says() {
    let fake = Fake::new(|_, message, stream| right(message, stream));
    let mut hardware = Hardware::open(&fake.settings()).unwrap();
    assert_eq!((hardware.name(), hardware.settle(), hardware.calls()), ("fake", Duration::from_millis(1), 0));
    let [layer] = hardware.layers() else { panic!("{:?}", hardware.layers()) };
    assert_eq!((layer.name.as_str(), layer.inputs, layer.outputs), ("mix", 3, 2));
    let said: Vec<_> = layer.parameters.iter().map(|p| (&p.name[..], &p.unit[..], &p.shape[..], p.limits)).collect();
    assert_eq!(said, [("scale", "nm", &[2][..], [0.0, 1.0]), ("bias", "", &[1][..], [f32::MIN, 7.0])]);

    assert_eq!(mix(&mut hardware).unwrap(), MIXED);
    assert_eq!((hardware.calls(), hardware.repeats(), hardware.held()), (1, 0, 0));
    let (hello, _) = fake.messages.recv().unwrap();
    assert_eq!(hello, json!({ "type": "hello", "protocol": 1 }));
    let (header, arrays) = fake.messages.recv().unwrap();
    let parameters =
        json!([{ "name": "scale", "shape": [2], "unit": "nm" }, { "name": "bias", "shape": [1], "unit": "" }]);
    assert_eq!(header, json!({ "type": "measure", "layer": "mix", "parameters": parameters, "inputs": [2, 3] }));
    assert_eq!(arrays, [&[0.5, 0.25, 0.0][..], &INPUTS].concat());

    // Fewer rows, more, none: nothing of the last call is left.
    for rows in [1, 300, 1, 0] {
        let inputs: Vec<f32> = (0..3 * rows).map(|n| n as f32).collect();
        let mut outputs = vec![f32::NAN; 2 * rows];
        let wanted: Vec<f32> = inputs.chunks(3).flat_map(|x| [x.iter().sum::<f32>(); 2]).collect();
        hardware.measure("mix", &self::parameters(&[1.0, 1.0], &[0.0]), rows, &inputs, &mut outputs).unwrap();
        assert_eq!(outputs, wanted);
    }
    assert_eq!(hardware.calls(), 4);
}

#[test]
fn parameters_beyond_the_limits_are_held_there_and_counted() {
    let fake = Fake::new(|_, message, stream| right(message, stream));
    let mut hardware = fake.open(0);
    let mut outputs = [0.0; 2];
    for (scale, bias) in [([-0.25, 1.5], [8.0]), ([0.0, 1.0], [-f32::MAX])] {
        hardware.measure("mix", &parameters(&scale, &bias), 1, &INPUTS[..3], &mut outputs).unwrap();
        assert_eq!(outputs, [0.0, 6.0]);
    }
    assert_eq!((hardware.held(), hardware.held()), (3, 0));
    let sent: Vec<_> = fake.messages.iter().take(3).map(|(_, arrays)| arrays).collect();
    assert_eq!((&sent[1][..3], &sent[2][..3]), (&[0.0, 1.0, 7.0][..], &[0.0, 1.0, f32::MIN][..]));

    // Limits that no number of 32 bits is: the next ones inside.
    let hello = HELLO.replace("[0,1]", "[0.1,0.3]");
    let fake = Fake::new(move |_, _, stream| say(stream, &format!("{hello}\n")));
    let [low, high] = fake.open(0).layers()[0].parameters[0].limits;
    assert!(f64::from(low) >= 0.1 && f64::from(low.next_down()) < 0.1, "{low}");
    assert!(f64::from(high) <= 0.3 && f64::from(high.next_up()) > 0.3, "{high}");
}

#[test]
fn what_the_bench_must_not_be_sent_is_refused_before_it() {
    let fake = Fake::new(|_, message, stream| right(message, stream));
    let mut hardware = fake.open(0);
    let (scale, bias) = ([0.5, 0.25], [0.0]);
    let right = parameters(&scale, &bias);
    let mut outputs = [0.0; 4];
    let refused = |hardware: &mut Hardware, sent: &[Sent<'_>], inputs: &[f32], outputs: &mut [f32], parts: &[&str]| {
        told(&hardware.measure("mix", sent, 2, inputs, outputs).unwrap_err(), parts);
    };
    let error = hardware.measure("blend", &right, 2, &INPUTS, &mut outputs).unwrap_err();
    told(&error, &["layer `blend` cannot be measured: the program at 127.0.0.1:", " plays `mix` only"]);
    refused(
        &mut hardware,
        &right[1..],
        &INPUTS,
        &mut outputs,
        &["the bench sets `bias`, which the layer does not have"],
    );
    let more = [right[0], right[1], Sent { name: "gain", ..right[0] }];
    refused(&mut hardware, &more, &INPUTS, &mut outputs, &["the bench does not set `gain`, which the layer has"]);
    let currents = [right[0], Sent { unit: "mA", ..right[1] }];
    refused(&mut hardware, &currents, &INPUTS, &mut outputs, &["`scale` is [2] in mA here and [2] in nm on the bench"]);
    let turned = [right[0], Sent { shape: &[2, 1], ..right[1] }];
    refused(
        &mut hardware,
        &turned,
        &INPUTS,
        &mut outputs,
        &["`scale` is [2, 1] in nm here and [2] in nm on the bench"],
    );
    let short = [right[0], Sent { values: &scale[..1], ..right[1] }];
    refused(&mut hardware, &short, &INPUTS, &mut outputs, &["`scale` of shape [2] has 1 values"]);
    let diverged = parameters(&[0.5, f32::NAN], &bias);
    refused(
        &mut hardware,
        &diverged,
        &INPUTS,
        &mut outputs,
        &["`scale` is NaN at place 1 (from 0)", "lower its learning rate"],
    );
    let endless = parameters(&scale, &[f32::NEG_INFINITY]);
    refused(&mut hardware, &endless, &INPUTS, &mut outputs, &["`bias` is -inf at place 0"]);
    refused(&mut hardware, &right, &INPUTS[1..], &mut outputs, &["2 samples of 3 inputs are not 5 numbers"]);
    refused(&mut hardware, &right, &INPUTS, &mut outputs[1..], &["2 samples of 2 outputs are not 3 numbers"]);
    let mut inputs = INPUTS;
    inputs[4] = f32::INFINITY;
    refused(&mut hardware, &right, &inputs, &mut outputs, &["its input is inf at sample 1, input 1 (from 0)"]);

    // None of it was sent, and the connection is as good as before.
    assert_eq!(mix(&mut hardware).unwrap(), MIXED);
    assert_eq!(fake.messages.try_iter().filter(|(header, _)| header["type"] == "measure").count(), 1);
}

#[test]
fn a_wrong_hello_is_told_in_one_line() {
    let hello = |from: &str, to: &str| {
        let changed = HELLO.replace(from, to);
        assert_ne!(changed, HELLO, "{from}");
        changed + "\n"
    };
    let long = format!("{{\"type\":\"{}", "x".repeat(70_000));
    for (answer, parts) in [
        (
            hello(r#""protocol":1"#, r#""protocol":2,"extra":[]"#),
            &["speaks protocol 2, this one speaks protocol 1"][..],
        ),
        (hello(r#""protocol":1,"#, ""), &["it has no `protocol`"]),
        (hello("limits", "limit"), &["introduces itself wrongly: unknown field `limit`"]),
        (hello(r#","limits":[0,1]"#, ""), &["missing field `limits`"]),
        (hello("[0,1]", "[1,0]"), &["`limits` must be the smallest and the largest value"]),
        (hello("[null,7]", "[1e60,null]"), &["`limits` must be"]),
        (hello("0.001", "-1"), &["`settle_seconds` must be 0 to 3600, not -1"]),
        (hello("0.001", "1e9"), &["`settle_seconds` must be"]),
        (hello(r#""inputs":3"#, r#""inputs":0"#), &["layer `mix` must have at least 1"]),
        (hello(r#""inputs":3"#, r#""inputs":-3"#), &["invalid value"]),
        (hello("[2]", "[4294967296,4294967296]"), &["parameter `scale` of layer `mix` has the impossible shape"]),
        (hello("bias", "scale"), &["every parameter of layer `mix` needs a name of its own, and `scale` is none"]),
        (hello(r#""mix""#, r#""""#), &["every layer needs a name of its own"]),
        (
            r#"{"type":"hello","protocol":1,"name":"","settle_seconds":0,"layers":[]}"#.to_owned() + "\n",
            &["plays no layer"],
        ),
        (
            r#"{"type":"error","message":"the laser\nis off"}"#.to_owned() + "\n",
            &["refuses to begin: the laser is off"],
        ),
        (r#"{"type":"outputs","shape":[0,2]}"#.to_owned() + "\n", &["answers a hello with outputs"]),
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(),
            &["sends `HTTP/1.1 400 Bad Request` for a header", "prints to its standard error"],
        ),
        ("\n".to_owned(), &["sends `` for a header"]),
        (long, &["sends a header of more than 65536 bytes"]),
    ] {
        let said = answer.clone();
        let fake = Fake::new(move |_, _, stream| say(stream, &said));
        let error = Hardware::open(&HardwareSettings { timeout: 5.0, ..fake.settings() }).unwrap_err();
        told(&error, &[parts, &["the program at 127.0.0.1:"]].concat());
        assert!(!error.to_string().contains("tried"), "opening is tried once: {error}");
    }
}

#[test]
fn a_wrong_answer_is_told_in_one_line_and_not_asked_for_again() {
    for (answer, parts) in [
        (
            &b"{\"type\":\"outputs\",\"shape\":[2,3]}\n"[..],
            &["gives outputs of shape [2, 3] of layer `mix`, not [2, 2]; correct its driver"][..],
        ),
        // What it claims would be an exabyte.
        (b"{\"type\":\"outputs\",\"shape\":[1000000000,1000000000]}\n", &["of shape [1000000000, 1000000000]"]),
        (b"{\"type\":\"outputs\",\"shape\":[4]}\n", &["of shape [4]"]),
        (&outputs(&[1.0, 2.0, 3.0, f32::NAN], 2), &["gives NaN at sample 1, output 1 (from 0) of layer `mix`"]),
        (
            &outputs(&[1.0, f32::INFINITY, 3.0, f32::NAN], 2),
            &["gives inf at sample 0, output 1 (from 0) of layer `mix`"],
        ),
        (
            b"{\"type\":\"error\",\"message\":\"\\u001b[31mheater 7\\n is open\"}\n",
            &["refuses to play layer `mix`: [31mheater 7 is open"],
        ),
    ] {
        let answer = answer.to_vec();
        let fake = wrong_at(1, move |stream| stream.write_all(&answer).is_ok());
        let mut hardware = fake.open(3);
        let error = mix(&mut hardware).unwrap_err();
        told(&error, &[parts, &["the program at 127.0.0.1:"]].concat());
        assert_eq!(mix(&mut hardware).unwrap(), MIXED, "after {error}");
        assert_eq!(hardware.repeats(), 0);
    }
}

/// What a driver does once it has sent what it sends.
#[derive(Clone, Copy)]
enum Then {
    GoesOn,
    Closes,
    Hangs,
}

/// How a call can go wrong such that the next may go well: what is told, what the driver sends, and what it does then.
fn mishaps() -> Vec<(&'static str, Vec<u8>, Then)> {
    let half = || outputs(&MIXED, 2)[..40].to_vec();
    let middle = "closed the connection in the middle of an answer";
    vec![
        ("closed the connection before it answered; what it said itself tells why", Vec::new(), Then::Closes),
        (middle, b"{\"type\":".to_vec(), Then::Closes),
        (middle, half(), Then::Closes),
        (
            "has not answered within 2.001 s; look at the bench, or raise `training.device.hardware.timeout`",
            Vec::new(),
            Then::Hangs,
        ),
        ("has not answered within 2.001 s", half(), Then::Hangs),
        ("sends `measured 2 rows` for a header (expected", b"measured 2 rows\n".to_vec(), Then::GoesOn),
        (
            "sends `{\"type\":\"yes\"}` for a header (unknown variant `yes`",
            b"{\"type\":\"yes\"}\n".to_vec(),
            Then::GoesOn,
        ),
        ("for a header (", b"\xff\xfe\x00\n".to_vec(), Then::GoesOn),
        ("sends a header of more than 65536 bytes", vec![b' '; 70_000], Then::GoesOn),
        ("answers a measurement with a hello", format!("{HELLO}\n").into_bytes(), Then::GoesOn),
        ("sends 16 bytes more than its answer", [outputs(&MIXED, 2), vec![0; 16]].concat(), Then::GoesOn),
    ]
}

/// Goes wrong in one of these ways.
fn mishap(stream: &mut TcpStream, bytes: &[u8], then: Then) -> bool {
    let sent = stream.write_all(bytes).is_ok();
    match then {
        Then::GoesOn => sent,
        Then::Closes => false,
        Then::Hangs => {
            // Until the other side leaves.
            let _ = stream.read(&mut [0]);
            false
        }
    }
}

#[test]
fn a_call_that_broke_is_made_again_with_a_new_connection() {
    thread::scope(|scope| {
        for (what, bytes, then) in mishaps() {
            scope.spawn(move || {
                let fake = wrong_at(1, move |stream| mishap(stream, &bytes, then));
                let mut hardware = fake.open(3);
                assert_eq!(mix(&mut hardware).unwrap(), MIXED, "{what}");
                assert_eq!(mix(&mut hardware).unwrap(), MIXED, "{what}");
                assert_eq!((hardware.calls(), hardware.repeats()), (2, 1), "{what}");
                let said: Vec<_> = fake.messages.iter().take(5).collect();
                let kinds: Vec<_> = said.iter().map(|(header, _)| header["type"].as_str().unwrap()).collect();
                assert_eq!(kinds, ["hello", "measure", "hello", "measure", "measure"], "{what}");
                assert_eq!(said[1], said[3], "{what}");
            });
        }
    });
}

#[test]
fn a_call_that_keeps_breaking_is_told_in_one_line() {
    thread::scope(|scope| {
        for (what, bytes, then) in mishaps() {
            scope.spawn(move || {
                let fake = Fake::new(move |_, message, stream| {
                    if message.0["type"] == "hello" { right(message, stream) } else { mishap(stream, &bytes, then) }
                });
                let mut hardware = fake.open(0);
                told(&mix(&mut hardware).unwrap_err(), &[what, "the program at 127.0.0.1:"]);
                drop(hardware);
                let mut hardware = fake.open(1);
                told(&mix(&mut hardware).unwrap_err(), &[what, "(tried 2 times)"]);
                assert_eq!((hardware.calls(), hardware.repeats()), (0, 1));
            });
        }
    });
}

#[test]
fn another_device_after_a_break_is_refused() {
    let fake = Fake::new(|count, message, stream| match count {
        1 => false,
        2 => say(stream, &HELLO.replace("fake", "bench 4")) && say(stream, "\n"),
        _ => right(message, stream),
    });
    told(&mix(&mut fake.open(3)).unwrap_err(), &["it is another device now; start anew with it (tried 2 times)"]);
}

#[test]
fn a_peer_that_does_not_read_ends_at_the_time_out() {
    let _alone = memory();
    // More than any socket takes in without a reader.
    let rows = 4 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        receive(&mut BufReader::new(stream.try_clone().unwrap()));
        say(&mut stream, HELLO);
        say(&mut stream, "\n");
        thread::sleep(Duration::from_secs(60));
    });
    let settings = HardwareSettings { address: Some(address), timeout: 1.0, retries: 0, ..Default::default() };
    let mut hardware = Hardware::open(&settings).unwrap();
    let (inputs, mut outputs) = (vec![0.0; 3 * rows], vec![0.0; 2 * rows]);
    let start = Instant::now();
    let error = hardware.measure("mix", &parameters(&[0.0; 2], &[0.0]), rows, &inputs, &mut outputs).unwrap_err();
    told(&error, &["has not answered within 1.001 s"]);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn what_is_not_there_is_told_at_its_key() {
    let settings = HardwareSettings { address: Some("127.0.0.1:1".to_owned()), ..Default::default() };
    let error = Hardware::open(&settings).unwrap_err();
    told(
        &error,
        &[
            "cannot connect to the program at 127.0.0.1:1: ",
            "start it first, or correct `training.device.hardware.address`",
        ],
    );
    let error = Hardware::open(&started(&["no-such-driver", "--fast"])).unwrap_err();
    told(
        &error,
        &["cannot start the program `no-such-driver --fast`: ", "; correct `training.device.hardware.command`"],
    );
    told(
        &Hardware::open(&HardwareSettings::default()).unwrap_err(),
        &["`training.device.hardware.command` is missing"],
    );
}

fn started(words: &[&str]) -> HardwareSettings {
    let command = words.iter().map(|word| (*word).to_owned()).collect();
    HardwareSettings { command: Some(command), ..Default::default() }
}

/// Resident memory of this process, bytes, where the system tells.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Held by tests that take or count much memory, as tests of one binary run side by side.
static MEMORY: Mutex<()> = Mutex::new(());

fn memory() -> MutexGuard<'static, ()> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes 10,000 calls, and holds that memory does not grow nor time.
fn endure(name: &str, mut call: impl FnMut()) {
    let _alone = memory();
    (0..1000).for_each(|_| call());
    let before = resident();
    let mut times: Vec<f64> = Vec::with_capacity(10_000);
    let start = Instant::now();
    for _ in 0..10_000 {
        let start = Instant::now();
        call();
        times.push(start.elapsed().as_secs_f64());
    }
    let total = start.elapsed().as_secs_f64();
    let grown = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    // A tenth of the calls are as fast, whatever else the machine does.
    let typical = |times: &mut [f64]| *times.select_nth_unstable_by(100, f64::total_cmp).1;
    let (first, last) = (typical(&mut times[..1000]), typical(&mut times[9000..]));
    println!(
        "{name}: {:.0} calls a second, {:.1} us a call at first, {:.1} us at last, {:?} bytes grown",
        10_000.0 / total,
        1e6 * first,
        1e6 * last,
        grown
    );
    assert!(last < 4.0 * first, "{name}: a call took {first} s at first, {last} s at last");
    // One message kept of each call would be 60 MiB or more.
    assert!(grown.is_none_or(|grown| grown < 8 << 20), "{name}: {grown:?} bytes more");
}

#[test]
fn ten_thousand_calls_take_no_more_memory_and_no_more_time() {
    let fake = Fake::new(|_, message, stream| right(message, stream));
    let mut hardware = Hardware::open(&fake.settings()).unwrap();
    let rows = 500;
    let (inputs, mut outputs) = (vec![0.25; 3 * rows], vec![0.0; 2 * rows]);
    endure("a driver in Rust over TCP", || {
        hardware.measure("mix", &parameters(&[0.5, 1.0], &[0.0]), rows, &inputs, &mut outputs).unwrap();
        assert_eq!(outputs[998..], [0.375, 0.75]);
        fake.messages.try_iter().count();
    });
    assert_eq!((hardware.calls(), hardware.repeats()), (11_000, 0));
}

/// Programs that are started, as scripts of a shell.
#[cfg(unix)]
mod shell {
    use super::*;

    /// Says hello, as a layer `echo` of 2 inputs, 2 outputs and no parameters, and writes its number to a file.
    const BEGIN: &str = r#"echo $$ >> "$1"; read -r hello
printf '%s\n' '{"type":"hello","protocol":1,"name":"echo","settle_seconds":0,"layers":[{"name":"echo","inputs":2,"outputs":2,"parameters":[]}]}'
"#;
    /// Answers one measurement of a row with its inputs.
    const ECHO: &str = r#"read -r header && printf '%s\n' '{"type":"outputs","shape":[1,2]}' && head -c 8"#;

    struct Shell(tempfile::TempDir);

    impl Shell {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn pids(&self) -> PathBuf {
            self.0.path().join("pids")
        }

        fn open(&self, script: &str, timeout: f64, retries: u32) -> Result<Hardware, Error> {
            let pids = self.pids();
            let settings = started(&["sh", "-c", script, "sh", pids.to_str().unwrap()]);
            Hardware::open(&HardwareSettings { timeout, retries, ..settings })
        }

        /// Numbers of the processes that were started.
        fn started(&self) -> Vec<String> {
            std::fs::read_to_string(self.pids()).unwrap().lines().map(str::to_owned).collect()
        }

        /// How many of them there are still, zombies included.
        fn left(&self) -> usize {
            self.started().iter().filter(|pid| kill("-0", pid)).count()
        }
    }

    /// Whether a signal reaches a process.
    fn kill(signal: &str, pid: &str) -> bool {
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill \"$1\" \"$2\"", "sh", signal, pid]).stderr(Stdio::null());
        kill.status().unwrap().success()
    }

    fn echo(hardware: &mut Hardware) -> Result<[f32; 2], Error> {
        let mut outputs = [0.0; 2];
        hardware.measure("echo", &[], 1, &[1.5, -2.0], &mut outputs)?;
        Ok(outputs)
    }

    #[test]
    fn a_started_program_is_spoken_to_over_pipes_and_ends_with_its_input() {
        let shell = Shell::new();
        let end = shell.0.path().join("end");
        let script = format!("{BEGIN}while {ECHO}; do :; done; sleep 0.2; echo safe > {}", end.display());
        let mut hardware = shell.open(&script, 10.0, 0).unwrap();
        for _ in 0..20 {
            assert_eq!(echo(&mut hardware).unwrap(), [1.5, -2.0]);
        }
        assert_eq!((shell.started().len(), shell.left()), (1, 1));
        // Ctrl-C goes to the process group of the terminal; the program leads its own.
        let pid = &shell.started()[0];
        if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            assert_eq!(stat.split(' ').nth(4), Some(&pid[..]));
        }
        drop(hardware);
        assert_eq!(shell.left(), 0);
        // It had the time to leave the bench in a safe state.
        assert_eq!(std::fs::read_to_string(end).unwrap(), "safe\n");
    }

    #[test]
    fn a_program_that_ends_in_a_call_is_started_anew() {
        let shell = Shell::new();
        let mut hardware = shell.open(&format!("{BEGIN}{ECHO}; {ECHO}; read -r header; exit 7"), 10.0, 1).unwrap();
        for _ in 0..5 {
            assert_eq!(echo(&mut hardware).unwrap(), [1.5, -2.0]);
        }
        assert_eq!((hardware.calls(), hardware.repeats(), shell.started().len()), (5, 2, 3));
        assert_eq!(shell.left(), 1);

        let shell = Shell::new();
        let mut hardware = shell.open(&format!("{BEGIN}read -r header; exit 7"), 10.0, 1).unwrap();
        told(
            &echo(&mut hardware).unwrap_err(),
            &["the program `sh -c", "ended (exit status: 7) before it answered", "(tried 2 times)"],
        );
        assert_eq!((shell.started().len(), shell.left()), (2, 0));
    }

    #[test]
    fn a_program_that_ends_at_once_is_told_with_its_status() {
        let shell = Shell::new();
        told(&shell.open("exit 3", 10.0, 3).unwrap_err(), &["ended (exit status: 3) before it answered"]);
        told(&shell.open("kill -9 $$", 10.0, 3).unwrap_err(), &["ended (signal: 9", "before it answered"]);
    }

    #[test]
    fn a_program_that_hangs_is_killed_and_reaped() {
        // `exec`, or the shell would leave a child of its own behind.
        let shell = Shell::new();
        let start = Instant::now();
        told(&shell.open("echo $$ >> \"$1\"; exec sleep 1000", 2.0, 3).unwrap_err(), &["has not answered within 2 s"]);
        assert_eq!((shell.started().len(), shell.left()), (1, 0));
        let mut hardware = shell.open(&format!("{BEGIN}exec sleep 1000"), 2.0, 1).unwrap();
        told(&echo(&mut hardware).unwrap_err(), &["has not answered within 2 s", "(tried 2 times)"]);
        assert_eq!((shell.started().len(), shell.left()), (3, 0));
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }

    #[test]
    fn a_program_that_stays_after_its_input_has_ended_is_killed() {
        let shell = Shell::new();
        let hardware = shell.open(&format!("{BEGIN}exec sleep 1000"), 10.0, 0).unwrap();
        let start = Instant::now();
        drop(hardware);
        assert!((2..10).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        assert_eq!(shell.left(), 0);
    }

    #[test]
    fn a_child_that_outlives_a_killed_program_keeps_no_one() {
        let shell = Shell::new();
        let start = Instant::now();
        // It has the program's pipes still, so that these do not end.
        told(&shell.open("echo $$ >> \"$1\"; sleep 15; exit", 2.0, 0).unwrap_err(), &["has not answered within 2 s"]);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_eq!(shell.left(), 0);
    }

    /// `bench.py`, started by a shell that says which process it is, then lets it take its place.
    #[test]
    fn a_killed_bench_is_started_anew() {
        let Some(python) = python("a bench that is started and killed") else { return };
        let shell = Shell::new();
        let script =
            format!("echo $$ >> \"$1\"; exec '{python}' '{}' --seed 3 --fabrication 0.02 a=3x2", bench().display());
        let mut hardware = shell.open(&script, 10.0, 3).unwrap();
        let first = rings(&mut hardware, "a", &[0.5; 6], &[0.5, -1.0], None, &INPUTS);
        for wanted in 1..=2 {
            assert!(kill("-9", shell.started().last().unwrap()));
            assert_eq!(rings(&mut hardware, "a", &[0.5; 6], &[0.5, -1.0], None, &INPUTS), first, "the same bench");
            assert_eq!((hardware.repeats(), shell.started().len()), (wanted, 1 + wanted as usize));
        }
        drop(hardware);
        assert_eq!(shell.left(), 0);
    }
}

fn bench() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/drivers/bench.py")
}

/// A Python with numpy: the one that FLATLIGHT_PYTHON names, which must have it, or `python3` if it does. Says what is left
/// out where there is none.
fn python(what: &str) -> Option<String> {
    let has_numpy = |python: &str| {
        let mut import = Command::new(python);
        import.args(["-c", "import numpy"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if let Ok(python) = std::env::var("FLATLIGHT_PYTHON") {
        assert!(has_numpy(&python), "FLATLIGHT_PYTHON={python} has no numpy");
        return Some(python);
    }
    let found = has_numpy("python3").then(|| "python3".to_owned());
    if found.is_none() {
        // Not to the captured output: who reads that a test passed should see it.
        let _ = writeln!(std::io::stderr(), "LEFT OUT, as there is no python3 with numpy: {what}");
    }
    found
}

/// `bench.py` at a port, killed at the end.
struct Listening(Child, String);

impl Listening {
    fn new(python: &str, port: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(python);
        command.arg(bench()).args(["--tcp", port]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}"));
        Self(child, address.to_owned())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Outputs of a layer of rings for inputs `[rows, inputs]`, under detunings `[outputs, inputs]` and more.
fn rings(
    hardware: &mut Hardware,
    layer: &str,
    detuning: &[f32],
    bias: &[f32],
    gain: Option<f32>,
    inputs: &[f32],
) -> Vec<f32> {
    let (outputs, shape) = (bias.len(), [bias.len(), detuning.len() / bias.len()]);
    let rows = inputs.len() / shape[1];
    let mut parameters = vec![
        Sent { name: "detuning", unit: "nm", shape: &shape, values: detuning },
        Sent { name: "bias", unit: "", shape: &shape[..1], values: bias },
    ];
    parameters.extend(gain.as_ref().map(|gain| Sent {
        name: "gain",
        unit: "",
        shape: &[1],
        values: std::slice::from_ref(gain),
    }));
    let mut read = vec![0.0; rows * outputs];
    hardware.measure(layer, &parameters, rows, inputs, &mut read).unwrap();
    read
}

/// Numbers between 0 and 1, the same every time.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    flatlight::random::units(seed, 0).take(count).map(|unit| unit as f32).collect()
}

/// What the specification makes of the same rings.
fn specified(detuning: &[f32], bias: &[f32], gain: f32, inputs: &[f32]) -> Vec<f64> {
    let width = detuning.len() / bias.len();
    let ring = Ring { half_width: f64::from(0.15_f32), contrast: 1.0, drift: 0.08 };
    let weights: Vec<f64> = detuning.iter().map(|x| ring.weight(f64::from(*x))).collect();
    let row = |x: &[f32]| -> Vec<f64> {
        let light = weights.chunks(width).map(|w| w.iter().zip(x).map(|(w, x)| w * f64::from(*x)).sum::<f64>());
        light.zip(bias).map(|(light, bias)| f64::from(gain) * light + f64::from(*bias)).collect()
    };
    inputs.chunks(width).flat_map(row).collect()
}

fn apart(read: &[f32], wanted: &[f64]) -> f64 {
    assert_eq!(read.len(), wanted.len());
    let largest = wanted.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    read.iter().zip(wanted).map(|(read, wanted)| (f64::from(*read) - wanted).abs()).fold(0.0, f64::max) / largest
}

#[test]
fn an_ideal_bench_is_the_layer_of_rings() {
    let Some(python) = python("bench.py against the specification of ring-dense") else { return };
    let bench = bench();
    let command = |more: &[&str]| started(&[&[python.as_str(), bench.to_str().unwrap(), "ring1=64x10"], more].concat());
    for gain in [None, Some(2.5)] {
        let more: &[&str] = if gain.is_some() { &["--gain", "ring2=10x7"] } else { &["ring2=10x7"] };
        let mut hardware = Hardware::open(&command(more)).unwrap();
        for (played, (name, inputs, outputs)) in hardware.layers().iter().zip([("ring1", 64, 10), ("ring2", 10, 7)]) {
            assert_eq!((played.name.as_str(), played.inputs, played.outputs), (name, inputs, outputs));
            let recipe = RingRecipe { trainable_gain: gain.is_some(), ..RingRecipe::new(outputs) };
            let own = RingDense::new(recipe, &[inputs]).unwrap().parameters();
            let own: Vec<_> = own.iter().map(|p| (&p.name[..], &p.shape[..], p.unit, p.bounds)).collect();
            let theirs: Vec<_> =
                played.parameters.iter().map(|p| (&p.name[..], &p.shape[..], &p.unit[..], p.limits)).collect();
            assert_eq!(theirs, own);
        }
        for (layer, inputs, outputs) in [("ring1", 64, 10), ("ring2", 10, 7)] {
            let (detuning, x) = (numbers(inputs * outputs, 1), numbers(33 * inputs, 2));
            let bias: Vec<f32> = numbers(outputs, 3).iter().map(|b| b - 0.5).collect();
            let read = rings(&mut hardware, layer, &detuning, &bias, gain, &x);
            let apart = apart(&read, &specified(&detuning, &bias, gain.unwrap_or(1.0), &x));
            println!("{layer}, gain {gain:?}: {apart:.1e} of the largest output apart");
            assert!(apart < 1e-6, "{layer}: {apart:e}");
        }
    }

    // Misbuilt, it is another device, the same one for the same seed; its noise is another one every time.
    let (detuning, bias, x) = (numbers(640, 1), numbers(10, 3), numbers(64, 2));
    let read = |more: &[&str]| {
        let mut hardware = Hardware::open(&command(more)).unwrap();
        rings(&mut hardware, "ring1", &detuning, &bias, None, &x)
    };
    let ideal = specified(&detuning, &bias, 1.0, &x);
    let built = read(&["--seed", "4", "--fabrication", "0.03"]);
    assert_eq!(read(&["--seed", "4", "--fabrication", "0.03"]), built);
    assert!(apart(&built, &ideal) > 1e-3);
    assert_ne!(read(&["--seed", "5", "--fabrication", "0.03"]), built);
    let noisy = [(); 2].map(|()| read(&["--noise", "0.01"]));
    assert_ne!(noisy[0], noisy[1]);
    let off = apart(&noisy[0], &ideal);
    assert!((1e-5..0.1).contains(&off), "{off}");
}

#[test]
fn a_bench_that_is_restarted_at_its_port_is_found_again() {
    let Some(python) = python("a bench at a port, killed and started again") else { return };
    let arguments = ["--seed", "3", "--fabrication", "0.02", "a=3x2"];
    let bench = Listening::new(&python, "0", &arguments);
    let address = bench.1.clone();
    let settings = HardwareSettings { address: Some(address.clone()), retries: 8, ..Default::default() };
    // It takes one client after the other.
    drop(Hardware::open(&settings).unwrap());
    let mut hardware = Hardware::open(&settings).unwrap();
    let mut call = move || {
        let read = rings(&mut hardware, "a", &[0.5; 6], &[0.5, -1.0], None, &INPUTS);
        (read, hardware.repeats())
    };
    let (first, repeats) = call();
    assert_eq!(repeats, 0);
    drop(bench);
    let calling = thread::spawn(move || (call(), call));
    // Meanwhile nothing listens there.
    thread::sleep(Duration::from_millis(600));
    let port = address.rsplit_once(':').unwrap().1;
    let bench = Listening::new(&python, port, &arguments);
    let ((again, repeats), mut call) = calling.join().unwrap();
    assert_eq!(again, first);
    assert!(repeats > 1, "{repeats}");
    assert_eq!(call(), (first, repeats));
    drop(bench);
}

#[test]
fn a_bench_endures_ten_thousand_calls() {
    let Some(python) = python("10,000 calls of bench.py") else { return };
    let bench = bench();
    let arguments = ["--fabrication", "0.02", "--noise", "0.01", "ring1=64x10"];
    let (detuning, bias, x) = (numbers(640, 1), numbers(10, 3), numbers(32 * 64, 2));
    let endure = |name: &str, settings: &HardwareSettings| {
        let mut hardware = Hardware::open(settings).unwrap();
        endure(name, || drop(rings(&mut hardware, "ring1", &detuning, &bias, None, &x)));
        assert_eq!((hardware.calls(), hardware.repeats()), (11_000, 0));
    };
    endure("bench.py over pipes", &started(&[&[python.as_str(), bench.to_str().unwrap()], &arguments[..]].concat()));
    let listening = Listening::new(&python, "0", &arguments);
    endure("bench.py over TCP", &HardwareSettings { address: Some(listening.1.clone()), ..Default::default() });
}
