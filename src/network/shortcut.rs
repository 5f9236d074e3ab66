//! Shortcuts past layers: where they start and end, and room for their gradients.

use std::collections::{BTreeMap, BTreeSet};

use super::{LayerRecipe, Part};

/// A shortcut, by the places of two layers: from what the first puts out to the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Which outputs of the layers of a recipe have a name, and which of them shortcuts start at.
pub(super) struct Sources<'r> {
    asked: BTreeSet<&'r str>,
    /// Parts of layers by the names of their outputs.
    named: BTreeMap<String, usize>,
}

impl<'r> Sources<'r> {
    pub(super) fn new(recipes: &'r [LayerRecipe]) -> Self {
        Self { asked: recipes.iter().filter_map(LayerRecipe::source).collect(), named: BTreeMap::new() }
    }

    /// Gives what a part puts out a name. What an entry of several parts puts out is what the last of them does.
    pub(super) fn name(&mut self, name: &str, part: usize) {
        self.named.insert(name.to_owned(), part);
    }

    /// Whether a shortcut starts at what a part puts out, which must then be there.
    pub(super) fn is_asked(&self, part: usize) -> bool {
        self.asked.iter().any(|name| self.named.get(*name) == Some(&part))
    }

    /// The part whose output has a name, of those so far.
    ///
    /// # Errors
    /// One line with the names that there are.
    pub(super) fn find(&self, name: &str, parts: &[Part]) -> Result<usize, String> {
        self.named.get(name).copied().ok_or_else(|| {
            let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("`of` names `{name}`, which is no layer before this one; there are: {there}")
        })
    }
}

/// The room of every shortcut for its gradient, and the words a sample of every room. A gradient waits from where the backward
/// pass leaves the end of a shortcut until it comes to the start; shortcuts that are not open at once share a room.
pub(super) fn rooms(links: &[Link], width: impl Fn(usize) -> usize) -> (Vec<usize>, Vec<usize>) {
    let mut own = vec![0; links.len()];
    // Of every room, its words and where the shortcut starts that had it last.
    let mut rooms: Vec<(usize, usize)> = Vec::new();
    // As a backward pass meets them.
    for (place, link) in links.iter().enumerate().rev() {
        let free = rooms.iter().position(|(_, from)| *from >= link.to);
        let room = free.unwrap_or_else(|| {
            rooms.push((0, 0));
            rooms.len() - 1
        });
        rooms[room] = (rooms[room].0.max(width(link.to)), link.from);
        own[place] = room;
    }
    (own, rooms.into_iter().map(|(words, _)| words).collect())
}

#[cfg(test)]
mod tests {
    use super::{Link, rooms};

    #[test]
    fn shortcuts_that_follow_each_other_share_a_room_and_those_that_are_open_at_once_do_not() {
        let links = |links: &[(usize, usize)]| links.iter().map(|&(from, to)| Link { from, to }).collect::<Vec<_>>();
        let width = |place: usize| 10 * place;
        // The second starts where the first ends.
        assert_eq!(rooms(&links(&[(1, 4), (4, 7), (8, 9)]), width), (vec![0, 0, 0], vec![90]));
        // Around another, and two from one layer.
        assert_eq!(rooms(&links(&[(2, 4), (1, 7)]), width), (vec![1, 0], vec![70, 40]));
        assert_eq!(rooms(&links(&[(1, 4), (1, 7), (7, 8)]), width), (vec![1, 0, 0], vec![80, 40]));
        assert_eq!(rooms(&[], width), (vec![], vec![]));
    }
}
