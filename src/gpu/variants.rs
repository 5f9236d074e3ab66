//! Which of several kernels for the same work is fastest on this adapter: forced, remembered, or timed once.
//!
//! `FLATLIGHT_<FAMILY>=variant` forces a choice, such as `FLATLIGHT_MATMUL=portable`. What was timed is remembered for
//! adapter, driver and version in `variants.json` in the user's cache folder; the file may be deleted at any time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use super::{AdapterSummary, Error, Gpu, PlanBuilder, Scalar, Slice};

/// Names of the chosen variants by family, for this process.
#[derive(Debug)]
pub(crate) struct Variants {
    forced: BTreeMap<String, String>,
    known: BTreeMap<String, String>,
    key: String,
    /// Nothing is read or written where there is no folder for it.
    file: Option<PathBuf>,
}

type Cache = BTreeMap<String, BTreeMap<String, String>>;

impl Variants {
    pub(crate) fn new(adapter: &AdapterSummary, forced: BTreeMap<String, String>) -> Self {
        let key = format!("{} / {} / flatlight {}", adapter.name, adapter.driver, env!("CARGO_PKG_VERSION"));
        let file = dirs::cache_dir().map(|folder| folder.join("flatlight").join("variants.json"));
        let known = file.as_ref().map(read).unwrap_or_default().remove(&key).unwrap_or_default();
        Self { forced, known, key, file }
    }

    /// The variant of a family, if it is forced or known. `available` are the variants that run on this adapter.
    pub(crate) fn get(&self, family: &str, available: &[&'static str]) -> Result<Option<&'static str>, Error> {
        let environment = format!("FLATLIGHT_{}", family.to_uppercase());
        let from_environment = std::env::var(&environment).ok().filter(|name| !name.is_empty());
        if let Some(forced) = self.forced.get(family).cloned().or(from_environment) {
            let found = available.iter().find(|name| **name == forced);
            return found.copied().map(Some).ok_or_else(|| Error::NoVariant {
                family: family.to_owned(),
                wanted: forced,
                available: available.join(", "),
                environment,
            });
        }
        let known = self.known.get(family);
        Ok(known.and_then(|known| available.iter().find(|name| **name == known.as_str())).copied())
    }

    /// Remembers what was timed. That it cannot be written costs a fraction of a second next time, no more.
    pub(crate) fn remember(&mut self, family: &str, variant: &str) {
        self.known.insert(family.to_owned(), variant.to_owned());
        let Some(file) = &self.file else { return };
        let mut cache = read(file);
        cache.entry(self.key.clone()).or_default().insert(family.to_owned(), variant.to_owned());
        let written = serde_json::to_vec_pretty(&cache).map_err(std::io::Error::other).and_then(|text| {
            let folder = file.parent().ok_or(std::io::ErrorKind::NotFound)?;
            std::fs::create_dir_all(folder)?;
            let new = tempfile::NamedTempFile::new_in(folder)?;
            std::fs::write(new.path(), text)?;
            new.persist(file).map_err(|error| error.error)?;
            Ok(())
        });
        if let Err(error) = written {
            log::debug!("{} could not be written: {error}", file.display());
        }
    }
}

/// The fastest of so many replays counts, as the first compiles.
const REPLAYS: usize = 4;

impl Gpu {
    /// Seconds of a variant's work, or `None` if it does not give what the portable one gives, to 1e-4: `record` records
    /// what one of them does to a result of a shape.
    pub(crate) fn time_variant<V>(
        &self,
        shape: &[usize],
        [portable, variant]: [V; 2],
        record: impl Fn(&mut PlanBuilder<'_>, V, &Slice) -> Result<(), Error>,
    ) -> Result<Option<f64>, Error> {
        let run = |variant: V| {
            let result = self.zeros("timed result", shape, Scalar::F32)?;
            let mut plan = PlanBuilder::new(self, "timed");
            record(&mut plan, variant, &result)?;
            let plan = plan.finish()?;
            let mut best = f64::INFINITY;
            for _ in 0..REPLAYS {
                self.wait()?;
                let start = Instant::now();
                self.submit(&[&plan])?;
                self.wait()?;
                best = best.min(start.elapsed().as_secs_f64());
            }
            Ok::<_, Error>((self.read::<f32>(&result)?, best))
        };
        let ((one, _), (other, seconds)) = (run(portable)?, run(variant)?);
        let agree = one.iter().zip(&other).all(|(one, other)| (one - other).abs() < 1e-4);
        Ok(agree.then_some(seconds))
    }
}

/// What is remembered; a missing or damaged file is an empty one.
fn read(file: &PathBuf) -> Cache {
    std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
