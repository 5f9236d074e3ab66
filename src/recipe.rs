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

use crate::data::Normalise;
use crate::network::LayerRecipe;
use crate::{files, network, training};

/// Recipes that come with the program: name and text.
pub const BUILT_IN: [(&str, &str); 1] = [("digits-rings", include_str!("../assets/recipes/digits-rings.toml"))];

/// What is wrong with a recipe.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A recipe that is neither a file nor built in.
    #[error("no recipe `{given}`: it is neither a file nor built in ({})", BUILT_IN.map(|(name, _)| name).join(", "))]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// A name or a folder.
    pub set: String,
    /// How raw values are brought to what the network sees.
    #[serde(default)]
    pub normalise: Normalise,
}

/// A whole recipe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// Name, used for folders and titles.
    pub name: String,
    /// Seed of every random number.
    pub seed: u32,
    /// The data.
    pub data: DataSettings,
    /// The training.
    pub training: training::Settings,
    /// The network.
    pub layers: Vec<LayerRecipe>,
    /// Line of every key, for messages.
    #[serde(skip)]
    lines: Lines,
}

/// Everything but the layers, whose keys depend on their type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    #[serde(default = "default_seed")]
    seed: u32,
    data: DataSettings,
    training: training::Settings,
}

fn default_seed() -> u32 {
    1
}

/// Where keys stand. Two recipes that say the same are equal wherever they say it.
#[derive(Clone, Debug, Default)]
struct Lines {
    file: String,
    of_key: BTreeMap<String, usize>,
}

impl PartialEq for Lines {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Recipe {
    /// Reads a recipe by file or built-in name, with `key=value` overrides applied one after another.
    ///
    /// # Errors
    /// One line with the place: `file:line`, or the override to blame.
    pub fn load(given: &str, overrides: &[String]) -> Result<Self, Error> {
        let path = Path::new(given);
        let (file, text) = match BUILT_IN.iter().find(|(name, _)| *name == given) {
            Some((name, text)) if !path.exists() => (format!("{name}.toml"), (*text).to_owned()),
            _ if path.is_file() => (given.to_owned(), files::read_text(path)?),
            _ => return Err(Error::Missing { given: given.to_owned() }),
        };
        Self::parse(&file, &text, overrides)
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
        let mut of_key = BTreeMap::new();
        note_lines(text, "", table.get_ref(), &mut of_key);
        let mut recipe = from_table(table.clone()).map_err(|error| at(&error))?;
        for given in overrides {
            let blame = |message: String| Error::Text { place: format!("--set {given}"), message };
            let (key, value) =
                given.split_once('=').ok_or_else(|| blame("write KEY=VALUE, such as training.epochs=5".to_owned()))?;
            let value = read_value(value.trim());
            set(table.get_mut(), key.trim(), value).map_err(blame)?;
            recipe = from_table(table.clone()).map_err(|error| blame(plain(error.message())))?;
            of_key.remove(key.trim());
        }
        recipe.lines = Lines { file: file.to_owned(), of_key };
        recipe.check_name()?;
        Ok(recipe)
    }

    /// The recipe as TOML that re-runs the run.
    ///
    /// # Errors
    /// None that a recipe can have; the serializer's own.
    pub fn text(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|error| Error::Text { place: self.name.clone(), message: error.to_string() })
    }

    /// `file:line: ` of a key, if it stands in the file.
    fn place(&self, key: &str) -> Option<String> {
        self.lines.of_key.get(key).map(|line| format!("{}:{line}", self.lines.file))
    }

    /// An error of a setting or layer with its line, or the error as it is.
    pub fn explain(&self, error: &training::Error) -> Option<Error> {
        let (key, message) = match error {
            training::Error::Setting { key, .. } => (key.clone(), error.to_string()),
            training::Error::Network(inner @ network::Error::Layer { index, .. }) => {
                (format!("layers.{index}"), inner.to_string())
            }
            training::Error::Network(inner @ network::Error::Fit(_)) => ("layers".to_owned(), inner.to_string()),
            _ => return None,
        };
        Some(Error::Text {
            place: self.place(&key).unwrap_or_else(|| format!("{}, `{key}`", self.lines.file)),
            message,
        })
    }

    fn check_name(&self) -> Result<(), Error> {
        let fine = !self.name.is_empty()
            && self.name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
            && !self.name.starts_with('.');
        if fine {
            return Ok(());
        }
        Err(Error::Text {
            place: self.place("name").unwrap_or_else(|| self.lines.file.clone()),
            message: format!("`name` {:?} must be made of letters, digits, -, _ and .; it names a folder", self.name),
        })
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
        data: head.data,
        training: head.training,
        layers: recipes,
        lines: Lines::default(),
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
    let message = message
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key")
        .replace("unknown variant", "unknown value");
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words = message.split('`').skip(1).step_by(2);
    let (Some(given), known) = (words.next().filter(|_| message.starts_with("unknown")), words) else { return message };
    let nearest = known.map(|name| (strsim::jaro_winkler(name, given), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, name)) if likeness > 0.8 => format!("{message}; did you mean `{name}`?"),
        _ => message,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Notes the line of every key, as `a.b.c`, arrays by place.
fn note_lines(text: &str, prefix: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        lines.insert(name.clone(), line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => note_lines(text, &format!("{name}."), inner, lines),
            DeValue::Array(entries) => {
                for (place, entry) in entries.iter().enumerate() {
                    lines.insert(format!("{name}.{place}"), line_of(text, entry.span().start));
                    if let DeValue::Table(inner) = entry.get_ref() {
                        note_lines(text, &format!("{name}.{place}."), inner, lines);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A value of `--set`: TOML if it reads as TOML, else a plain string.
fn read_value(text: &str) -> Spanned<DeValue<'_>> {
    DeValue::parse(text).unwrap_or_else(|_| Spanned::new(0..0, DeValue::String(text.into())))
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
