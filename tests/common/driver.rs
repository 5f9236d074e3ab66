//! A scripted driver: the other end of `src/hardware`, on TCP.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use flatlight::hardware::{Hardware, HardwareSettings};
use serde_json::Value;

/// What one message brought: its header, and its arrays one after the other.
pub type Message = (Value, Vec<f32>);

/// A driver that does as it is told, one closure call a message, and hands on what it was sent. The closure gets the
/// number of the message, over all connections, and says whether the connection goes on.
pub struct Fake {
    pub address: String,
    pub messages: Receiver<Message>,
}

impl Fake {
    pub fn new(mut act: impl FnMut(usize, &Message, &mut TcpStream) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            let mut count = 0;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut input = BufReader::new(stream.try_clone().unwrap());
                while let Some(message) = receive(&mut input) {
                    let goes_on = act(count, &message, &mut stream);
                    count += 1;
                    let _ = sender.send(message);
                    if !goes_on {
                        break;
                    }
                }
            }
        });
        Self { address, messages }
    }

    pub fn settings(&self) -> HardwareSettings {
        HardwareSettings { address: Some(self.address.clone()), ..Default::default() }
    }

    /// Opened with so many retries, and 2 s for an answer.
    pub fn open(&self, retries: u32) -> Hardware {
        Hardware::open(&HardwareSettings { retries, timeout: 2.0, ..self.settings() }).unwrap()
    }
}

/// One message, unless the other side has left.
pub fn receive(input: &mut impl BufRead) -> Option<Message> {
    let mut line = String::new();
    if input.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let header: Value = serde_json::from_str(&line).unwrap();
    let extents = |shape: &Value| shape.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).product();
    let counts: Vec<usize> = match header["type"].as_str() {
        Some("measure") => {
            let parameters = header["parameters"].as_array().unwrap().iter().map(|one| extents(&one["shape"]));
            parameters.chain([extents(&header["inputs"])]).collect()
        }
        _ => Vec::new(),
    };
    let mut bytes = vec![0; 4 * counts.iter().sum::<usize>()];
    input.read_exact(&mut bytes).ok()?;
    Some((header, bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()))
}

/// An answer of so many outputs a sample, in one piece.
pub fn outputs(values: &[f32], each: usize) -> Vec<u8> {
    let shape = [values.len() / each, each];
    let mut bytes = format!("{}\n", serde_json::json!({ "type": "outputs", "shape": shape })).into_bytes();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}
