//! The handler as Lambda takes it: checks of the executable, and a zip that is the same for the same bytes.
//!
//! Pure: bytes in, package or error out. [`crate::handler_build`] provides the bytes.

use std::fmt;
use std::io::{self, Cursor, Read as _, Write as _};

use object::elf;
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use provisioner_model::hash::sha256;
use provisioner_model::spec::Architecture;

/// What Lambda unpacks at most. Lambda developer guide, "Lambda quotas": 250 MB, which it counts as 250 × 2²⁰.
const MAX_UNZIPPED: u64 = 250 << 20;
/// The C library of `provided.al2023`. Lambda developer guide, "OS-only runtimes".
const RUNTIME_GLIBC: Version = Version(2, 34);
/// A fixed level: another one would give another zip, and so another key, for the same handler.
const DEFLATE_LEVEL: i64 = 6;
/// Counts the ways in which zips were made: two with the same number make the same zip of the same bytes.
pub(crate) const ZIP_FORMAT_VERSION: u32 = 1;
/// The name that `provided.al2023` starts.
const ENTRY: &str = "bootstrap";
/// Everybody may run it: Lambda starts it as a user that does not own it.
const MODE: u32 = 0o755;

/// A version of the GNU C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Why a file cannot be the handler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// Not an ELF file.
    #[error("it is {0}, not an ELF executable for Linux")]
    NotElf(&'static str),
    /// An ELF file that cannot be read.
    #[error("it is a damaged ELF file: {0}")]
    Damaged(String),
    /// An ELF file for another processor.
    #[error("it is built for {found}, and the stack file requires {}", architecture_name(*.wanted))]
    Machine {
        /// What the file is for.
        found: String,
        /// What the stack runs on.
        wanted: Architecture,
    },
    /// An object file, a shared library or a core dump.
    #[error("it is {0}, not an executable")]
    NotExecutable(&'static str),
    /// A dynamic linker that `provided.al2023` does not have.
    #[error("it requires the dynamic linker {0}, which provided.al2023 does not have")]
    Interpreter(String),
    /// A C library newer than the one of `provided.al2023`.
    #[error("it needs GLIBC {needed}, and provided.al2023 has {RUNTIME_GLIBC}")]
    Glibc {
        /// The newest version that a symbol asks for.
        needed: Version,
    },
    /// Larger than Lambda takes.
    #[error("it has {} bytes, and Lambda takes {MAX_UNZIPPED} at most", .0)]
    TooLarge(u64),
}

/// The name of a processor, as stack files and Lambda write it.
pub fn architecture_name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}

impl PackageError {
    /// How to fix it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotElf(_) | Self::NotExecutable(_) | Self::Damaged(_) => {
                "Give the executable that is built for Linux: cargo build --profile lambda -p handler, or on another \
                 system cargo lambda build --release -p handler."
                    .into()
            }
            Self::Machine { wanted, .. } => format!(
                "Build for {0}: cargo lambda build --release -p handler{1}; or change handler.architecture in the stack \
                 file.",
                architecture_name(*wanted),
                if *wanted == Architecture::Arm64 { " --arm64" } else { "" }
            ),
            Self::Interpreter(_) | Self::Glibc { .. } => {
                "It was built on a system that is newer than the runtime, or for another C library. Build it against an \
                 older one and name it:\n\
                 cargo zigbuild --profile lambda -p handler --target x86_64-unknown-linux-gnu.2.34\n\
                 provisioner up --handler target/x86_64-unknown-linux-gnu/lambda/bootstrap"
                    .into()
            }
            Self::TooLarge(_) => "Strip debug information (the profile `lambda` does).".into(),
        }
    }
}

/// Where an executable is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsOn {
    /// `provided.al2023` on this architecture.
    Lambda(Architecture),
    /// This machine: the local emulator starts the handler as a local process, so any local build runs.
    ThisMachine,
}

/// A handler that Lambda can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The zip.
    pub zip: Vec<u8>,
    /// The SHA-256 of the zip, in lower-case hexadecimal digits. Lambda reports it (in base 64) as `CodeSha256`.
    pub sha256: String,
    /// The size of the executable, bytes.
    pub unzipped: u64,
}

impl Package {
    /// Checks an executable and packs it.
    pub fn new(executable: &[u8], runs_on: RunsOn) -> Result<Self, PackageError> {
        check_target(executable, runs_on)?;
        Ok(Self::of(executable, zip(executable)))
    }

    /// Checks an executable and takes a zip that was made of it before; `None` where the zip holds anything else.
    pub fn from_zip(executable: &[u8], zip: Vec<u8>, runs_on: RunsOn) -> Result<Option<Self>, PackageError> {
        check_target(executable, runs_on)?;
        Ok(contains_exactly(&zip, executable).unwrap_or(false).then(|| Self::of(executable, zip)))
    }

    /// Takes a zip that was deployed before, whose hash the caller has compared. Checks the executable in it.
    pub fn from_deployed(zip: Vec<u8>, runs_on: RunsOn) -> Result<Self, PackageError> {
        let damaged = |e: &dyn fmt::Display| PackageError::Damaged(format!("in its zip: {e}"));
        let mut archive = zip::ZipArchive::new(Cursor::new(&zip)).map_err(|e| damaged(&e))?;
        let entry = archive.by_name(ENTRY).map_err(|e| damaged(&e))?;
        let mut executable = Vec::new();
        entry.take(MAX_UNZIPPED + 1).read_to_end(&mut executable).map_err(|e| damaged(&e))?;
        check_target(&executable, runs_on)?;
        Ok(Self::of(&executable, zip))
    }

    fn of(executable: &[u8], zip: Vec<u8>) -> Self {
        Self { sha256: sha256(&zip), zip, unzipped: executable.len() as u64 }
    }

    /// Where the zip is kept in the artifact bucket. Another handler has another key, so nothing is ever overwritten.
    pub fn key(&self) -> String {
        key_of(&self.sha256)
    }
}

/// The key of the zip with this hash.
pub fn key_of(sha256: &str) -> String {
    format!("handler/{sha256}.zip")
}

/// The hash in a key made by [`key_of`]; `None` for any other key.
pub fn sha256_of(key: &str) -> Option<&str> {
    key.strip_prefix("handler/")?.strip_suffix(".zip")
}

fn check_target(executable: &[u8], runs_on: RunsOn) -> Result<(), PackageError> {
    match runs_on {
        RunsOn::Lambda(architecture) => check(executable, architecture),
        // A script is a handler too, and macOS has another format.
        RunsOn::ThisMachine => match not_elf(executable) {
            Some(what) if !executable.starts_with(b"#!") && !is_mach_o(executable) => Err(PackageError::NotElf(what)),
            _ => Ok(()),
        },
    }
}

/// Whether it starts as a 64-bit Mach-O file does, or one for several processors (`mach-o/loader.h`, `mach-o/fat.h`).
fn is_mach_o(executable: &[u8]) -> bool {
    executable.starts_with(&[0xcf, 0xfa, 0xed, 0xfe]) || executable.starts_with(&[0xca, 0xfe, 0xba, 0xbe])
}

/// Whether a zip has the executable in it, as Lambda must find it, and nothing else.
fn contains_exactly(zip: &[u8], executable: &[u8]) -> io::Result<bool> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip))?;
    let single = archive.len() == 1;
    let mut entry = archive.by_index(0)?;
    let named = entry.name()? == ENTRY && entry.unix_mode().is_some_and(|mode| mode & 0o777 == MODE);
    Ok(single && named && is_equal(&mut entry, executable)?)
}

/// Whether a reader gives exactly these bytes. Nothing is held but a piece of them: a handler can be large.
fn is_equal(reader: &mut impl io::Read, mut expected: &[u8]) -> io::Result<bool> {
    let mut piece = [0; 16 << 10];
    loop {
        let count = reader.read(&mut piece)?;
        let Some(rest) = expected.strip_prefix(&piece[..count]) else { return Ok(false) };
        expected = rest;
        if count == 0 {
            return Ok(expected.is_empty());
        }
    }
}

/// One entry, its time and mode fixed: the same bytes give the same zip.
fn zip(executable: &[u8]) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(DEFLATE_LEVEL))
        .last_modified_time(zip::DateTime::DEFAULT)
        .unix_permissions(MODE);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::with_capacity(executable.len() / 2)));
    writer
        .start_file(ENTRY, options)
        .and_then(|()| Ok(writer.write_all(executable)?))
        .and_then(|()| writer.finish())
        .map(Cursor::into_inner)
        .expect("writing a zip of less than 250 MB into memory cannot fail")
}

/// Checks an executable and packs it for whichever architecture it is built for.
pub fn package_any(executable: &[u8]) -> Result<(Architecture, Package), PackageError> {
    let found = match check(executable, Architecture::X86_64) {
        Err(PackageError::Machine { .. }) => Architecture::Arm64,
        _ => Architecture::X86_64,
    };
    Package::new(executable, RunsOn::Lambda(found)).map(|package| (found, package))
}

/// Whether `provided.al2023` can run this file on this architecture.
pub fn check(executable: &[u8], architecture: Architecture) -> Result<(), PackageError> {
    if executable.len() as u64 > MAX_UNZIPPED {
        return Err(PackageError::TooLarge(executable.len() as u64));
    }
    if let Some(what) = not_elf(executable) {
        return Err(PackageError::NotElf(what));
    }
    let damaged = |e: object::read::Error| PackageError::Damaged(e.to_string());
    if executable.get(4) == Some(&1) {
        return Err(PackageError::Machine { found: "a 32-bit processor".into(), wanted: architecture });
    }
    let header = elf::FileHeader64::<object::Endianness>::parse(executable).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;

    let (machine, interpreter) = match architecture {
        Architecture::X86_64 => (elf::EM_X86_64, "/lib64/ld-linux-x86-64.so.2"),
        Architecture::Arm64 => (elf::EM_AARCH64, "/lib/ld-linux-aarch64.so.1"),
    };
    if header.e_machine(endian) != machine {
        let found = match header.e_machine(endian) {
            elf::EM_X86_64 => "x86_64".into(),
            elf::EM_AARCH64 => "arm64".into(),
            other => format!("machine type {}", other.0),
        };
        return Err(PackageError::Machine { found, wanted: architecture });
    }

    let mut wanted_interpreter = None;
    for segment in header.program_headers(endian, executable).map_err(damaged)? {
        if let Some(path) = segment.interpreter(endian, executable).map_err(damaged)? {
            wanted_interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    match header.e_type(endian) {
        elf::ET_EXEC => {}
        // A static executable that can be loaded anywhere looks like a library, but has a place to start.
        elf::ET_DYN if wanted_interpreter.is_some() || header.e_entry(endian) != 0 => {}
        elf::ET_DYN => return Err(PackageError::NotExecutable("a shared library")),
        elf::ET_REL => return Err(PackageError::NotExecutable("an object file")),
        elf::ET_CORE => return Err(PackageError::NotExecutable("a core dump")),
        _ => return Err(PackageError::NotExecutable("an ELF file of an unknown type")),
    }
    if let Some(path) = wanted_interpreter.filter(|path| path != interpreter) {
        return Err(PackageError::Interpreter(path));
    }
    match newest_glibc(header, endian, executable).map_err(damaged)? {
        Some(needed) if needed > RUNTIME_GLIBC => Err(PackageError::Glibc { needed }),
        _ => Ok(()),
    }
}

fn not_elf(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => None,
        [] => Some("an empty file"),
        [b'#', b'!', ..] => Some("a script"),
        [b'M', b'Z', ..] => Some("a Windows executable"),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => Some("a macOS executable"),
        [b'P', b'K', 3, 4, ..] => Some("a zip archive"),
        _ => Some("a file of another kind"),
    }
}

/// The newest version of the GNU C library that a symbol of the file asks for.
fn newest_glibc(
    header: &elf::FileHeader64<object::Endianness>,
    endian: object::Endianness,
    data: &[u8],
) -> object::read::Result<Option<Version>> {
    let sections = header.sections(endian, data)?;
    let Some((mut needs, link)) = sections.gnu_verneed(endian, data)? else { return Ok(None) };
    let strings = sections.strings(endian, data, link)?;
    let mut newest = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            newest = newest.max(glibc_version(version.name(endian, strings)?));
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34` and `GLIBC_2.2.5` in numbers. `GLIBC_ABI_DT_RELR` requires the loader of 2.36, which introduced it.
fn glibc_version(name: &[u8]) -> Option<Version> {
    let name = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    if name == "ABI_DT_RELR" {
        return Some(Version(2, 36));
    }
    let mut numbers = name.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some(Version(major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest ELF file that passes: a header, and nothing to load.
    fn tiny(machine: u16, kind: u16, entry: u64) -> Vec<u8> {
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        file.extend(kind.to_le_bytes());
        file.extend(machine.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        file.extend(entry.to_le_bytes());
        file.extend([0; 20]);
        file.extend(64_u16.to_le_bytes());
        file.extend([0; 10]);
        file
    }

    #[test]
    fn the_emulator_takes_programs_and_scripts_and_nothing_else() {
        let mach_o = [0xcf, 0xfa, 0xed, 0xfe, 0x07];
        for (content, fits) in [
            (&b"#!/bin/sh\nexit 1\n"[..], true),
            (&mach_o, true),
            (b"\x7fELF\x02\x01\x01", true),
            (b"", false),
            (b"PK\x03\x04", false),
            (b"words", false),
        ] {
            assert_eq!(check_target(content, RunsOn::ThisMachine).is_ok(), fits, "{content:?}");
        }
    }

    #[test]
    fn what_lambda_cannot_run_is_named() {
        let x86 = Architecture::X86_64;
        for (bytes, expected) in [
            (&b""[..], "an empty file"),
            (b"#!/bin/sh\n", "a script"),
            (b"MZ\x90\0", "a Windows executable"),
            (b"\xcf\xfa\xed\xfe\x07", "a macOS executable"),
            (b"PK\x03\x04", "a zip archive"),
            (b"hello", "a file of another kind"),
        ] {
            assert_eq!(check(bytes, x86), Err(PackageError::NotElf(expected)));
        }
        assert_eq!(check(&tiny(62, 3, 0), x86), Err(PackageError::NotExecutable("a shared library")));
        assert_eq!(check(&tiny(62, 1, 0), x86), Err(PackageError::NotExecutable("an object file")));
        assert_eq!(
            check(&tiny(62, 2, 4096), Architecture::Arm64),
            Err(PackageError::Machine { found: "x86_64".into(), wanted: Architecture::Arm64 })
        );
        assert!(matches!(check(&tiny(62, 2, 4096)[..20], x86), Err(PackageError::Damaged(_))));
        assert_eq!(check(&tiny(62, 2, 4096), x86), Ok(()), "a static executable");
        assert_eq!(check(&tiny(62, 3, 4096), x86), Ok(()), "a static executable that can be loaded anywhere");
        assert_eq!(check(&tiny(183, 2, 4096), Architecture::Arm64), Ok(()));
    }

    #[test]
    fn versions_of_the_c_library() {
        for (name, version) in [
            ("GLIBC_2.34", Some(Version(2, 34))),
            ("GLIBC_2.2.5", Some(Version(2, 2))),
            ("GLIBC_ABI_DT_RELR", Some(Version(2, 36))),
            ("GLIBC_PRIVATE", None),
            ("GCC_3.0", None),
        ] {
            assert_eq!(glibc_version(name.as_bytes()), version, "{name}");
        }
        assert!(Version(2, 4) < Version(2, 34), "versions are numbers, not text");
    }

    #[test]
    fn the_same_bytes_give_the_same_key() {
        let a = Package::new(&tiny(62, 2, 4096), RunsOn::Lambda(Architecture::X86_64)).unwrap();
        let b = Package::new(&tiny(62, 2, 4096), RunsOn::Lambda(Architecture::X86_64)).unwrap();
        assert_eq!(a, b);
        assert_eq!(sha256_of(&a.key()), Some(a.sha256.as_str()));
        assert_ne!(a.key(), Package::new(&tiny(62, 2, 8192), RunsOn::Lambda(Architecture::X86_64)).unwrap().key());
        // Known from the first run; a new version of the zip crate that changes it would redeploy every stack. Where that
        // is wanted, [`ZIP_FORMAT_VERSION`] goes up by one.
        let mut large = tiny(62, 2, 4096);
        large.extend((0..200_000_u32).flat_map(|n| (n.wrapping_mul(n) / 7).to_le_bytes()));
        assert_eq!(
            Package::new(&large, RunsOn::Lambda(Architecture::X86_64)).unwrap().sha256,
            "0e84bd17b7abc4961bd9f31c0527d9adf918809e549f48d3a296117338bad506"
        );
    }

    #[test]
    fn a_deployed_zip_gives_back_its_package() {
        let executable = tiny(62, 2, 0);
        let runs_on = RunsOn::Lambda(Architecture::X86_64);
        let package = Package::new(&executable, runs_on).unwrap();
        assert_eq!(Package::from_deployed(package.zip.clone(), runs_on), Ok(package.clone()));
        let other = RunsOn::Lambda(Architecture::Arm64);
        assert!(matches!(Package::from_deployed(package.zip.clone(), other), Err(PackageError::Machine { .. })));
        for broken in [Vec::new(), b"text".to_vec(), package.zip[..package.zip.len() / 2].to_vec()] {
            assert!(matches!(Package::from_deployed(broken, runs_on), Err(PackageError::Damaged(_))));
        }
    }

    #[test]
    fn the_zip_holds_one_executable_file_of_1980() {
        let package = Package::new(&tiny(62, 2, 4096), RunsOn::Lambda(Architecture::X86_64)).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(&package.zip)).unwrap();
        assert_eq!(archive.len(), 1);
        let entry = archive.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(entry.last_modified().map(|time| time.to_string()), Some("1980-01-01 00:00:00".into()));
    }
}
