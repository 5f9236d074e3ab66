//! Detector regions on a camera.

use super::Error;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Rectangles of a camera that do not overlap, one a detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regions {
    height: usize,
    width: usize,
    rectangles: Vec<Rectangle>,
}

impl Regions {
    /// Regions of a camera of `height` rows and `width` columns of pixels.
    ///
    /// # Errors
    /// No region, an empty one, one that leaves the camera, two that overlap.
    pub fn new(height: usize, width: usize, rectangles: Vec<Rectangle>) -> Result<Self, Error> {
        if rectangles.is_empty() {
            return Err(Error::Regions("a camera needs at least one region".into()));
        }
        let ends = |first: usize, count: usize, limit: usize| first.checked_add(count).is_some_and(|end| end <= limit);
        for (index, region) in rectangles.iter().enumerate() {
            let Rectangle { top, left, height: rows, width: columns } = *region;
            if rows == 0 || columns == 0 {
                return Err(Error::Regions(format!(
                    "region {index} has no pixels; give fewer regions or a larger camera"
                )));
            }
            if !ends(top, rows, height) || !ends(left, columns, width) {
                return Err(Error::Regions(format!(
                    "region {index}, {rows} x {columns} pixels at row {top}, column {left}, leaves the camera of {height} x {width}"
                )));
            }
            let other = |other: &Rectangle| {
                top < other.top + other.height
                    && other.top < top + rows
                    && left < other.left + other.width
                    && other.left < left + columns
            };
            if let Some(first) = rectangles[..index].iter().position(other) {
                return Err(Error::Regions(format!("regions {first} and {index} overlap; make them smaller")));
            }
        }
        Ok(Self { height, width, rectangles })
    }

    /// `rows` x `columns` cells that fill `within`, or the whole camera, as evenly as whole pixels allow; counted row by row.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn grid(
        height: usize,
        width: usize,
        within: Option<Rectangle>,
        rows: usize,
        columns: usize,
    ) -> Result<Self, Error> {
        let within = within.unwrap_or(Rectangle { top: 0, left: 0, height, width });
        // More cells than pixels would only be refused later, one by one.
        if rows > within.height || columns > within.width {
            return Err(Error::Regions(format!(
                "{rows} x {columns} regions do not fit into {} x {} pixels",
                within.height, within.width
            )));
        }
        let cut = |count: usize, first: usize, length: usize| {
            (0..count).map(move |at| (first + at * length / count, first + (at + 1) * length / count))
        };
        let cell = |(top, bottom): (usize, usize), (left, right): (usize, usize)| Rectangle {
            top,
            left,
            height: bottom - top,
            width: right - left,
        };
        let rectangles = cut(rows, within.top, within.height)
            .flat_map(|row| cut(columns, within.left, within.width).map(move |column| cell(row, column)));
        Self::new(height, width, rectangles.collect())
    }

    /// Rows of so many squares of `side` pixels each, `[3, 4, 3]` for ten classes (after Lin et al., Science 361, 1004
    /// (2018)): rows, and the squares within each, with equal space around them.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn rows(height: usize, width: usize, counts: &[usize], side: usize) -> Result<Self, Error> {
        // The middle of part `at` of `count`, less half a side.
        let start = |length: usize, at: usize, count: usize| {
            ((2 * at + 1) * length / count).checked_sub(side).map(|twice| twice / 2)
        };
        let place = |row: usize, at: usize, count: usize| {
            let square = start(height, row, counts.len()).zip(start(width, at, count));
            square.map(|(top, left)| Rectangle { top, left, height: side, width: side })
        };
        let squares =
            counts.iter().enumerate().flat_map(|(row, &count)| (0..count).map(move |at| place(row, at, count)));
        let too_large = || {
            Error::Regions(format!(
                "squares of {side} pixels in rows of {counts:?} leave the camera of {height} x {width}"
            ))
        };
        Self::new(height, width, squares.collect::<Option<_>>().ok_or_else(too_large)?)
    }

    /// Rows and columns of the camera.
    pub fn camera(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// The regions.
    pub fn rectangles(&self) -> &[Rectangle] {
        &self.rectangles
    }

    /// Region of every pixel, if any.
    pub fn table(&self) -> Vec<Option<usize>> {
        let mut table = vec![None; self.height * self.width];
        for (index, region) in self.rectangles.iter().enumerate() {
            for row in region.top..region.top + region.height {
                table[row * self.width + region.left..][..region.width].fill(Some(index));
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_fills_the_camera() {
        for (height, width, rows, columns) in [(1, 1, 1, 1), (7, 11, 2, 5), (1080, 1920, 2, 5)] {
            let regions = Regions::grid(height, width, None, rows, columns).unwrap();
            let table = regions.table();
            let count = |region| table.iter().filter(|&&own| own == Some(region)).count();
            let sizes: Vec<_> = (0..rows * columns).map(count).collect();
            assert_eq!(sizes.iter().sum::<usize>(), height * width);
            assert_eq!(table.first(), Some(&Some(0)));
            assert_eq!(table.last(), Some(&Some(rows * columns - 1)));
        }
        let part = Rectangle { top: 1, left: 2, height: 2, width: 4 };
        let table = Regions::grid(4, 8, Some(part), 1, 2).unwrap().table();
        let row = [None, None, Some(0), Some(0), Some(1), Some(1), None, None];
        assert_eq!(table, [[None; 8], row, row, [None; 8]].concat());
    }

    #[test]
    fn rows_of_squares_are_even() {
        let regions = Regions::rows(128, 128, &[3, 4, 3], 16).unwrap();
        let places: Vec<_> = regions.rectangles().iter().map(|square| (square.top, square.left)).collect();
        let (outer, inner) = ([13, 56, 98], [8, 40, 72, 104]);
        let want = outer.map(|left| (13, left)).into_iter();
        let want = want.chain(inner.map(|left| (56, left))).chain(outer.map(|left| (98, left)));
        assert_eq!(places, want.collect::<Vec<_>>());
    }

    #[test]
    fn regions_that_do_not_fit_are_refused() {
        let message = |regions: Result<Regions, Error>| regions.unwrap_err().to_string();
        let square = |top, left| Rectangle { top, left, height: 2, width: 2 };
        let overlapping = vec![square(0, 0), square(0, 2), square(1, 3)];
        assert_eq!(message(Regions::new(8, 8, overlapping)), "regions 1 and 2 overlap; make them smaller");
        assert!(message(Regions::rows(30, 30, &[3, 4, 3], 8)).contains("leave the camera of 30 x 30"));
        assert_eq!(message(Regions::rows(30, 30, &[], 2)), "a camera needs at least one region");
        assert_eq!(message(Regions::grid(3, 9, None, 4, 2)), "4 x 2 regions do not fit into 3 x 9 pixels");
        let out = Rectangle { top: 2, left: usize::MAX, height: 1, width: 2 };
        assert!(message(Regions::new(3, 3, vec![out])).contains("leaves the camera of 3 x 3"));
        assert!(message(Regions::rows(3, 3, &[1], 0)).contains("has no pixels"));
    }
}
