//! A device as a file: its imperfections by name, drawn or measured.
//!
//! A file holds one tensor an imperfection of a layer, named `layer.imperfection`, such as `ring1.ring_offset`, as npz (`f4`
//! or `f8`) or as safetensors (`F32`, with metadata as a checkpoint's).

use std::path::Path;

use super::checkpoint::{self, Tensor};
use super::{Entry, Error};
use crate::layer::{Cause, Imperfection};
use crate::{data, files, random};

/// Imperfections of one device. What it does not hold is nominal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chip {
    /// A tensor an imperfection that it holds, in the unit of the imperfection.
    pub tensors: Vec<Tensor>,
}

/// How a chip is kept.
enum Kind {
    Npz,
    Safetensors,
}

impl Chip {
    /// Chip number `number`, of the given sizes: a common imperfection has its size as the value, one of every element is
    /// drawn with the size as its deviation, of one that every sample draws the size is the deviation. The draws are the
    /// same for every network, method and deviation, up to those beyond a limit, which are drawn again.
    pub fn draw<'e>(number: u32, sizes: impl IntoIterator<Item = (&'e Entry<Imperfection>, f64)>) -> Self {
        let tensors = sizes.into_iter().map(|(entry, size)| {
            let values = match entry.spec.cause {
                Cause::Common | Cause::Sample => vec![size as f32; entry.len()],
                Cause::Element => {
                    let key = [0, random::stream(&format!("chip {}", entry.name))];
                    let draws = random::normals(key, number, size, entry.spec.limit);
                    draws.take(entry.len()).map(|value| value as f32).collect()
                }
            };
            Tensor { name: entry.name.clone(), shape: entry.shape.clone(), values }
        });
        Self { tensors: tensors.collect() }
    }

    /// Reads a chip of a network with these imperfections.
    ///
    /// # Errors
    /// A file that is missing, damaged or neither npz nor safetensors; a tensor that the network does not have, of another
    /// shape, or with a value that is not finite or beyond its limit.
    pub fn load(path: &Path, imperfections: &[Entry<Imperfection>]) -> Result<Self, Error> {
        let complain = |message: String| Error::Chip { path: path.to_owned(), message };
        let tensors = match kind(path)? {
            Kind::Npz => {
                let mut file = data::Npz::open(path)?;
                let names = file.names().to_vec();
                let read = |name: String| {
                    let (shape, values) = file.array(&name)?;
                    Ok(Tensor { name, shape, values: values.into_iter().map(|value| value as f32).collect() })
                };
                names.into_iter().map(read).collect::<Result<Vec<_>, data::Error>>()?
            }
            Kind::Safetensors => {
                let (tensors, metadata) = checkpoint::parse(&files::read(path)?).map_err(complain)?;
                // A measurement need not say a format, but may not say another.
                let format = metadata.get("format").map_or(Ok(()), |format| checkpoint::check_format(Some(format)));
                format.map_err(complain)?;
                tensors
            }
        };
        tensors.iter().try_for_each(|tensor| check(tensor, imperfections)).map_err(complain)?;
        Ok(Self { tensors })
    }

    /// Writes the chip of a network with these imperfections, by the file's ending as npz or, with units, as safetensors.
    ///
    /// # Errors
    /// Another ending, or what the disk reports.
    pub fn save(&self, path: &Path, imperfections: &[Entry<Imperfection>]) -> Result<(), Error> {
        match kind(path)? {
            Kind::Npz => {
                let complain =
                    |error: std::io::Error| Error::Chip { path: path.to_owned(), message: error.to_string() };
                let pack = |tensor: &Tensor| Ok((tensor.name.clone(), data::npy(&tensor.shape, &tensor.values)?));
                let arrays = self.tensors.iter().map(pack).collect::<Result<Vec<_>, _>>().map_err(complain)?;
                Ok(files::write(path, &data::npz(arrays).map_err(complain)?)?)
            }
            Kind::Safetensors => {
                let holds = |name: &str| self.tensors.iter().any(|tensor| tensor.name == name);
                let own = imperfections.iter().filter(|entry| holds(&entry.name));
                let units = checkpoint::units(own.map(|entry| (entry.name.as_str(), entry.spec.unit)));
                checkpoint::write(path, &self.tensors, units)
            }
        }
    }

    /// Refuses a place that [`save`](Self::save) could not write to as it is called.
    ///
    /// # Errors
    /// An ending other than `npz` and `safetensors`.
    pub fn check_path(path: &Path) -> Result<(), Error> {
        kind(path).map(|_| ())
    }

    /// Puts its tensors into a flat vector of these imperfections.
    pub fn put(&self, imperfections: &[Entry<Imperfection>], values: &mut [f32]) {
        for tensor in &self.tensors {
            for entry in imperfections.iter().filter(|entry| entry.name == tensor.name) {
                values[entry.range()].copy_from_slice(&tensor.values);
            }
        }
    }
}

fn kind(path: &Path) -> Result<Kind, Error> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("npz") => Ok(Kind::Npz),
        Some("safetensors") => Ok(Kind::Safetensors),
        _ => Err(Error::Chip {
            path: path.to_owned(),
            message: "a chip is a file .npz or .safetensors; give one of these endings".to_owned(),
        }),
    }
}

/// Refuses a tensor that is none of a network's imperfections.
fn check(tensor: &Tensor, imperfections: &[Entry<Imperfection>]) -> Result<(), String> {
    let name = &tensor.name;
    let Some(entry) = imperfections.iter().find(|entry| entry.name == *name) else {
        let known: Vec<_> = imperfections.iter().map(|entry| entry.name.as_str()).collect();
        return Err(format!(
            "holds `{name}`, which is no imperfection of this network; there are: {}",
            known.join(", ")
        ));
    };
    if tensor.shape != entry.shape {
        return Err(format!(
            "tensor `{name}` is {:?}, this network's is {:?}; it belongs to a chip of another network",
            tensor.shape, entry.shape
        ));
    }
    for (at, &value) in tensor.values.iter().enumerate() {
        let wrong = |what: String| format!("tensor `{name}`, element {at} (from 0): {what}");
        if !value.is_finite() {
            return Err(wrong(format!("{value} is no finite 32-bit number; correct it")));
        }
        entry.spec.check_value(value.into()).map_err(wrong)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(
        name: &'static str,
        shape: &[usize],
        offset: usize,
        cause: Cause,
        limit: Option<f32>,
    ) -> Entry<Imperfection> {
        let spec = Imperfection { name, shape: shape.to_vec(), unit: "rad", cause, limit };
        Entry { name: format!("mesh1.{name}"), layer: 0, position: 0, offset, shape: shape.to_vec(), spec }
    }

    fn entries() -> Vec<Entry<Imperfection>> {
        vec![
            entry("phase_error", &[9], 0, Cause::Element, None),
            entry("splitter_error", &[2, 3], 64, Cause::Element, Some(1.0)),
            entry("temperature", &[1], 128, Cause::Common, None),
        ]
    }

    fn drawn(number: u32, size: f64) -> Chip {
        Chip::draw(number, entries().iter().map(|entry| (entry, size)))
    }

    #[test]
    fn a_chip_has_the_same_draws_at_every_deviation_within_its_limits() {
        let [small, large, other] = [drawn(7, 0.01), drawn(7, 0.5), drawn(8, 0.5)];
        for (small, large) in small.tensors.iter().zip(&large.tensors).take(1) {
            small.values.iter().zip(&large.values).for_each(|(a, b)| assert!((50.0 * a - b).abs() < 1e-5));
        }
        assert_ne!(large.tensors[0], other.tensors[0]);
        assert_eq!(large.tensors[2].values, [0.5]);
        assert!((0..500).all(|number| drawn(number, 0.51).tensors[1].values.iter().all(|value| value.abs() < 1.0)));
        // As it was drawn before limits were: pairs under (chip, counter).
        let key = [0, random::stream("chip mesh1.phase_error")];
        let first = random::normal(random::bits(key, [7, 0])).map(|z| (0.01 * z) as f32);
        assert_eq!(small.tensors[0].values[..2], first);
    }

    #[test]
    fn chips_come_back_from_both_kinds_of_file_and_go_to_their_places() {
        let (folder, chip) = (tempfile::tempdir().unwrap(), drawn(3, 0.1));
        for name in ["chip.npz", "chip.safetensors"] {
            let path = folder.path().join(name);
            chip.save(&path, &entries()).unwrap();
            let mut back = Chip::load(&path, &entries()).unwrap();
            back.tensors.sort_by(|a, b| a.name.cmp(&b.name));
            assert_eq!(back, chip, "{name}");
        }
        let (_, metadata) = checkpoint::parse(&std::fs::read(folder.path().join("chip.safetensors")).unwrap()).unwrap();
        assert_eq!((&*metadata["unit mesh1.phase_error"], &*metadata["format"]), ("rad", checkpoint::FORMAT));
        let mut values = vec![0.0; 192];
        chip.put(&entries(), &mut values);
        assert_eq!(values[64..70], chip.tensors[1].values);
        assert_eq!((values[9], values[128]), (0.0, 0.1));
    }

    #[test]
    fn chips_of_other_networks_and_impossible_values_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let tensor = |name: &str, shape: &[usize], values: &[f32]| Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        let cases = [
            (
                tensor("mesh1.phase", &[1], &[0.0]),
                "holds `mesh1.phase`, which is no imperfection of this network; there are",
            ),
            (tensor("mesh1.phase_error", &[4], &[0.0; 4]), "tensor `mesh1.phase_error` is [4], this network's is [9]"),
            (tensor("mesh1.splitter_error", &[3, 2], &[0.0; 6]), "tensor `mesh1.splitter_error` is [3, 2]"),
            (tensor("mesh1.temperature", &[1], &[f32::NAN]), "tensor `mesh1.temperature`, element 0 (from 0): NaN"),
            (
                tensor("mesh1.splitter_error", &[2, 3], &[0.0, 0.5, -0.5, 0.0, -1.0, 0.0]),
                "tensor `mesh1.splitter_error`, element 4 (from 0): -1 is not within ±1",
            ),
        ];
        for (tensor, wanted) in cases {
            for name in ["bad.npz", "bad.safetensors"] {
                let path = folder.path().join(name);
                Chip { tensors: vec![tensor.clone()] }.save(&path, &[]).unwrap();
                let message = Chip::load(&path, &entries()).unwrap_err().to_string();
                assert!(message.starts_with(&format!("{}: {wanted}", path.display())), "{message}");
                assert_eq!(message.lines().count(), 1);
            }
        }
        let message = Chip::load(&folder.path().join("chip.npy"), &entries()).unwrap_err().to_string();
        assert!(
            message.ends_with("chip.npy: a chip is a file .npz or .safetensors; give one of these endings"),
            "{message}"
        );
    }
}
