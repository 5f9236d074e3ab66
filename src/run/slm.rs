//! Phase masks as pictures for a spatial light modulator, written and read again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::files;
use crate::light::{self, Lookup, Picture, Screen};
use crate::network::{LayerRecipe, Network};
use crate::optics::{FreeSpaceRecipe, MaskKind};

/// A spatial light modulator: how phases are shown on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Modulator {
    keys: Keys,
    lookup: Lookup,
    /// The table as it was read.
    table: Option<String>,
    flatness: Option<Picture>,
}

/// What a file says of it. Files that it names are looked for beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Rows and columns of pixels; those of the mask if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<[usize; 2]>,
    /// How far the middle of a mask stands below and to the right of the middle, pixels.
    #[serde(default)]
    offset: [i64; 2],
    /// Bits of a grey level, 8 or 16.
    #[serde(default = "eight")]
    bits: u32,
    /// CSV of phases, rad, and their grey levels at the wavelength; levels are even over a turn if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lookup: Option<PathBuf>,
    /// Grey picture that is added to what is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flatness: Option<PathBuf>,
}

fn eight() -> u32 {
    8
}

/// Its description in an exported folder, and what belongs to it.
const DESCRIPTION: &str = "slm.toml";
const LOOKUP: &str = "slm-lookup.csv";
const FLATNESS: &str = "slm-flatness.png";

const HEADER: &str = "# The modulator that the pictures of phases are for. `size` has rows and columns, as the mask if left out; `offset` is how
# far the middle of a mask stands below and to the right of the middle, pixels; `bits` are those of a grey level; `lookup`
# is a table of phase (rad), level; `flatness` is a picture that was added, modulo the number of levels.
";

/// An error with the file that it is about.
fn blame(path: &Path) -> impl Fn(light::Error) -> Error {
    move |error| Error::Folder { path: path.to_owned(), message: error.to_string() }
}

/// The picture of a mask in an exported folder.
pub(super) fn picture_file(layer: &str, mask: &str) -> String {
    format!("{layer}.{mask}.png")
}

/// The phase masks of a layer: of each its parameter, and the bits of its levels.
pub(super) fn phase_masks(recipe: &FreeSpaceRecipe) -> impl Iterator<Item = (String, Option<u32>)> {
    let masks = recipe.masks().filter(|(_, _, kind)| *kind == MaskKind::Phase);
    masks.map(|(plane, name, _)| (name, recipe.planes[plane].bits))
}

/// A file's name, its contents, and what these are.
pub(super) type Described = (&'static str, Vec<u8>, String);

impl Modulator {
    /// As large as a mask, with even levels of 8 or 16 bits.
    ///
    /// # Errors
    /// Other bits.
    pub fn even(bits: u32) -> Result<Self, light::Error> {
        let keys = Keys { bits, ..Keys::default() };
        Ok(Self { keys, lookup: Lookup::even(bits)?, table: None, flatness: None })
    }

    /// Reads a description: TOML with `size`, `offset`, `bits`, `lookup`, `flatness`, all optional.
    ///
    /// # Errors
    /// What is wrong with it or with a file that it names, in one line.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = files::read_text(path)?;
        let keys: Keys = toml::from_str(&text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            Error::Folder { path: path.to_owned(), message: format!("line {line}: {}", error.message()) }
        })?;
        let beside = |file: &PathBuf| path.parent().unwrap_or(Path::new("")).join(file);
        let mut own = Self::even(keys.bits).map_err(blame(path))?;
        if let Some(at) = keys.lookup.as_ref().map(beside) {
            let table = files::read_text(&at)?;
            own.lookup = Lookup::from_csv(&table, keys.bits).map_err(blame(&at))?;
            own.table = Some(table);
        }
        if let Some(at) = keys.flatness.as_ref().map(beside) {
            own.flatness = Some(Picture::read(&files::read(&at)?).map_err(blame(&at))?);
        }
        Ok(Self { keys, ..own })
    }

    fn screen(&self, mask: [usize; 2]) -> Screen {
        let [height, width] = self.keys.size.unwrap_or(mask);
        Screen { height, width, offset: self.keys.offset, lookup: self.lookup.clone() }
    }

    /// The picture that shows a mask `[height, width]` of phases, rad.
    ///
    /// # Errors
    /// A mask or a correction that does not fit.
    pub fn show(&self, mask: [usize; 2], phases: &[f64]) -> Result<Picture, light::Error> {
        let picture = self.screen(mask).show(mask, phases)?;
        self.flatness.as_ref().map_or(Ok(picture.clone()), |flatness| picture.corrected(flatness))
    }

    /// The phases, rad, of a mask `[height, width]` that a picture shows.
    ///
    /// # Errors
    /// A picture of another size or depth, levels without a phase.
    pub fn read(&self, mask: [usize; 2], picture: &Picture) -> Result<Vec<f64>, light::Error> {
        let screen = self.screen(mask);
        match &self.flatness {
            // Its size is that of the screen, or there would be no picture to take it off.
            Some(flatness) if picture.shape() == flatness.shape() => screen.read(mask, &picture.uncorrected(flatness)?),
            _ => screen.read(mask, picture),
        }
    }

    /// The files that describe it, for a folder of pictures.
    pub(super) fn files(&self) -> Result<Vec<Described>, light::Error> {
        let (lookup, flatness) = (self.table.as_ref(), self.flatness.as_ref());
        let keys = Keys {
            lookup: lookup.map(|_| LOOKUP.into()),
            flatness: flatness.map(|_| FLATNESS.into()),
            ..self.keys.clone()
        };
        let text = toml::to_string(&keys).map_err(|error| light::Error::Picture(error.to_string()))?;
        let mut all = vec![(DESCRIPTION, format!("{HEADER}{text}").into_bytes(), "the modulator".to_owned())];
        if let Some(table) = lookup {
            all.push((LOOKUP, table.clone().into_bytes(), "phase (rad), grey level".to_owned()));
        }
        if let Some(flatness) = flatness {
            all.push((FLATNESS, flatness.png()?, "grey level, added to every mask".to_owned()));
        }
        Ok(all)
    }
}

/// Puts the phases that pictures in a folder show, as [`export`](super::export) wrote them, in the place of those of all
/// phase masks of a network. Masks of amplitudes stay as they are.
///
/// # Errors
/// A network without phase masks; a picture that is missing, of another size or of levels without a phase.
pub fn load_masks(network: &Network<'_>, folder: &Path, parameters: &mut [f32]) -> Result<(), Error> {
    let modulator = Modulator::load(&folder.join(DESCRIPTION))?;
    let mut found = false;
    for part in network.parts() {
        let LayerRecipe::FreeSpace(space) = &part.recipe else { continue };
        for (mask, _) in phase_masks(space) {
            let name = format!("{}.{mask}", part.name);
            let Some(entry) = network.parameters().iter().find(|entry| entry.name == name) else { continue };
            let path = folder.join(picture_file(&part.name, &mask));
            let picture = Picture::read(&files::read(&path)?).map_err(blame(&path))?;
            let phases = modulator.read(space.grid, &picture).map_err(blame(&path))?;
            parameters[entry.range()].iter_mut().zip(phases).for_each(|(own, phase)| *own = phase as f32);
            found = true;
        }
    }
    let message = "the network has no phase masks that pictures could set".to_owned();
    if found { Ok(()) } else { Err(Error::Folder { path: folder.to_owned(), message }) }
}
