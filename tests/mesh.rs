//! `mesh decompose` and `mesh compose`, as a user meets them: files as numpy writes and reads them.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use flatlight::data;
use flatlight::mesh::{Layout, Matrix, interferometers};
use npyz::num_complex::{Complex32, Complex64};

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flatlight"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("RUST_LOG").output().unwrap()
    }

    #[track_caller]
    fn done(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stderr, b"", "{arguments}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what must be refused in one line, and leave no file.
    #[track_caller]
    fn refuse(&self, arguments: &str, code: i32, parts: &[&str]) {
        let output = self.run(&format!("{arguments} --out out"));
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(code), 1), "{arguments}: {line}");
        assert!(line.starts_with("error: "), "{line}");
        parts.iter().for_each(|part| assert!(line.contains(part), "`{part}` is not in `{line}`"));
        assert_eq!(output.stdout, b"", "{arguments}");
        let litter = |name: &str| name == "out" || name.starts_with('.');
        assert!(!self.0.path().read_dir().unwrap().any(|file| litter(file.unwrap().file_name().to_str().unwrap())));
    }

    fn write(&self, name: &str, bytes: std::io::Result<Vec<u8>>) {
        std::fs::write(self.path(name), bytes.unwrap()).unwrap();
    }

    fn write_matrix(&self, name: &str, matrix: &Matrix) {
        self.write(name, data::npy(&[matrix.modes(); 2], matrix.values()));
    }

    fn matrix(&self, name: &str) -> Matrix {
        let bytes = std::fs::read(self.path(name)).unwrap();
        let file = npyz::NpyFile::new(&bytes[..]).unwrap();
        assert_eq!((file.dtype().descr().as_str(), file.order()), ("'<c16'", npyz::Order::C));
        let [rows, columns] = file.shape()[..] else { panic!("{:?}", file.shape()) };
        assert_eq!(rows, columns);
        Matrix::new(rows as usize, file.into_vec::<Complex64>().unwrap()).unwrap()
    }
}

#[test]
fn a_matrix_comes_back_from_its_phases() {
    let bench = Bench::new();
    for modes in [2, 3, 4, 7, 16, 64, 65, 256] {
        let matrix = Matrix::haar(modes, 11);
        bench.write_matrix("U.npy", &matrix);
        for layout in Layout::ALL.map(Layout::word) {
            let said = bench.done(&format!("mesh decompose U.npy --layout {layout} --out P.npz"));
            let each = interferometers(modes);
            let wanted = format!(
                "{modes} modes, {layout}: theta [{each}], phi [{each}], gamma [{modes}] in P.npz; they compose to U.npy within "
            );
            assert!(said.starts_with(&wanted), "{said}");
            let said = bench.done("mesh compose P.npz --out V.npy");
            assert_eq!(said, format!("{modes} modes, {layout}: U [{modes}, {modes}] in V.npy\n"));
            let apart = bench.matrix("V.npy").distance(&matrix);
            assert!(apart <= 1e-12, "{modes} {layout}: {apart:e}");
        }
    }
}

#[test]
fn phases_are_as_numpy_expects_them() {
    let bench = Bench::new();
    bench.write_matrix("U.npy", &Matrix::haar(5, 1));
    bench.done("mesh decompose U.npy --out P.npz");
    let mut zip = zip::ZipArchive::new(std::fs::File::open(bench.path("P.npz")).unwrap()).unwrap();
    let mut found = Vec::new();
    for place in 0..zip.len() {
        let mut file = zip.by_index(place).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let header = npyz::NpyHeader::from_reader(&bytes[..]).unwrap();
        found.push(format!("{} {} {:?}", file.name().unwrap(), header.dtype().descr(), header.shape()));
    }
    let wanted =
        ["layout.npy '<U8' []", "theta.npy '<f8' [10]", "phi.npy '<f8' [10]", "gamma.npy '<f8' [5]"].map(str::to_owned);
    assert_eq!(found, wanted);
}

#[test]
fn matrices_of_other_types_and_orders_are_read() {
    use npyz::WriterBuilder as _;
    let bench = Bench::new();
    let matrix = Matrix::haar(6, 2);
    let modes = matrix.modes();
    let turned = (0..modes * modes).map(|place| matrix[[place % modes, place / modes]]);
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(&[6, 6]).order(npyz::Order::Fortran);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend(turned).unwrap();
    writer.finish().unwrap();
    bench.write("fortran.npy", Ok(bytes));
    let short: Vec<_> = matrix.values().iter().map(|z| Complex32::new(z.re as f32, z.im as f32)).collect();
    bench.write("short.npy", data::npy(&[6, 6], &short));
    let back = |name: &str| {
        bench.done(&format!("mesh decompose {name} --layout reck --out P.npz"));
        bench.done("mesh compose P.npz --out V.npy");
        bench.matrix("V.npy")
    };
    assert!(back("fortran.npy").distance(&matrix) < 1e-14);
    assert!(back("short.npy").distance(&matrix) < 1e-6);
    // As numpy.eye makes it.
    let real: Vec<f64> = Matrix::identity(3).values().iter().map(|z| z.re).collect();
    bench.write("eye.npy", data::npy(&[3, 3], &real));
    assert!(back("eye.npy").distance(&Matrix::identity(3)) < 1e-15);
}

/// An archive of a mesh of two modes: a quarter turn of phase, an even splitter, then these arrays instead.
fn two_modes(with: &[(&str, Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    let vector = |values: &[f64]| data::npy(&[values.len()], values).unwrap();
    let half = std::f64::consts::FRAC_PI_2;
    let mut arrays = vec![
        ("layout", data::npy_text("clements")),
        ("theta", vector(&[half])),
        ("phi", vector(&[half])),
        ("gamma", vector(&[0.0, half])),
    ];
    for (name, bytes) in with {
        arrays.retain(|(own, _)| own != name);
        arrays.extend((!bytes.is_empty()).then(|| (*name, bytes.clone())));
    }
    data::npz(arrays)
}

#[test]
fn coupler_errors_are_honoured() {
    let bench = Bench::new();
    let vector = |values: &[f64]| data::npy(&[values.len()], values).unwrap();
    let composed = |with: &[(&str, Vec<u8>)]| {
        bench.write("P.npz", two_modes(with));
        bench.done("mesh compose P.npz --out U.npy");
        bench.matrix("U.npy")
    };
    // M = B(e_r) diag(i, 1) B(e_l) diag(i, 1), then the screen diag(1, i).
    let [left, right] = [0.28, -0.6];
    let [a, b] = [((1.0 + left) / 2.0_f64).sqrt(), ((1.0 - left) / 2.0_f64).sqrt()];
    let [c, d] = [((1.0 + right) / 2.0_f64).sqrt(), ((1.0 - right) / 2.0_f64).sqrt()];
    let number = Complex64::new;
    let wanted = |a: f64, b: f64, c: f64, d: f64| {
        // By rows: (i c a - d b) i, -c b + i d a; then the second row times i.
        let values = [number(-a * c, -b * d), number(-c * b, d * a), number(d * a, -c * b), number(b * d, a * c)];
        Matrix::new(2, values.to_vec()).unwrap()
    };
    let root = 0.5_f64.sqrt();
    assert!(composed(&[]).distance(&wanted(root, root, root, root)) < 1e-15);
    let [left, right] = [("coupler_left", vector(&[left])), ("coupler_right", vector(&[right]))];
    assert!(composed(std::slice::from_ref(&left)).distance(&wanted(a, b, root, root)) < 1e-15);
    assert!(composed(std::slice::from_ref(&right)).distance(&wanted(root, root, c, d)) < 1e-15);
    assert!(composed(&[left, right]).distance(&wanted(a, b, c, d)) < 1e-15);
}

#[test]
fn what_is_no_unitary_matrix_is_told_on_one_line() {
    let bench = Bench::new();
    let spoiled = |place: usize, value: Complex64| {
        let mut values = Matrix::haar(4, 3).values().to_vec();
        values[place] = value;
        data::npy(&[4, 4], &values)
    };
    let scaled: Vec<_> = Matrix::identity(3).values().iter().map(|z| z * 2.0).collect();
    for (bytes, parts) in [
        (
            data::npy(&[3, 3], &scaled),
            vec!["not unitary: |U'U - 1| is 3.000e0 at row 0, column 0 (from 0)", "1e-5", "svd"],
        ),
        (spoiled(5, 9.0.into()), vec!["not unitary", "at row 1, column 1"]),
        (spoiled(7, f64::NAN.into()), vec!["row 1, column 3 (from 0) is NaN", "no finite number"]),
        (data::npy(&[2, 3], &scaled[..6]), vec!["shape [2, 3]", "square"]),
        (data::npy(&[9], &scaled), vec!["shape [9]", "square"]),
        (data::npy(&[1, 1], &[Complex64::I]), vec!["at least 2 modes, not 1"]),
        (data::npy(&[2, 2], &[1_i32, 0, 0, 1]), vec!["elements of type '<i4'", "c8, c16, f4 or f8"]),
        (Ok(b"\x93NUMPY\x01\x00".to_vec()), vec!["truncated"]),
        (Ok(b"1 0\n0 1\n".to_vec()), vec!["numpy.save"]),
    ] {
        bench.write("U.npy", bytes);
        bench.refuse("mesh decompose U.npy", 1, &parts);
        bench.refuse("mesh decompose U.npy", 1, &["U.npy: "]);
    }
    bench.refuse("mesh decompose V.npy", 1, &["V.npy: this file is missing"]);
    bench.write_matrix("U.npy", &Matrix::haar(4, 3));
    bench.refuse(
        "mesh decompose U.npy --layout rek",
        2,
        &["--layout", "`rek`", "clements, reck", "did you mean `reck`?"],
    );
    bench.refuse("mesh decompse U.npy", 2, &["decompse", "'decompose'"]);
    let output = bench.run("mesh decompose U.npy --out nowhere/P.npz");
    assert_eq!(output.status.code(), Some(1));
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.starts_with("error: cannot write nowhere/P.npz: ") && line.contains("folder that exists"), "{line}");
}

#[test]
fn what_is_no_mesh_is_told_on_one_line() {
    let bench = Bench::new();
    let vector = |values: &[f64]| data::npy(&[values.len()], values).unwrap();
    for (with, parts) in [
        (("theta", vector(&[0.1, 0.2])), vec!["`theta` has 2 values", "2 modes", "has 1"]),
        (("gamma", vector(&[0.1])), vec!["at least 2 modes, not 1"]),
        (("phi", vector(&[f64::NAN])), vec!["`phi` at 0 (from 0) is NaN", "finite"]),
        (("gamma", vector(&[0.0, f64::INFINITY])), vec!["`gamma` at 1 (from 0) is inf"]),
        (("coupler_left", vector(&[1.0])), vec!["`coupler_left` at 0 (from 0) is 1", "between -1", "and 1"]),
        (("coupler_right", vector(&[-1.5])), vec!["`coupler_right` at 0 (from 0) is -1.5"]),
        (("coupler_right", vector(&[f64::NAN])), vec!["`coupler_right` at 0 (from 0) is NaN"]),
        (("coupler_left", vector(&[0.0; 3])), vec!["`coupler_left` has 3 values"]),
        (("coupler_lef", vector(&[0.1])), vec!["`coupler_lef`", "did you mean `coupler_left`?"]),
        (("phi", vec![]), vec!["holds no array `phi`", "found layout, theta, gamma"]),
        (("layout", vec![]), vec!["holds no array `layout`"]),
        (("layout", data::npy_text("square")), vec!["no layout `square`", "clements, reck"]),
        (("layout", vector(&[1.0])), vec!["P.npz/layout.npy: ", "must be a text"]),
        (("theta", data::npy(&[1, 1], &[0.5]).unwrap()), vec!["P.npz/theta.npy: ", "shape 1x1", "one axis"]),
        (("theta", data::npy(&[1], &[1_i64]).unwrap()), vec!["P.npz/theta.npy: ", "f4 or f8"]),
    ] {
        bench.write("P.npz", two_modes(&[with]));
        bench.refuse("mesh compose P.npz", 1, &parts);
        bench.refuse("mesh compose P.npz", 1, &["P.npz"]);
    }
    bench.write_matrix("P.npz", &Matrix::identity(2));
    bench.refuse("mesh compose P.npz", 1, &["P.npz: cannot be read as an npz archive", "numpy.savez"]);
    bench.write("P.npz", two_modes(&[]).map(|bytes| bytes[..bytes.len() / 2].to_vec()));
    bench.refuse("mesh compose P.npz", 1, &["P.npz: cannot be read as an npz archive"]);
    bench.refuse("mesh compose Q.npz", 1, &["Q.npz: this file is missing"]);
}
