//! What can go wrong between this program and the one at a bench.

use std::io;

/// The longest piece of another program's text that a message repeats, characters.
const SHOWN: usize = 200;

/// Why a layer could not be played. Every message is one line: who, what is wrong, what to do. `program` says which
/// one, as in "the program `python3 bench.py`"; places count from 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key that makes no sense.
    #[error("`training.device.hardware.{key}` {message}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What is wrong and what to do.
        message: String,
    },

    /// The system would not start it.
    #[error("cannot start {program}: {cause}; correct `training.device.hardware.command`")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        cause: io::Error,
    },

    /// Nothing listens there.
    #[error("cannot connect to {program}: {cause}; start it first, or correct `training.device.hardware.address`")]
    Connect {
        /// The program.
        program: String,
        /// What the system said.
        cause: io::Error,
    },

    /// It ended or closed the connection.
    #[error("{program} {how}; what it said itself tells why")]
    Closed {
        /// The program.
        program: String,
        /// How it ended, as far as is known.
        how: String,
    },

    /// No answer in time.
    #[error(
        "{program} has not answered within {seconds} s; look at the bench, or raise `training.device.hardware.timeout`"
    )]
    TimedOut {
        /// The program.
        program: String,
        /// How long it had.
        seconds: f64,
    },

    /// What came is no answer.
    #[error(
        "{program} {what}; a driver answers in the protocol alone (assets/drivers/PROTOCOL.md) and prints to its standard error"
    )]
    Garbage {
        /// The program.
        program: String,
        /// What it sent.
        what: String,
    },

    /// Another version of the protocol.
    #[error("{program} speaks protocol {version}, this one speaks protocol {}; take a driver for it", super::PROTOCOL)]
    Version {
        /// The program.
        program: String,
        /// Its version.
        version: String,
    },

    /// What it says of its layers makes no sense.
    #[error("{program} introduces itself wrongly: {what}; correct its hello")]
    Hello {
        /// The program.
        program: String,
        /// What is wrong.
        what: String,
    },

    /// Another device than at first.
    #[error("{program} says something else of itself than at the start: it is another device now; start anew with it")]
    Changed {
        /// The program.
        program: String,
    },

    /// The program's own refusal.
    #[error("{program} refuses {what}: {message}")]
    Refused {
        /// The program.
        program: String,
        /// What was asked for.
        what: String,
        /// Its words.
        message: String,
    },

    /// Outputs of another shape.
    #[error("{program} gives outputs of shape {found:?} of layer `{layer}`, not {expected:?}; correct its driver")]
    Shape {
        /// The program.
        program: String,
        /// The layer.
        layer: String,
        /// Rows and outputs there should be.
        expected: [usize; 2],
        /// What it announced.
        found: Vec<usize>,
    },

    /// An output that is NaN or infinite.
    #[error(
        "{program} gives {value} at sample {sample}, output {output} (from 0) of layer `{layer}`; look at what it reads there"
    )]
    NotFinite {
        /// The program.
        program: String,
        /// The layer.
        layer: String,
        /// Row of the outputs, from 0.
        sample: usize,
        /// Column of the outputs, from 0.
        output: usize,
        /// What it gave.
        value: f32,
    },

    /// A measurement that the program does not offer, or that no bench must be asked for.
    #[error("layer `{layer}` cannot be measured: {what}")]
    Request {
        /// The layer.
        layer: String,
        /// What is wrong and what to do.
        what: String,
    },

    /// Repeating did not help.
    #[error("{last} (tried {tries} times)")]
    Repeated {
        /// What happened last.
        last: Box<Error>,
        /// How often the call was made.
        tries: u32,
    },
}

impl Error {
    /// Whether the same call may go well with a program that is started anew or connected to again.
    pub(super) fn passes(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Closed { .. } | Self::TimedOut { .. } | Self::Garbage { .. })
    }

    /// Whether the connection is as it should be in spite of it.
    pub(super) fn spares_connection(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NotFinite { .. } | Self::Request { .. })
    }
}

/// Text of another program within a line of ours: white space folded, signs that steer a terminal left out, not too long.
pub(super) fn shown(text: &str) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut visible = folded.chars().filter(|c| !c.is_control());
    let mut shown: String = visible.by_ref().take(SHOWN).collect();
    if visible.next().is_some() {
        shown.push_str(" ...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_one_short_line() {
        assert_eq!(shown(" no\r\n light\u{1b}[31m "), "no light[31m");
        assert_eq!(shown(&"ä".repeat(SHOWN)), "ä".repeat(SHOWN));
        assert_eq!(shown(&"x ".repeat(SHOWN)), format!("{} ...", "x ".repeat(SHOWN / 2)));
    }
}
