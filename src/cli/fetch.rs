//! `flatlight fetch`

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use clap::Args;
use indicatif::DecimalBytes;

use super::output::{self, Transfer};
use super::{Context, Failure};
use crate::data::fetch::{Client, Event, Outcome, PART, Remote, SOURCES, Source};
use crate::recipe::{data_root, did_you_mean};
use crate::{data, files};

#[derive(Debug, Args)]
#[command(after_help = "\
The files go into the folder DATASET under FLATLIGHT_DATA, or else under the user's cache folder, where recipes look
for them. Their SHA-256 sums are checked; files that are there already are kept. Ctrl-C or a broken connection leaves
FILE.part, and the same command goes on from there. digits and vowel come with the program.

  cifar10        170 MB, www.cs.toronto.edu (A. Krizhevsky, 2009)
  mnist           12 MB, ossci-datasets.s3.amazonaws.com, as yann.lecun.com refuses (Y. LeCun, C. Cortes, C. Burges)
  fashion-mnist   31 MB, fashion-mnist.s3-website.eu-central-1.amazonaws.com (Zalando SE)

HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured.

Examples:
  flatlight fetch mnist
  flatlight fetch cifar10 --from http://files.lab.example/cifar")]
pub(super) struct Fetch {
    /// cifar10, mnist or fashion-mnist
    #[arg(value_name = "DATASET")]
    set: String,

    /// Address of a folder that holds the files, instead of the official one
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// How long nothing may come before the connection counts as broken, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// What the thread that fetches says of a file.
enum Word {
    Of(Event),
    Done(Outcome),
}

impl Fetch {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        if data::EMBEDDED.contains(&self.set.as_str()) {
            return output::print(&format!("{}: comes with the program, there is nothing to fetch\n", self.set));
        }
        let Some(source) = SOURCES.iter().find(|source| source.name == self.set) else {
            let names = SOURCES.each_ref().map(|source| source.name);
            let hint = did_you_mean(&self.set, names);
            return Err(Failure::Usage(format!(
                "no data set `{}` to fetch: there are {}{hint}",
                self.set,
                names.join(", ")
            )));
        };
        let client = Client::new(self.from.as_deref().unwrap_or(source.from), Duration::from_secs(self.timeout))
            .map_err(|error| Failure::Usage(format!("--from: {error}")))?;
        let Some(root) = data_root() else {
            return Err(Failure::Failed(
                "there is no cache folder to put data into; name one in FLATLIGHT_DATA".into(),
            ));
        };
        let folder = root.join(source.name);
        files::create_folder(&folder)?;

        let (sender, words) = mpsc::channel();
        let to = folder.clone();
        // On a thread of its own, as a server that says nothing must not keep an interrupt waiting.
        let worker = std::thread::spawn(move || {
            source.files.iter().try_for_each(|file| {
                // If nobody listens any more, the program is about to end.
                let tell = |word| drop(sender.send((file, word)));
                let outcome = client.fetch(file, &to, &mut |event| tell(Word::Of(event)))?;
                tell(Word::Done(outcome));
                Ok::<_, data::Error>(())
            })
        });
        let mut now: Option<(&Remote, Transfer, u64)> = None;
        loop {
            let word = words.recv_timeout(Duration::from_millis(100));
            if context.stopped() {
                return Err(Failure::Interrupted(match now {
                    Some((file, transfer, done)) => {
                        transfer.finish();
                        format!(
                            "interrupted after {} of {} of {}; kept in {}, the same command goes on from there",
                            DecimalBytes(done),
                            DecimalBytes(file.bytes),
                            file.name,
                            folder.join(format!("{}{PART}", file.name)).display()
                        )
                    }
                    None => "interrupted between files; the same command goes on from there".into(),
                }));
            }
            let (file, word) = match word {
                Ok(word) => word,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let (_, transfer, done) = now.get_or_insert_with(|| {
                let label = format!("{} {}", source.name, file.name);
                (file, Transfer::new(context, &label, file.bytes), 0)
            });
            match word {
                Word::Of(Event::Bytes(bytes)) => {
                    transfer.bytes(bytes);
                    *done = bytes;
                }
                Word::Of(Event::Note(note)) => transfer.say(context, &note.replace(char::is_control, "?")),
                Word::Done(outcome) => {
                    transfer.finish();
                    let how = match outcome {
                        Outcome::There => "already there",
                        Outcome::Fetched => "fetched",
                    };
                    context.say(&format!("{} {}: {}, {how}", source.name, file.name, DecimalBytes(file.bytes)));
                    now = None;
                }
            }
        }
        if let Some((_, transfer, _)) = now {
            transfer.finish();
        }
        let ended = worker.join();
        if !matches!(ended, Ok(Ok(()))) {
            // Of a fetch that brought nothing there is no folder left, which would look like a set. Others are not empty.
            let _ = std::fs::remove_dir(&folder);
        }
        ended.map_err(|_| Failure::Failed("fetching stopped for a reason that is not known".into()))??;
        output::print(&summary(source, &folder.display().to_string()))
    }
}

/// Where a set is and how to train on it.
fn summary(source: &Source, folder: &str) -> String {
    format!("{}: {} in {folder}; train on it with --set data.set={0}\n", source.name, DecimalBytes(source.bytes()))
}
