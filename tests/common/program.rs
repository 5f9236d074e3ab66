//! The real program, run in a fresh folder.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A fresh folder to run the program in; it goes when this goes.
pub struct Bench(tempfile::TempDir);

impl Bench {
    /// A folder with these files: names and contents.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, contents)| std::fs::write(bench.path(name), contents).unwrap());
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command line, quietly; data sets are looked for in `data`.
    pub fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flatlight"));
        command.args(arguments.split_whitespace()).arg("--quiet").current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("RUST_LOG").env("FLATLIGHT_DATA", self.path("data"));
        command.env("XDG_RUNTIME_DIR", self.0.path()).env("NODEVICE_SELECT", "1");
        command.output().unwrap()
    }

    /// Runs what must succeed; what it printed.
    #[track_caller]
    pub fn done(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what must be refused in one line.
    #[track_caller]
    pub fn refuse(&self, arguments: &str, code: i32, parts: &[&str]) {
        let output = self.run(arguments);
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(code), 1), "{arguments}: {line}");
        assert!(line.starts_with("error: "), "{line}");
        parts.iter().for_each(|part| assert!(line.contains(part), "`{part}` is not in `{line}`"));
        assert_eq!(output.stdout, b"", "{arguments}");
    }

    pub fn write_npy(&self, name: &str, shape: &[usize], values: &[f32]) {
        std::fs::write(self.path(name), flatlight::data::npy(shape, values).unwrap()).unwrap();
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// Rows of numbers of a CSV file, without its first line.
    pub fn rows(&self, name: &str) -> Vec<Vec<f64>> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
    }
}
