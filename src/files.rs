//! Floor 0: files written whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file or folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}{remedy}", path.display())]
pub struct Error {
    action: &'static str,
    path: PathBuf,
    source: std::io::Error,
    remedy: &'static str,
}

impl Error {
    fn new(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let remedy = match source.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => "; free some space and try again, nothing was half-written",
            Kind::FileTooLarge => "; allow larger files (ulimit -f) and try again, nothing was half-written",
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => "; choose another place, or change its permissions",
            Kind::NotADirectory | Kind::AlreadyExists => "; a part of this path is a file, choose another place",
            Kind::NotFound if action != "read" => "; choose a place in a folder that exists",
            _ => "",
        };
        Self { action, path: path.to_owned(), source, remedy }
    }
}

/// Makes a folder and those above it.
///
/// # Errors
/// With the path and the reason.
pub fn create_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|error| Error::new("make the folder", path, error))
}

/// Reads a whole file.
///
/// # Errors
/// With the path and the reason.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::new("read", path, error))
}

/// Reads a whole file of text.
///
/// # Errors
/// With the path and the reason.
pub fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::new("read", path, error))
}

/// Replaces a file in one step: the bytes go to a temporary name beside it, which is then renamed. Devices and pipes,
/// such as `/dev/stdout`, are written to as they are.
///
/// # Errors
/// With the path and the reason; what was there before is then still whole.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let complain = |error| Error::new("write", path, error);
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(complain);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder).map_err(complain)?;
    // Straight to the file: the wrapper would put its own name into the error.
    file.as_file_mut().write_all(bytes).and_then(|()| file.as_file().sync_data()).map_err(complain)?;
    #[cfg(unix)]
    {
        // Temporary files are private; results are for everyone the folder lets in.
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(complain)?;
    }
    file.persist(path).map_err(|error| complain(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.csv");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        let nowhere = folder.path().join("missing/result.csv");
        let message = write(&nowhere, b"x").unwrap_err().to_string();
        assert!(message.starts_with("cannot write ") && message.contains("missing/result.csv"), "{message}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let message = write(Path::new("/dev/full"), b"x").unwrap_err().to_string();
        assert!(message.contains("No space left") && message.contains("free some space"), "{message}");
        assert!(!Path::new("/dev/full").metadata().unwrap().is_file());
    }
}
