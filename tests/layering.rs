//! The rooms of `src/` stand on floors, and imports point down only. Read from the source itself, not from what the
//! compiler makes of it, as all rooms are one crate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every room, a folder or a file of `src/`, and its floor.
const ROOMS: [(&str, u32); 20] = [
    ("data", 0),
    ("figures", 0),
    ("files", 0),
    ("hardware", 0),
    ("light", 0),
    ("mesh", 0),
    ("random", 0),
    ("reference", 0),
    ("gpu", 1),
    ("ops", 2),
    ("layer", 3),
    ("optics", 4),
    ("electronics", 4),
    ("network", 5),
    ("training", 6),
    ("robustness", 6),
    ("recipe", 7),
    ("run", 7),
    ("cli", 8),
    ("main", 8),
];

/// Imports along a floor: from, to.
const ALONG: [(&str, &str); 5] = [
    // The specification of a kernel that draws random numbers needs the numbers.
    ("reference", "random"),
    // Which samples are held out for validation is drawn.
    ("data", "random"),
    // Random unitary matrices are drawn.
    ("mesh", "random"),
    // A run folder holds a recipe; a recipe knows of no run.
    ("run", "recipe"),
    // The binary is one line that calls the command line.
    ("main", "cli"),
];

/// Rooms that import less than their floor would let them.
const NARROW: [(&str, &[&str]); 2] = [("gpu", &[]), ("ops", &["gpu", "data", "light", "mesh"])];

/// Macros live at the root of the crate whatever room declares them.
const MACROS: [(&str, &str); 1] = [("uniform", "gpu")];

/// Operations without a kernel: what kernels share.
const WITHOUT_KERNEL: [&str; 4] = ["clock", "flat", "load", "product"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder with this ending, relative to it, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    found.retain(|path| path.extension().is_some_and(|own| own == ending));
    found.sort();
    found.iter().map(|path| path.strip_prefix(folder).expect("it is below").to_owned()).collect()
}

fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let files = files(&root().join(folder), ending).into_iter().filter(|path| path.components().count() == 1);
    files.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Words, `::` and single signs of Rust code; comments, texts and characters are left out.
fn tokens(code: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), code);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(first) = rest.chars().next() {
        let raw =
            rest.strip_prefix('r').map(|after| after.trim_start_matches('#')).filter(|after| after.starts_with('"'));
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(after) = raw {
            let opening = rest.len() - after.len() + 1;
            let closing = format!("\"{}", "#".repeat(opening - 2));
            rest[opening..].find(&closing).map_or(rest.len(), |end| opening + end + closing.len())
        } else if first == '"' {
            closing(rest, '"').unwrap_or(rest.len())
        } else if first == '\'' {
            // A character ends after one, escaped or not; what does not is a lifetime.
            let mut inside = rest[1..].chars();
            let escaped = inside.next() == Some('\\');
            if escaped || inside.next() == Some('\'') { closing(rest, '\'').unwrap_or(1) } else { 1 }
        } else {
            let length = match rest.find(|c| !is_word(c)) {
                Some(0) if rest.starts_with("::") => 2,
                Some(0) => first.len_utf8(),
                Some(end) => end,
                None => rest.len(),
            };
            found.extend((!first.is_whitespace()).then(|| &rest[..length]));
            length
        };
        rest = &rest[length..];
    }
    found
}

/// Bytes up to the end of a quoted text, quotes included.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map(|(at, c)| at + c.len_utf8())
}

/// What a module names at the root of the crate: the first words after `crate::`, or after as many `super::` as lead
/// there. `depth` is how far the module lies below the root.
fn imports<'c>(tokens: &[&'c str], depth: usize) -> BTreeSet<&'c str> {
    let mut found = BTreeSet::new();
    // Modules inside the file, by the braces that were open before them.
    let (mut open, mut inner) = (0, Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at..] {
            ["mod", _, "{", ..] => {
                inner.push(open);
                open += 1;
                at += 2;
            }
            ["{", ..] => open += 1,
            ["}", ..] => {
                open -= 1;
                if inner.last() == Some(&open) {
                    inner.pop();
                }
            }
            ["crate" | "flatlight", "::", ..] => found.extend(heads(&tokens[at + 2..])),
            ["super", "::", ..] => {
                let ups = tokens[at..].chunks(2).take_while(|pair| *pair == ["super", "::"]).count();
                at += 2 * ups - 1;
                if ups >= depth + inner.len() {
                    found.extend(heads(&tokens[at + 1..]));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first word of a path, or of every path of a group.
fn heads<'c>(path: &[&'c str]) -> Vec<&'c str> {
    if path.first() != Some(&"{") {
        return path.first().copied().into_iter().collect();
    }
    let (mut found, mut open) = (Vec::new(), 0);
    for pair in path.windows(2) {
        match pair[0] {
            "{" => open += 1,
            "}" => open -= 1,
            _ => {}
        }
        if open == 0 {
            break;
        }
        if open == 1 && matches!(pair[0], "{" | ",") && pair[1] != "}" {
            found.push(pair[1]);
        }
    }
    found
}

fn floor(room: &str) -> Option<u32> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// What is wrong with a file of `src/`.
fn complaints(file: &Path, code: &str) -> Vec<String> {
    let mut parts: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.pop_if(|last| last == "mod");
    let (room, shown) = (parts[0].as_str(), format!("src/{}", file.display()));
    let Some(own) = floor(room) else {
        return vec![format!("{shown}: `{room}` is a new room; add it and its floor to ROOMS in tests/layering.rs")];
    };
    let tokens = tokens(code);
    let mut found = Vec::new();
    if room != "reference" && tokens.contains(&"reference") {
        found.push(format!("{shown}: only tests and benches may call the specification, `reference`"));
    }
    for head in imports(&tokens, parts.len()) {
        let target = MACROS.iter().find(|(name, _)| *name == head).map_or(head, |(_, room)| *room);
        let Some(theirs) = floor(target) else {
            found.push(format!("{shown}: `{target}` is no room; import from the room itself"));
            continue;
        };
        let narrow = NARROW.iter().find(|(name, _)| *name == room).map(|(_, allowed)| allowed);
        let fine = target == room
            || ALONG.contains(&(room, target))
            || theirs < own && narrow.is_none_or(|allowed| allowed.contains(&target));
        if !fine {
            found.push(format!("{shown}: `{room}` (floor {own}) may not import `{target}` (floor {theirs})"));
        }
    }
    found
}

#[test]
fn imports_point_down() {
    let files = files(&root().join("src"), "rs");
    assert!(files.len() > ROOMS.len(), "{} files", files.len());
    let rooms = files.iter().filter(|file| file.as_path() != Path::new("lib.rs"));
    let found: Vec<_> = rooms.flat_map(|file| complaints(file, &read(&format!("src/{}", file.display())))).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_table_lists_the_rooms_there_are() {
    let lib = read("src/lib.rs");
    let lib = tokens(&lib);
    let declared: BTreeSet<_> = lib.windows(2).filter(|pair| pair[0] == "mod").map(|pair| pair[1]).collect();
    let listed: BTreeSet<_> = ROOMS.iter().map(|(room, _)| *room).filter(|room| *room != "main").collect();
    assert_eq!(declared, listed, "src/lib.rs and ROOMS in tests/layering.rs");

    // Where a room says on which floor it stands, it says what the table says.
    let mut said = 0;
    for (room, floor) in ROOMS {
        let folder = root().join("src").join(room).is_dir();
        let text = read(&if folder { format!("src/{room}/mod.rs") } else { format!("src/{room}.rs") });
        if let Some((number, _)) = text.strip_prefix("//! Floor ").and_then(|rest| rest.split_once(':')) {
            assert_eq!(number, floor.to_string(), "the first line of `{room}`");
            said += 1;
        }
    }
    assert!(said > 0, "no room says its floor");
}

#[test]
fn a_planted_import_is_found_however_it_is_written() {
    let of = |file: &str, code: &str| complaints(Path::new(file), code);
    let caught = |file: &str, code: &str, target: &str| {
        let found = of(file, code);
        assert!(found.len() == 1 && found[0].contains(&format!("may not import `{target}`")), "{code}: {found:?}");
    };
    caught("ops/activation.rs", "use crate::network::Network;", "network");
    caught("ops/activation.rs", "fn f() { crate::training::Method::ALL; }", "training");
    caught("gpu/plan.rs", "use crate::{gpu::{Gpu, data}, ops::{self, Clock}};", "ops");
    caught("gpu/plan.rs", "use super::super::data::Split;", "data");
    caught("gpu/mod.rs", "mod tests { use super::super::random; }", "random");
    caught("ops/mod.rs", "use super::{gpu::Gpu, random};", "random");
    caught("training/method/sat.rs", "use super::super::super::robustness;", "robustness");
    caught("robustness/sweep.rs", "use crate::training;", "training");
    caught("optics/mod.rs", "use crate::electronics::Activation;", "electronics");
    caught("electronics/activation.rs", "use crate::optics;", "optics");
    caught("recipe.rs", "use crate::run::Run;", "run");
    caught("data/csv.rs", "use crate::files;", "files");
    caught("data/csv.rs", "let quote = '\"'; use crate::files; let quote = '\"';", "files");
    caught("random.rs", "use crate::uniform;", "gpu");
    assert!(of("network/mod.rs", "use crate::*;")[0].contains("`*` is no room"));
    assert!(of("network/build.rs", "use crate::reference::activation;")[0].contains("only tests and benches"));
    let new = of("quantum/mod.rs", "");
    assert_eq!(
        new,
        ["src/quantum/mod.rs: `quantum` is a new room; add it and its floor to ROOMS in tests/layering.rs"]
    );

    for (file, code) in [
        ("run.rs", "use crate::{recipe::Recipe, training, gpu::Gpu};"),
        ("reference/draw.rs", "use crate::random; use super::Segment;"),
        ("main.rs", "fn main() { flatlight::cli::main() }"),
        ("ops/activation.rs", "use crate::uniform; use super::word;"),
        ("random.rs", "fn f() {} mod tests { use super::*; fn g() { {} } } // crate::cli"),
        ("training/method/sat.rs", "use super::super::Error; /// [`x`](crate::cli)\nfn f<'a>(x: &'a str) {}"),
        ("gpu/mod.rs", "const A: &str = \"crate::cli\"; const B: &str = r#\"\" crate::ops\"#; pub(super) fn f() {}"),
    ] {
        assert_eq!(of(file, code), [""; 0], "{code}");
    }
}

#[test]
fn no_code_is_unsafe() {
    let lib = read("src/lib.rs");
    assert!(lib.lines().any(|line| line == "#![forbid(unsafe_code)]"), "src/lib.rs forbids unsafe code");
    // The binary is a crate of its own.
    assert!(!tokens(&read("src/main.rs")).contains(&"unsafe"));
}

/// How the stems of variants end.
const VARIANTS: [&str; 3] = ["_subgroup", "_tiled", "_pooled"];

#[test]
fn every_kernel_has_its_specification_and_its_operation() {
    let without = |mut stems: BTreeSet<String>, names: &[&str]| {
        for name in names {
            assert!(stems.remove(*name), "`{name}` is gone");
        }
        stems
    };
    // A variant for some adapters or shapes shares the specification of its family.
    let mut shaders = stems("shaders", "wgsl");
    let families = shaders.clone();
    shaders.retain(|stem| {
        let family = VARIANTS.iter().find_map(|variant| stem.strip_suffix(variant));
        family.is_none_or(|family| !families.contains(family))
    });
    assert!(!shaders.is_empty());
    assert_eq!(without(stems("src/reference", "rs"), &["mod"]), shaders, "src/reference and shaders");
    let operations = without(stems("src/ops", "rs"), &["mod"]);
    assert_eq!(without(operations, &WITHOUT_KERNEL), shaders, "src/ops and shaders");
}
