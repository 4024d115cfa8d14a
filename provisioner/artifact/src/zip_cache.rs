//! The zips of the last handlers, kept between runs: packing takes longer than all else that `plan` and `up` do here.
//!
//! Nothing depends on it. What a zip from here holds is compared with the executable, byte by byte, so a damaged
//! or modified cache costs time but changes nothing; one that cannot be written does the same. It may be deleted
//! at any time.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use provisioner_model::hash::sha256;

use crate::package::{Package, PackageError, RunsOn, ZIP_FORMAT_VERSION};

/// How many zips are kept. A handler's has five megabytes.
const KEPT: usize = 8;

/// Where zips are kept.
#[derive(Debug, Clone)]
pub struct ZipCache {
    folder: Option<PathBuf>,
}

impl ZipCache {
    /// The one of the user who runs this process: `$XDG_CACHE_HOME/provisioner`, else `~/.cache/provisioner`, else none.
    pub fn of_this_process() -> Self {
        Self::of(std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"))
    }

    fn of(cache_home: Option<OsString>, home: Option<OsString>) -> Self {
        // The XDG base directory specification: a relative path is to be ignored.
        let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
        let parent = absolute(cache_home).or_else(|| Some(absolute(home)?.join(".cache")));
        Self { folder: parent.map(|parent| parent.join("provisioner")) }
    }

    /// Zips are kept in this folder, which need not exist yet.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// Checks an executable, and packs it unless that was done before.
    ///
    /// # Errors
    /// The executable cannot be the handler.
    pub fn package(&self, executable: &[u8], runs_on: RunsOn) -> Result<Package, PackageError> {
        let Some(folder) = &self.folder else { return Package::new(executable, runs_on) };
        let path = folder.join(format!("{}-{ZIP_FORMAT_VERSION}.zip", sha256(executable)));
        if let Ok(zip) = fs::read(&path)
            && let Some(package) = Package::from_zip(executable, zip, runs_on)?
        {
            // The modification time records the last use; after a failure, another zip may be evicted first.
            let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            return Ok(package);
        }
        let package = Package::new(executable, runs_on)?;
        // The next run packs again.
        let _ = keep(folder, &path, &package.zip);
        Ok(package)
    }
}

/// Keeps a zip, whole or not at all, and deletes those that were not used for longest.
fn keep(folder: &Path, path: &Path, zip: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(zip)?;
    file.persist(path)?;
    let mut kept: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.extension().is_some_and(|e| e == "zip")))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .collect();
    kept.sort();
    for (_, oldest) in kept.iter().rev().skip(KEPT) {
        fs::remove_file(oldest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: RunsOn = RunsOn::ThisMachine;

    fn cache() -> (tempfile::TempDir, ZipCache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = ZipCache::at(folder.path().join("cache"));
        (folder, cache)
    }

    fn files(folder: &tempfile::TempDir) -> Vec<PathBuf> {
        fs::read_dir(folder.path().join("cache")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn the_folder_follows_the_environment() {
        let folder =
            |cache: Option<&str>, home: Option<&str>| ZipCache::of(cache.map(Into::into), home.map(Into::into)).folder;
        assert_eq!(folder(Some("/c"), Some("/h")), Some("/c/provisioner".into()));
        assert_eq!(folder(Some("relative"), Some("/h")), Some("/h/.cache/provisioner".into()));
        assert_eq!(folder(None, Some("/h")), Some("/h/.cache/provisioner".into()));
        assert_eq!(folder(Some(""), None), None);
    }

    #[test]
    fn what_was_packed_once_is_taken_from_the_cache() {
        let (folder, cache) = cache();
        let packed = cache.package(b"#!one", HERE).unwrap();
        assert_eq!(packed, Package::new(b"#!one", HERE).unwrap());
        assert_eq!(cache.package(b"#!one", HERE).unwrap(), packed);
        // Another zip of the same executable shows that the file is what is used.
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .unix_permissions(0o755);
        writer.start_file("bootstrap", stored).unwrap();
        writer.write_all(b"#!one").unwrap();
        let other = writer.finish().unwrap().into_inner();
        fs::write(&files(&folder)[0], &other).unwrap();
        let taken = cache.package(b"#!one", HERE).unwrap();
        assert_eq!(taken.zip, other);
        assert_eq!(taken.sha256, sha256(&other));
        assert_eq!(taken.unzipped, 5);
    }

    #[test]
    fn a_zip_of_anything_else_is_packed_anew() {
        let (folder, cache) = cache();
        let right = cache.package(b"#!one", HERE).unwrap();
        let path = files(&folder).remove(0);
        let zip_of = |executable: &[u8]| Package::new(executable, HERE).unwrap().zip;
        let named = |name: &str, mode: u32| {
            let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default().unix_permissions(mode);
            writer.start_file(name, options).unwrap();
            writer.write_all(b"#!one").unwrap();
            writer.finish().unwrap().into_inner()
        };
        let mut two = zip::ZipWriter::new_append(io::Cursor::new(right.zip.clone())).unwrap();
        two.start_file("more", zip::write::SimpleFileOptions::default()).unwrap();
        let wrong = [
            zip_of(b"#!two"),
            zip_of(b"#!one and more"),
            zip_of(b"#!on"),
            right.zip[..right.zip.len() - 1].to_vec(),
            Vec::new(),
            named("other", 0o755),
            named("bootstrap", 0o644),
            two.finish().unwrap().into_inner(),
        ];
        for (number, zip) in wrong.iter().enumerate() {
            fs::write(&path, zip).unwrap();
            assert_eq!(cache.package(b"#!one", HERE).unwrap(), right, "{number}");
            assert_eq!(fs::read(&path).unwrap(), right.zip, "{number}: it is replaced");
        }
    }

    #[test]
    fn an_executable_that_is_in_the_cache_is_checked_all_the_same() {
        let (_folder, cache) = cache();
        cache.package(b"#!/bin/sh", HERE).unwrap();
        let lambda = RunsOn::Lambda(provisioner_model::spec::Architecture::X86_64);
        assert_eq!(cache.package(b"#!/bin/sh", lambda), Err(PackageError::NotElf("a script")));
    }

    #[test]
    fn those_not_used_for_longest_go() {
        let (folder, cache) = cache();
        let age = |file: &Path, seconds| {
            let date = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            File::open(file).unwrap().set_modified(date).unwrap();
        };
        cache.package(b"#!first", HERE).unwrap();
        let first = files(&folder).remove(0);
        age(&first, 1);
        for n in 0..KEPT as u64 - 1 {
            let before = files(&folder);
            cache.package(format!("#!{n}").as_bytes(), HERE).unwrap();
            let new = files(&folder).into_iter().find(|file| !before.contains(file)).unwrap();
            age(&new, 2 + n);
        }
        // It is used again, so another one is the oldest now.
        cache.package(b"#!first", HERE).unwrap();
        cache.package(b"#!last", HERE).unwrap();
        let left = files(&folder);
        assert_eq!((left.len(), left.contains(&first)), (KEPT, true));
    }

    #[test]
    fn without_a_place_that_can_be_written_it_packs() {
        let expected = Package::new(b"#!one", HERE).unwrap();
        assert_eq!(ZipCache { folder: None }.package(b"#!one", HERE).unwrap(), expected);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(ZipCache::at(file.path().join("below/a/file")).package(b"#!one", HERE).unwrap(), expected);
    }
}
