//! The documentation against itself and against the code: links, anchors, paths, figures, exit codes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use provisioner_model::error::Exit;

use crate::root;

/// Folders that hold no documentation or code of this project.
const SKIPPED: [&str; 5] = [".git", ".venv", "target", "node_modules", "snapshots"];

/// Every file below the workspace with one of these endings, in order.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().canonicalize().unwrap()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no file ends in {endings:?}");
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn page(path: &str) -> String {
    read(&root().join(path))
}

/// The page without fenced blocks and code spans, whose brackets are no links.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// The targets of `[text](target)`.
fn links(page: &str) -> Vec<String> {
    let prose = prose(page);
    let starts = prose.match_indices("](").map(|(at, mark)| at + mark.len());
    starts.filter_map(|at| prose[at..].split_once(')').map(|(target, _)| target.to_owned())).collect()
}

/// The anchors that GitHub gives to the headings of a page: lower case, spaces as hyphens, other punctuation left out.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let headings = page.lines().filter(|line| {
        is_code ^= line.starts_with("```");
        !is_code && line.starts_with('#')
    });
    let anchor = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        text.chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_relative_link_and_anchor_leads_somewhere() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for file in files(&["md"]) {
        let text = read(&file);
        for link in links(&text).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            checked += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap_or(Path::new("")).join(path) };
            let is_there = target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !is_there {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(checked > 100, "only {checked} links were found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn links_and_anchors_are_read_as_github_reads_them() {
    let page =
        "# One, `two` & 3\n\n[a](b.md#c) ![d](e.png)\n\n```\n[no](link)\n# no heading\n```\n`[no](link)` [f](#g)\n";
    assert_eq!(links(page), ["b.md#c", "e.png", "#g"]);
    assert_eq!(anchors(page).into_iter().collect::<Vec<_>>(), ["one-two--3"]);
}

#[test]
fn the_index_lists_every_page() {
    let linked = links(&page("docs/README.md"));
    let folder = root().canonicalize().unwrap().join("docs");
    for file in files(&["md"]).iter().filter_map(|file| file.strip_prefix(&folder).ok()) {
        let name = file.to_string_lossy();
        assert!(name == "README.md" || linked.contains(&name.clone().into_owned()), "docs/README.md lacks {name}");
    }
}

#[test]
fn every_page_that_the_code_names_exists() {
    let mut missing = Vec::new();
    for file in files(&["rs", "py", "yaml", "toml"]) {
        let text = read(&file);
        for (at, _) in text.match_indices("docs/") {
            let is_own = !text[..at].ends_with(|c: char| c.is_alphanumeric() || "/.-_".contains(c));
            let path: String = text[at..].chars().take_while(|c| c.is_alphanumeric() || "/.-_".contains(*c)).collect();
            let is_page = Path::new(&path).extension().is_some_and(|ending| ending == "md");
            if is_own && is_page && !root().join(&path).exists() {
                missing.push(format!("{}: {path}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_page_of_exit_codes_lists_each_of_them() {
    use Exit::{
        Access, Changes, Deployment, Failure, Files, Findings, Interrupted, Invalid, Leftovers, Refused, Unhealthy,
        Unverified, Usage,
    };
    let codes = [
        Failure,
        Usage,
        Invalid,
        Access,
        Refused,
        Deployment,
        Leftovers,
        Files,
        Unverified,
        Changes,
        Unhealthy,
        Findings,
        Interrupted,
    ];
    let expected: Vec<u8> = std::iter::once(0).chain(codes.map(|code| code as u8)).collect();
    let page = page("docs/exit-codes.md");
    let listed: Vec<u8> =
        page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
    assert_eq!(listed, expected);
}

/// Pages whose figures others quote.
const MEASUREMENTS: [&str; 4] = ["accuracy.md", "benchmarks-deployment.md", "benchmarks-handler.md", "hostile.md"];

/// The numbers of a text that have a decimal point, a thousands separator or at least three digits.
fn figures(text: &str) -> Vec<&str> {
    let numbers = text.split(|c: char| !(c.is_ascii_digit() || ".,".contains(c)));
    let numbers = numbers.map(|number| number.trim_matches(['.', ',']));
    numbers.filter(|number| number.len() > 2 && number.contains(|c: char| c.is_ascii_digit())).collect()
}

/// Paragraphs, items of lists and rows of tables, each on one line.
fn passages(page: &str) -> Vec<String> {
    let mut passages = vec![String::new()];
    for line in page.lines() {
        if line.trim().is_empty() || line.starts_with("- ") || line.starts_with('|') {
            passages.push(String::new());
        }
        if let Some(passage) = passages.last_mut() {
            passage.push_str(line);
            passage.push(' ');
        }
    }
    passages
}

#[test]
fn quoted_figures_are_those_of_the_measurements() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    let decisions = root().canonicalize().unwrap().join("docs/decisions");
    for file in files(&["md"]).into_iter().filter(|file| file.starts_with(&decisions)) {
        check_figures(&file, &mut wrong, &mut checked);
    }
    check_figures(&root().join("README.md"), &mut wrong, &mut checked);
    assert!(checked > 20, "only {checked} figures were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_figures(file: &Path, wrong: &mut Vec<String>, checked: &mut usize) {
    for passage in passages(&read(file)) {
        let measured: Vec<String> = links(&passage)
            .iter()
            .filter(|link| MEASUREMENTS.iter().any(|page| link.ends_with(page)))
            .map(|link| read(&file.parent().unwrap_or(Path::new("")).join(link)))
            .collect();
        if measured.is_empty() {
            continue;
        }
        for figure in figures(&prose(&passage)) {
            *checked += 1;
            if !measured.iter().any(|page| page.contains(figure)) {
                wrong.push(format!("{}: {figure} is not in the measurements: {passage}", file.display()));
            }
        }
    }
}

#[test]
fn figures_are_numbers_that_are_measured_not_counted() {
    assert_eq!(figures("in 0.28 s, 2 % of 1,323 files, 217 of 51."), ["0.28", "1,323", "217"]);
    assert_eq!(passages("a\nb\n\n- c\n- d\n"), ["a b ", " ", "- c ", "- d "].map(str::to_owned));
}

#[test]
fn the_page_of_the_emulator_is_about_the_pinned_version() {
    let pinned = std::fs::read_to_string(root().join("tools/requirements.txt")).unwrap();
    let version = pinned
        .split("ministack==")
        .nth(1)
        .unwrap()
        .split([' ', '\\', '\n'])
        .next()
        .unwrap()
        .trim_end_matches(',')
        .to_owned();
    for page in ["docs/emulator.md", "docs/decisions/emulator.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        assert!(
            text.contains(&format!("MiniStack](https://pypi.org/project/ministack/) {version}")),
            "{page}: {version}"
        );
    }
}
