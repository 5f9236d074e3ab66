//! The `flatlight` command.

fn main() -> std::process::ExitCode {
    flatlight::cli::main()
}
