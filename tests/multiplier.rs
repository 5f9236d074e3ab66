//! The incoherent multiplier: where weights stand on its pictures, what a misaligned camera reads of them, and what is refused.

mod common;

use common::gpu;
use flatlight::network::{LayerRecipe, Network};
use flatlight::optics::MultiplierRecipe;
use flatlight::recipe::Recipe;

/// A single multiplier under a chip of these imperfections: transmissions `[outputs, 2, inputs]`, and the tensors it makes.
fn made(recipe: MultiplierRecipe, shape: &[usize], chip: &[(&str, f32)], of: &[&str]) -> Vec<Vec<f32>> {
    let outputs = recipe.outputs;
    let network = Network::new(gpu(), &[LayerRecipe::Multiplier(recipe)], shape, outputs, 1).expect("a network");
    let values = network.start(5);
    gpu().write(&network.flat().parameters, &values).expect("parameters");
    let mut imperfections = vec![0.0; network.chip_len()];
    for (name, value) in chip {
        let entry = network.imperfections().iter().find(|entry| entry.spec.name == *name).expect("an imperfection");
        imperfections[entry.offset] = *value;
    }
    network.set_chip(0, &imperfections).expect("a chip");
    gpu().submit(&[&network.actuate()]).expect("a pass");
    let own = network.parameters().iter().find(|entry| entry.spec.name == "transmission").expect("transmissions");
    let derived = of.iter().map(|name| {
        let slice = network.derived(&format!("multiplier1.{name}")).expect("a tensor");
        gpu().read(slice).expect("numbers")
    });
    std::iter::once(values[own.range()].to_vec()).chain(derived).collect()
}

/// Positive less negative transmissions.
fn nominal(transmissions: &[f32], inputs: usize) -> Vec<f32> {
    let pairs = transmissions.chunks_exact(2 * inputs).map(|both| both.split_at(inputs));
    pairs.flat_map(|(positive, negative)| positive.iter().zip(negative).map(|(p, n)| p - n)).collect()
}

#[test]
fn pictures_are_laid_out_as_published() {
    let recipe = MultiplierRecipe { start: [0.25, 1.0], ..MultiplierRecipe::new(144) };
    let network =
        Network::new(gpu(), &[LayerRecipe::Multiplier(recipe.clone())], &[28, 28], 144, 1).expect("a network");
    assert_eq!(network.derived("multiplier1.picture").expect("pictures").shape(), [12, 96, 240]);
    let made = made(recipe, &[28, 28], &[], &["picture", "weight"]);
    let (set, picture) = (&made[0], &made[1]);
    // The last weight of output 17: picture 1, row 1 and column 1 of tiles, its right half.
    assert_eq!(picture[(96 + 32 + 2 + 27) * 240 + 60 + 30 + 1 + 27], set[(2 * 17 + 1) * 784 + 783]);
    // Margins are dark, all else is lit.
    let lit = |row: usize, column: usize| (2..30).contains(&(row % 32)) && (1..29).contains(&(column % 30));
    for (at, value) in picture.iter().enumerate() {
        assert_eq!(*value > 0.0, lit(at / 240 % 96, at % 240), "pixel {at}: {value}");
    }
    assert_eq!(made[2], nominal(set, 784), "bit for bit");
}

#[test]
fn a_shift_by_whole_pixels_moves_the_weights_and_margins_come_in() {
    let recipe = MultiplierRecipe { tiles: [2, 1], tile: Some([3, 5]), start: [0.5, 1.0], ..MultiplierRecipe::new(2) };
    let made = made(recipe, &[15], &[("shift_x", 1.0), ("shift_y", -2.0)], &["weight"]);
    let set = nominal(&made[0], 15);
    for (at, weight) in made[1].iter().enumerate() {
        let (output, row, column) = (at / 15, at / 5 % 3, at % 5);
        let want = if column == 0 || row + 2 > 2 { 0.0 } else { set[output * 15 + (row + 2) * 5 + column - 1] };
        assert_eq!(*weight, want, "output {output}, row {row}, column {column}");
    }
}

#[test]
fn a_blur_takes_contrast_and_comes_with_an_error() {
    let recipe = MultiplierRecipe { tiles: [1, 1], tile: Some([4, 4]), blur: Some(0.0), ..MultiplierRecipe::new(1) };
    let power = |recipe: MultiplierRecipe, error: f32| {
        let made = made(recipe, &[16], &[("blur", error)], &["weight"]);
        (made[1] == nominal(&made[0], 16), made[1].iter().map(|weight| weight * weight).sum::<f32>())
    };
    let (untouched, whole) = power(recipe.clone(), 0.0);
    assert!(untouched);
    let (_, built) = power(recipe.clone(), 0.75);
    // Of either sign, and as if it had been designed.
    assert_eq!(power(recipe.clone(), -0.75).1, built);
    assert_eq!(power(MultiplierRecipe { blur: Some(0.75), ..recipe }, 0.0).1, built);
    assert!(built < 0.5 * whole, "{built} of {whole}");
}

#[test]
fn keys_out_of_range_are_refused() {
    let refused = |recipe: MultiplierRecipe, shape: &[usize]| {
        let built = Network::new(gpu(), &[LayerRecipe::Multiplier(recipe)], shape, 3, 1);
        built.err().expect("no such multiplier").to_string()
    };
    let fine = MultiplierRecipe::new(3);
    for (recipe, part) in [
        (MultiplierRecipe { outputs: 0, ..fine.clone() }, "`outputs` must be at least 1"),
        (
            MultiplierRecipe { tiles: [3, 0], ..fine.clone() },
            "`tiles` must be rows and columns of 1 to 256 tiles, not 0",
        ),
        (MultiplierRecipe { pixels: 65, ..fine.clone() }, "`pixels` must be 1 to 64, not 65"),
        (MultiplierRecipe { margin: [257, 0], ..fine.clone() }, "`margin` must be 0 to 256 pixels, not 257"),
        (MultiplierRecipe { blur: Some(f32::NAN), ..fine.clone() }, "`blur` must be 0 to 4 pixels, not NaN"),
        (
            MultiplierRecipe { start: [0.5, 1.5], ..fine.clone() },
            "`start` must be two transmissions of 0 to 1 in order",
        ),
        (MultiplierRecipe { adc_bits: Some(8), ..fine.clone() }, "`adc_bits` needs `full_scale`"),
        (MultiplierRecipe { gain: 0.0, ..fine.clone() }, "`gain` must be above 0, not 0"),
        (
            MultiplierRecipe { tile: Some([3, 4]), ..fine.clone() },
            "`tile` must be of as many weights as there are inputs, 15, not [3, 4]",
        ),
    ] {
        let message = refused(recipe, &[15]);
        assert!(message.contains(part), "`{part}` is not in `{message}`");
    }
    let recipe = "name = \"dim\"\n[data]\nset = \"digits\"\n[[layers]]\ntype = \"multiplier\"\noutputs = 10\nsampling = \"cubic\"\n[training]\nmethod = \"sat\"\nepochs = 1\nbatch = 1\n";
    let message = Recipe::parse("dim.toml", recipe, &[]).expect_err("no such sampling").to_string();
    assert!(
        message.starts_with("dim.toml:7: unknown value `cubic`, expected one of `area`, `bilinear`, `nearest`"),
        "{message}"
    );
}
