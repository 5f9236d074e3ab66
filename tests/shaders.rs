//! The shader library: complete, valid, translatable to every back end, within what every adapter offers; and the linker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flatlight::gpu::Error;
use flatlight::gpu::shaders::{BindingKind, Embedded, LIBRARY, Shader, link};
use naga::back::pipeline_constants::process_overrides;
use naga::back::{PipelineConstants, hlsl, msl, spv};

/// What WebGPU promises everywhere.
const STORAGE_BUFFERS: usize = 8;
const WORKGROUP_BYTES: u32 = 16 << 10;
const INVOCATIONS: u32 = 256;

/// Every kernel family, loaded.
fn kernels() -> Vec<Shader> {
    let paths = LIBRARY.iter().map(|(path, _)| *path).filter(|path| !path.starts_with("shared/"));
    let shaders: Vec<_> =
        paths.map(|path| Shader::load(&Embedded, path).unwrap_or_else(|error| panic!("{error}"))).collect();
    assert!(!shaders.is_empty());
    shaders
}

fn files(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
    for entry in folder.read_dir().expect("a folder of shaders") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, &format!("{below}{name}/"), found);
        } else if path.extension().is_some_and(|ending| ending == "wgsl") {
            found.insert(format!("{below}{name}"));
        }
    }
}

#[test]
fn the_library_holds_every_file() {
    let mut found = BTreeSet::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders"), "", &mut found);
    let listed: BTreeSet<_> = LIBRARY.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(found, listed, "files in shaders/, and the library");
    assert_eq!(listed.len(), LIBRARY.len(), "none is listed twice");
}

#[test]
fn every_shared_module_is_used() {
    let used: BTreeSet<_> = kernels().iter().flat_map(files_of).collect();
    for (path, _) in LIBRARY.iter().filter(|(path, _)| path.starts_with("shared/")) {
        assert!(used.contains(&format!("shaders/{path}.wgsl")), "no kernel imports {path}");
    }
}

fn files_of(shader: &Shader) -> BTreeSet<String> {
    (1..=shader.linked.text.lines().count()).map(|line| shader.linked.origin(line).0).collect()
}

#[test]
fn every_kernel_binds_its_parameters_first() {
    for shader in kernels() {
        assert!(!shader.entries.is_empty(), "{} has no entry point", shader.path);
        for entry in &shader.entries {
            let first =
                entry.bindings.first().unwrap_or_else(|| panic!("{}::{} binds nothing", shader.path, entry.name));
            let is_struct =
                matches!(&first.kind, BindingKind::Uniform(name, fields, _) if name == "Params" && !fields.is_empty());
            assert!(first.name == "params" && is_struct, "{}::{}: {first:?}", shader.path, entry.name);
        }
    }
}

#[test]
fn every_kernel_fits_every_adapter() {
    for shader in kernels() {
        let in_workgroup =
            shader.module.global_variables.iter().filter(|(_, it)| it.space == naga::AddressSpace::WorkGroup);
        let bytes: u32 =
            in_workgroup.map(|(_, it)| shader.module.types[it.ty].inner.size(shader.module.to_ctx())).sum();
        assert!(bytes <= WORKGROUP_BYTES, "{} takes {bytes} bytes of workgroup memory", shader.path);
        for entry in &shader.entries {
            let is_storage = |kind: &BindingKind| matches!(kind, BindingKind::Storage { .. });
            let storage = entry.bindings.iter().filter(|binding| is_storage(&binding.kind)).count();
            assert!(storage <= STORAGE_BUFFERS, "{}::{} binds {storage} buffers", shader.path, entry.name);
            assert!(entry.workgroup <= INVOCATIONS, "{}::{}: {} invocations", shader.path, entry.name, entry.workgroup);
        }
    }
}

#[test]
fn every_kernel_translates_to_spirv_msl_and_hlsl() {
    for Shader { path, module, info, entries, .. } in kernels() {
        // Constants that are chosen when a kernel is made have their defaults.
        let (module, info) = process_overrides(&module, &info, None, &PipelineConstants::default())
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let words = spv::write_vec(&module, &info, &spv::Options::default(), None)
            .unwrap_or_else(|error| panic!("{path} to SPIR-V: {error}"));
        assert_eq!(words.first(), Some(&0x0723_0203), "{path}: the mark of SPIR-V");

        let options = msl::Options { lang_version: (2, 0), ..msl::Options::default() };
        let (metal, _) = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default())
            .unwrap_or_else(|error| panic!("{path} to MSL: {error}"));
        assert_eq!(metal.matches("kernel void ").count(), entries.len(), "{path}: entry points in MSL");

        let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
        let mut text = String::new();
        hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{path} to HLSL: {error}"));
        assert_eq!(text.matches("[numthreads(").count(), entries.len(), "{path}: entry points in HLSL");
    }
}

// The linker ----------------------------------------------------------------------------------------------------------

const MODULE: &str = "// one\n\nfn one_more(x: f32) -> f32 {\n    return x + 1.0;\n}\n";
const KERNEL: &str = "\
import package::shared::one::{one_more};

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(local_invocation_index) lane: u32) {
    if lane < params.count {
        x[lane] = one_more(x[lane]);
    }
}
";

/// File, line and message of what is wrong with `a` among some modules.
fn complaint(modules: &[(&'static str, &'static str)]) -> (String, usize, String) {
    let sources: BTreeMap<&str, &str> = modules.iter().copied().collect();
    match Shader::load(&sources, "a") {
        Err(Error::Shader { file, line, message }) => (file, line, message),
        other => panic!("expected a complaint about a shader, got {other:?}"),
    }
}

fn at(file: &str, line: usize, message: &str) -> (String, usize, String) {
    (format!("shaders/{file}.wgsl"), line, message.to_owned())
}

#[test]
fn imports_are_linked_once_and_every_line_keeps_its_origin() {
    let two = "import package::shared::one::{one_more};\nfn two_more(x: f32) -> f32 {\n    return one_more(one_more(x));\n}\n";
    let both = "import package::shared::two::{two_more};\nimport package::shared::one::{one_more};\n";
    let sources = BTreeMap::from([("a", both), ("shared/one", MODULE), ("shared/two", two)]);
    let linked = link(&sources, "a").unwrap();
    assert_eq!(linked.text.matches("fn one_more").count(), 1);
    let place = linked.text.lines().position(|line| line.contains("one_more(one_more(x))")).unwrap();
    assert_eq!(linked.origin(place + 1), ("shaders/shared/two.wgsl".to_owned(), 3));

    let shader = Shader::load(&BTreeMap::from([("a", KERNEL), ("shared/one", MODULE)]), "a").unwrap();
    let entry = shader.entry("forward").unwrap();
    assert_eq!((entry.workgroup, entry.bindings.len()), (64, 2));
    assert!(matches!(entry.bindings[1].kind, BindingKind::Storage { writable: true, is_read: true, width: 1, .. }));
}

#[test]
fn a_missing_module_is_named_where_it_is_imported() {
    assert_eq!(complaint(&[("a", KERNEL)]), at("a", 1, "there is no module `shared/one`"));
    let deeper = "// deeper\nimport package::shared::two::{two_more};\nfn one_more() {}\n";
    assert_eq!(
        complaint(&[("a", KERNEL), ("shared/one", deeper)]),
        at("shared/one", 2, "there is no module `shared/two`")
    );
}

#[test]
fn a_missing_item_is_named_where_it_is_imported() {
    // A longer name is another name.
    assert_eq!(
        complaint(&[("a", KERNEL), ("shared/one", "fn one_more_time() {}\n")]),
        at("a", 1, "module `shared/one` declares no `one_more`")
    );
}

#[test]
fn a_circle_of_imports_is_named() {
    let one = "fn one_more() {}\nimport package::shared::two::{two_more};\n";
    let two = "\n\nimport package::shared::one::{one_more};\nfn two_more() {}\n";
    assert_eq!(
        complaint(&[("a", KERNEL), ("shared/one", one), ("shared/two", two)]),
        at("shared/two", 3, "import of `shared/one` closes a circle: a -> shared/one -> shared/two")
    );
}

#[test]
fn a_malformed_import_is_answered_with_the_form() {
    for import in ["import shared::one::{x};", "import package::shared::one;", "import package::shared::one::{x}"] {
        let text: &'static str = Box::leak(format!("// a\n{import}\n").into_boxed_str());
        let want = "an import reads `import package::shared::module::{item, item};` on one line";
        assert_eq!(complaint(&[("a", text)]), at("a", 2, want), "{import}");
    }
}

#[test]
fn an_error_inside_an_imported_file_is_mapped_to_its_line() {
    let mistyped = "// one\n\nfn one_more(x: f32) -> f32 {\n    return x + 1u;\n}\n";
    let (file, line, message) = complaint(&[("a", KERNEL), ("shared/one", mistyped)]);
    assert_eq!((file.as_str(), line), ("shaders/shared/one.wgsl", 4), "{message}");
    let unparsable = "// one\nfn one_more(x: f32) -> f32 {\n    return x +;\n}\n";
    let (file, line, message) = complaint(&[("a", KERNEL), ("shared/one", unparsable)]);
    assert_eq!((file.as_str(), line), ("shaders/shared/one.wgsl", 3), "{message}");
    // The same in the kernel's own file, whose first line of linked text is not its first line.
    let own: &'static str = Box::leak(KERNEL.replace("one_more(x[lane])", "one_more(lane)").into_boxed_str());
    let (file, line, message) = complaint(&[("a", own), ("shared/one", MODULE)]);
    assert_eq!((file.as_str(), line), ("shaders/a.wgsl", 13), "{message}");
    // What has no line is laid at the kernel's own door.
    let vast: &'static str = Box::leak(KERNEL.replace("workgroup_size(64)", "workgroup_size(65536)").into_boxed_str());
    let (file, line, message) = complaint(&[("a", vast), ("shared/one", MODULE)]);
    assert_eq!((file.as_str(), line), ("shaders/a.wgsl", 1), "{message}");
}
