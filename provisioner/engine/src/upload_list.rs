//! Resolves files and folders of the command line to uploads with their keys. All errors are found here, before the first
//! upload.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::units::{MAX_OBJECT, counted};

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
    /// The outermost hidden file or folder (`.git`, `.env`) through which a folder led to it.
    pub hidden: Option<String>,
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
        self.known_size().unwrap_or(0)
    }

    /// The size in bytes; `None` for standard input.
    pub fn known_size(&self) -> Option<u64> {
        match self.source {
            Source::File(_, size) => Some(size),
            Source::Stdin => None,
        }
    }
}

/// Patterns of files that are left out.
#[derive(Debug, Clone, Default)]
pub struct Excluded(GlobSet);

impl Excluded {
    /// Reads patterns. `*` matches within a name, `**` across folders. A pattern matches a file or folder by its path within
    /// the folder that is uploaded, or by its name.
    ///
    /// # Errors
    /// For a pattern that cannot be read.
    pub fn new(patterns: &[String]) -> Result<Self> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            // `build/` means the folder.
            let glob = GlobBuilder::new(pattern.trim_end_matches('/')).literal_separator(true).build();
            set.add(glob.map_err(|e| Error::new(Exit::Usage, "exclude", e.to_string()))?);
        }
        set.build().map(Self).map_err(|e| Error::new(Exit::Usage, "exclude", e.to_string()))
    }

    fn matches(&self, path: &Path) -> bool {
        self.0.is_match(path) || path.file_name().is_some_and(|name| self.0.is_match(name))
    }
}

/// Resolves each path: a file is uploaded under its name, the files of a folder under their paths within it, all below
/// the prefix; with `key`, a single file under that key. What is excluded is left out.
///
/// # Errors
/// Lists every file that is missing, unreadable or without a possible key, and keys that two files would share.
pub fn collect_uploads(paths: &[PathBuf], prefix: &str, key: Option<&str>, excluded: &Excluded) -> Result<Vec<Upload>> {
    let mut list = List { is_named: key.is_some(), excluded, left_out: 0, found: Vec::new(), errors: Vec::new() };
    for path in paths {
        list.path(path, key);
    }
    let List { left_out, mut found, mut errors, .. } = list;
    if let Some(key) = key {
        if let [only] = found.as_mut_slice() {
            key.clone_into(&mut only.key);
        } else if found.len() > 1 {
            errors.push(format!("--key names one object, and there are {} files", found.len()));
        }
    }
    if found.is_empty() && errors.is_empty() && left_out > 0 {
        errors.push("--exclude leaves nothing to upload".to_owned());
    }
    if prefix.split('/').any(|part| part == "." || part == "..") {
        errors.push(format!("--prefix {prefix}: a key is no path; `.` and `..` have no meaning in it"));
    }
    let prefix = if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") };
    let mut names = BTreeMap::<String, String>::new();
    for upload in &mut found {
        upload.content_type = content_type(&upload.key);
        upload.key.insert_str(0, &prefix);
        let name = upload.name();
        if upload.key.is_empty() || upload.key.len() > LONGEST_KEY {
            errors
                .push(format!("{name}: its key would have {} bytes; S3 accepts 1 to {LONGEST_KEY}", upload.key.len()));
        }
        if let Some(other) = names.insert(upload.key.clone(), name.clone()) {
            errors.push(format!("{name}: {other} has the same key, {}", upload.key));
        }
    }
    if errors.is_empty() {
        return Ok(found);
    }
    let count = errors.len();
    let more = count.saturating_sub(LISTED);
    errors.truncate(LISTED);
    if more > 0 {
        errors.push(format!("and {more} more"));
    }
    let message =
        format!("nothing is uploaded, because of {}:\n  {}", counted(count as u64, "error"), errors.join("\n  "));
    Err(Error::new(Exit::Usage, "files", message))
}

/// The media type by the name's extension; the handler judges by content.
pub fn content_type(key: &str) -> String {
    mime_guess::from_path(key).first_or_octet_stream().to_string()
}

/// The uploads that are found, and what is wrong.
struct List<'a> {
    /// Whether a key is given, so that the names of files are not used.
    is_named: bool,
    excluded: &'a Excluded,
    /// Files and folders that are excluded.
    left_out: usize,
    found: Vec<Upload>,
    errors: Vec<String>,
}

impl List<'_> {
    fn path(&mut self, path: &Path, key: Option<&str>) {
        if path.as_os_str() == "-" {
            match key {
                Some(key) => self.push(Source::Stdin, key.to_owned(), None),
                None => self.errors.push("-: standard input has no name; give it one with --key".to_owned()),
            }
            return;
        }
        match fs::metadata(path) {
            Err(e) => self.errors.push(format!("{}: {e}", path.display())),
            Ok(meta) if meta.is_dir() => {
                let before = self.found.len() + self.errors.len() + self.left_out;
                self.walk(path, path, None);
                if self.found.len() + self.errors.len() + self.left_out == before {
                    self.errors.push(format!("{}: the folder has no files", path.display()));
                }
            }
            Ok(meta) if meta.is_file() => {
                // A path such as "a/.." is a folder, so a file always has a name.
                let name = PathBuf::from(path.file_name().unwrap_or(path.as_os_str()));
                if self.excluded.matches(&name) {
                    self.left_out += 1;
                } else {
                    self.file(path, &name, meta.len(), None);
                }
            }
            Ok(_) => self.errors.push(format!("{}: neither a file nor a folder", path.display())),
        }
    }

    /// Adds the files of a folder. `hidden` is the outermost hidden folder that led to it.
    fn walk(&mut self, root: &Path, folder: &Path, hidden: Option<&str>) {
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(e) => {
                self.errors.push(format!("{}: {e}", folder.display()));
                return;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let within = path.strip_prefix(root).unwrap_or(&path);
            if self.excluded.matches(within) {
                self.left_out += 1;
                continue;
            }
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            let own = is_hidden.then(|| within.to_string_lossy().into_owned());
            let hidden = hidden.or(own.as_deref());
            // A link to a folder is not followed: it may lead back up.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            match fs::metadata(&path) {
                Err(e) => self.errors.push(format!("{}: {e}", path.display())),
                Ok(_) if is_folder => self.walk(root, &path, hidden),
                Ok(meta) if meta.is_file() => self.file(&path, within, meta.len(), hidden),
                Ok(meta) if meta.is_dir() => {
                    self.errors.push(format!("{}: a link to a folder; name the folder itself", path.display()));
                }
                Ok(_) => self.errors.push(format!("{}: neither a file nor a folder", path.display())),
            }
        }
    }

    fn file(&mut self, path: &Path, name: &Path, size: u64, hidden: Option<&str>) {
        if name.to_str().is_none() && !self.is_named {
            self.errors
                .push(format!("{}: its name is not UTF-8, as a key must be; give one with --key", path.display()));
            return;
        }
        let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        if size > MAX_OBJECT.0 {
            self.errors.push(format!("{}: it is larger than the largest S3 object", path.display()));
        }
        match fs::File::open(path) {
            Ok(_) => {
                self.push(Source::File(path.to_owned(), size), parts.join("/"), hidden.map(ToOwned::to_owned));
            }
            Err(e) => self.errors.push(format!("{}: {e}", path.display())),
        }
    }

    fn push(&mut self, source: Source, key: String, hidden: Option<String>) {
        self.found.push(Upload { source, key, content_type: String::new(), hidden });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(uploads: &[Upload]) -> Vec<&str> {
        uploads.iter().map(|upload| upload.key.as_str()).collect()
    }

    fn collect(paths: &[PathBuf], prefix: &str, key: Option<&str>) -> Result<Vec<Upload>> {
        collect_uploads(paths, prefix, key, &Excluded::default())
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
        let uploads = collect(&[at("a.txt"), at("sub")], "", None).unwrap();
        assert_eq!(keys(&uploads), ["a.txt", "b c.pdf", "deep/a.txt"]);
        assert_eq!(uploads[1].content_type, "application/pdf");
        assert_eq!(uploads[2].source, Source::File(at("sub/deep/a.txt"), 2));
        for prefix in ["in/x", "in/x/"] {
            assert_eq!(keys(&collect(&[at("a.txt")], prefix, None).unwrap()), ["in/x/a.txt"]);
        }
        assert_eq!(keys(&collect(&[at("a.txt")], "", Some("k/ä")).unwrap()), ["k/ä"]);
        let stdin = collect(&["-".into()], "", Some("x.csv")).unwrap();
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
        let error = collect(&paths, "", None).unwrap_err();
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
            assert_eq!(keys(&collect(&paths[5..], "", Some("k")).unwrap()), ["k"], "the suggested fix works");
        }
        let error = collect(&[at("a.txt"), at("sub")], "", Some("k")).unwrap_err();
        assert!(error.message.contains("--key names one object, and there are 3 files"));
        assert!(collect(&[at("a.txt")], &"x".repeat(1_020), None).unwrap_err().message.contains("1 to 1024"));
        assert!(collect(&[at("a.txt")], &"x".repeat(1_018), None).is_ok());
        assert!(collect(&[at("a.txt")], "", Some("")).is_err());
    }

    #[test]
    fn excluded_files_and_folders_are_left_out() {
        let folder = folder();
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(".git/config"), "").unwrap();
        let kept = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            let excluded = Excluded::new(&patterns).unwrap();
            collect_uploads(&[folder.path().to_owned()], "", None, &excluded)
                .map(|uploads| uploads.into_iter().map(|upload| upload.key).collect::<Vec<_>>().join(" "))
        };
        for (patterns, expected) in [
            (&[] as &[&str], ".git/config a.txt other/a.txt sub/b c.pdf sub/deep/a.txt"),
            (&[".*"], "a.txt other/a.txt sub/b c.pdf sub/deep/a.txt"),
            (&["a.txt", ".git/"], "sub/b c.pdf"),
            (&["sub/*", ".git"], "a.txt other/a.txt"),
            (&["sub/*.pdf", "sub/**/a.txt", ".g*"], "a.txt other/a.txt"),
            (&["*.pdf", "{other,.git}"], "a.txt sub/deep/a.txt"),
        ] {
            assert_eq!(kept(patterns).unwrap(), expected, "{patterns:?}");
        }
        assert!(kept(&["*"]).unwrap_err().message.contains("leaves nothing"));
        assert_eq!(Excluded::new(&["[".to_owned()]).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_hidden_file_is_noted_unless_it_is_named() {
        let folder = folder();
        for name in [".env", ".git/objects/1", "sub/.cache/.x"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let hidden = |paths: &[PathBuf]| {
            let uploads = collect(paths, "", None).unwrap();
            uploads.into_iter().filter_map(|upload| upload.hidden).collect::<Vec<_>>()
        };
        assert_eq!(hidden(&[folder.path().to_owned()]), [".env", ".git", "sub/.cache"]);
        assert_eq!(hidden(&[folder.path().join(".env"), folder.path().join(".git")]), [] as [&str; 0]);
    }

    #[test]
    fn a_prefix_is_no_path() {
        let folder = folder();
        for prefix in ["..", "../up/", "a/./b"] {
            assert!(collect(&[folder.path().join("a.txt")], prefix, None).is_err(), "{prefix}");
        }
        assert!(collect(&[folder.path().join("a.txt")], "a..b/.c", None).is_ok());
    }
}
