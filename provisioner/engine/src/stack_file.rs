//! Finds and reads stack files.

use std::path::{Path, PathBuf};

use provisioner_model::error::{Error, Exit, Result, io};
use provisioner_model::spec::{self, DEFAULT_STACK, StackSpec, parse};

/// The folder of stack files in the root of a project.
const STACKS: &str = "stacks";

/// A stack file and where it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct StackFile {
    /// The file.
    pub path: PathBuf,
    /// Its content.
    pub spec: StackSpec,
}

impl StackFile {
    /// Finds and reads a stack file: a path to a YAML file, or the name of a stack, which is `stacks/NAME.yaml` in this
    /// folder or a parent folder, or the only file there with this `name:`.
    pub fn load(stack: &str) -> Result<Self> {
        let here = std::env::current_dir().map_err(|e| io("find", std::path::Path::new("."), e))?;
        let path = stack_file(stack, &here)?;
        let text = read(&path)?;
        Ok(Self { spec: parse(&text, &path)?, path })
    }

    /// The stack to use where none is named: this one, or, if there is no such file, the only one of the project. Returns
    /// the name that finds it again.
    pub fn load_default(stack: &str) -> Result<(String, Self)> {
        let here = std::env::current_dir().map_err(|e| io("find", std::path::Path::new("."), e))?;
        let stack = default_stack(stack, &here);
        Self::load(&stack).map(|file| (stack, file))
    }

    /// The same for a command that deploys nothing and so needs no project: outside a project, the default stack is the
    /// one that was compiled into this program.
    pub fn load_anywhere(stack: &str) -> Result<StackSpec> {
        let here = std::env::current_dir().map_err(|e| io("find", std::path::Path::new("."), e))?;
        if stack == DEFAULT_STACK && root(&here).is_none() {
            return parse(include_str!("../../../stacks/dev.yaml"), std::path::Path::new("stacks/dev.yaml"));
        }
        Self::load(stack).map(|file| file.spec)
    }
}

/// The text of a stack file.
fn read(path: &Path) -> Result<String> {
    let unreadable = |e: std::io::Error| {
        Error::new(Exit::Invalid, "no-stack", format!("failed to read the stack file {}", path.display())).source(e)
    };
    String::from_utf8(std::fs::read(path).map_err(unreadable)?).map_err(|_| {
        Error::new(Exit::Invalid, "stack-file", format!("the stack file {} is not UTF-8", path.display()))
            .hint("Save it as UTF-8.")
    })
}

/// The file for a name or a path of the command line.
fn stack_file(stack: &str, here: &Path) -> Result<PathBuf> {
    let is_path = stack.contains(std::path::is_separator)
        || Path::new(stack).extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    if is_path {
        let path = PathBuf::from(stack);
        // A pipe is a stack file too: `-s <(command)`.
        let found = here.join(&path);
        return if found.exists() && !found.is_dir() {
            Ok(path)
        } else {
            Err(Error::new(Exit::Invalid, "no-stack", format!("there is no stack file {stack}"))
                .hint("Name a stack in stacks/ or the path of a stack file: --stack dev, --stack path/to/dev.yaml"))
        };
    }
    let Some(root) = root(here) else {
        return Err(Error::new(
            Exit::Invalid,
            "no-stack",
            format!("there is no stack {stack}: no folder {STACKS}/ in {} or above it", here.display()),
        )
        .hint(
            "Change to the project's folder, or name the path of a stack file: --stack path/to/dev.yaml\n\
             To create a project here: provisioner init",
        ));
    };
    let path = root.join(STACKS).join(format!("{stack}.yaml"));
    if here.join(&path).is_file() {
        return Ok(path);
    }
    let files = existing(&here.join(&root))?;
    // Output names a stack by its `name:`, which can differ from the file name.
    let mut candidates =
        files.iter().filter(|file| name_in(file).as_deref() == Some(stack)).filter_map(|file| file.file_name());
    if let (Some(file), None) = (candidates.next(), candidates.next()) {
        return Ok(root.join(STACKS).join(file));
    }
    let names: Vec<String> =
        files.iter().filter_map(|file| file.file_stem().map(|name| name.to_string_lossy().into_owned())).collect();
    let hint = if names.is_empty() {
        format!("{} contains no stack file.", root.join(STACKS).display())
    } else {
        format!("Existing stacks: {}", names.join(", "))
    };
    Err(Error::new(Exit::Invalid, "no-stack", format!("there is no stack {stack}: {} does not exist", path.display()))
        .hint(hint))
}

/// This stack, or the only one of the project if this one does not exist.
fn default_stack(stack: &str, here: &Path) -> String {
    if stack_file(stack, here).is_err()
        && let Some(files) = root(here).and_then(|root| existing(&here.join(root)).ok())
        && let [only] = files.as_slice()
        && let Some(name) = only.file_stem().and_then(|name| name.to_str())
    {
        return name.to_owned();
    }
    stack.to_owned()
}

/// The `name:` of a stack file, if it can be read.
fn name_in(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    spec::name_in(&text)
}

/// The nearest folder, from this one upwards, that contains a folder `stacks`; relative to this one.
pub fn root(here: &Path) -> Option<PathBuf> {
    let up = here.ancestors().position(|folder| folder.join(STACKS).is_dir())?;
    Some(std::iter::repeat_n("..", up).collect())
}

/// The stack files of a project, by name.
pub fn existing(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join(STACKS);
    let read = |e| io("list", &folder, e);
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("stacks/rendered")).unwrap();
        std::fs::create_dir_all(dir.path().join("deep/er")).unwrap();
        for name in ["stacks/dev.yaml", "stacks/prod.yaml", "stacks/notes.txt", "stacks/rendered/dev.yaml", "own.yml"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        dir
    }

    #[test]
    fn names_are_resolved_here_and_above_and_paths_are_used_as_they_are() {
        let dir = project();
        for (stack, here, expected) in [
            ("dev", "", "stacks/dev.yaml"),
            ("prod", "deep/er", "../../stacks/prod.yaml"),
            ("own.yml", "", "own.yml"),
            ("../own.yml", "deep", "../own.yml"),
            ("stacks/dev.yaml", "", "stacks/dev.yaml"),
        ] {
            assert_eq!(stack_file(stack, &dir.path().join(here)).unwrap(), Path::new(expected), "{stack} in {here:?}");
        }
    }

    #[test]
    fn a_stack_is_also_found_by_the_name_in_its_file() {
        let dir = project();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join("stacks").join(name), text).unwrap();
        write("dev.yaml", "name: shop-dev\n");
        write("broken.yaml", "name: [\n");
        assert_eq!(stack_file("shop-dev", dir.path()).unwrap(), Path::new("stacks/dev.yaml"));
        // The file name has precedence, and a `name:` that occurs twice is not resolved.
        write("prod.yaml", "name: dev\n");
        assert_eq!(stack_file("dev", dir.path()).unwrap(), Path::new("stacks/dev.yaml"));
        write("other.yaml", "name: shop-dev\n");
        assert!(stack_file("shop-dev", dir.path()).is_err());
    }

    #[test]
    fn a_file_that_is_not_text_is_invalid() {
        let dir = project();
        let path = dir.path().join("own.yml");
        for bytes in [&b"name: caf\xe9\n"[..], &b"\xff\xfen\0a\0"[..]] {
            std::fs::write(&path, bytes).unwrap();
            let error = read(&path).unwrap_err();
            assert_eq!((error.exit, error.hint.as_deref()), (Exit::Invalid, Some("Save it as UTF-8.")));
        }
        assert_eq!(read(&dir.path().join("none.yml")).unwrap_err().exit, Exit::Invalid);
        assert!(stack_file("stacks/", dir.path()).is_err(), "a folder is no stack file");
        assert_eq!(stack_file("/dev/null", dir.path()).unwrap(), Path::new("/dev/null"));
    }

    #[test]
    fn the_only_stack_of_a_project_is_the_default() {
        let dir = project();
        assert_eq!(default_stack("dev", dir.path()), "dev");
        std::fs::remove_file(dir.path().join("stacks/dev.yaml")).unwrap();
        assert_eq!(default_stack("dev", &dir.path().join("deep/er")), "prod");
        std::fs::write(dir.path().join("stacks/second.yaml"), "").unwrap();
        assert_eq!(default_stack("dev", dir.path()), "dev", "one of two is not chosen");
        assert_eq!(default_stack("dev", tempfile::tempdir().unwrap().path()), "dev");
    }

    #[test]
    fn a_missing_stack_is_reported_with_the_existing_ones() {
        let dir = project();
        let error = stack_file("prd", &dir.path().join("deep")).unwrap_err();
        assert_eq!(error.message, "there is no stack prd: ../stacks/prd.yaml does not exist");
        assert_eq!(error.hint.as_deref(), Some("Existing stacks: dev, prod"));
        assert_eq!(error.exit, Exit::Invalid);
        assert!(stack_file("./no.yaml", dir.path()).unwrap_err().message.contains("./no.yaml"));
        let nowhere = tempfile::tempdir().unwrap();
        assert!(stack_file("dev", nowhere.path()).unwrap_err().message.contains("no folder stacks/"));
    }
}
