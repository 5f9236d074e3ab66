//! Floor 0: hardware in the loop, a program of the user's that plays layers of a network on a bench.
//!
//! The program is [started or connected to](HardwareSettings), says [which layers it plays](Played), and then
//! [measures](Hardware::measure): for the parameters of a layer and a batch of inputs, the outputs. What is said is in
//! `assets/drivers/PROTOCOL.md`, and `assets/drivers/bench.py` is a program that says it. Every measurement carries all that
//! it needs, so that one that failed is safely made again, by a program that was started anew.

mod error;
mod link;
mod message;
mod settings;

pub use error::Error;
pub use message::{Played, PlayedParameter};
pub use settings::HardwareSettings;

use std::cell::Cell;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use link::Link;
use message::{Answer, Hello, Wanted};
use settings::Place;

/// The version of the protocol.
pub const PROTOCOL: u32 = 1;

/// The pause before the first repetition of a call; each further one is twice as long, up to the last.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(4)];

/// The values of a parameter that a measurement sets.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Name within the layer.
    pub name: &'a str,
    /// Unit, empty for a plain number.
    pub unit: &'a str,
    /// Shape, outermost axis first.
    pub shape: &'a [usize],
    /// Values in that unit.
    pub values: &'a [f32],
}

/// A bench with the program that drives it.
#[derive(Debug)]
pub struct Hardware {
    settings: HardwareSettings,
    place: Place,
    /// The program, in messages.
    program: String,
    hello: Hello,
    /// Nothing after a call that broke it, until the next one.
    link: Option<Link>,
    // Their memory is kept from call to call.
    request: Arc<Vec<u8>>,
    array: Vec<u8>,
    calls: u64,
    repeats: u64,
    held: Cell<u64>,
}

impl Hardware {
    /// Starts the program or connects to it, and asks what it plays. Tried once: who starts a run is there to see what is
    /// wrong.
    ///
    /// # Errors
    /// One line about a key, or about the program: it cannot be had, hangs, or does not speak the protocol.
    pub fn open(settings: &HardwareSettings) -> Result<Self, Error> {
        let place = settings.place()?;
        let program = match (&place, &settings.address) {
            (Place::Started(name, arguments), _) => {
                let words = [std::slice::from_ref(name), arguments].concat().join(" ");
                format!("the program `{}`", error::shown(&words))
            }
            (Place::Listens(_), address) => format!("the program at {}", address.as_deref().unwrap_or_default()),
        };
        let mut array = Vec::new();
        let (link, hello) = introduce(&place, &program, Duration::from_secs_f64(settings.timeout), &mut array)?;
        Ok(Self {
            settings: settings.clone(),
            place,
            program,
            hello,
            link: Some(link),
            request: Arc::default(),
            array,
            calls: 0,
            repeats: 0,
            held: Cell::new(0),
        })
    }

    /// What the bench calls itself.
    pub fn name(&self) -> &str {
        &self.hello.name
    }

    /// The layers that it plays.
    pub fn layers(&self) -> &[Played] {
        &self.hello.layers
    }

    /// How long it waits in each call until what was set has settled.
    pub fn settle(&self) -> Duration {
        Duration::from_secs_f64(self.hello.settle_seconds)
    }

    /// Measurements made.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How often one had to be repeated.
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Numbers that were held at the limits of the bench since this was last asked.
    pub fn held(&self) -> u64 {
        self.held.take()
    }

    /// Outputs `[rows, outputs]` of a layer for inputs `[rows, inputs]` under these parameters, all that the layer has, in
    /// any order. Parameters outside the limits of the bench are sent as these, and [counted](Self::held). No row is no call.
    ///
    /// Takes at most `timeout` and the time to settle for an answer. A call whose connection broke, or that had no answer in
    /// time or none that can be read, is repeated after a short pause with a program that was started anew or connected to
    /// again.
    ///
    /// # Errors
    /// One line: what does not fit what the bench plays, is not finite, or went wrong with the program, in its own words
    /// where it has some. After an error the next call begins with a new connection if the old one is of no use.
    pub fn measure(
        &mut self,
        layer: &str,
        parameters: &[Sent<'_>],
        rows: usize,
        inputs: &[f32],
        outputs: &mut [f32],
    ) -> Result<(), Error> {
        let refuse = |what: String| Error::Request { layer: layer.to_owned(), what };
        let Some(place) = self.hello.layers.iter().position(|played| played.name == layer) else {
            let known: Vec<_> = self.hello.layers.iter().map(|played| format!("`{}`", played.name)).collect();
            return Err(refuse(format!("{} plays {} only", self.program, known.join(", "))));
        };
        let played = &self.hello.layers[place];
        if rows.checked_mul(played.outputs) != Some(outputs.len()) {
            let (found, each) = (outputs.len(), played.outputs);
            return Err(refuse(format!("{rows} samples of {each} outputs are not {found} numbers")));
        }
        if rows == 0 {
            return Ok(());
        }
        // Memory of the last request, unless the thread of a connection that broke still has it.
        let mut request = Arc::get_mut(&mut self.request).map(std::mem::take).unwrap_or_default();
        self.held.set(self.held.get() + played.request(parameters, rows, inputs, &mut request)?);
        self.request = Arc::new(request);

        let wanted = Wanted::Outputs { layer: layer.to_owned(), shape: [rows, played.outputs] };
        let (mut tries, [mut pause, longest]) = (1, PAUSES);
        loop {
            match self.answer(&wanted) {
                Ok(()) => break,
                Err(error) if error.passes() && tries <= self.settings.retries => {
                    log::warn!("{error}; trying again");
                    thread::sleep(pause);
                    (tries, pause) = (tries + 1, longest.min(2 * pause));
                    self.repeats += 1;
                }
                Err(error) if tries == 1 => return Err(error),
                Err(error) => return Err(Error::Repeated { last: Box::new(error), tries }),
            }
        }
        self.calls += 1;
        self.hello.layers[place].outputs(&self.program, &self.array, outputs)
    }

    /// Sends the request once and waits for the answer; connects before that if need be.
    fn answer(&mut self, wanted: &Wanted) -> Result<(), Error> {
        let timeout = Duration::from_secs_f64(self.settings.timeout);
        let mut link = match self.link.take() {
            Some(link) => link,
            None => {
                let (link, hello) = introduce(&self.place, &self.program, timeout, &mut self.array)?;
                if hello != self.hello {
                    return Err(Error::Changed { program: self.program.clone() });
                }
                link
            }
        };
        let within = timeout + self.settle();
        let answer = link.exchange(&self.request, wanted.clone(), &mut self.array, within);
        if answer.as_ref().err().is_none_or(Error::spares_connection) {
            self.link = Some(link);
        }
        answer.map(drop)
    }
}

/// A connection, and what the program says of itself.
fn introduce(place: &Place, program: &str, timeout: Duration, array: &mut Vec<u8>) -> Result<(Link, Hello), Error> {
    let mut link = Link::open(place, program, timeout)?;
    match link.exchange(&Arc::new(message::hello()), Wanted::Hello, array, timeout)? {
        Answer::Hello(hello) => Ok((link, hello)),
        Answer::Outputs => Err(Error::Hello { program: program.to_owned(), what: "it gives outputs".to_owned() }),
    }
}
