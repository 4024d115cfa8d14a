//! Resolves files and folders of the command line to uploads with their keys. All errors are found here, before the first
//! upload.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::units::MAX_OBJECT;

/// S3 user guide, "Naming Amazon S3 objects": bytes of UTF-8.
const LONGEST_KEY: usize = 1_024;
/// The largest number of errors that are listed; more are counted.
const LISTED: usize = 20;

/// The source of an upload's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file of this size in bytes.
    File(PathBuf, u64),
    /// Standard input.
    Stdin,
}

/// One upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The bytes.
    pub source: Source,
    /// The object's key.
    pub key: String,
    /// The media type, guessed from the name; the handler judges by content.
    pub content_type: String,
}

impl Upload {
    /// The file's name, for messages.
    pub fn name(&self) -> String {
        match &self.source {
            Source::File(path, _) => path.display().to_string(),
            Source::Stdin => "standard input".to_owned(),
        }
    }

    /// The size in bytes; 0 if it is not known.
    pub fn size(&self) -> u64 {
        match self.source {
            Source::File(_, size) => size,
            Source::Stdin => 0,
        }
    }
}

/// Resolves each path: a file is uploaded under its name, the files of a folder under their paths within it, all below
/// the prefix; with `key`, a single file under that key.
///
/// # Errors
/// Lists every file that is missing, unreadable or without a possible key, and keys that two files would share.
pub fn collect_uploads(paths: &[PathBuf], prefix: &str, key: Option<&str>) -> Result<Vec<Upload>> {
    let mut errors = Vec::new();
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            match key {
                Some(key) => found.push((Source::Stdin, key.to_owned())),
                None => errors.push("-: standard input has no name; give it one with --key".to_owned()),
            }
            continue;
        }
        match fs::metadata(path) {
            Err(e) => errors.push(format!("{}: {e}", path.display())),
            Ok(meta) if meta.is_dir() => {
                let before = found.len() + errors.len();
                walk(path, path, key.is_some(), &mut found, &mut errors);
                if found.len() + errors.len() == before {
                    errors.push(format!("{}: the folder has no files", path.display()));
                }
            }
            Ok(meta) if meta.is_file() => {
                // A path such as "a/.." is a folder, so a file always has a name.
                let name = path.file_name().unwrap_or(path.as_os_str());
                add(path, Path::new(name), (meta.len(), key.is_some()), &mut found, &mut errors);
            }
            Ok(_) => errors.push(format!("{}: neither a file nor a folder", path.display())),
        }
    }
    if let Some(key) = key {
        if let [(_, only)] = found.as_mut_slice() {
            key.clone_into(only);
        } else if found.len() > 1 {
            errors.push(format!("--key names one object, and there are {} files", found.len()));
        }
    }
    let prefix = if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") };
    let mut names = BTreeMap::<String, String>::new();
    let mut uploads = Vec::new();
    for (source, key) in found {
        let content_type = content_type(&key);
        let upload = Upload { source, key: format!("{prefix}{key}"), content_type };
        let name = upload.name();
        if upload.key.is_empty() || upload.key.len() > LONGEST_KEY {
            errors
                .push(format!("{name}: its key would have {} bytes; S3 accepts 1 to {LONGEST_KEY}", upload.key.len()));
        }
        if let Some(other) = names.insert(upload.key.clone(), name.clone()) {
            errors.push(format!("{name}: {other} has the same key, {}", upload.key));
        }
        uploads.push(upload);
    }
    if errors.is_empty() {
        return Ok(uploads);
    }
    let count = errors.len();
    let more = count.saturating_sub(LISTED);
    errors.truncate(LISTED);
    if more > 0 {
        errors.push(format!("and {more} more"));
    }
    let message = format!("nothing is uploaded, because of {count} file(s):\n  {}", errors.join("\n  "));
    Err(Error::new(Exit::Usage, "files", message))
}

/// The media type by the name's extension; the handler judges by content.
pub fn content_type(key: &str) -> String {
    mime_guess::from_path(key).first_or_octet_stream().to_string()
}

fn walk(root: &Path, folder: &Path, is_named: bool, found: &mut Vec<(Source, String)>, errors: &mut Vec<String>) {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(e) => {
            errors.push(format!("{}: {e}", folder.display()));
            return;
        }
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a folder is not followed: it may lead back up.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match fs::metadata(&path) {
            Err(e) => errors.push(format!("{}: {e}", path.display())),
            Ok(_) if is_folder => walk(root, &path, is_named, found, errors),
            Ok(meta) if meta.is_file() => {
                add(&path, path.strip_prefix(root).unwrap_or(&path), (meta.len(), is_named), found, errors);
            }
            Ok(meta) if meta.is_dir() => {
                errors.push(format!("{}: a link to a folder; name the folder itself", path.display()));
            }
            Ok(_) => errors.push(format!("{}: neither a file nor a folder", path.display())),
        }
    }
}

/// Adds a file of this size. Its name is not used if a key is given (`is_named`).
fn add(
    path: &Path,
    name: &Path,
    (size, is_named): (u64, bool),
    found: &mut Vec<(Source, String)>,
    errors: &mut Vec<String>,
) {
    if name.to_str().is_none() && !is_named {
        errors.push(format!("{}: its name is not UTF-8, as a key must be; give one with --key", path.display()));
        return;
    }
    let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
    if size > MAX_OBJECT.0 {
        errors.push(format!("{}: it is larger than the largest S3 object", path.display()));
    }
    match fs::File::open(path) {
        Ok(_) => found.push((Source::File(path.to_owned(), size), parts.join("/"))),
        Err(e) => errors.push(format!("{}: {e}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(uploads: &[Upload]) -> Vec<&str> {
        uploads.iter().map(|upload| upload.key.as_str()).collect()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("a.txt", "a"), ("sub/b c.pdf", ""), ("sub/deep/a.txt", "aa"), ("other/a.txt", "")] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn keys_are_file_names_and_paths_within_folders() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let uploads = collect_uploads(&[at("a.txt"), at("sub")], "", None).unwrap();
        assert_eq!(keys(&uploads), ["a.txt", "b c.pdf", "deep/a.txt"]);
        assert_eq!(uploads[1].content_type, "application/pdf");
        assert_eq!(uploads[2].source, Source::File(at("sub/deep/a.txt"), 2));
        for prefix in ["in/x", "in/x/"] {
            assert_eq!(keys(&collect_uploads(&[at("a.txt")], prefix, None).unwrap()), ["in/x/a.txt"]);
        }
        assert_eq!(keys(&collect_uploads(&[at("a.txt")], "", Some("k/ä")).unwrap()), ["k/ä"]);
        let stdin = collect_uploads(&["-".into()], "", Some("x.csv")).unwrap();
        assert_eq!((&stdin[0].source, stdin[0].content_type.as_str()), (&Source::Stdin, "text/csv"));
    }

    #[test]
    fn all_errors_are_reported_together() {
        use std::os::unix::ffi::OsStringExt as _;
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("empty")).unwrap();
        std::os::unix::fs::symlink(at("sub"), at("other/link")).unwrap();
        let odd = std::ffi::OsString::from_vec(b"odd\xff".to_vec());
        // Not every file system accepts such a name.
        let has_odd = fs::write(folder.path().join(&odd), "").is_ok();
        let paths = [at("missing"), at("empty"), at("a.txt"), at("other"), "-".into(), folder.path().join(odd)];
        let error = collect_uploads(&paths, "", None).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        for part in [
            "missing: No such file",
            "empty: the folder has no files",
            "link: a link to a folder",
            "-: standard input has no name",
        ] {
            assert!(error.message.contains(part), "{part}: {}", error.message);
        }
        assert!(error.message.contains("a.txt has the same key, a.txt"), "{}", error.message);
        assert_eq!(error.message.contains("is not UTF-8"), has_odd);
        if has_odd {
            assert_eq!(keys(&collect_uploads(&paths[5..], "", Some("k")).unwrap()), ["k"], "the suggested fix works");
        }
        let error = collect_uploads(&[at("a.txt"), at("sub")], "", Some("k")).unwrap_err();
        assert!(error.message.contains("--key names one object, and there are 3 files"));
        assert!(collect_uploads(&[at("a.txt")], &"x".repeat(1_020), None).unwrap_err().message.contains("1 to 1024"));
        assert!(collect_uploads(&[at("a.txt")], &"x".repeat(1_018), None).is_ok());
        assert!(collect_uploads(&[at("a.txt")], "", Some("")).is_err());
    }
}
