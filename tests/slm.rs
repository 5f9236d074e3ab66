//! Networks of light in free space, as a user meets them: phase masks on a modulator and back, height maps, figures, and what is
//! refused.

#[path = "common/program.rs"]
mod program;

use std::f64::consts::TAU;

use flatlight::light::Picture;
use program::Bench;

fn values(bench: &Bench, name: &str) -> (Vec<u64>, Vec<f32>) {
    let bytes = std::fs::read(bench.path(name)).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

fn picture(bench: &Bench, name: &str) -> Picture {
    Picture::read(&std::fs::read(bench.path(name)).unwrap()).unwrap()
}

/// The recipe of a run with another text in place of one.
fn altered(bench: &Bench, run: &str, as_run: &str, old: &str, new: &str) {
    std::fs::create_dir(bench.path(as_run)).unwrap();
    for file in std::fs::read_dir(bench.path(run)).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), bench.path(as_run).join(file.file_name())).unwrap();
        }
    }
    let recipe = bench.path(as_run).join("recipe.toml");
    let text = std::fs::read_to_string(&recipe).unwrap();
    assert!(text.contains(old));
    std::fs::write(recipe, text.replace(old, new)).unwrap();
}

#[test]
fn masks_on_a_modulator_score_as_masks_of_its_levels() {
    let bench = Bench::with(&[]);
    bench.done("train digits-diffractive --out run --set training.method=standard --set training.epochs=1");
    let evaluate = |arguments: &str, csv: &str| {
        bench.done(&format!("evaluate {arguments} --csv {csv}"));
        bench.rows(csv)[0].clone()
    };
    for figure in ["masks", "light", "training"] {
        assert!(bench.path(&format!("run/figures/{figure}.svg")).exists(), "{figure}");
    }
    assert_eq!(bench.done("export run --to even --index 1.5"), "3 arrays in even\n");
    altered(&bench, "run", "quantised", "mask = \"phase\"\n", "mask = \"phase\"\nbits = 8\n");
    let free = evaluate("run", "free.csv");
    let want = evaluate("quantised", "quantised.csv");
    assert_ne!(free, want);
    let got = evaluate("run --masks even", "even.csv");
    // A pixel may lie within rounding of the middle between two levels.
    assert!((want[0] - got[0]).abs() < 1e-3 && (want[2] - got[2]).abs() < 1e-4 * want[2], "{want:?}, {got:?}");
    // Of levels in the first place they are the same.
    assert_eq!(bench.done("export quantised --to levels"), "3 arrays in levels\n");
    for masks in ["quantised --masks levels", "run --masks levels"] {
        let got = evaluate(masks, "levels.csv");
        assert!(got[0] == want[0] && (got[2] - want[2]).abs() < 1e-6 * want[2], "{masks}: {want:?}, {got:?}");
    }
    let predicted = |arguments: &str| {
        bench.write_npy("X.npy", &[2, 8, 8], &(0..128).map(|at| (at % 17) as f32).collect::<Vec<_>>());
        bench.done(&format!("predict {arguments} --input X.npy --output Y.npy"));
        values(&bench, "Y.npy").1
    };
    // But for rounding of whole turns.
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
    let quantised = predicted("quantised");
    assert!(apart(&predicted("run --masks levels"), &quantised) < 1e-5);
    assert!(apart(&predicted("run"), &quantised) > 1e-4);

    // A mask printed in glass of index 1.5 is twice the wavelength high for a turn.
    let (shape, heights) = values(&bench, "even/space1.phase2.height.npy");
    let grey = picture(&bench, "even/space1.phase2.height.png");
    assert_eq!((shape, grey.shape()), (vec![32, 32], [32, 32]));
    for (height, level) in heights.iter().zip(grey.grey()) {
        let apart = f64::from(*height) / 1064e-9 - f64::from(*level) / 65536.0;
        assert!((apart - apart.round()).abs() < 0.6 / 65536.0);
    }

    // Of a modulator with a table, a correction, and room around the mask. Its correction is as large as it is.
    let flatness: Vec<_> = (0..60 * 80).map(|at| (at * 7 % 256) as u16).collect();
    let flat = Picture::new([60, 80], 8, flatness).unwrap().png().unwrap();
    std::fs::write(bench.path("flat.png"), flat).unwrap();
    std::fs::write(bench.path("table.csv"), "phase,level\n0,10\n3,120\n6.2,250\n").unwrap();
    let slm = "size = [60, 80]\noffset = [-7, 12]\nlookup = \"table.csv\"\nflatness = \"flat.png\"\n";
    std::fs::write(bench.path("slm.toml"), slm).unwrap();
    bench.done("export run --to masks --slm slm.toml");
    assert_eq!(picture(&bench, "masks/space1.phase1.png").shape(), [60, 80]);
    let got = evaluate("run --masks masks", "masks.csv");
    // Its levels are 0.027 rad apart, those of 8 bits 0.025 rad.
    assert!((got[0] - free[0]).abs() < 0.01 && got != free, "{free:?}, {got:?}");

    // Every file is listed with what is in it, and there is no other.
    let manifest = bench.json("masks/manifest.json");
    let mut listed: Vec<_> =
        manifest["files"].as_array().unwrap().iter().map(|file| file["file"].as_str().unwrap()).collect();
    listed.extend(["manifest.json", manifest["archive"].as_str().unwrap()]);
    listed.sort_unstable();
    let found = std::fs::read_dir(bench.path("masks")).unwrap();
    let mut found: Vec<_> = found.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(listed, found);
    assert!(manifest["files"].as_array().unwrap().iter().all(|file| !file["holds"].as_str().unwrap().is_empty()));
    assert_eq!(manifest["masks"][1]["picture"], "space1.phase2.png");

    // What is not a mask of this network is refused, and says so.
    std::fs::copy(bench.path("even/space1.phase1.png"), bench.path("masks/space1.phase1.png")).unwrap();
    let parts = ["masks/space1.phase1.png: ", "a picture of 32 x 32, 8 bits; the modulator has 60 x 80, 8 bits"];
    bench.refuse("evaluate run --masks masks", 1, &parts);
    std::fs::remove_file(bench.path("masks/space1.phase1.png")).unwrap();
    bench.refuse("evaluate run --masks masks", 1, &["cannot read masks/space1.phase1.png"]);
    bench.refuse("evaluate run --masks run", 1, &["cannot read run/slm.toml"]);
    std::fs::write(bench.path("small.toml"), "size = [20, 80]").unwrap();
    bench.refuse("export run --to no --slm small.toml", 1, &["space1.phase1: a mask of 32 x 32", "leaves its 20 x 80"]);
    std::fs::write(bench.path("wrong.toml"), "size = [20, 80]\nwidth = 3").unwrap();
    bench.refuse("export run --to no --slm wrong.toml", 1, &["wrong.toml: line 2: unknown field `width`"]);
    std::fs::write(bench.path("bits.toml"), "bits = 12").unwrap();
    bench.refuse("export run --to no --slm bits.toml", 1, &["bits.toml: a picture of 12 bits, expected 8 or 16"]);
    bench.refuse("export run --to no --index 1", 2, &["--index", "a number above 1"]);
    assert!(!bench.path("no").exists());
}

#[test]
fn masks_of_many_levels_have_pictures_of_16_bits() {
    let bench = Bench::with(&[]);
    let few = "--set training.epochs=1 --set training.method=standard --set layers.0.grid=[16,20] --set layers.0.picture=[8,8]";
    let regions = "--set layers.0.regions.side=3 --set layers.0.planes.0.bits=10 --set layers.0.planes.0.threshold=0.4";
    bench.done(&format!("train digits-diffractive --out run {few} {regions}"));
    bench.done("export run --to out");
    let own = picture(&bench, "out/space1.phase1.png");
    assert_eq!(own.shape(), [16, 20]);
    assert!(own.grey().iter().all(|level| level % 64 == 0) && own.grey().iter().any(|&level| level > 255));
    bench.done("evaluate run --csv before.csv");
    bench.done("evaluate run --masks out --csv after.csv");
    let [before, after] = ["before.csv", "after.csv"].map(|name| bench.rows(name)[0].clone());
    assert!((before[0] - after[0]).abs() < 1e-3 && (before[2] - after[2]).abs() < 1e-4 * before[2]);
    // The phases of the archive are those of the pictures.
    let bytes = std::fs::File::open(bench.path("out/digits-diffractive.npz")).unwrap();
    let mut archive = zip::ZipArchive::new(bytes).unwrap();
    let mut file = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name("space1.phase1.npy").unwrap(), &mut file).unwrap();
    let phases: Vec<f32> = npyz::NpyFile::new(&file[..]).unwrap().into_vec().unwrap();
    for (phase, level) in phases.iter().zip(own.grey()) {
        assert!((f64::from(*phase) - TAU * f64::from(*level) / 65536.0).abs() < 1e-5);
    }
}

#[test]
fn what_light_cannot_do_is_refused_in_one_line() {
    let bench = Bench::with(&[]);
    std::fs::create_dir_all(bench.path("data/pairs")).unwrap();
    for split in ["train", "test"] {
        bench.write_npy(&format!("data/pairs/{split}_images.npy"), &[10, 2, 4, 4], &[0.5; 320]);
        let labels = flatlight::data::npy(&[10], &[0_i32, 1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
        std::fs::write(bench.path(&format!("data/pairs/{split}_labels.npy")), labels).unwrap();
    }
    for (set, code, part) in [
        (
            "layers.0.planes.0={distance=\"1mm\",aperture=\"1mm\"}",
            2,
            "`aperture`, 1 mm, is larger than the grid, 128 um",
        ),
        ("layers.0.pitch=\"5nm\"", 2, "all waves but the plane one are evanescent, check the pitch"),
        ("layers.0.regions.side=9", 2, "squares of 9 pixels in rows of [3, 4, 3] leave the camera of 32 x 32"),
        ("layers.0.regions.rows=[3,4]", 2, "the last layer has 7 outputs, the data has 10 classes"),
        ("layers.0.wavelength=\"532pm\"", 2, "`532pm` is no length; give a number and its unit (nm, um, mm, cm, m)"),
        ("layers.0.wavelength=532", 2, "a length with its unit"),
        ("layers.0.planes.0.bits=17", 2, "`bits` must be 1 to 16, not 17"),
        ("layers.0.planes.0.lens=\"5mm\"", 2, "a `mask` has no `lens` or `aperture` in its plane"),
        ("layers.0.picture=[16,40]", 2, "`picture` must be 1 sample to the grid, 32 x 32, not 16 x 40"),
        ("data.set=pairs", 2, "light shows one picture, not 2 channels"),
    ] {
        bench.refuse(&format!("train digits-diffractive --out no --set {set}"), code, &[part]);
        assert!(!bench.path("no").exists(), "{set}");
    }
}
