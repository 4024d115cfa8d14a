//! What can be known of a file's content. The fields are attributes of the record, side by side with the six that the
//! user's schema fixes; `docs/record.md` is generated from this table.
//!
//! Names are schema.org, Dublin Core or Tika terms where one fits, in the record's camel case.

use serde::{Deserialize, Serialize};

/// A row of the documentation: one attribute that a record may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The attribute's name.
    pub name: &'static str,
    /// `text`, `number`, `truth` or `list`.
    pub kind: &'static str,
    /// The unit of a number, or the form of a text; empty where there is none.
    pub unit: &'static str,
    /// For which files it is set.
    pub files: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

macro_rules! kind {
    (String) => {
        "text"
    };
    (bool) => {
        "truth"
    };
    (u64) => {
        "number"
    };
    (f64) => {
        "number"
    };
    (Vec<String>) => {
        "list"
    };
}

macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $field:ident: [$($kind:tt)+] = $name:literal, $unit:literal, $files:literal;)+) => {
        /// What was read from a file's content. A field that the format does not have, or the file does not say, is
        /// absent, never zero or empty.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct Metadata {
            $($(#[doc = $doc])+ #[serde(rename = $name, default, skip_serializing_if = "Option::is_none")] pub $field: Option<$($kind)+>,)+
        }

        impl Metadata {
            /// All fields, in the order of the documentation.
            pub const FIELDS: &[Field] = &[$(Field {
                name: $name, kind: kind!($($kind)+), unit: $unit, files: $files, meaning: concat!($($doc),+),
            }),+];
        }
    };
}

fields! {
    /// Words, separated by white space, as `wc -w` counts them.
    word_count: [u64] = "wordCount", "words", "text, pdf";
    /// Words by Unicode's rules (UAX 29), which also tell words apart where a script puts no spaces.
    unicode_word_count: [u64] = "unicodeWordCount", "words", "text, pdf";
    /// Characters: Unicode scalar values.
    character_count: [u64] = "characterCount", "characters", "text";
    /// Lines; a last one without a line feed counts.
    line_count: [u64] = "lineCount", "lines", "text";
    /// The character encoding, as the WHATWG names it.
    charset: [String] = "charset", "WHATWG label", "text";
    /// Pages.
    page_count: [u64] = "pageCount", "pages", "pdf";
    /// The title that the file gives itself.
    title: [String] = "title", "", "pdf";
    /// Who wrote it.
    author: [String] = "author", "", "pdf";
    /// What it is about.
    subject: [String] = "subject", "", "pdf";
    /// Its keywords, as the file spells them.
    keywords: [String] = "keywords", "", "pdf";
    /// The program that wrote the original.
    creator_tool: [String] = "creatorTool", "", "pdf";
    /// The program that made this file of it.
    producer: [String] = "producer", "", "pdf";
    /// When the content was made, as the file says; UTC where it gives no zone.
    date_created: [String] = "dateCreated", "ISO 8601", "pdf";
    /// When the content was last changed, as the file says; UTC where it gives no zone.
    date_modified: [String] = "dateModified", "ISO 8601", "pdf";
    /// The version of its format.
    format_version: [String] = "formatVersion", "", "pdf";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_nothing_is_written_for_what_is_unknown() {
        let mut names: Vec<_> = Metadata::FIELDS.iter().map(|f| f.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metadata::FIELDS.len());
        assert_eq!(serde_json::to_value(Metadata::default()).unwrap(), serde_json::json!({}));
    }
}
