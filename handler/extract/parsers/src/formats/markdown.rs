//! Markdown: the title, by the front matter or the first heading. Its words are counted as those of any text.

use handler_contract::Metadata;

use super::language;
use super::value::clean;

/// What the start of a document says of it.
pub(super) fn describe(head: &str, metadata: &mut Metadata) {
    let body = match front_matter(head) {
        Some((matter, body)) => {
            read_front_matter(matter, metadata);
            body
        }
        None => head,
    };
    if metadata.title.is_none() {
        metadata.title = first_heading(body);
    }
}

/// The lines between the marks of YAML (`---`) or TOML (`+++`) at the very start, and what follows them.
fn front_matter(head: &str) -> Option<(&str, &str)> {
    let mark = head.get(..3).filter(|mark| matches!(*mark, "---" | "+++"))?;
    let (first, rest) = head.split_once('\n')?;
    if first.trim_end() != mark {
        return None;
    }
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare == mark || mark == "---" && bare == "..." {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// Plain values on one line; whatever YAML or TOML can say besides is passed over.
fn read_front_matter(matter: &str, metadata: &mut Metadata) {
    for line in matter.lines() {
        let Some((key, value)) = line.split_once([':', '=']) else { continue };
        let value = value.trim();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
            Some('[') => value.trim_matches(['[', ']']),
            Some('|' | '>' | '{' | '&' | '*' | '!') | None => continue,
            Some(_) => value.split(" #").next().unwrap_or_default(),
        };
        let (slot, value) = match key.trim_end() {
            "title" => (&mut metadata.title, clean(value)),
            "author" => (&mut metadata.author, clean(value)),
            "description" | "summary" => (&mut metadata.description, clean(value)),
            "keywords" | "tags" => (&mut metadata.keywords, clean(value)),
            "lang" | "language" => (&mut metadata.language, language::declared(value)),
            _ => continue,
        };
        if slot.is_none() {
            *slot = value;
        }
    }
}

/// The first heading outside of code: `# …`, or a line underlined with `=` or `-`.
fn first_heading(body: &str) -> Option<String> {
    let mut fence = None;
    let mut previous = "";
    for line in body.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let bare = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        if fence.is_some() || mark.is_some() || indent >= 4 || line.starts_with('\t') {
            previous = "";
            continue;
        }
        let level = bare.len() - bare.trim_start_matches('#').len();
        if (1..=6).contains(&level)
            && bare[level..].starts_with([' ', '\t'])
            && let Some(title) = title(bare[level..].trim().trim_end_matches('#'))
        {
            return Some(title);
        }
        let underline = !bare.is_empty() && (bare.bytes().all(|b| b == b'=') || bare.bytes().all(|b| b == b'-'));
        let may_be_heading = !previous.is_empty() && !previous.starts_with(['>', '|', '-', '*', '+', '<']);
        if underline && may_be_heading {
            return title(previous);
        }
        previous = bare;
    }
    None
}

/// A heading's text; the alternative text of its images if there is nothing else.
fn title(heading: &str) -> Option<String> {
    clean(&plain(heading, false)).or_else(|| clean(&plain(heading, true)))
}

/// A heading without its marks: links by their text, emphasis and code without their signs.
fn plain(heading: &str, images: bool) -> String {
    let mut text = String::new();
    let mut rest = heading;
    while let Some(at) = rest.find(['[', ']', '*', '`', '\\', '!']) {
        text.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match rest.as_bytes()[at] {
            b'!' if after.starts_with('[') && images => after,
            b'!' if after.starts_with('[') => {
                after.split_once("](").and_then(|(_, to)| to.split_once(')')).map_or(after, |(_, rest)| rest)
            }
            b']' if after.starts_with('(') => after.split_once(')').map_or("", |(_, rest)| rest),
            b'[' | b']' | b'*' | b'`' => after,
            b'\\' if after.starts_with(|c: char| c.is_ascii_punctuation()) => {
                text.push_str(&after[..1]);
                &after[1..]
            }
            _ => {
                text.push_str(&rest[at..=at]);
                after
            }
        };
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Metadata {
        let mut metadata = Metadata::default();
        describe(text, &mut metadata);
        metadata
    }

    #[test]
    fn titles() {
        for (text, title) in [
            ("# A title #\n", Some("A title")),
            ("text\n\n## Second *level*\n# First", Some("Second level")),
            ("A title\n=======\n", Some("A title")),
            ("A title\n---\n", Some("A title")),
            ("- item\n---\n# T", Some("T")),
            ("```\n# no\n```\n# Yes", Some("Yes")),
            ("~~~\n```\n# no\n~~~\n# Yes", Some("Yes")),
            ("    # no\n\t# no\n# Yes", Some("Yes")),
            ("#no\n#######  no\n", None),
            ("# [![badge](b.svg)](x) `Name` \\*1", Some("Name *1")),
            ("# ![Logo](l.png)", Some("Logo")),
            ("# [Unreleased] is [here](there)!", Some("Unreleased is here!")),
            ("---\ntitle: \"In front: yes\"\n---\n# Not this\n", Some("In front: yes")),
            ("+++\ntitle = 'Toml'\n+++\n", Some("Toml")),
            ("---\ntitle: |\n  block\n---\n# This", Some("This")),
            ("---\nnot closed\n", None),
            ("---\n\nA rule above\n---\n", None),
            ("", None),
        ] {
            assert_eq!(read(text).title.as_deref(), title, "{text:?}");
        }
    }

    #[test]
    fn front_matter_says_more() {
        let metadata =
            read("---\r\ntitle: T # c\r\nauthor: 'A B'\r\ntags: [a, b]\r\nlang: de_CH\r\nsummary: S\r\n...\r\nx");
        assert_eq!(metadata.title.as_deref(), Some("T"));
        assert_eq!(metadata.author.as_deref(), Some("A B"));
        assert_eq!(metadata.keywords.as_deref(), Some("a, b"));
        assert_eq!(metadata.language.as_deref(), Some("de-CH"));
        assert_eq!(metadata.description.as_deref(), Some("S"));
    }
}
