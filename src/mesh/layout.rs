//! Where interferometers stand.

use std::str::FromStr;

use super::Error;

/// How the interferometers of a mesh are arranged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Rectangular: N columns, on the modes p = c mod 2, c mod 2 + 2, ... of column c (Clements et al., "Optimal design for
    /// universal multiport interferometers", Optica 3, 1460, 2016).
    #[default]
    Clements,
    /// Triangular: 2N - 3 columns, on p = |c - (N - 2)|, |c - (N - 2)| + 2, ... N - 2 (Reck et al., "Experimental realization
    /// of any discrete unitary operator", Phys. Rev. Lett. 73, 58, 1994).
    Reck,
}

/// The number of interferometers of N modes in either layout, N (N - 1)/2.
#[must_use]
pub fn interferometers(modes: usize) -> usize {
    modes * modes.saturating_sub(1) / 2
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 2] = [Self::Clements, Self::Reck];

    /// What it is called in commands and files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Clements => "clements",
            Self::Reck => "reck",
        }
    }

    /// The number of columns for two modes or more.
    #[must_use]
    pub fn columns(self, modes: usize) -> usize {
        match self {
            Self::Clements => modes,
            Self::Reck => (2 * modes).saturating_sub(3),
        }
    }

    /// The upper mode p of each interferometer of a column, rising; it acts on (p, p + 1).
    pub fn column(self, modes: usize, column: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let first = match self {
            Self::Clements => column % 2,
            Self::Reck => column.abs_diff(modes.saturating_sub(2)),
        };
        (first..modes.saturating_sub(1)).step_by(2)
    }

    /// `[column, upper mode]` of every interferometer in the order of a mesh's parameters: columns in turn, modes rising.
    pub fn places(self, modes: usize) -> impl Iterator<Item = [usize; 2]> + use<> {
        (0..self.columns(modes)).flat_map(move |column| self.column(modes, column).map(move |mode| [column, mode]))
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|layout| layout.word() == word);
        found.ok_or_else(|| Error::Layout(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_small_meshes() {
        let columns = |layout: Layout, modes| -> Vec<Vec<usize>> {
            (0..layout.columns(modes)).map(|column| layout.column(modes, column).collect()).collect()
        };
        assert_eq!(columns(Layout::Clements, 2), [vec![0], vec![]]);
        assert_eq!(columns(Layout::Clements, 3), [[0], [1], [0]]);
        assert_eq!(columns(Layout::Clements, 4), [vec![0, 2], vec![1], vec![0, 2], vec![1]]);
        assert_eq!(columns(Layout::Clements, 5), [[0, 2], [1, 3], [0, 2], [1, 3], [0, 2]]);
        assert_eq!(columns(Layout::Reck, 2), [[0]]);
        assert_eq!(columns(Layout::Reck, 3), [[1], [0], [1]]);
        assert_eq!(columns(Layout::Reck, 4), [vec![2], vec![1], vec![0, 2], vec![1], vec![2]]);
        assert_eq!(columns(Layout::Reck, 5), [vec![3], vec![2], vec![1, 3], vec![0, 2], vec![1, 3], vec![2], vec![3]]);
    }

    #[test]
    fn places_are_those_of_the_definition_and_as_many_as_the_phases() {
        for modes in [2, 3, 4, 7, 16, 65] {
            let reck = |column: usize, p: usize| {
                column.abs_diff(modes - 2) <= p && p <= modes - 2 && (p + column + modes).is_multiple_of(2)
            };
            for (layout, columns) in [(Layout::Clements, modes), (Layout::Reck, 2 * modes - 3)] {
                let all = (0..columns).flat_map(|column| (0..modes - 1).map(move |p| [column, p]));
                let wanted: Vec<_> = all
                    .filter(|&[column, p]| match layout {
                        Layout::Clements => p % 2 == column % 2,
                        Layout::Reck => reck(column, p),
                    })
                    .collect();
                assert_eq!(layout.places(modes).collect::<Vec<_>>(), wanted, "{layout:?} {modes}");
                assert_eq!(wanted.len(), interferometers(modes));
            }
        }
    }

    #[test]
    fn words_are_read_back() {
        for layout in Layout::ALL {
            assert_eq!(layout.word().parse(), Ok(layout));
        }
        let message = "Clements".parse::<Layout>().unwrap_err().to_string();
        assert_eq!(message, "there is no layout `Clements`; there are: clements, reck");
    }
}
