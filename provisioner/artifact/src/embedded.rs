//! Handlers appended to this program's executable, so that a single file can deploy.
//!
//! Layout: the executable, the zips, an index as JSON, the index's length (8 bytes, little-endian), a mark of 16 bytes.
//! The loaders of Linux and macOS read what an executable's headers name and leave the rest alone, so the program is
//! neither linked anew nor slower to start, and what it carries is read only by the command that deploys it.
//!
//! The program's own bytes are trusted as much as the program; the hash finds a download that was cut or damaged.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use provisioner_model::error::{Error, Exit, Result, io as io_error};
use provisioner_model::hash::sha256;
use provisioner_model::spec::Architecture;
use serde::{Deserialize, Serialize};

use crate::package::{Package, RunsOn, architecture_name};
use crate::{NO_HANDLER, UNSUITABLE_HANDLER};

/// The last bytes of a program that carries handlers.
const MARK: [u8; 16] = *b"\0handlers-inside";
/// The mark and the index's length.
const TRAILER: u64 = 24;
/// More than an index of two handlers has. Bytes.
const LARGEST_INDEX: u64 = 64 << 10;

/// What a program carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The size of the program alone, bytes.
    program: u64,
    /// The handlers, one for each architecture at most.
    pub handlers: Vec<Embedded>,
}

/// A handler that a program carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedded {
    /// The processor that it is built for.
    pub architecture: Architecture,
    /// The SHA-256 of the zip, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The offset of the zip in the file.
    offset: u64,
    /// The size of the zip, bytes.
    pub size: u64,
    /// The size of the executable, bytes.
    unzipped: u64,
}

impl Index {
    /// The index of a program; `None` for one that carries nothing.
    pub fn read(program: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let length = program.seek(SeekFrom::End(0))?;
        let Some(end) = length.checked_sub(TRAILER) else { return Ok(None) };
        program.seek(SeekFrom::Start(end))?;
        let mut size = [0; 8];
        let mut mark = [0; 16];
        program.read_exact(&mut size)?;
        program.read_exact(&mut mark)?;
        if mark != MARK {
            return Ok(None);
        }
        let size = u64::from_le_bytes(size);
        let start = end.checked_sub(size).filter(|_| size <= LARGEST_INDEX);
        let start = start.ok_or_else(|| damaged("the length of the index"))?;
        program.seek(SeekFrom::Start(start))?;
        let mut text = Vec::new();
        program.take(size).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map(Some).map_err(|_| damaged("the index"))
    }

    /// The index of the running program.
    pub fn of_this_program() -> Result<Option<Self>> {
        let path = this_program()?;
        File::open(&path)
            .and_then(|mut file| Self::read(&mut file))
            .map_err(|e| io_error("read the handlers inside", &path, e))
    }

    /// The lines that the long form of `--version` prints.
    pub fn describe(&self) -> String {
        let rows: Vec<String> = self
            .handlers
            .iter()
            .map(|handler| {
                let size = provisioner_model::units::Size(handler.size).rounded();
                format!("handler inside for {}: {}, {size}", architecture_name(handler.architecture), handler.sha256)
            })
            .collect();
        rows.join("\n")
    }

    fn find(&self, runs_on: RunsOn) -> Result<&Embedded> {
        let wanted = match runs_on {
            RunsOn::Lambda(architecture) => Some(architecture),
            RunsOn::ThisMachine => this_machine(std::env::consts::OS, std::env::consts::ARCH),
        };
        self.handlers.iter().find(|handler| Some(handler.architecture) == wanted).ok_or_else(|| {
            let carried: Vec<&str> = self.handlers.iter().map(|h| architecture_name(h.architecture)).collect();
            let (what, fix) = match runs_on {
                RunsOn::Lambda(wanted) => (
                    format!("the stack file requires {}", architecture_name(wanted)),
                    "Change handler.architecture in the stack file, or name a handler with --handler PATH.",
                ),
                RunsOn::ThisMachine => (
                    format!("this machine is {} {}", std::env::consts::OS, std::env::consts::ARCH),
                    "Name a handler that runs here with --handler PATH.",
                ),
            };
            let message = format!("the handler inside this program is for Linux on {}, and {what}", carried.join(", "));
            Error::new(Exit::Invalid, UNSUITABLE_HANDLER, message).hint(fix)
        })
    }

    /// Takes out the handler that runs there.
    pub fn package(&self, program: &mut (impl Read + Seek), runs_on: RunsOn) -> Result<Package> {
        let handler = self.find(runs_on)?;
        let mut read = || {
            program.seek(SeekFrom::Start(handler.offset))?;
            let mut zip = Vec::new();
            program.take(handler.size).read_to_end(&mut zip)?;
            if sha256(&zip) == handler.sha256 { Ok(zip) } else { Err(damaged("its handler")) }
        };
        let zip = read().map_err(|e| {
            Error::new(Exit::Failure, "damaged", "failed to read the handler inside this program")
                .source(e)
                .hint("Download the program again and compare it with SHA256SUMS.")
        })?;
        Ok(Package { zip, sha256: handler.sha256.clone(), unzipped: handler.unzipped })
    }
}

/// The running program's file.
pub fn this_program() -> Result<std::path::PathBuf> {
    std::env::current_exe().map_err(|e| Error::new(Exit::Failure, "io", "failed to find this program's file").source(e))
}

/// Takes the handler out of the running program.
pub fn package(runs_on: RunsOn) -> Result<Package> {
    let path = this_program()?;
    let mut file = File::open(&path).map_err(|e| io_error("read", &path, e))?;
    let index = Index::read(&mut file).map_err(|e| io_error("read the handlers inside", &path, e))?;
    index.ok_or_else(none_inside)?.package(&mut file, runs_on)
}

fn none_inside() -> Error {
    Error::new(Exit::Usage, NO_HANDLER, "this program has no handler inside")
        .hint("Name a built one with --handler PATH; `make dist` in the workspace makes a program that has one.")
}

/// The architecture whose Linux executables this machine runs.
fn this_machine(os: &str, arch: &str) -> Option<Architecture> {
    match (os, arch) {
        ("linux", "x86_64") => Some(Architecture::X86_64),
        ("linux", "aarch64") => Some(Architecture::Arm64),
        _ => None,
    }
}

/// Writes a copy of a program that carries these handlers, in place of those that it carried.
pub fn write(program: &Path, handlers: &[(Architecture, Package)], to: &mut impl Write) -> Result<Index> {
    let read = |e| io_error("read", program, e);
    let mut file = File::open(program).map_err(read)?;
    let length = match Index::read(&mut file).map_err(read)? {
        Some(index) => index.program,
        None => file.metadata().map_err(read)?.len(),
    };
    file.rewind().map_err(read)?;
    let mut index = Index { program: length, handlers: Vec::new() };
    let mut offset = length;
    for (architecture, package) in handlers {
        let size = package.zip.len() as u64;
        let (sha256, unzipped) = (package.sha256.clone(), package.unzipped);
        index.handlers.push(Embedded { architecture: *architecture, sha256, offset, size, unzipped });
        offset += size;
    }
    let mut write = || -> io::Result<()> {
        io::copy(&mut (&mut file).take(length), to)?;
        for (_, package) in handlers {
            to.write_all(&package.zip)?;
        }
        let text = serde_json::to_vec(&index)?;
        to.write_all(&text)?;
        to.write_all(&(text.len() as u64).to_le_bytes())?;
        to.write_all(&MARK)
    };
    write().map_err(|e| Error::new(Exit::Failure, "io", "failed to write the program").source(e))?;
    Ok(index)
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is damaged"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const HERE: RunsOn = RunsOn::Lambda(Architecture::X86_64);

    fn package_of(content: &[u8]) -> Package {
        Package { zip: content.to_vec(), sha256: sha256(content), unzipped: 7 }
    }

    /// A program of these bytes that carries these handlers.
    fn carrying(program: &[u8], handlers: &[(Architecture, Package)]) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), program).unwrap();
        let mut written = Vec::new();
        write(file.path(), handlers, &mut written).unwrap();
        written
    }

    #[test]
    fn what_goes_in_comes_out() {
        let handlers =
            [(Architecture::X86_64, package_of(b"zip of x86")), (Architecture::Arm64, package_of(b"zip of arm"))];
        let mut written = Cursor::new(carrying(b"program", &handlers));
        let index = Index::read(&mut written).unwrap().unwrap();
        assert!(written.get_ref().starts_with(b"program"));
        for (architecture, package) in &handlers {
            assert_eq!(index.package(&mut written, RunsOn::Lambda(*architecture)).unwrap(), *package);
        }
        let text = index.describe();
        assert!(text.contains(&format!("handler inside for arm64: {}, 10 B", handlers[1].1.sha256)), "{text}");
    }

    #[test]
    fn a_program_that_carries_a_handler_gets_another_in_its_place() {
        let first = carrying(b"program", &[(Architecture::X86_64, package_of(b"old"))]);
        let second = carrying(&first, &[(Architecture::X86_64, package_of(b"new"))]);
        assert_eq!(second, carrying(b"program", &[(Architecture::X86_64, package_of(b"new"))]));
    }

    #[test]
    fn programs_that_carry_nothing() {
        for bytes in [&b""[..], b"short", &[0; 24], &[0; 4096], &MARK[1..]] {
            assert_eq!(Index::read(&mut Cursor::new(bytes)).unwrap(), None, "{} bytes", bytes.len());
        }
    }

    #[test]
    fn damage_is_found() {
        let good = carrying(b"program", &[(Architecture::X86_64, package_of(b"zip"))]);
        let mut zip_changed = good.clone();
        zip_changed[b"program".len()] ^= 1;
        let mut file = Cursor::new(zip_changed);
        let error = Index::read(&mut file).unwrap().unwrap().package(&mut file, HERE).unwrap_err();
        assert_eq!((error.code, error.causes()), ("damaged", vec!["its handler is damaged".to_owned()]));

        let mut index_changed = good.clone();
        let at = good.len() - 30;
        index_changed[at] = b'?';
        assert!(Index::read(&mut Cursor::new(index_changed)).is_err());
        for length in [u64::MAX, good.len() as u64, LARGEST_INDEX + 1] {
            let mut length_changed = good.clone();
            let at = good.len() - 24;
            length_changed[at..at + 8].copy_from_slice(&length.to_le_bytes());
            assert!(Index::read(&mut Cursor::new(length_changed)).is_err(), "{length}");
        }
        // A download that was cut has no mark: it is a program that carries nothing, if it runs at all.
        assert_eq!(Index::read(&mut Cursor::new(&good[..good.len() - 1])).unwrap(), None);
    }

    #[test]
    fn the_wrong_architecture_is_refused_before_anything_is_read() {
        let mut file = Cursor::new(carrying(b"program", &[(Architecture::X86_64, package_of(b"zip"))]));
        let index = Index::read(&mut file).unwrap().unwrap();
        let error = index.package(&mut file, RunsOn::Lambda(Architecture::Arm64)).unwrap_err();
        // Not the code that says there is none, which a plan takes as: leave the deployed code.
        assert_eq!((error.exit, error.code), (Exit::Invalid, UNSUITABLE_HANDLER));
        assert_eq!(
            error.message,
            "the handler inside this program is for Linux on x86_64, and the stack file requires arm64"
        );
        assert_eq!(this_machine("linux", "aarch64"), Some(Architecture::Arm64));
        assert_eq!(this_machine("macos", "aarch64"), None);
    }
}
