//! What a spatial light modulator or a printed mask takes: pictures of grey levels, through the look-up table of a
//! wavelength, and heights.

use std::f64::consts::TAU;
use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma};

use super::Error;

/// Grey levels, `[height, width]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    height: usize,
    width: usize,
    bits: u32,
    grey: Vec<u16>,
}

fn refuse(what: impl Into<String>) -> Error {
    Error::Picture(what.into())
}

impl Picture {
    /// Levels of 8 or 16 `bits`.
    ///
    /// # Errors
    /// Other bits, levels that are too large, too few or too many.
    pub fn new([height, width]: [usize; 2], bits: u32, grey: Vec<u16>) -> Result<Self, Error> {
        if bits != 8 && bits != 16 {
            return Err(refuse(format!("a picture of {bits} bits, expected 8 or 16")));
        }
        if grey.len() != height * width || grey.iter().any(|&level| u32::from(level) >= 1 << bits) {
            return Err(refuse(format!(
                "{} grey levels are none of a {bits}-bit picture of {height} x {width}",
                grey.len()
            )));
        }
        Ok(Self { height, width, bits, grey })
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// Row by row.
    pub fn grey(&self) -> &[u16] {
        &self.grey
    }

    /// As a PNG file of its bits.
    ///
    /// # Errors
    /// A picture that is too large.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let too_large = || refuse(format!("a picture of {} x {} is too large", self.height, self.width));
        let side = |count: usize| u32::try_from(count).map_err(|_| too_large());
        let (width, height) = (side(self.width)?, side(self.height)?);
        let image = if self.bits == 8 {
            let bytes = self.grey.iter().map(|&level| level as u8).collect();
            ImageBuffer::<Luma<u8>, _>::from_raw(width, height, bytes).map(DynamicImage::from)
        } else {
            ImageBuffer::<Luma<u16>, _>::from_raw(width, height, self.grey.clone()).map(DynamicImage::from)
        };
        let mut png = Cursor::new(Vec::new());
        let written = image.ok_or_else(too_large)?.write_to(&mut png, ImageFormat::Png);
        written.map_err(|error| refuse(format!("cannot encode the picture: {error}")))?;
        Ok(png.into_inner())
    }

    /// The picture in a PNG file of 8-bit or 16-bit grey.
    ///
    /// # Errors
    /// Another file, or colours.
    pub fn read(png: &[u8]) -> Result<Self, Error> {
        let image = image::load_from_memory_with_format(png, ImageFormat::Png)
            .map_err(|error| refuse(format!("no PNG picture: {error}")))?;
        let shape = [image.height() as usize, image.width() as usize];
        match image {
            DynamicImage::ImageLuma8(image) => {
                Self::new(shape, 8, image.into_raw().into_iter().map(u16::from).collect())
            }
            DynamicImage::ImageLuma16(image) => Self::new(shape, 16, image.into_raw()),
            other => Err(refuse(format!("a picture of {:?}, expected grey of 8 or 16 bits", other.color()))),
        }
    }

    /// What to show for it on a modulator that is not flat: the sum with the maker's picture, modulo the number of levels.
    /// The picture itself stays as it is.
    ///
    /// # Errors
    /// A correction of another size or depth.
    pub fn corrected(&self, correction: &Self) -> Result<Self, Error> {
        self.combined(correction, u32::wrapping_add)
    }

    /// What was there before it was [`corrected`](Self::corrected).
    ///
    /// # Errors
    /// Those of [`corrected`](Self::corrected).
    pub fn uncorrected(&self, correction: &Self) -> Result<Self, Error> {
        self.combined(correction, u32::wrapping_sub)
    }

    fn combined(&self, correction: &Self, by: fn(u32, u32) -> u32) -> Result<Self, Error> {
        if (self.shape(), self.bits) != (correction.shape(), correction.bits) {
            let text = |picture: &Self| format!("{} x {}, {} bits", picture.height, picture.width, picture.bits);
            return Err(refuse(format!("a flatness correction of {}, expected {}", text(correction), text(self))));
        }
        // A power of two, so that what wraps around 32 bits wraps around the levels.
        let levels = 1_u32 << self.bits;
        let both = |(a, b): (&u16, &u16)| (by(u32::from(*a), u32::from(*b)) % levels) as u16;
        Ok(Self { grey: self.grey.iter().zip(&correction.grey).map(both).collect(), ..*self })
    }
}

/// The phase of every grey level at one wavelength.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    bits: u32,
    /// The darkest level that has a phase.
    first: u16,
    /// Phases of the levels from it on, rad, rising from 0 on to less than a turn.
    phases: Vec<f64>,
}

impl Lookup {
    /// Levels of 8 or 16 bits spread evenly over a turn: level k has the phase 2 pi k / 2^bits.
    ///
    /// # Errors
    /// Other bits.
    pub fn even(bits: u32) -> Result<Self, Error> {
        Picture::new([0, 0], bits, Vec::new())?;
        let levels = 1_u32 << bits;
        Ok(Self {
            bits,
            first: 0,
            phases: (0..levels).map(|level| TAU * f64::from(level) / f64::from(levels)).collect(),
        })
    }

    /// A table as CSV, a phase (rad) and its grey level a line, both rising; a line of names may come first. Levels between
    /// those of two lines have phases on a straight line.
    ///
    /// # Errors
    /// The line that is no such pair, or in which one does not rise or is out of range.
    pub fn from_csv(text: &str, bits: u32) -> Result<Self, Error> {
        let mut lookup = Self { phases: Vec::new(), ..Self::even(bits)? };
        let mut last: Option<(f64, u16)> = None;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let pair = line.split_once(',').and_then(|(phase, grey)| {
                let grey: u16 = grey.trim().parse().ok()?;
                Some((phase.trim().parse().ok()?, grey))
            });
            let Some((phase, grey)) = pair else {
                if number == 1 {
                    continue;
                }
                return Err(refuse(format!(
                    "line {number}: `{line}` is no phase (rad) and grey level, such as 3.1416,128"
                )));
            };
            if !(0.0..=TAU).contains(&phase) || u32::from(grey) >= 1 << bits {
                let most = (1_u32 << bits) - 1;
                return Err(refuse(format!(
                    "line {number}: `{line}`, expected a phase in 0 to 2 pi and a level in 0 to {most}"
                )));
            }
            match last {
                None => {
                    lookup.first = grey;
                    lookup.phases.push(phase);
                }
                Some((phase_before, grey_before)) if phase > phase_before && grey > grey_before => {
                    let slope = (phase - phase_before) / f64::from(grey - grey_before);
                    lookup.phases.extend((1..grey - grey_before).map(|step| phase_before + slope * f64::from(step)));
                    lookup.phases.push(phase);
                }
                Some(_) => return Err(refuse(format!("line {number}: `{line}`, but phases and levels must rise"))),
            }
            last = Some((phase, grey));
        }
        // A whole turn is the first level again.
        if lookup.phases.len() > 1 && lookup.phases[0] == 0.0 && lookup.phases.last() == Some(&TAU) {
            lookup.phases.pop();
        }
        if lookup.phases.len() < 2 {
            return Err(refuse("a look-up table needs two levels at least: lines of phase (rad), grey level"));
        }
        Ok(lookup)
    }

    /// The level whose phase is nearest around the circle.
    fn level(&self, phase: f64) -> u16 {
        let phase = phase.rem_euclid(TAU);
        let above = self.phases.partition_point(|&own| own < phase);
        // Below the first and above the last level the other end may be nearer.
        let near = [above.checked_sub(1).unwrap_or(self.phases.len() - 1), above % self.phases.len()];
        let apart = |index: usize| {
            let off = (self.phases[index] - phase).abs();
            off.min(TAU - off)
        };
        let index = if apart(near[0]) <= apart(near[1]) { near[0] } else { near[1] };
        self.first + index as u16
    }

    fn phase(&self, level: u16) -> Option<f64> {
        self.phases.get(usize::from(level.checked_sub(self.first)?)).copied()
    }

    /// A phase, rad, as this table sets it.
    pub fn quantised(&self, phase: f64) -> f64 {
        self.phases[usize::from(self.level(phase) - self.first)]
    }
}

/// The pixels of a modulator, and where on it a mask stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Screen {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// How far the middle of a mask stands below and to the right of the middle of the screen, pixels.
    pub offset: [i64; 2],
    /// Phases of the grey levels.
    pub lookup: Lookup,
}

impl Screen {
    /// First row and column of a mask.
    fn corner(&self, mask: [usize; 2]) -> Result<[usize; 2], Error> {
        let place = |screen: usize, mask: usize, offset: i64| {
            let first = (screen as i64 - mask as i64).div_euclid(2).checked_add(offset)?;
            let first = usize::try_from(first).ok()?;
            (first + mask <= screen).then_some(first)
        };
        let rows = place(self.height, mask[0], self.offset[0]);
        rows.zip(place(self.width, mask[1], self.offset[1])).map(|(row, column)| [row, column]).ok_or_else(|| {
            refuse(format!(
                "a mask of {} x {} with its middle {:?} pixels from that of the modulator leaves its {} x {} pixels",
                mask[0], mask[1], self.offset, self.height, self.width
            ))
        })
    }

    /// The picture that sets the phases, rad, of a mask `[height, width]`; pixels around it have the darkest level.
    ///
    /// # Errors
    /// A mask that leaves the screen, phases that are not finite.
    pub fn show(&self, mask: [usize; 2], phases: &[f64]) -> Result<Picture, Error> {
        let [top, left] = self.corner(mask)?;
        if phases.len() != mask[0] * mask[1] || phases.iter().any(|phase| !phase.is_finite()) {
            return Err(refuse(format!("expected {} x {} finite phases", mask[0], mask[1])));
        }
        let mut grey = vec![self.lookup.first; self.height * self.width];
        for (row, phases) in phases.chunks(mask[1].max(1)).enumerate() {
            let pixels = &mut grey[(top + row) * self.width + left..][..phases.len()];
            pixels.iter_mut().zip(phases).for_each(|(pixel, &phase)| *pixel = self.lookup.level(phase));
        }
        Picture::new([self.height, self.width], self.lookup.bits, grey)
    }

    /// The phases, rad, of a mask `[height, width]` that a picture sets.
    ///
    /// # Errors
    /// A picture of another size or depth, levels without a phase.
    pub fn read(&self, mask: [usize; 2], picture: &Picture) -> Result<Vec<f64>, Error> {
        let [top, left] = self.corner(mask)?;
        if picture.shape() != [self.height, self.width] || picture.bits != self.lookup.bits {
            return Err(refuse(format!(
                "a picture of {} x {}, {} bits; the modulator has {} x {}, {} bits",
                picture.height, picture.width, picture.bits, self.height, self.width, self.lookup.bits
            )));
        }
        let pixels = (0..mask[0]).flat_map(|row| &picture.grey[(top + row) * self.width + left..][..mask[1]]);
        let phase = |&level: &u16| {
            let missing = || refuse(format!("the grey level {level} has no phase in the look-up table"));
            self.lookup.phase(level).ok_or_else(missing)
        };
        pixels.map(phase).collect()
    }
}

/// A mask of a transparent material in air: its height is that of the phase within a turn, times wavelength / (n - 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relief {
    /// Wavelength in air, m.
    pub wavelength: f64,
    /// Refractive index n of the material, above 1.
    pub index: f64,
}

impl Relief {
    /// Height of a phase of a whole turn, m.
    ///
    /// # Errors
    /// An index that is not above 1, or a wavelength that is not positive.
    pub fn turn(&self) -> Result<f64, Error> {
        let turn = self.wavelength / (self.index - 1.0);
        if self.index > 1.0 && turn.is_finite() && turn > 0.0 {
            return Ok(turn);
        }
        let (what, got) = ("the refractive index", self.index.to_string());
        Err(Error::Range { what, got, expected: "more than 1, and a positive wavelength".into() })
    }

    /// Heights, m, from phases, rad. In a picture of [`Lookup::even`] with 16 bits a level is a 65,536th of [`turn`](Self::turn).
    ///
    /// # Errors
    /// Those of [`turn`](Self::turn).
    pub fn heights(&self, phases: &[f64]) -> Result<Vec<f64>, Error> {
        let turn = self.turn()?;
        Ok(phases.iter().map(|phase| turn * (phase.rem_euclid(TAU) / TAU)).collect())
    }

    /// Phases, rad, from heights, m.
    ///
    /// # Errors
    /// Those of [`turn`](Self::turn).
    pub fn phases(&self, heights: &[f64]) -> Result<Vec<f64>, Error> {
        let turn = self.turn()?;
        Ok(heights.iter().map(|height| TAU * (height / turn)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(count: usize) -> Vec<f64> {
        // All over some turns, never in the middle between two levels.
        (0..count).map(|at| 0.123_456_7 * at as f64 - 20.0).collect()
    }

    fn around(a: f64, b: f64) -> f64 {
        let off = (a - b).rem_euclid(TAU);
        off.min(TAU - off)
    }

    #[test]
    fn a_mask_that_is_written_and_read_again_has_the_quantised_phases() {
        let measured = "phase,grey\n0.5, 20\n2.0,60\n5.0,200\n";
        for (lookup, step) in [
            (Lookup::even(8).unwrap(), TAU / 256.0),
            (Lookup::even(16).unwrap(), TAU / 65536.0),
            // Up to half of what is not reached around 0.
            (Lookup::from_csv(measured, 8).unwrap(), TAU - 4.5),
            (Lookup::from_csv("0,0\n6.283185307179586,65535", 16).unwrap(), TAU / 65535.0),
        ] {
            let screen = Screen { height: 20, width: 31, offset: [-2, 5], lookup };
            let mask = phases(7 * 9);
            let png = screen.show([7, 9], &mask).unwrap().png().unwrap();
            let read = screen.read([7, 9], &Picture::read(&png).unwrap()).unwrap();
            let want: Vec<_> = mask.iter().map(|&phase| screen.lookup.quantised(phase)).collect();
            assert_eq!(read, want);
            assert!(mask.iter().zip(&read).all(|(a, b)| around(*a, *b) <= 0.5001 * step), "{step}");
        }
    }

    #[test]
    fn a_table_is_followed() {
        let lookup = Lookup::from_csv("0.5,20\n2.0,60\n\n5.0,200\n", 8).unwrap();
        let screen = Screen { height: 1, width: 6, offset: [0, 0], lookup };
        let picture = screen.show([1, 6], &[0.5, 1.25, 5.0, 5.8, 6.0, 0.1 - TAU]).unwrap();
        // Half way from 5 to 0.5 around the circle lies 5.89.
        assert_eq!(picture.grey(), [20, 40, 200, 200, 20, 20]);
        let message = screen.read([1, 6], &Picture::new([1, 6], 8, vec![201; 6]).unwrap()).unwrap_err().to_string();
        assert_eq!(message, "the grey level 201 has no phase in the look-up table");
        for (text, part) in [
            ("0,0\n1,300", "line 2: `1,300`, expected a phase in 0 to 2 pi and a level in 0 to 255"),
            ("0,0\n1,10\n2,10", "line 3: `2,10`, but phases and levels must rise"),
            ("0,0\none,1", "line 2: `one,1` is no phase"),
            ("phase,grey\n1,1", "needs two levels at least"),
            ("0,0\n7,9", "expected a phase in 0 to 2 pi"),
        ] {
            let message = Lookup::from_csv(text, 8).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_mask_stands_in_the_middle_or_beside_it() {
        let lookup = Lookup::even(8).unwrap();
        let at = |offset: [i64; 2]| {
            let screen = Screen { height: 5, width: 8, offset, lookup: lookup.clone() };
            screen.show([1, 2], &[3.2; 2]).map(|picture| picture.grey().iter().position(|&level| level > 0).unwrap())
        };
        assert_eq!(at([0, 0]).unwrap(), 2 * 8 + 3);
        assert_eq!(at([-2, 3]).unwrap(), 6);
        assert!(at([3, 0]).unwrap_err().to_string().contains("leaves its 5 x 8 pixels"));
        assert!(at([0, i64::MAX]).is_err());
    }

    #[test]
    fn a_correction_is_added_around_the_circle() {
        let of = |grey: Vec<u16>| Picture::new([1, 3], 8, grey).unwrap();
        let mask = of(vec![10, 200, 255]);
        let correction = of(vec![5, 100, 1]);
        assert_eq!(mask.corrected(&correction).unwrap(), of(vec![15, 44, 0]));
        assert_eq!(mask.corrected(&correction).unwrap().uncorrected(&correction).unwrap(), mask);
        let deep = Picture::new([1, 3], 16, vec![0; 3]).unwrap();
        let message = mask.corrected(&deep).unwrap_err().to_string();
        assert_eq!(message, "a flatness correction of 1 x 3, 16 bits, expected 1 x 3, 8 bits");
    }

    #[test]
    fn heights_give_their_phases_again() {
        let relief = Relief { wavelength: 532e-9, index: 1.5 };
        assert_eq!(relief.turn(), Ok(1064e-9));
        let mask = phases(100);
        let heights = relief.heights(&mask).unwrap();
        assert!(heights.iter().all(|height| (0.0..1064e-9).contains(height)));
        assert!(mask.iter().zip(relief.phases(&heights).unwrap()).all(|(a, b)| around(*a, b) < 1e-12));
        for index in [1.0, 0.5, f64::NAN] {
            assert!(Relief { index, ..relief }.turn().unwrap_err().to_string().contains("expected more than 1"));
        }
    }

    #[test]
    fn other_pictures_are_refused() {
        assert!(Picture::read(b"no picture").unwrap_err().to_string().starts_with("no PNG picture: "));
        let mut png = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(2, 2).write_to(&mut png, ImageFormat::Png).unwrap();
        let message = Picture::read(&png.into_inner()).unwrap_err().to_string();
        assert_eq!(message, "a picture of Rgb8, expected grey of 8 or 16 bits");
        assert!(Picture::new([1, 1], 12, vec![0]).is_err() && Picture::new([1, 1], 8, vec![256]).is_err());
        let screen = Screen { height: 2, width: 2, offset: [0, 0], lookup: Lookup::even(8).unwrap() };
        assert!(screen.show([2, 2], &[f64::NAN; 4]).is_err());
        assert!(screen.read([2, 2], &Picture::new([1, 2], 8, vec![0; 2]).unwrap()).is_err());
    }
}
