//! Keys of a program that plays layers, and where they lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Error;

/// Longer than this no one waits for one answer, s.
const DAY: f64 = 86_400.0;

/// Keys of a program that plays layers on a bench. It is started or connected to: one of `command` and `address` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HardwareSettings {
    /// A program that is started, with its arguments; it speaks over its standard input and output. Its standard error is
    /// that of this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Where a program listens on TCP, on this machine: `127.0.0.1:5555`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// How long an answer may take beside the time that the bench needs to settle, s.
    pub timeout: f64,
    /// How often a call is repeated after the connection broke, no answer came in time or none that can be read. The program
    /// is then started anew or connected to again.
    pub retries: u32,
}

impl Default for HardwareSettings {
    fn default() -> Self {
        Self { command: None, address: None, timeout: 10.0, retries: 3 }
    }
}

/// Where a program is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// It is started: the program and its arguments.
    Started(String, Vec<String>),
    /// It listens at the first of these that answers.
    Listens(Vec<SocketAddr>),
}

impl HardwareSettings {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// One line about the key.
    pub fn check(&self) -> Result<(), Error> {
        self.place().map(drop)
    }

    /// Where the program is; refuses values out of range.
    pub(super) fn place(&self) -> Result<Place, Error> {
        if !(self.timeout > 0.0 && self.timeout <= DAY) {
            return Err(setting("timeout", format!("must be above 0 and at most {DAY} s, not {}", self.timeout)));
        }
        match (&self.command, &self.address) {
            (None, None) => Err(setting(
                "command",
                "is missing: give the program that plays the layers, or the `address` where it listens",
            )),
            (Some(_), Some(_)) => Err(setting(
                "address",
                "does not go with `command`: a program is started, or it listens somewhere; leave one out",
            )),
            (Some(command), None) => match command.split_first() {
                Some((program, arguments)) if !program.is_empty() => {
                    Ok(Place::Started(program.clone(), arguments.to_vec()))
                }
                _ => {
                    Err(setting("command", "must be a program and its arguments, such as [\"python3\", \"bench.py\"]"))
                }
            },
            (None, Some(address)) => listens(address).map(Place::Listens),
        }
    }
}

/// Socket addresses of this machine. Names are not looked up: that could take long, and lead elsewhere.
fn listens(address: &str) -> Result<Vec<SocketAddr>, Error> {
    let local = address.strip_prefix("localhost:").and_then(|port| port.parse::<u16>().ok());
    let found = match (local, address.parse::<SocketAddr>()) {
        (Some(port), _) => [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
            .map(|host| SocketAddr::new(host, port))
            .to_vec(),
        (None, Ok(one)) if one.ip().to_canonical().is_loopback() => vec![one],
        _ => {
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).unwrap_or(5555);
            return Err(setting(
                "address",
                format!(
                    "`{address}` is not on this machine, such as 127.0.0.1:{port}; bring the port of another one here with `ssh -L {port}:127.0.0.1:{port} HOST`"
                ),
            ));
        }
    };
    if found.iter().any(|one| one.port() == 0) {
        return Err(setting("address", format!("`{address}` needs the port at which the program listens, not 0")));
    }
    Ok(found)
}

fn setting(key: &'static str, message: impl Into<String>) -> Error {
    Error::Setting { key, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> HardwareSettings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_program_is_started_or_listens_on_this_machine() {
        let command = read("command = ['python3', 'bench.py']\nretries = 0");
        assert_eq!((command.timeout, command.retries), (10.0, 0));
        assert_eq!(command.place().unwrap(), Place::Started("python3".into(), vec!["bench.py".into()]));
        for (address, wanted) in [
            ("127.0.0.1:5555", &["127.0.0.1:5555"][..]),
            ("127.8.0.1:1", &["127.8.0.1:1"]),
            ("[::1]:80", &["[::1]:80"]),
            ("localhost:7", &["127.0.0.1:7", "[::1]:7"]),
        ] {
            let wanted = wanted.iter().map(|one| one.parse().unwrap()).collect();
            assert_eq!(read(&format!("address = '{address}'")).place().unwrap(), Place::Listens(wanted));
        }
        assert!(toml::from_str::<HardwareSettings>("adress = '127.0.0.1:5555'").is_err());
        for settings in [command, read("address = 'localhost:7'")] {
            assert_eq!(read(&toml::to_string(&settings).unwrap()), settings);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_its_key() {
        for (text, wanted) in [
            ("", "`training.device.hardware.command` is missing: "),
            (
                "command = ['a']\naddress = '127.0.0.1:1'",
                "`training.device.hardware.address` does not go with `command`",
            ),
            ("command = []", "`training.device.hardware.command` must be a program"),
            ("command = ['']", "`training.device.hardware.command` must be a program"),
            (
                "address = 'lab:5000'",
                "`training.device.hardware.address` `lab:5000` is not on this machine, such as 127.0.0.1:5000; ",
            ),
            ("address = '192.168.0.7:5000'", "ssh -L 5000:127.0.0.1:5000 HOST"),
            ("address = '0.0.0.0:5000'", "is not on this machine"),
            ("address = '127.0.0.1'", "is not on this machine, such as 127.0.0.1:5555"),
            ("address = 'localhost:99999'", "is not on this machine"),
            ("address = '127.0.0.1:0'", "needs the port"),
            (
                "command = ['a']\ntimeout = 0.0",
                "`training.device.hardware.timeout` must be above 0 and at most 86400 s, not 0",
            ),
            ("command = ['a']\ntimeout = nan", "`training.device.hardware.timeout` must be above 0"),
            ("command = ['a']\ntimeout = 1e300", "`training.device.hardware.timeout` must be above 0"),
        ] {
            let message = read(text).check().unwrap_err().to_string();
            assert!(message.contains(wanted) && !message.contains('\n'), "{text}: {message}");
        }
    }
}
