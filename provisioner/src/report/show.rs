//! Human-readable text for one record.

use handler_contract::{Metadata, Record};
use provisioner_engine::show::{ObjectState, Shown};
use provisioner_model::text::clean;

use super::wrap::wrap;
use super::{Style, files, record_list};

/// The record as labelled lines, what its error means, and the other uploads of its key.
pub fn text(shown: &Shown, style: Style) -> String {
    let record = &shown.record;
    let mut lines = vec![style.strong(&clean(record["objectKey"].as_str().unwrap_or_default()))];
    let known = Record::FIELDS.iter().chain(Metadata::FIELDS).map(|field| field.name);
    // A newer handler may write attributes that this program does not know.
    let others = record.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let mut names: Vec<&str> = known.collect();
    let others: Vec<&str> = others.filter(|name| !names.contains(name)).collect();
    names.extend(others);
    lines.extend(files::fields(record, names.into_iter(), style));
    let object = match shown.object {
        Some(ObjectState::Current) => "The object is in the bucket.".to_owned(),
        Some(ObjectState::Overwritten) => "The key was put again; this upload is kept as an older version.".to_owned(),
        Some(ObjectState::Gone) => style.warn("This upload is no longer in the bucket."),
        None => style.warn("The bucket could not be read."),
    };
    lines.push(String::new());
    if let Some(explanation) = &shown.explanation {
        lines.push(format!("{}: {}", style.bad(&explanation.code), explanation.meaning));
        lines.push(format!("  {} {}", style.warn("→"), explanation.remedy));
    }
    lines.push(object);
    let mut text = wrap(&lines.join("\n"), style.width);
    if !shown.others.is_empty() {
        text.push_str(&format!(
            "\n\n{}\n{}",
            style.strong("Other uploads of this key"),
            record_list::records(&shown.others, &std::collections::BTreeSet::new(), style)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use provisioner_engine::show::Explanation;
    use serde_json::{Value, json};

    use super::*;

    fn shown(record: Value) -> Shown {
        Shown { stack: "s".into(), record, explanation: None, object: Some(ObjectState::Gone), others: Vec::new() }
    }

    #[test]
    fn every_attribute_has_a_line_and_none_reaches_the_terminal_raw() {
        let record = json!({
            "documentId": "d", "objectKey": "in/a\u{1b}[2Jb", "status": "FAILED", "errorCode": "ENCRYPTED", "fileSize": 2048,
            "title": "x\u{202e}y", "keywords": ["a", "b\u{7}"], "recentShard": "01", "newerAttribute": {"a": "\u{1b}c"},
        });
        let mut shown = shown(record.clone());
        shown.explanation = Some(Explanation {
            code: "ENCRYPTED".into(),
            meaning: "The file needs a password.".into(),
            remedy: "remove it".into(),
        });
        let text = text(&shown, Style { colour: false, live: false, width: 200 });
        for name in record.as_object().unwrap().keys() {
            assert!(text.lines().any(|line| line.trim_start().starts_with(name.as_str())), "{name}: {text}");
        }
        assert!(text.contains("2048 B (2.00 KiB)") && text.contains("a, b\u{fffd}"), "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n') && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("ENCRYPTED: The file needs a password.\n  → remove it"), "{text}");
    }

    #[test]
    fn lines_fit_the_terminal() {
        let record = json!({ "objectKey": "k", "errorMessage": "word ".repeat(60) });
        for width in [40, 80] {
            let text = text(&shown(record.clone()), Style { colour: false, live: false, width });
            assert!(text.lines().all(|line| line.len() <= width), "{text}");
        }
    }
}
