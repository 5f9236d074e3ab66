//! Floor 7: the recipe, a TOML file that says everything a run depends on.
//!
//! ```toml
//! name = "digits-rings"
//! seed = 1
//!
//! [data]
//! set = "digits"            # a name, or a folder of standard files
//!
//! [[layers]]
//! type = "ring-dense"
//! outputs = 10
//!
//! [training]
//! method = "sat"
//! epochs = 20
//! batch = 64
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::data::{self, Dataset, Normalise, Transform};
use crate::network::{LayerRecipe, Wanted};
use crate::{files, network, training};

/// Recipes that come with the program: name and text.
pub const BUILT_IN: [(&str, &str); 17] = [
    ("cifar10-rings", include_str!("../assets/recipes/cifar10-rings.toml")),
    ("cifar10-rings-small", include_str!("../assets/recipes/cifar10-rings-small.toml")),
    ("compress-rings", include_str!("../assets/recipes/compress-rings.toml")),
    ("digits-compress", include_str!("../assets/recipes/digits-compress.toml")),
    ("digits-diffractive", include_str!("../assets/recipes/digits-diffractive.toml")),
    ("digits-generate", include_str!("../assets/recipes/digits-generate.toml")),
    ("digits-rings", include_str!("../assets/recipes/digits-rings.toml")),
    ("fashion-rings", include_str!("../assets/recipes/fashion-rings.toml")),
    ("generate-rings", include_str!("../assets/recipes/generate-rings.toml")),
    ("mnist-diffractive", include_str!("../assets/recipes/mnist-diffractive.toml")),
    ("mnist-mesh", include_str!("../assets/recipes/mnist-mesh.toml")),
    ("mnist-mesh-pure", include_str!("../assets/recipes/mnist-mesh-pure.toml")),
    ("mnist-multiplier", include_str!("../assets/recipes/mnist-multiplier.toml")),
    ("mnist-rings", include_str!("../assets/recipes/mnist-rings.toml")),
    ("mnist-rings-layernorm", include_str!("../assets/recipes/mnist-rings-layernorm.toml")),
    ("slm-1080p", include_str!("../assets/recipes/slm-1080p.toml")),
    ("vowel-mesh", include_str!("../assets/recipes/vowel-mesh.toml")),
];

/// What is wrong with a recipe.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A recipe that is neither a file nor built in.
    #[error("no recipe `{given}`: it is neither a file nor built in ({}){}", names().join(", "), did_you_mean(given, names()))]
    Missing {
        /// What was given.
        given: String,
    },
    /// Something in the text, with its place.
    #[error("{place}: {message}")]
    Text {
        /// `file:line`, or the `--set` to blame.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The disk.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// Keys of `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// A name or a folder.
    pub set: String,
    /// How raw values are brought to what the network sees.
    #[serde(default)]
    pub normalise: Normalise,
    /// What samples become before the network sees them; they stay as they are if left out. Needs `normalise = "unit"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
    /// For `transform = "fourier"`: frequencies that are kept along either axis; 8 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coefficients: Option<usize>,
    /// Share of the training split that is held out, to choose settings by; 0 for none. The same samples for every seed
    /// and method ([`Dataset::hold_out`](crate::data::Dataset::hold_out)).
    #[serde(default)]
    pub validation: f64,
}

impl DataSettings {
    /// Prepares the samples of a set on the host as the recipe says: transform, or normalisation feature by feature. Samples
    /// are held out before, as they have no say in the normalisation.
    ///
    /// # Errors
    /// Samples that do not fit the transform or the normalisation.
    pub fn prepare(&self, data: Dataset) -> Result<Dataset, data::Error> {
        match self.transform {
            Some(Transform::Fourier) => data.fourier(self.coefficients.unwrap_or(DEFAULT_COEFFICIENTS)),
            None if self.normalise == Normalise::Feature => Ok(data.normalise_features()),
            None if self.normalise == Normalise::Channel && data.image().is_none() => {
                Err(data::Error::NoChannels { shape: data.shape })
            }
            None => Ok(data),
        }
    }
}

const DEFAULT_COEFFICIENTS: usize = 8;

/// What a network is trained for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// The class of a sample.
    #[default]
    Classification,
    /// The image that went in, through whatever the layers leave of it: compression, denoising of a device's errors, and with a
    /// `latent` layer generation.
    Reconstruction,
}

impl Task {
    /// What its score is called in tables: `accuracy`, 0..1, or `psnr`, dB.
    pub fn score(self) -> &'static str {
        match self {
            Self::Classification => "accuracy",
            Self::Reconstruction => "psnr",
        }
    }
}

/// A whole recipe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// Name, used for folders and titles.
    pub name: String,
    /// Seed of every random number.
    pub seed: u32,
    /// What the network is trained for.
    pub task: Task,
    /// The data.
    pub data: DataSettings,
    /// The training.
    pub training: training::Settings,
    /// The network.
    pub layers: Vec<LayerRecipe>,
    /// Where every key stands, for messages.
    #[serde(skip)]
    places: Places,
}

/// Everything but the layers, whose keys depend on their type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    #[serde(default = "default_seed")]
    seed: u32,
    #[serde(default)]
    task: Task,
    data: DataSettings,
    training: training::Settings,
}

fn default_seed() -> u32 {
    1
}

/// Where keys stand: `file:line`, or the `--set` that gave them. Two recipes that say the same are equal wherever they
/// say it.
#[derive(Clone, Debug, Default)]
struct Places {
    file: String,
    of_key: BTreeMap<String, String>,
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Places {
    /// A key stands in the file.
    fn note(&mut self, key: &str, line: usize) {
        self.of_key.insert(key.to_owned(), format!("{}:{line}", self.file));
    }

    /// A key, and everything below it, was given by `--set`.
    fn override_key(&mut self, key: &str, place: String) {
        let below = format!("{key}.");
        self.of_key.retain(|other, _| !other.starts_with(&below));
        self.of_key.insert(key.to_owned(), place);
    }

    /// Where a key stands, else what it would stand in, else the file.
    fn of(&self, key: &str) -> &str {
        let mut key = Some(key);
        while let Some(sought) = key {
            if let Some(place) = self.of_key.get(sought) {
                return place;
            }
            key = sought.rsplit_once('.').map(|(outer, _)| outer);
        }
        &self.file
    }
}

impl Recipe {
    /// Reads a recipe by file or built-in name, with `key=value` overrides applied one after another.
    ///
    /// # Errors
    /// One line with the place: `file:line`, or the override to blame.
    pub fn load(given: &str, overrides: &[String]) -> Result<Self, Error> {
        let path = Path::new(given);
        if path.is_file() {
            let mut recipe = Self::parse(given, &files::read_text(path)?, overrides)?;
            recipe.fit_curves(path.parent().unwrap_or(Path::new("")))?;
            return Ok(recipe);
        }
        if path.exists() {
            return Err(Error::Missing { given: given.to_owned() });
        }
        Self::built_in(given, overrides)
    }

    /// Reads a recipe by built-in name.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn built_in(name: &str, overrides: &[String]) -> Result<Self, Error> {
        let Some((_, text)) = BUILT_IN.iter().find(|(own, _)| *own == name) else {
            return Err(Error::Missing { given: name.to_owned() });
        };
        let mut recipe = Self::parse(&format!("{name}.toml"), text, overrides)?;
        recipe.fit_curves(Path::new(""))?;
        Ok(recipe)
    }

    /// Puts what the measured curves of rings say in their place. The paths of the recipe start from a folder, those of
    /// overrides from the working folder.
    fn fit_curves(&mut self, folder: &Path) -> Result<(), Error> {
        for index in 0..self.layers.len() {
            let key = format!("layers.{index}.curve");
            let overridden = self.places.of(&key).starts_with("--set ");
            let folder = if overridden { Path::new("") } else { folder };
            if let LayerRecipe::RingDense(rings) | LayerRecipe::RingConvolution(rings) = &mut self.layers[index] {
                rings.fit(folder).map_err(|message| self.refuse(&key, message))?;
            }
        }
        Ok(())
    }

    /// Reads the recipe of a run folder.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&path.display().to_string(), &files::read_text(path)?, &[])
    }

    /// Reads a recipe from its text; `file` is for messages.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(file: &str, text: &str, overrides: &[String]) -> Result<Self, Error> {
        let at = |error: &toml::de::Error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            Error::Text { place: format!("{file}:{line}"), message: plain(error.message()) }
        };
        let mut table = DeTable::parse(text).map_err(|error| at(&error))?;
        let mut places = Places { file: file.to_owned(), of_key: BTreeMap::new() };
        note_places(text, "", table.get_ref(), &mut places);
        let mut recipe = from_table(table.clone()).map_err(|error| at(&error))?;
        for given in overrides {
            let place = format!("--set {given}");
            let blame = |message: String| Error::Text { place: place.clone(), message };
            let (key, value) =
                given.split_once('=').ok_or_else(|| blame("write KEY=VALUE, such as training.epochs=5".to_owned()))?;
            let (key, value) = (key.trim(), value.trim());
            let with = |value| {
                let mut table = table.clone();
                set(table.get_mut(), key, value)?;
                let recipe = from_table(table.clone()).map_err(|error| plain(error.message()))?;
                Ok((table, recipe))
            };
            // A string needs no quotes, not even one that looks like something else.
            let string = || with(Spanned::new(0..0, DeValue::String(value.into())));
            let changed = match DeValue::parse(value) {
                Ok(value) => with(value).or_else(|error| string().map_err(|_| error)),
                Err(_) => string(),
            };
            (table, recipe) = changed.map_err(blame)?;
            places.override_key(key, place);
        }
        recipe.places = places;
        recipe.check_name()?;
        if recipe.layers.is_empty() {
            return Err(recipe.refuse("layers", "a recipe has at least one [[layers]]".to_owned()));
        }
        Ok(recipe)
    }

    /// The recipe as TOML that re-runs the run.
    ///
    /// # Errors
    /// None that a recipe can have; the serializer's own.
    pub fn text(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|error| Error::Text { place: self.name.clone(), message: error.to_string() })
    }

    /// Refuses settings of data and training out of range, with their place.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn check(&self) -> Result<(), Error> {
        if !(0.0..1.0).contains(&self.data.validation) {
            let message = format!("`data.validation` must be in 0..1, not {}", self.data.validation);
            return Err(self.refuse("data.validation", message));
        }
        if self.data.transform.is_none() && self.data.coefficients.is_some() {
            let message = "`data.coefficients` belongs to `data.transform` `fourier`";
            return Err(self.refuse("data.coefficients", message.to_owned()));
        }
        if self.data.transform.is_some() && self.data.normalise != Normalise::Unit {
            let message =
                "`data.normalise` must be `unit` with a `data.transform`, which scales every sample to unit power";
            return Err(self.refuse("data.normalise", message.to_owned()));
        }
        if self.task == Task::Reconstruction {
            self.check_reconstruction()?;
        }
        match self.training.check() {
            Err(error) => Err(self.explain(&error).unwrap_or_else(|| self.refuse("training", error.to_string()))),
            Ok(()) => Ok(()),
        }
    }

    /// Refuses what has no meaning where images are wanted.
    fn check_reconstruction(&self) -> Result<(), Error> {
        if self.data.normalise != Normalise::Unit || self.data.transform.is_some() {
            let key = if self.data.transform.is_some() { "data.transform" } else { "data.normalise" };
            let message = format!(
                "`{key}` does not go with `task` `reconstruction`, whose scores are of values 0 to 1; leave it out"
            );
            return Err(self.refuse(key, message));
        }
        if self.training.label_smoothing > 0.0 {
            let message = "`training.label_smoothing` does not go with `task` `reconstruction`, which has no labels; leave it out";
            return Err(self.refuse("training.label_smoothing", message.to_owned()));
        }
        Ok(())
    }

    /// What is wanted of the network for samples of a shape and so many classes.
    ///
    /// # Errors
    /// Samples that are no images where these are wanted.
    pub fn wanted(&self, shape: &[usize], classes: usize) -> Result<Wanted, Error> {
        match (self.task, shape) {
            (Task::Classification, _) => Ok(Wanted::Classes(classes)),
            (Task::Reconstruction, &[height, width]) => Ok(Wanted::Image([1, height, width])),
            (Task::Reconstruction, &[channels, height, width]) => Ok(Wanted::Image([channels, height, width])),
            (Task::Reconstruction, _) => {
                let message = format!("`task` `reconstruction` takes images, and samples of shape {shape:?} are none");
                Err(self.refuse("task", message))
            }
        }
    }

    /// An error at a key.
    pub fn refuse(&self, key: &str, message: String) -> Error {
        Error::Text { place: self.places.of(key).to_owned(), message }
    }

    /// An error of a setting or layer with its place, if it is one.
    pub fn explain(&self, error: &training::Error) -> Option<Error> {
        let key = match error {
            training::Error::Setting { key, .. } => key.clone(),
            training::Error::Network(network::Error::Layer { index, message, .. }) => {
                // Layers say the key first, in backquotes; only a name is refused without.
                format!("layers.{index}.{}", message.split('`').nth(1).unwrap_or("name"))
            }
            training::Error::Network(network::Error::Fit(_)) => {
                format!("layers.{}.outputs", self.layers.len().saturating_sub(1))
            }
            _ => return None,
        };
        Some(self.refuse(&key, error.to_string()))
    }

    fn check_name(&self) -> Result<(), Error> {
        let fine = !self.name.is_empty()
            && self.name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
            && !self.name.starts_with('.');
        if fine {
            return Ok(());
        }
        let message = format!("`name` {:?} must be made of letters, digits, -, _ and .; it names a folder", self.name);
        Err(self.refuse("name", message))
    }
}

/// Splits off the layers, whose keys depend on their `type`, and reads both parts with their spans.
fn from_table(mut table: Spanned<DeTable<'_>>) -> Result<Recipe, toml::de::Error> {
    use serde::de::Error as _;
    let span = table.span();
    let layers = table.get_mut().remove("layers");
    let head =
        Head::deserialize(ValueDeserializer::from(Spanned::new(span.clone(), DeValue::Table(table.into_inner()))))?;
    let Some(layers) = layers else {
        return Err(toml::de::Error::custom("missing key `layers`: a recipe has at least one [[layers]]"));
    };
    let spanned = |message: String, span| {
        // Deserialising a value with a span is how an error gets one.
        let value = Spanned::new(span, DeValue::Boolean(true));
        serde::de::Deserializer::deserialize_any(ValueDeserializer::from(value), Complaint(message)).err()
    };
    let layers_span = layers.span();
    let DeValue::Array(entries) = layers.into_inner() else {
        return Err(spanned("`layers` must be written as [[layers]]".to_owned(), layers_span)
            .unwrap_or_else(|| toml::de::Error::custom("layers")));
    };
    let mut recipes = Vec::new();
    for entry in entries {
        let span = entry.span();
        let whole = |message: &str| {
            spanned(message.to_owned(), span.clone()).unwrap_or_else(|| toml::de::Error::custom(message))
        };
        let DeValue::Table(mut keys) = entry.into_inner() else {
            return Err(whole("a layer must be written as [[layers]] with its keys below"));
        };
        let Some(kind) = keys.remove("type") else {
            return Err(whole(&format!("missing key `type`, one of {}", LayerRecipe::TYPES.join(", "))));
        };
        let kind_span = kind.span();
        let kind = String::deserialize(ValueDeserializer::from(kind))?;
        if !LayerRecipe::TYPES.contains(&kind.as_str()) {
            let message = format!("unknown layer type `{kind}`, expected one of `{}`", LayerRecipe::TYPES.join("`, `"));
            return Err(spanned(message, kind_span).unwrap_or_else(|| toml::de::Error::custom("type")));
        }
        recipes.push(LayerRecipe::read(&kind, ValueDeserializer::from(Spanned::new(span, DeValue::Table(keys))))?);
    }
    Ok(Recipe {
        name: head.name,
        seed: head.seed,
        task: head.task,
        data: head.data,
        training: head.training,
        layers: recipes,
        places: Places::default(),
    })
}

/// A visitor that refuses everything with one message.
struct Complaint(String);

impl<'de> serde::de::Visitor<'de> for Complaint {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nothing")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(E::custom(self.0))
    }
}

/// A message of the deserializer in the words of a recipe, on one line, with the nearest key suggested.
fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 8] = [
        ("unknown field", "unknown key"),
        ("missing field", "missing key"),
        ("unknown variant", "unknown value"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected usize", "expected a whole number from 0"),
        ("expected f32", "expected a number"),
        ("expected f64", "expected a number"),
        ("expected struct", "expected a table of keys for"),
    ];
    let message = WORDS.iter().fold(message.to_owned(), |message, (theirs, ours)| message.replace(theirs, ours));
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words = message.split('`').skip(1).step_by(2);
    match words.next() {
        Some(given) if message.starts_with("unknown") => format!("{message}{}", did_you_mean(given, words)),
        _ => message,
    }
}

/// The name most like the one given, as the end of a message; empty if none is like it.
pub fn did_you_mean<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let likeness = |name: &&str| strsim::jaro_winkler(name, given);
    let nearest = known.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.filter(|name| likeness(name) > 0.8).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn names() -> [&'static str; BUILT_IN.len()] {
    BUILT_IN.map(|(name, _)| name)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Notes the place of every key, as `a.b.c`, arrays by number.
fn note_places(text: &str, prefix: &str, table: &DeTable<'_>, places: &mut Places) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        places.note(&name, line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => note_places(text, &format!("{name}."), inner, places),
            DeValue::Array(entries) => {
                for (number, entry) in entries.iter().enumerate() {
                    let name = format!("{name}.{number}");
                    places.note(&name, line_of(text, entry.span().start));
                    if let DeValue::Table(inner) = entry.get_ref() {
                        note_places(text, &format!("{name}."), inner, places);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Puts a value at a dotted key; a number addresses an entry of an array, such as `layers.0.outputs`.
fn set<'t>(table: &mut DeTable<'t>, key: &str, value: Spanned<DeValue<'t>>) -> Result<(), String> {
    let Some((first, rest)) = key.split_once('.') else {
        if key.is_empty() {
            return Err("the key is empty".to_owned());
        }
        table.insert(Spanned::new(0..0, key.to_owned().into()), value);
        return Ok(());
    };
    let entry = table
        .entry(Spanned::new(0..0, first.to_owned().into()))
        .or_insert_with(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
    set_inside(entry.get_mut(), first, rest, value)
}

fn set_inside<'t>(inside: &mut DeValue<'t>, name: &str, rest: &str, value: Spanned<DeValue<'t>>) -> Result<(), String> {
    match inside {
        DeValue::Table(table) => set(table, rest, value),
        DeValue::Array(entries) => {
            let (place, rest) = rest.split_once('.').map_or((rest, None), |(place, rest)| (place, Some(rest)));
            let count = entries.len();
            let entry = place
                .parse::<usize>()
                .ok()
                .and_then(|place| entries.get_mut(place))
                .ok_or_else(|| format!("`{name}` has entries 0 to {}, not `{place}`", count.saturating_sub(1)))?;
            match rest {
                Some(rest) => set_inside(entry.get_mut(), place, rest, value),
                None => {
                    *entry = value;
                    Ok(())
                }
            }
        }
        _ => Err(format!("`{name}` is a value, it has no keys inside")),
    }
}

/// Folder where data sets are looked for: `FLATLIGHT_DATA`, else `flatlight` in the user's cache folder.
pub fn data_root() -> Option<PathBuf> {
    std::env::var_os("FLATLIGHT_DATA")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| dirs::cache_dir().map(|cache| cache.join("flatlight")))
}
