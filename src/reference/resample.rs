//! Pictures seen through an affine map; specification of `shaders/resample.wgsl`. A picture is `[height, width, channels]`;
//! positions are (x, y), x along the width, from the centre of the picture, in its pixels.
//!
//! The mean over a cell is an overlap of polygons, clipped after Sutherland and Hodgman (1974); its derivative is the flux
//! of the moving edges (Reynolds transport theorem).

/// What a sample of the result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The mean over its own square cell of a picture that is made of square pixels.
    Area,
    /// The bilinear interpolation at its centre.
    Bilinear,
    /// The nearest pixel.
    Nearest,
}

/// How a picture lies.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Where its centre is, along x and y, in its pixels.
    pub shift: [f64; 2],
    /// Degrees, from x to y.
    pub rotation: f64,
    /// 0.1: 10 % larger.
    pub scale: f64,
}

impl Geometry {
    /// Of a picture, from values for each of them or for all: shift along x and y, rotation, scale.
    pub fn of(values: [&[f64]; 4], picture: usize) -> Self {
        let [x, y, rotation, scale] = values.map(|values| values[picture % values.len()]);
        Self { shift: [x, y], rotation, scale }
    }

    /// Whether there is such a picture.
    fn is_sound(&self) -> bool {
        let finite = self.shift.iter().all(|shift| shift.is_finite()) && self.rotation.is_finite();
        finite && (0.5..=2.0).contains(&(1.0 + self.scale))
    }

    /// Cosine and sine over the scale: position in the picture = [[a, b], [-b, a]] (position seen - shift).
    fn turn(&self) -> [f64; 2] {
        let (sine, cosine) = self.rotation.to_radians().sin_cos();
        [cosine / (1.0 + self.scale), sine / (1.0 + self.scale)]
    }

    /// How a position in the picture moves with shift along x and y, rotation, scale.
    fn velocities(&self, [x, y]: [f64; 2]) -> [[f64; 2]; 4] {
        let [a, b] = self.turn();
        let radian = 1.0_f64.to_radians();
        let stretch = -1.0 / (1.0 + self.scale);
        [[-a, b], [-b, -a], [radian * y, -radian * x], [stretch * x, stretch * y]]
    }
}

/// A resampling of pictures onto a grid.
#[derive(Clone, Copy, Debug)]
pub struct Resample {
    /// What a sample is.
    pub mode: Mode,
    /// Height and width of the pictures.
    pub from: [usize; 2],
    /// Height and width of the result.
    pub to: [usize; 2],
    /// Pixels from a sample of the result to the next, nominally, along x and y.
    pub step: [f64; 2],
    /// What lies outside, by channel.
    pub outside: [f64; 2],
    /// Numbers of a pixel.
    pub channels: usize,
}

/// Share of a pixel in a sample, and how that share changes with shift along x and y, rotation, scale.
struct Tap {
    /// Row and column; may lie outside.
    pixel: [isize; 2],
    weight: f64,
    slopes: [f64; 4],
}

impl Resample {
    /// y `[pictures, to, channels]`; NaN where a picture has no sound geometry.
    pub fn forward(&self, x: &[f64], geometry: [&[f64]; 4]) -> Vec<f64> {
        let mut y = Vec::new();
        for (picture, x) in x.chunks_exact(self.size(self.from)).enumerate() {
            for row in 0..self.to[0] {
                for column in 0..self.to[1] {
                    y.extend(&self.sample(x, &Geometry::of(geometry, picture), row, column)[..self.channels]);
                }
            }
        }
        y
    }

    /// One sample of one picture.
    pub fn sample(&self, x: &[f64], geometry: &Geometry, row: usize, column: usize) -> [f64; 2] {
        let mut y = [0.0; 2];
        if !geometry.is_sound() {
            return [f64::NAN; 2];
        }
        for tap in self.taps(geometry, row, column).iter().filter(|tap| tap.weight != 0.0) {
            let value = self.pixel(x, tap.pixel);
            y = [0, 1].map(|channel| y[channel] + tap.weight * value[channel]);
        }
        y
    }

    /// d_x from d_y: the transpose.
    pub fn backward(&self, d_y: &[f64], geometry: [&[f64]; 4]) -> Vec<f64> {
        let pictures = d_y.chunks_exact(self.size(self.to)).enumerate();
        pictures
            .flat_map(|(picture, d_y)| {
                let geometry = Geometry::of(geometry, picture);
                let mut d_x = vec![if geometry.is_sound() { 0.0 } else { f64::NAN }; self.size(self.from)];
                for (at, d) in d_y.chunks_exact(self.channels).enumerate().filter(|_| geometry.is_sound()) {
                    for tap in self.taps(&geometry, at / self.to[1], at % self.to[1]) {
                        if let Some(first) = self.place(tap.pixel).filter(|_| tap.weight != 0.0) {
                            (0..self.channels).for_each(|channel| d_x[first + channel] += tap.weight * d[channel]);
                        }
                    }
                }
                d_x
            })
            .collect()
    }

    /// Gradients of shift along x and y, rotation, scale, each as many as there are values.
    pub fn backward_geometry(&self, x: &[f64], d_y: &[f64], geometry: [&[f64]; 4]) -> [Vec<f64>; 4] {
        let mut gradients = geometry.map(|values| vec![0.0; values.len()]);
        let pictures = x.chunks_exact(self.size(self.from)).zip(d_y.chunks_exact(self.size(self.to))).enumerate();
        for (picture, (x, d_y)) in pictures {
            let own = Geometry::of(geometry, picture);
            for (at, d) in d_y.chunks_exact(self.channels).enumerate() {
                let taps =
                    if own.is_sound() { self.taps(&own, at / self.to[1], at % self.to[1]) } else { vec![Tap::NONE] };
                for tap in taps.iter().filter(|tap| tap.slopes != [0.0; 4]) {
                    let value = self.pixel(x, tap.pixel);
                    let along: f64 = d.iter().zip(value).map(|(d, value)| d * value).sum();
                    for (gradient, slope) in gradients.iter_mut().zip(tap.slopes) {
                        let place = picture % gradient.len();
                        gradient[place] += slope * along;
                    }
                }
            }
        }
        gradients
    }

    fn size(&self, [height, width]: [usize; 2]) -> usize {
        height * width * self.channels
    }

    /// Where a pixel starts, if it is in the picture.
    fn place(&self, [row, column]: [isize; 2]) -> Option<usize> {
        let row = usize::try_from(row).ok().filter(|row| *row < self.from[0])?;
        let column = usize::try_from(column).ok().filter(|column| *column < self.from[1])?;
        Some((row * self.from[1] + column) * self.channels)
    }

    fn pixel(&self, x: &[f64], pixel: [isize; 2]) -> [f64; 2] {
        match self.place(pixel) {
            Some(first) => [x[first], if self.channels == 2 { x[first + 1] } else { 0.0 }],
            None => self.outside,
        }
    }

    fn taps(&self, geometry: &Geometry, row: usize, column: usize) -> Vec<Tap> {
        let [a, b] = geometry.turn();
        let into = |[x, y]: [f64; 2]| [a * x + b * y, -b * x + a * y];
        let seen = |at: usize, count: usize, step: f64| (at as f64 - (count as f64 - 1.0) / 2.0) * step;
        let [x, y] = [seen(column, self.to[1], self.step[0]), seen(row, self.to[0], self.step[1])];
        let centre = into([x - geometry.shift[0], y - geometry.shift[1]]);
        // The cell's sides, and the place of pixel (0, 0) from the centre of the picture.
        let sides = [into([self.step[0], 0.0]), into([0.0, self.step[1]])];
        let origin = [self.from[1], self.from[0]].map(|count| -(count as f64 - 1.0) / 2.0);
        let reach = |axis: usize| match self.mode {
            Mode::Area => 0.5 + 0.5 * (sides[0][axis].abs() + sides[1][axis].abs()),
            Mode::Bilinear => 1.0,
            Mode::Nearest => 0.5,
        };
        let range = |axis: usize| {
            let at = centre[axis] - origin[axis];
            (at - reach(axis)).ceil() as isize..=(at + reach(axis)).floor() as isize
        };
        let mut taps = Vec::new();
        for row in range(1) {
            for column in range(0) {
                let middle = [origin[0] + column as f64, origin[1] + row as f64];
                let (weight, slopes) = match self.mode {
                    Mode::Area => cell(geometry, centre, sides, middle),
                    Mode::Bilinear => tent(geometry, centre, middle),
                    Mode::Nearest => {
                        let inside = [0, 1].iter().all(|&axis| (-0.5..0.5).contains(&(centre[axis] - middle[axis])));
                        (f64::from(inside), [0.0; 4])
                    }
                };
                taps.push(Tap { pixel: [row, column], weight, slopes });
            }
        }
        taps
    }
}

impl Tap {
    /// In place of those of a picture that has none.
    const NONE: Self = Self { pixel: [0, 0], weight: f64::NAN, slopes: [f64::NAN; 4] };
}

/// Share of the pixel around `middle` in the mean over a parallelogram around `centre`, and its slopes.
fn cell(geometry: &Geometry, centre: [f64; 2], sides: [[f64; 2]; 2], middle: [f64; 2]) -> (f64, [f64; 4]) {
    let corner = |along: f64, across: f64| {
        [0, 1].map(|axis| centre[axis] - middle[axis] + 0.5 * (along * sides[0][axis] + across * sides[1][axis]))
    };
    let corners = [corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
    let whole = sides[0][0] * sides[1][1] - sides[0][1] * sides[1][0];
    let weight = overlap(&corners) / whole;
    let mut slopes = [0.0; 4];
    for (at, start) in corners.iter().enumerate() {
        let end = corners[(at + 1) % 4];
        let edge = [end[0] - start[0], end[1] - start[1]];
        let (from, to, share) = within(*start, edge);
        if to > from {
            let way = (from + to) / 2.0;
            let position = [0, 1].map(|axis| middle[axis] + start[axis] + way * edge[axis]);
            for (slope, [x, y]) in slopes.iter_mut().zip(geometry.velocities(position)) {
                // The outward normal of an edge is (dy, -dx).
                *slope += share * (to - from) * (x * edge[1] - y * edge[0]) / whole;
            }
        }
    }
    // The cell's own area, as seen from the picture, goes with the inverse square of the scale.
    slopes[3] += 2.0 * weight / (1.0 + geometry.scale);
    (weight, slopes)
}

/// Area of a polygon inside the pixel around 0.
fn overlap(corners: &[[f64; 2]]) -> f64 {
    let mut polygon = corners.to_vec();
    for (axis, sign) in [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)] {
        // What is left of it where sign * coordinate < 1/2.
        let depth = |point: &[f64; 2]| 0.5 - sign * point[axis];
        let mut left = Vec::new();
        for (at, here) in polygon.iter().enumerate() {
            let next = &polygon[(at + 1) % polygon.len()];
            let (inside, then) = (depth(here), depth(next));
            if inside >= 0.0 {
                left.push(*here);
            }
            if inside * then < 0.0 {
                let way = inside / (inside - then);
                left.push([0, 1].map(|axis| here[axis] + way * (next[axis] - here[axis])));
            }
        }
        polygon = left;
    }
    let twice: f64 = (0..polygon.len())
        .map(|at| {
            let ([x, y], [next_x, next_y]) = (polygon[at], polygon[(at + 1) % polygon.len()]);
            x * next_y - y * next_x
        })
        .sum();
    twice / 2.0
}

/// Which part of an edge is in the pixel around 0 (Liang and Barsky 1984), and its share: half where it lies on the border,
/// so that the slope at a kink is the mean of those on its two sides.
fn within(start: [f64; 2], edge: [f64; 2]) -> (f64, f64, f64) {
    let (mut from, mut to, mut share) = (0.0_f64, 1.0_f64, 1.0);
    for axis in [0, 1] {
        if edge[axis] == 0.0 {
            share *= (step(start[axis] + 0.5) + step(0.5 - start[axis])) / 2.0;
        } else {
            let ends = [-0.5, 0.5].map(|border| (border - start[axis]) / edge[axis]);
            from = from.max(ends[0].min(ends[1]));
            to = to.min(ends[0].max(ends[1]));
        }
    }
    (from, to, share)
}

/// Share of the pixel around `middle` in the bilinear interpolation at `centre`, and its slopes.
fn tent(geometry: &Geometry, centre: [f64; 2], middle: [f64; 2]) -> (f64, [f64; 4]) {
    let away = [0, 1].map(|axis| centre[axis] - middle[axis]);
    let height = away.map(|away| (1.0 - away.abs()).max(0.0));
    // At a kink the mean of both sides.
    let slope = away.map(|away| (step(away + 1.0) + step(away - 1.0)) / 2.0 - step(away));
    let slopes = geometry.velocities(centre).map(|[x, y]| x * slope[0] * height[1] + y * slope[1] * height[0]);
    (height[0] * height[1], slopes)
}

/// -1 below, 0 at, 1 above 0.
fn step(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
