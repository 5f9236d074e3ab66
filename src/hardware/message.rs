//! Messages of the protocol, as `assets/drivers/PROTOCOL.md` has it: a header, which is one line of JSON, then arrays of
//! `f32`, little-endian, of the shapes that the header gives.

use std::collections::BTreeSet;
use std::io::{BufRead, Read as _};

use serde::{Deserialize, Deserializer, Serialize};

use super::error::shown;
use super::{Error, PROTOCOL, Sent};

/// The longest header, bytes, its line feed included.
pub(super) const LONGEST_HEADER: usize = 64 * 1024;
/// More than an hour no bench settles, s.
const LONGEST_SETTLE: f64 = 3600.0;

/// The first message.
pub(super) fn hello() -> Vec<u8> {
    format!("{{\"type\":\"hello\",\"protocol\":{PROTOCOL}}}\n").into_bytes()
}

/// Header of a measurement.
#[derive(Serialize)]
#[serde(tag = "type", rename = "measure")]
struct Measure<'a> {
    layer: &'a str,
    parameters: Vec<Array<'a>>,
    inputs: [usize; 2],
}

/// A parameter as a header announces it.
#[derive(Serialize)]
struct Array<'a> {
    name: &'a str,
    shape: &'a [usize],
    unit: &'a str,
}

/// What a program says of itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    #[serde(rename = "protocol")]
    _protocol: u32,
    pub(super) name: String,
    pub(super) settle_seconds: f64,
    pub(super) layers: Vec<Played>,
}

/// A layer that a program plays.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Played {
    /// Name of the layer.
    pub name: String,
    /// Numbers that go in, a sample.
    pub inputs: usize,
    /// Numbers that come out, a sample.
    pub outputs: usize,
    /// What is set on the bench.
    pub parameters: Vec<PlayedParameter>,
}

/// A tensor that is set on a bench.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlayedParameter {
    /// Name within the layer.
    pub name: String,
    /// Shape, outermost axis first.
    pub shape: Vec<usize>,
    /// Unit, empty for a plain number.
    #[serde(default)]
    pub unit: String,
    /// Smallest and largest value that may be sent; the largest numbers there are where the bench has no limit.
    #[serde(deserialize_with = "limits")]
    pub limits: [f32; 2],
}

/// Limits rounded inwards, so that none that is sent lies outside of what the program said. `null` is no limit.
fn limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f32; 2], D::Error> {
    let [low, high] = <[Option<f64>; 2]>::deserialize(deserializer)?;
    let rounded = |value: f64, inwards: fn(f32) -> f32, outside: fn(f64, f64) -> bool| {
        let near = value as f32;
        if outside(f64::from(near), value) { inwards(near) } else { near }
    };
    let low = low.map_or(f32::MIN, |low| rounded(low, f32::next_up, |near, low| near < low));
    let high = high.map_or(f32::MAX, |high| rounded(high, f32::next_down, |near, high| near > high));
    if low <= high && low.is_finite() && high.is_finite() {
        return Ok([low, high]);
    }
    Err(serde::de::Error::custom("`limits` must be the smallest and the largest value, or null for none"))
}

/// The header of an answer.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Header {
    Hello(serde_json::Value),
    Outputs { shape: Vec<usize> },
    Error { message: String },
}

/// What is waited for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Hello,
    Outputs { layer: String, shape: [usize; 2] },
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Answer {
    Hello(Hello),
    /// Outputs are in the array.
    Outputs,
}

/// Number of elements of a shape, if it can be counted.
fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent))
}

impl Hello {
    /// Reads it from the header of an answer; the version first, as another one may have other keys.
    fn read(program: &str, header: serde_json::Value) -> Result<Self, Error> {
        match &header["protocol"] {
            version if *version == PROTOCOL => {}
            serde_json::Value::Null => return Err(wrong(program, "it has no `protocol`")),
            version => {
                return Err(Error::Version { program: program.to_owned(), version: shown(&version.to_string()) });
            }
        }
        let hello = Self::deserialize(header).map_err(|error| wrong(program, error))?;
        hello.check().map_err(|what| wrong(program, what))?;
        Ok(hello)
    }

    fn check(&self) -> Result<(), String> {
        if !(0.0..=LONGEST_SETTLE).contains(&self.settle_seconds) {
            return Err(format!("`settle_seconds` must be 0 to {LONGEST_SETTLE}, not {}", self.settle_seconds));
        }
        if self.layers.is_empty() {
            return Err("it plays no layer".to_owned());
        }
        let mut names = BTreeSet::new();
        for layer in &self.layers {
            let name = &layer.name;
            if name.is_empty() || !names.insert(name) {
                return Err(format!("every layer needs a name of its own, and `{name}` is none"));
            }
            if layer.inputs == 0 || layer.outputs == 0 {
                return Err(format!("layer `{name}` must have at least 1 of `inputs` and of `outputs`"));
            }
            let mut names = BTreeSet::new();
            for parameter in &layer.parameters {
                if parameter.name.is_empty() || !names.insert(&parameter.name) {
                    let own = &parameter.name;
                    return Err(format!(
                        "every parameter of layer `{name}` needs a name of its own, and `{own}` is none"
                    ));
                }
                if elements(&parameter.shape).is_none() {
                    let (own, shape) = (&parameter.name, &parameter.shape);
                    return Err(format!("parameter `{own}` of layer `{name}` has the impossible shape {shape:?}"));
                }
            }
        }
        Ok(())
    }
}

fn wrong(program: &str, what: impl ToString) -> Error {
    Error::Hello { program: program.to_owned(), what: shown(&what.to_string()) }
}

impl Played {
    /// Writes the message that measures `rows` samples with these inputs `[rows, inputs]` into a buffer, parameters in the
    /// order of this layer, each number within its limits. Returns how many numbers had to be held there.
    pub(super) fn request(
        &self,
        parameters: &[Sent<'_>],
        rows: usize,
        inputs: &[f32],
        buffer: &mut Vec<u8>,
    ) -> Result<u64, Error> {
        let refuse = |what: String| Error::Request { layer: self.name.clone(), what };
        let mut chosen = Vec::with_capacity(self.parameters.len());
        for own in &self.parameters {
            let name = &own.name;
            let Some(sent) = parameters.iter().find(|sent| sent.name == name) else {
                return Err(refuse(format!(
                    "the bench sets `{name}`, which the layer does not have; leave it out there"
                )));
            };
            if sent.shape != own.shape || sent.unit != own.unit {
                let (theirs, ours) = (quantity(&own.shape, &own.unit), quantity(sent.shape, sent.unit));
                return Err(refuse(format!("`{name}` is {ours} here and {theirs} on the bench; make them agree")));
            }
            if Some(sent.values.len()) != elements(&own.shape) {
                return Err(refuse(format!("`{name}` of shape {:?} has {} values", own.shape, sent.values.len())));
            }
            if let Some(at) = sent.values.iter().position(|value| !value.is_finite()) {
                let value = sent.values[at];
                return Err(refuse(format!(
                    "`{name}` is {value} at place {at} (from 0), and nothing was sent; the training has diverged, lower its learning rate"
                )));
            }
            chosen.push((own, sent));
        }
        if let Some(extra) = parameters.iter().find(|sent| !self.parameters.iter().any(|own| own.name == sent.name)) {
            return Err(refuse(format!(
                "the bench does not set `{}`, which the layer has; name it in its hello",
                extra.name
            )));
        }
        if rows.checked_mul(self.inputs) != Some(inputs.len()) {
            let (found, each) = (inputs.len(), self.inputs);
            return Err(refuse(format!("{rows} samples of {each} inputs are not {found} numbers")));
        }
        if let Some(at) = inputs.iter().position(|value| !value.is_finite()) {
            let (value, sample, input) = (inputs[at], at / self.inputs, at % self.inputs);
            return Err(refuse(format!(
                "its input is {value} at sample {sample}, input {input} (from 0), and nothing was sent; look at the layers before it"
            )));
        }

        let arrays = chosen.iter().map(|(_, sent)| Array { name: sent.name, shape: sent.shape, unit: sent.unit });
        let header = Measure { layer: &self.name, parameters: arrays.collect(), inputs: [rows, self.inputs] };
        buffer.clear();
        serde_json::to_writer(&mut *buffer, &header).map_err(|error| refuse(error.to_string()))?;
        buffer.push(b'\n');
        let mut held = 0;
        for (own, sent) in chosen {
            let [low, high] = own.limits;
            held += sent.values.iter().filter(|&&value| value < low || value > high).count() as u64;
            append(buffer, sent.values, |value| {
                if value < low {
                    low
                } else if value > high {
                    high
                } else {
                    value
                }
            });
        }
        append(buffer, inputs, |value| value);
        Ok(held)
    }

    /// Outputs `[rows, outputs]` from the bytes of an answer, all of them finite.
    pub(super) fn outputs(&self, program: &str, array: &[u8], outputs: &mut [f32]) -> Result<(), Error> {
        for (output, bytes) in outputs.iter_mut().zip(array.as_chunks().0) {
            *output = f32::from_le_bytes(*bytes);
        }
        match outputs.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(Error::NotFinite {
                program: program.to_owned(),
                layer: self.name.clone(),
                sample: at / self.outputs,
                output: at % self.outputs,
                value: outputs[at],
            }),
            None => Ok(()),
        }
    }
}

/// A shape with its unit, for messages.
fn quantity(shape: &[usize], unit: &str) -> String {
    if unit.is_empty() { format!("{shape:?} plain numbers") } else { format!("{shape:?} in {unit}") }
}

/// Appends numbers to a message.
fn append(buffer: &mut Vec<u8>, values: &[f32], as_sent: impl Fn(f32) -> f32) {
    let start = buffer.len();
    buffer.resize(start + size_of_val(values), 0);
    for (bytes, &value) in buffer[start..].as_chunks_mut().0.iter_mut().zip(values) {
        *bytes = as_sent(value).to_le_bytes();
    }
}

/// Reads one answer: its header, and into `array` the outputs behind it, once they are known to have the wanted shape.
pub(super) fn read(
    program: &str,
    input: &mut std::io::BufReader<impl std::io::Read>,
    wanted: &Wanted,
    array: &mut Vec<u8>,
) -> Result<Answer, Error> {
    let closed = |how: &str| Error::Closed { program: program.to_owned(), how: how.to_owned() };
    let lost = |error: std::io::Error| Error::Closed {
        program: program.to_owned(),
        how: match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "closed the connection in the middle of an answer".to_owned(),
            _ => format!("is lost ({error})"),
        },
    };
    let garbage = |what: String| Error::Garbage { program: program.to_owned(), what };
    array.clear();
    let length = input.by_ref().take(LONGEST_HEADER as u64).read_until(b'\n', array).map_err(lost)?;
    if array.last() != Some(&b'\n') {
        return Err(match length {
            0 => closed("closed the connection before it answered"),
            LONGEST_HEADER => garbage(format!("sends a header of more than {LONGEST_HEADER} bytes")),
            _ => closed("closed the connection in the middle of an answer"),
        });
    }
    let header = serde_json::from_slice(array).map_err(|error| {
        garbage(format!("sends `{}` for a header ({error})", shown(&String::from_utf8_lossy(array))))
    })?;
    let answer = match (header, wanted) {
        (Header::Hello(header), Wanted::Hello) => Answer::Hello(Hello::read(program, header)?),
        (Header::Outputs { shape }, Wanted::Outputs { layer, shape: expected }) => {
            let size = elements(expected).and_then(|count| count.checked_mul(size_of::<f32>()));
            let Some(size) = size.filter(|_| shape == expected) else {
                let (program, layer) = (program.to_owned(), layer.clone());
                return Err(Error::Shape { program, layer, expected: *expected, found: shape });
            };
            array.resize(size, 0);
            input.read_exact(array).map_err(lost)?;
            Answer::Outputs
        }
        (Header::Error { message }, _) => {
            let what = match wanted {
                Wanted::Hello => "to begin".to_owned(),
                Wanted::Outputs { layer, .. } => format!("to play layer `{layer}`"),
            };
            return Err(Error::Refused { program: program.to_owned(), what, message: shown(&message) });
        }
        (Header::Hello(_), Wanted::Outputs { .. }) => return Err(garbage("answers a measurement with a hello".into())),
        (Header::Outputs { .. }, Wanted::Hello) => return Err(garbage("answers a hello with outputs".into())),
    };
    match input.buffer().len() {
        0 => Ok(answer),
        more => Err(garbage(format!("sends {more} bytes more than its answer"))),
    }
}
