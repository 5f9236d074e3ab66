//! `propagate`, as a user meets it: against propagation in `f64`, against physics that has a formula, and what is refused.

#[path = "common/program.rs"]
mod program;

use std::f64::consts::{PI, TAU};

use flatlight::{data, random};
use npyz::num_complex::{Complex32, Complex64};
use program::Bench;

const GREEN: f64 = 532e-9;

/// A plane of n x n samples, 8 um apart unless it says otherwise.
struct Plane {
    n: usize,
    pitch: f64,
    values: Vec<Complex64>,
}

impl Plane {
    /// Amplitudes by place, m; the middle is at sample n / 2.
    fn of(n: usize, pitch: f64, amplitude: impl Fn(f64, f64) -> Complex64) -> Self {
        let place = move |at: usize| (at as f64 - (n / 2) as f64) * pitch;
        let values = (0..n * n).map(|at| amplitude(place(at / n), place(at % n))).collect();
        Self { n, pitch, values }
    }

    /// Random amplitudes in the unit square.
    fn random(n: usize, seed: u32) -> Self {
        let mut draws = random::units(seed, random::stream("field")).map(|unit| 2.0 * unit - 1.0);
        let mut draw = || draws.next().unwrap();
        // As f32 has them, so that all start from the same.
        let values = (0..n * n).map(|_| Complex64::new(f64::from(draw() as f32), f64::from(draw() as f32)));
        Self { n, pitch: 8e-6, values: values.collect() }
    }

    /// What the program makes of it.
    fn propagated(&self, distance: f64, options: &str) -> Self {
        let bench = Bench::with(&[]);
        std::fs::write(bench.path("in.npy"), data::npy(&[self.n, self.n], &self.values).unwrap()).unwrap();
        let [pitch, distance] = [self.pitch, distance].map(|metres| format!("{metres:?}m"));
        bench.done(&format!(
            "propagate --input in.npy --wavelength 532nm --pitch {pitch} --distance {distance} --output out.npy {options}"
        ));
        let (shape, values) = data::load_complex(&bench.path("out.npy")).unwrap();
        assert_eq!(shape, [self.n, self.n]);
        Self { values, ..*self }
    }

    fn at(&self, row: usize, column: usize) -> Complex64 {
        self.values[row * self.n + column]
    }

    fn power(&self) -> f64 {
        self.values.iter().map(Complex64::norm_sqr).sum()
    }
}

/// <a, b>
fn inner(a: &Plane, b: &Plane) -> Complex64 {
    a.values.iter().zip(&b.values).map(|(a, b)| a.conj() * b).sum()
}

/// How far a is from b, relative to b.
fn apart<'a>(a: impl IntoIterator<Item = &'a Complex64>, b: impl IntoIterator<Item = &'a Complex64>) -> f64 {
    let squares = |(a, b): (&Complex64, &Complex64)| ((a - b).norm_sqr(), b.norm_sqr());
    let (off, whole) = a.into_iter().zip(b).map(squares).fold((0.0, 0.0), |sum, term| (sum.0 + term.0, sum.1 + term.1));
    (off / whole).sqrt()
}

/// exp(2 pi i turns)
fn turned(turns: f64) -> Complex64 {
    Complex64::cis(TAU * (turns - turns.round()))
}

/// The transform of a line whose length is a power of two, in place; `sign` -1: forward, 1: back, not scaled.
fn transform(line: &mut [Complex64], sign: f64) {
    let n = line.len();
    let bits = n.trailing_zeros();
    for at in 0..n {
        let mirrored = at.reverse_bits() >> (usize::BITS - bits);
        if at < mirrored {
            line.swap(at, mirrored);
        }
    }
    let mut half = 1;
    while half < n {
        let turns: Vec<_> = (0..half).map(|at| turned(sign * at as f64 / (2 * half) as f64)).collect();
        for block in line.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for ((low, high), turn) in low.iter_mut().zip(high).zip(&turns) {
                let moved = *high * turn;
                (*low, *high) = (*low + moved, *low - moved);
            }
        }
        half *= 2;
    }
}

/// Both axes of an n x n plane.
fn transform_plane(plane: &mut [Complex64], n: usize, sign: f64) {
    for _ in 0..2 {
        plane.chunks_exact_mut(n).for_each(|row| transform(row, sign));
        for row in 0..n {
            for column in 0..row {
                plane.swap(row * n + column, column * n + row);
            }
        }
    }
}

/// How a twin in `f64` propagates: the phase a metre in turns and its slope over f_x and f_y, from f_x and f_y.
type Waves = fn(f64, f64) -> (f64, f64);

fn exact(x: f64, y: f64) -> (f64, f64) {
    let along = (1.0 / GREEN / GREEN - x * x - y * y).sqrt();
    (along, 1.0 / along)
}

fn paraxial(x: f64, y: f64) -> (f64, f64) {
    (1.0 / GREEN - GREEN * (x * x + y * y) / 2.0, GREEN)
}

/// The spectrum of a plane in a window twice as large, and the way back behind each distance, in `f64`.
struct Twin {
    plane: Plane,
    spectrum: Vec<Complex64>,
}

impl Twin {
    fn of(plane: Plane) -> Self {
        let (n, window) = (plane.n, 2 * plane.n);
        let mut spectrum = vec![Complex64::default(); window * window];
        for (to, from) in spectrum.chunks_exact_mut(window).zip(plane.values.chunks_exact(n)) {
            to[..n].copy_from_slice(from);
        }
        transform_plane(&mut spectrum, window, -1.0);
        Self { plane, spectrum }
    }

    fn propagated(&self, distance: f64, waves: Waves, limited: bool) -> Vec<Complex64> {
        let (n, window) = (self.plane.n, 2 * self.plane.n);
        let step = 1.0 / (window as f64 * self.plane.pitch);
        let frequency = |at: usize| (if at <= window / 2 { at as f64 } else { at as f64 - window as f64 }) * step;
        let mut field: Vec<_> = (0..window * window)
            .map(|at| {
                let [y, x] = [at / window, at % window].map(frequency);
                let (turns, slope) = waves(x, y);
                // Half a turn a frequency at most.
                let cut = limited && x.abs().max(y.abs()) * slope * distance.abs() * step > 0.5;
                if cut { Complex64::default() } else { self.spectrum[at] * turned(distance * turns) }
            })
            .collect();
        transform_plane(&mut field, window, 1.0);
        let scale = 1.0 / (window * window) as f64;
        field.chunks_exact(window).take(n).flat_map(|row| &row[..n]).map(|z| z * scale).collect()
    }
}

#[test]
fn fields_are_those_of_double_precision() {
    let twin = Twin::of(Plane::random(1024, 1));
    let mut worst = 0.0_f64;
    for (distance, options, waves, limited) in [
        (1e-3, "", exact as Waves, true),
        (10e-3, "", exact, true),
        (0.1, "", exact, true),
        (1.0, "", exact, true),
        (1.0, "--no-band-limit", exact, false),
        (-0.3, "--method fresnel", paraxial, true),
    ] {
        let off = apart(&twin.plane.propagated(distance, options).values, &twin.propagated(distance, waves, limited));
        assert!(off < 1e-5, "{distance} m {options}: off by {off:e}");
        worst = worst.max(off);
    }
    println!("largest error {worst:.1e}");
}

#[test]
fn no_distance_changes_nothing() {
    let field = Plane::random(63, 2);
    assert!(apart(&field.propagated(0.0, "").values, &field.values) < 1e-6);
    // Half a million waves and a part of one: the phase of the plane wave is kept.
    let flat = Plane::of(16, 8e-6, |_, _| Complex64::from(0.5));
    let far = flat.propagated(0.25, "--padding 1");
    let want = 0.5 * turned(0.25 / GREEN);
    assert!(far.values.iter().all(|z| (z - want).norm() < 1e-6), "{}, not {want}", far.values[0]);
}

#[test]
fn propagation_keeps_power_and_backwards_is_its_adjoint() {
    let (x, y) = (Plane::random(96, 3), Plane::random(96, 4));
    // On a periodic plane nothing leaves, and at a distance below the critical one nothing is cut.
    let kept = x.propagated(10e-3, "--padding 1").power() / x.power();
    assert!((kept - 1.0).abs() < 1e-5, "{kept} of the power");
    for options in ["", "--method fresnel", "--padding 1.5 --no-band-limit"] {
        let [there, back] = [inner(&y, &x.propagated(0.05, options)), inner(&y.propagated(-0.05, options), &x)];
        assert!((there - back).norm() < 1e-5 * (x.power() * y.power()).sqrt(), "{options}: {there} and {back}");
        assert!(there.norm() > 1e-4 * (x.power() * y.power()).sqrt(), "{options}: the product is next to nothing");
    }
}

/// w(z) = w0 sqrt(1 + (z/z_R)^2), on the axis exp(i (k z - arctan(z/z_R))) w0/w (Saleh and Teich 3.1).
#[test]
fn a_gaussian_beam_widens_and_slips_in_phase() {
    let waist: f64 = 0.3e-3;
    let rayleigh = PI * waist * waist / GREEN;
    let beam = Plane::of(1024, 8e-6, |y, x| Complex64::from((-(x * x + y * y) / (waist * waist)).exp()));
    for distance in [0.5 * rayleigh, rayleigh, -2.0 * rayleigh] {
        let far = beam.propagated(distance, "");
        let spread = distance / rayleigh;
        let width = waist * (1.0 + spread * spread).sqrt();
        let place = |at: usize| (at as f64 - 512.0) * 8e-6;
        let squares: f64 = (0..1024 * 1024).map(|at| place(at % 1024).powi(2) * far.values[at].norm_sqr()).sum();
        let got = 2.0 * (squares / far.power()).sqrt();
        assert!((got / width - 1.0).abs() < 1e-3, "{distance} m: {got} m wide, not {width}");
        let want = waist / width * turned(distance / GREEN) * Complex64::cis(-spread.atan());
        let axis = far.at(512, 512);
        assert!((axis - want).norm() < 1e-3 * want.norm(), "{distance} m: {axis} on the axis, not {want}");
    }
}

/// In the focus of a lens behind a round aperture the first dark ring has the radius 1.21967 lambda f / D.
#[test]
fn a_lens_makes_an_airy_disk() {
    let (focus, radius, pitch) = (0.5, 2e-3, 8e-6);
    let lens = Plane::of(1024, pitch, |y, x| {
        // Samples on the rim count as what of them is inside, of 16 x 16 points.
        let points = (0..256).map(|at| [at / 16, at % 16].map(|at| ((f64::from(at) + 0.5) / 16.0 - 0.5) * pitch));
        let inside = points.filter(|[dy, dx]| (y + dy).hypot(x + dx) < radius).count();
        turned(-(x * x + y * y) / (2.0 * GREEN * focus)) * (inside as f64 / 256.0)
    });
    let far = lens.propagated(focus, "");
    // Without the curvature of the wave the amplitude is real.
    let axis = far.at(512, 512);
    let real = |at: usize| {
        let x = at as f64 * pitch;
        (far.at(512, 512 + at) * turned(-x * x / (2.0 * GREEN * focus)) / axis).re
    };
    let first = (1..40).find(|&at| real(at) < 0.0).unwrap();
    // The cubic through the two samples before and the two behind, and where it is 0.
    let cubic = |at: f64| {
        let nodes = [-2.0, -1.0, 0.0, 1.0];
        let weight = |node: f64| {
            nodes.iter().filter(|&&other| other != node).map(|other| (at - other) / (node - other)).product::<f64>()
        };
        nodes.iter().enumerate().map(|(index, &node)| real(first + index - 2) * weight(node)).sum::<f64>()
    };
    let (mut bright, mut dark) = (-1.0, 0.0);
    for _ in 0..40 {
        let middle = (bright + dark) / 2.0;
        if cubic(middle) > 0.0 { bright = middle } else { dark = middle }
    }
    let (got, want) = ((first as f64 + bright) * pitch, 1.219_669_9 * GREEN * focus / (2.0 * radius));
    assert!((got / want - 1.0).abs() < 1e-3, "the first dark ring is at {got:e} m, not at {want:e}");
}

/// A grating comes again at 2 d^2 / lambda, and half way there it is moved by half a period (Goodman 4.5.2).
#[test]
fn a_grating_images_itself() {
    let (n, period) = (256, 128e-6);
    let grating = move |y: f64, x: f64| {
        let line = |at: f64| 1.0 + 0.8 * (TAU * at / period).cos() + 0.3 * (2.0 * TAU * at / period).cos();
        Complex64::from(line(x) * line(y))
    };
    let plane = Plane::of(n, 8e-6, grating);
    let talbot = 2.0 * period * period / GREEN;
    let moved = Plane::of(n, 8e-6, |y, x| grating(y + period / 2.0, x + period / 2.0));
    for (distance, want) in [(talbot, &plane), (talbot / 2.0, &moved)] {
        for (method, tolerance) in [("fresnel", 1e-5), ("angular-spectrum", 1e-3)] {
            let far = plane.propagated(distance, &format!("--padding 1 --method {method}"));
            let carried: Vec<_> = want.values.iter().map(|z| z * turned(distance / GREEN)).collect();
            let off = apart(&far.values, &carried);
            assert!(off < tolerance, "{method}, {distance} m: off by {off:e}");
        }
    }
}

/// C(x) + i S(x), the integral of exp(i pi t^2 / 2) from 0 to x, by Simpson's rule.
fn fresnel(x: f64) -> Complex64 {
    let steps = 4000;
    let h = x / f64::from(steps);
    let value = |at: i32| Complex64::cis(PI / 2.0 * (f64::from(at) * h).powi(2));
    let inner: Complex64 = (1..steps).map(|at| value(at) * if at % 2 == 1 { 4.0 } else { 2.0 }).sum();
    (value(0) + inner + value(steps)) * h / 3.0
}

/// Behind a square aperture the field is a product of Fresnel integrals (Goodman 4.5.1).
#[test]
fn a_square_aperture_gives_fresnel_integrals() {
    // The sampled field differs from the integral by light that is cut and by rounding of the aperture to samples.
    let (n, half, distance, pitch) = (512, 100, 0.433, 8e-6);
    // 201 samples: the edges lie half a sample beyond the outermost.
    let edge = (half as f64 + 0.5) * pitch;
    let open = |at: f64| at.abs() < edge;
    let far = Plane::of(n, pitch, |y, x| Complex64::from(if open(x) && open(y) { 1.0 } else { 0.0 }))
        .propagated(distance, "--padding 4");
    let unit = (2.0 / (GREEN * distance)).sqrt();
    let line: Vec<_> = (-150..=150)
        .map(|at| {
            let x = f64::from(at) * pitch;
            (fresnel(unit * (edge - x)) - fresnel(unit * (-edge - x))) * Complex64::cis(-PI / 4.0) / 2_f64.sqrt()
        })
        .collect();
    let want: Vec<_> = line.iter().flat_map(|y| line.iter().map(move |x| x * y * turned(distance / GREEN))).collect();
    let got: Vec<_> = (106..=406).flat_map(|row| far.values[row * n..][106..=406].iter().copied()).collect();
    let off = apart(&got, &want);
    assert!(off < 1e-3, "off by {off:e}");
    println!("off by {off:.1e}");
}

/// A command line with these options in place of, or beside, usual ones.
fn propagate(options: &str) -> String {
    let usual = [
        ("--input", "in.npy"),
        ("--output", "out.npy"),
        ("--wavelength", "532nm"),
        ("--pitch", "8um"),
        ("--distance", "10mm"),
    ];
    let kept = usual.iter().filter(|(option, _)| !options.split([' ', '=']).any(|word| word == *option));
    kept.fold(format!("propagate {options}"), |line, (option, value)| format!("{line} {option} {value}"))
}

#[test]
fn files_are_those_of_numpy_and_pictures_have_a_pixel_a_sample() {
    let bench = Bench::with(&[]);
    let values: Vec<_> = (0..15).map(|at| Complex32::new(at as f32, 1.0)).collect();
    std::fs::write(bench.path("in.npy"), data::npy(&[3, 5], &values).unwrap()).unwrap();
    let line = bench.done(&propagate("--intensity i.png --phase p.png"));
    assert!(line.starts_with("field [3, 5] in out.npy: ") && line.ends_with(" % of the power\n"), "{line}");
    let bytes = std::fs::read(bench.path("out.npy")).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert_eq!((file.dtype().descr().as_str(), file.shape()), ("'<c8'", &[3, 5][..]));
    let far = file.into_vec::<Complex32>().unwrap();
    let [intensity, phase] = ["i.png", "p.png"].map(|name| image::open(bench.path(name)).unwrap());
    assert_eq!([intensity.color(), phase.color()], [image::ColorType::L16, image::ColorType::Rgb8]);
    assert_eq!([(intensity.width(), intensity.height()), (phase.width(), phase.height())], [(5, 3); 2]);
    let brightest = far.iter().map(Complex32::norm_sqr).fold(0.0, f32::max);
    for (pixel, z) in intensity.to_luma16().into_raw().into_iter().zip(&far) {
        assert!((f32::from(pixel) - 65535.0 * z.norm_sqr() / brightest).abs() < 1.0);
    }

    // Real and double numbers are fields too, however large; so is the dark.
    let doubles: Vec<_> = (0..15).map(|at| 1e30 * f64::from(at)).collect();
    std::fs::write(bench.path("in.npy"), data::npy(&[3, 5], &doubles).unwrap()).unwrap();
    bench.done(&propagate("--distance 0m"));
    let (_, values) = data::load_complex(&bench.path("out.npy")).unwrap();
    assert!(values.iter().zip(&doubles).all(|(z, want)| (z - want).norm() < 1e-5 * 14e30));
    bench.write_npy("in.npy", &[2, 2], &[0.0; 4]);
    assert_eq!(bench.done(&propagate("")), "field [2, 2] in out.npy: no light\n");
}

#[test]
fn sampling_is_warned_of() {
    let bench = Bench::with(&[]);
    bench.write_npy("in.npy", &[32, 32], &[1.0; 1024]);
    let said = |options: &str| {
        let output = bench.run(&propagate(options));
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let text = said("");
    assert_eq!(text.lines().count(), 2, "{text}");
    for (line, axis) in text.lines().zip(["y", "x"]) {
        let want =
            format!("warning: along {axis} the transfer function is undersampled beyond 7.69 mm: 76.967 % of the band");
        assert!(line.starts_with(&want), "{line}");
    }
    assert_eq!(said("--padding 4"), "");
    let text = said("--padding 1 --distance 1mm");
    assert!(text.contains("the steepest light moves by 33.3 um, past the padding of 0 m"), "{text}");
    let text = said("--pitch 200nm --distance 1um");
    assert!(text.contains("warning: the pitch is below half a wavelength: only 44.4"), "{text}");
}

#[test]
fn what_makes_no_sense_is_refused_in_a_line() {
    let bench = Bench::with(&[("text.npy", "no array")]);
    let refuse = |change: &str, code: i32, parts: &[&str]| {
        bench.refuse(&propagate(change), code, parts);
        assert!(!bench.path("out.npy").exists() && !bench.path("i.png").exists(), "{change}");
    };
    bench.write_npy("in.npy", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    refuse("--wavelength 532", 2, &["`532` is no length", "532nm"]);
    refuse("--pitch 8feet", 2, &["`8feet` is no length"]);
    refuse("--wavelength 0nm", 2, &["the wavelength is 0 m, expected a positive length"]);
    refuse("--pitch=-8um", 2, &["the pitch is -8 um, expected a positive length"]);
    refuse("--distance nanm", 2, &["`nanm` is no length"]);
    refuse("--pitch 1nm", 2, &["the padded window is 4 nm", "all waves but the plane one are evanescent"]);
    refuse("--padding 0.5", 2, &["--padding 0.5: expected 1 to 64"]);
    refuse("--padding nan", 2, &["--padding NaN: expected 1 to 64"]);
    refuse("--method fresnell", 2, &["there are: angular-spectrum, fresnel", "did you mean `fresnel`"]);
    refuse("--input none.npy", 1, &["none.npy"]);
    refuse("--input text.npy", 1, &["text.npy", "is not a plain npy array"]);
    refuse("--output none/out.npy", 1, &["none/out.npy"]);

    bench.write_npy("in.npy", &[4], &[1.0; 4]);
    refuse("", 1, &["in.npy: an array of shape [4], but a field is [height, width]"]);
    bench.write_npy("in.npy", &[2, 2, 1], &[1.0; 4]);
    refuse("", 1, &["shape [2, 2, 1]"]);
    bench.write_npy("in.npy", &[0, 4], &[]);
    refuse("", 1, &["in.npy: holds no samples"]);
    std::fs::write(bench.path("in.npy"), data::npy(&[2, 2], &[1_u8; 4]).unwrap()).unwrap();
    refuse("", 1, &["in.npy", "elements must be c8, c16, f4 or f8"]);
    bench.write_npy("in.npy", &[2, 2], &[1.0, 2.0, f32::NAN, 4.0]);
    refuse("", 1, &["in.npy: NaN+0i at row 1, column 0 is not finite"]);

    // Neighbours of opposite sign: light of this frequency does not travel.
    let board: Vec<_> = (0..64).map(|at| if (at / 8 + at % 8) % 2 == 0 { 1.0 } else { -1.0 }).collect();
    bench.write_npy("in.npy", &[8, 8], &board);
    refuse("--pitch 250nm --padding 1", 1, &["in.npy: no light arrives: all of it is evanescent"]);
    bench.write_npy("in.npy", &[256, 256], &[1.0; 1 << 16]);
    refuse(
        "--padding 64 --intensity i.png",
        1,
        &["in.npy: padded to 16384 x 16384", "the adapter allows", "lower --padding"],
    );
}
