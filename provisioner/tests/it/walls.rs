//! The walls between modules: which of them may know the SDK, which may call services, and which may look at the
//! machine they run on. Every other module is a pure function of its inputs, and this keeps it so.

use std::path::{Path, PathBuf};

/// What a module has to be allowed to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wall {
    /// The crates of the AWS SDK.
    Sdk,
    /// The module that speaks to AWS.
    Services,
    /// Files, environment, clock, processes, network, terminal.
    Machine,
}

/// Who may know more than its inputs. A path that ends with a slash stands for all below it.
const MAY: [(&str, &[Wall]); 23] = [
    ("aws.rs", &[Wall::Sdk, Wall::Services]),
    ("aws/", &[Wall::Sdk, Wall::Services, Wall::Machine]),
    ("apply.rs", &[Wall::Services, Wall::Machine]),
    ("apply/down.rs", &[Wall::Services, Wall::Machine]),
    ("apply/drift.rs", &[Wall::Services]),
    ("apply/push.rs", &[Wall::Services, Wall::Machine]),
    ("commands.rs", &[Wall::Services, Wall::Machine]),
    ("commands/", &[Wall::Services, Wall::Machine]),
    ("embedded.rs", &[Wall::Machine]),
    ("gather.rs", &[Wall::Machine]),
    ("handler_build.rs", &[Wall::Machine]),
    ("interrupt.rs", &[Wall::Machine]),
    ("lib.rs", &[Wall::Machine]),
    ("local.rs", &[Wall::Machine]),
    ("local/", &[Wall::Machine]),
    ("report.rs", &[Wall::Machine]),
    ("report/deploy.rs", &[Wall::Machine]),
    ("report/files.rs", &[Wall::Machine]),
    ("report/live.rs", &[Wall::Machine]),
    ("sources.rs", &[Wall::Machine]),
    ("spec.rs", &[Wall::Machine]),
    ("spec/find.rs", &[Wall::Machine]),
    ("zip_cache.rs", &[Wall::Machine]),
];

impl Wall {
    const ALL: [Self; 3] = [Self::Sdk, Self::Services, Self::Machine];

    /// What gives away that a file knows what is behind the wall. An underscore at the end stands for any ending.
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Sdk => &["aws_sdk_", "aws_config", "aws_smithy_", "aws_credential_types"],
            Self::Services => &["crate::aws", "super::aws", "aws::"],
            Self::Machine => &[
                "std::fs",
                "fs::",
                "File::",
                "OpenOptions",
                "is_file()",
                "is_dir()",
                "exists()",
                "canonicalize()",
                "read_dir()",
                "std::env",
                "env::",
                "SystemTime",
                "Instant",
                "now_utc",
                "std::process::Command",
                "std::thread",
                "std::net",
                "stdin()",
                "stdout()",
                "stderr()",
                "tokio",
                "rustix",
                "tempfile",
                "terminal_size",
            ],
        }
    }

    /// The same within an import, which may list several.
    const fn imports(self) -> &'static [&'static str] {
        match self {
            Self::Sdk => &[],
            Self::Services => &["aws"],
            Self::Machine => &["env", "fs"],
        }
    }

    /// What to do about a file that is not allowed to know this.
    const fn advice(self) -> &'static str {
        match self {
            Self::Sdk => "only aws/ names the SDK: let a function there do it, and take and give our own types",
            Self::Services => {
                "only aws/, apply/ and commands/ call services: take what they found as an argument, and put a type that \
                 both sides need into a module like `stack`"
            }
            Self::Machine => {
                "this module is pure: take the file's text, the time or the variable as an argument, and let commands/ \
                 read it"
            }
        }
    }
}

/// Whether the file of this path may know this.
fn may(path: &str, wall: Wall) -> bool {
    MAY.iter().any(|(place, walls)| is_at(place, path) && walls.contains(&wall))
}

fn is_at(place: &str, path: &str) -> bool {
    path == place || (place.ends_with('/') && path.starts_with(place))
}

/// The first line of the code that names what is behind the wall, and the word. Comments and tests may say what they
/// like.
fn breach(text: &str, wall: Wall) -> Option<(usize, &'static str)> {
    let code = text.split("#[cfg(test)]\nmod tests").next()?;
    code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).find_map(|(at, line)| {
        let imports = if line.trim_start().starts_with("use ") { wall.imports() } else { &[] };
        let word = wall.words().iter().chain(imports).copied().find(|word| names(line, word))?;
        Some((at + 1, word))
    })
}

/// Whether the line has the word as a word of its own. One that ends with an underscore begins one.
fn names(line: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let closed = word.ends_with(is_letter) && !word.ends_with('_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let is_begun = word.starts_with(is_letter) && before.ends_with(is_letter);
        let goes_on = closed && after.starts_with(is_letter);
        !is_begun && !goes_on
    })
}

/// All sources of the provisioner: their paths below `src`, and their text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found): (Vec<PathBuf>, Vec<_>) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((below, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn modules_know_what_they_may_and_nothing_more() {
    let sources = sources();
    assert!(sources.len() > 100, "{} files were found", sources.len());
    let mut faults = Vec::new();
    for (path, text) in &sources {
        for wall in Wall::ALL.into_iter().filter(|wall| !may(path, *wall)) {
            if let Some((line, word)) = breach(text, wall) {
                faults.push(format!("src/{path}:{line} names `{word}`: {}", wall.advice()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "a wall between modules is broken. If the wall stands in the wrong place, move it here in MAY and in \
         ARCHITECTURE.md.\n{}",
        faults.join("\n")
    );
}

#[test]
fn nobody_may_know_what_it_does_not_use() {
    let sources = sources();
    for (place, walls) in MAY {
        for wall in walls {
            // Below aws/ the others are named by `super`.
            let used = (place.starts_with("aws") && *wall == Wall::Services)
                || sources.iter().any(|(path, text)| is_at(place, path) && breach(text, *wall).is_some());
            assert!(used, "src/{place} does not need {wall:?} any more: take it off MAY and say so in ARCHITECTURE.md");
        }
    }
}

#[test]
fn the_ways_to_break_a_wall() {
    for (line, wall, broken) in [
        ("use aws_sdk_s3::Client;", Wall::Sdk, true),
        ("    let retry = aws_config::retry::RetryConfig::standard();", Wall::Sdk, true),
        ("use crate::aws::stacks::Stacks;", Wall::Services, true),
        ("use crate::{aws, diff};", Wall::Services, true),
        ("    let aws = aws::Aws::connect(target);", Wall::Services, true),
        ("let partition = \"arn:aws:s3:::bucket\";", Wall::Services, false),
        ("//! Read by [`crate::aws::live`].", Wall::Services, false),
        ("\"{aws:SourceArn}\"", Wall::Services, false),
        ("    /// Not `std::fs`.", Wall::Machine, false),
        ("let text = std::fs::read_to_string(path)?;", Wall::Machine, true),
        ("use std::{env, fs};", Wall::Machine, true),
        ("let home = env::var(\"HOME\");", Wall::Machine, true),
        ("let version = env!(\"CARGO_PKG_VERSION\");", Wall::Machine, false),
        ("let began = Instant::now();", Wall::Machine, true),
        ("let all = Instantiated::new();", Wall::Machine, false),
        ("if path.is_file() {", Wall::Machine, true),
        ("#[cfg(test)]\nmod tests {\nuse std::fs;", Wall::Machine, false),
    ] {
        assert_eq!(breach(line, wall).is_some(), broken, "{line}");
    }
}
