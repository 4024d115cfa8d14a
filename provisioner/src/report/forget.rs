//! Human-readable text for the erasure of a file.

use provisioner_engine::forget::Forgotten;
use provisioner_model::text::clean;
use provisioner_model::units::counted;

use super::Style;
use super::wrap::wrap;

/// What was deleted, and what remains.
pub fn text(forgotten: &Forgotten, style: Style) -> String {
    let key = clean(&forgotten.key);
    let mut deleted = vec![counted(forgotten.versions, "version")];
    if forgotten.delete_markers > 0 {
        deleted.push(counted(forgotten.delete_markers, "delete marker"));
    }
    deleted.push(counted(forgotten.records, "record"));
    let is_empty = forgotten.versions + forgotten.delete_markers + forgotten.records == 0;
    let mut lines = vec![if is_empty {
        format!("{key} has neither a version nor a record")
    } else {
        format!("{} {key}: {} deleted", style.good("✓"), deleted.join(", "))
    }];
    lines.push("What may remain:".to_owned());
    lines.extend(forgotten.remains.iter().map(|what| format!("  {} {}", style.warn("!"), clean(what))));
    wrap(&lines.join("\n"), style.width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_deleted_and_what_remains() {
        let mut forgotten = Forgotten {
            stack: "s".into(),
            key: "a\u{1b}b".into(),
            versions: 2,
            delete_markers: 1,
            records: 1_000,
            remains: vec!["log lines".into()],
        };
        let style = Style { colour: false, live: false, width: 80 };
        assert_eq!(
            text(&forgotten, style),
            "✓ a\u{fffd}b: 2 versions, 1 delete marker, 1,000 records deleted\nWhat may remain:\n  ! log lines"
        );
        (forgotten.versions, forgotten.delete_markers, forgotten.records) = (0, 0, 0);
        assert!(text(&forgotten, style).starts_with("a\u{fffd}b has neither a version nor a record"));
    }
}
