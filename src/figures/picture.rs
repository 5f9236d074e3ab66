//! Pictures of fields, a pixel a sample, for other programs too: no axes, no frame.

use std::f64::consts::TAU;
use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb};

use super::Error;

/// Rows and columns as an image has them: columns and rows.
fn sides([height, width]: [usize; 2]) -> Result<(u32, u32), Error> {
    let side = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    match (side(width), side(height)) {
        (u32::MAX, height) => Err(Error::Size(u32::MAX, height)),
        (width, u32::MAX) => Err(Error::Size(width, u32::MAX)),
        sides => Ok(sides),
    }
}

fn encode(image: &DynamicImage) -> Result<Vec<u8>, Error> {
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

/// Values from 0 on, `[height, width]`, as a PNG of 16-bit grey, the largest of them white.
///
/// # Errors
/// [`Error::Size`] if there are not so many values or too many, [`Error::Png`].
pub fn grey(shape: [usize; 2], values: &[f64]) -> Result<Vec<u8>, Error> {
    let (width, height) = sides(shape)?;
    let largest = values.iter().copied().fold(0.0, f64::max);
    let scale = if largest > 0.0 { f64::from(u16::MAX) / largest } else { 0.0 };
    let pixels = values.iter().map(|value| (value * scale).round() as u16).collect();
    let image = ImageBuffer::<Luma<u16>, _>::from_raw(width, height, pixels).ok_or(Error::Size(width, height))?;
    encode(&DynamicImage::from(image))
}

/// Angles, rad, `[height, width]`, as a PNG of colours that go around a circle and are equally bright: 0 is red, pi is
/// blue-green.
///
/// # Errors
/// [`Error::Size`] if there are not so many values or too many, [`Error::Png`].
pub fn angles(shape: [usize; 2], values: &[f64]) -> Result<Vec<u8>, Error> {
    // The eye sees no more.
    const SHADES: usize = 1024;
    let all: Vec<_> = (0..SHADES).map(|at| circle(TAU * at as f64 / SHADES as f64)).collect();
    let shade = |angle: &f64| all[(angle / TAU * SHADES as f64).round().rem_euclid(SHADES as f64) as usize];
    rgb(shape, values.iter().flat_map(shade).collect())
}

/// Red, green and blue of every pixel as a PNG.
pub(super) fn rgb(shape: [usize; 2], pixels: Vec<u8>) -> Result<Vec<u8>, Error> {
    let (width, height) = sides(shape)?;
    let image = ImageBuffer::<Rgb<u8>, _>::from_raw(width, height, pixels).ok_or(Error::Size(width, height))?;
    encode(&DynamicImage::from(image))
}

/// The colour of an angle: the hue in Oklab (Ottosson 2020) at a lightness and chroma that sRGB has all around.
pub(super) fn circle(angle: f64) -> [u8; 3] {
    let (lightness, chroma, red) = (0.74, 0.12, 0.4);
    let (b, a) = (angle + red).sin_cos();
    let [a, b] = [chroma * a, chroma * b];
    let cone = [
        lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b,
        lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b,
        lightness - 0.089_484_177_5 * a - 1.291_485_548 * b,
    ]
    .map(|root| root.powi(3));
    let linear = [
        4.076_741_662_1 * cone[0] - 3.307_711_591_3 * cone[1] + 0.230_969_929_2 * cone[2],
        -1.268_438_004_6 * cone[0] + 2.609_757_401_1 * cone[1] - 0.341_319_396_5 * cone[2],
        -0.004_196_086_3 * cone[0] - 0.703_418_614_7 * cone[1] + 1.707_614_701 * cone[2],
    ];
    // sRGB, IEC 61966-2-1.
    let encoded = |x: f64| if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
    linear.map(|x| (255.0 * encoded(x.clamp(0.0, 1.0))).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_goes_from_black_to_white() {
        let png = grey([2, 3], &[0.0, 0.5, 1.0, 2.0, 4.0, 1e-9]).unwrap();
        let image = image::load_from_memory(&png).unwrap();
        assert_eq!((image.width(), image.height(), image.color()), (3, 2, image::ColorType::L16));
        assert_eq!(image.to_luma16().into_raw(), [0, 8192, 16384, 32768, 65535, 0]);
        let dark = image::load_from_memory(&grey([1, 2], &[0.0; 2]).unwrap()).unwrap();
        assert_eq!(dark.to_luma16().into_raw(), [0, 0]);
        assert!(matches!(grey([2, 2], &[1.0; 3]), Err(Error::Size(2, 2))));
    }

    #[test]
    fn colours_go_around_the_circle_without_a_step() {
        let values: Vec<_> = (0..=360).map(|degree| (f64::from(degree) - 180.0).to_radians()).collect();
        let png = angles([1, 361], &values).unwrap();
        let pixels = image::load_from_memory(&png).unwrap().to_rgb8().into_raw();
        let pixels: Vec<[u8; 3]> = pixels.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        assert_eq!(pixels[0], pixels[360], "-pi and pi");
        let apart = |a: &[u8; 3], b: &[u8; 3]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(pixels.windows(2).all(|pair| apart(&pair[0], &pair[1]) <= 6));
        assert!(pixels[180][0] > pixels[180][1].max(pixels[180][2]), "0 is red: {:?}", pixels[180]);
        // Nowhere is a colour cut off, which would be a kink.
        assert!(pixels.iter().flatten().all(|&channel| channel > 0 && channel < 255));
        assert!(apart(&pixels[0], &pixels[180]) > 80);
    }
}
