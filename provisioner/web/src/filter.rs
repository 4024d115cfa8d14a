//! The filters of the list of records, as the address holds them. What the address says is checked here; each mistake is
//! reported beside its field.

use std::fmt::Write as _;

use form_urlencoded::Serializer;
use handler_contract::{Status, Timestamp};
use provisioner_model::query::{Order, Pattern, Position, Query, media_type, moment};

/// Types by which people ask, and their patterns.
pub const TYPES: [(&str, &str); 9] = [
    ("application/pdf", "PDF"),
    ("text/*", "Text"),
    ("image/*", "Images"),
    ("audio/*", "Audio"),
    ("video/*", "Video"),
    ("application/vnd.openxmlformats-officedocument.*", "Office (docx, xlsx, pptx)"),
    ("application/vnd.oasis.opendocument.*", "OpenDocument"),
    ("application/json", "JSON"),
    ("application/zip", "ZIP archives"),
];

/// Ages by which people ask.
pub const AGES: [(&str, &str); 4] =
    [("1h", "Last hour"), ("1d", "Last 24 hours"), ("7d", "Last 7 days"), ("30d", "Last 30 days")];

/// The filters as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `success` or `failed`; empty for both.
    pub status: String,
    /// A pattern for media types.
    pub file_type: String,
    /// A part of the name or key; `*` matches anything.
    pub name: String,
    /// The first moment, or an age.
    pub since: String,
    /// The moment before which.
    pub until: String,
    /// The token of the record after which an older page starts.
    pub after: String,
    /// The token of the record before which a newer page ends.
    pub before: String,
}

/// A filter that makes no sense: the field's name and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Filter {
    /// Reads the query of an address. Fields that are not known are ignored.
    pub fn parse(query: &str) -> Self {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match name.as_ref() {
                "status" => &mut filter.status,
                "type" => &mut filter.file_type,
                "name" => &mut filter.name,
                "since" => &mut filter.since,
                "until" => &mut filter.until,
                "after" => &mut filter.after,
                "before" => &mut filter.before,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        filter
    }

    /// The query of records, or every mistake in it. Keys that contain `test_files` are left out, unless the filter of the
    /// name has it.
    pub fn query(&self, now: &Timestamp, test_files: &'static str) -> Result<Query, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut check = |field, message: String| mistakes.push(Mistake { field, message });
        let status = match self.status.as_str() {
            "" => None,
            "success" => Some(Status::Success),
            "failed" => Some(Status::Failed),
            other => {
                check("status", format!("{other:?} is no status; it is success or failed"));
                None
            }
        };
        let time = |text: &str| if text.is_empty() { Ok(None) } else { moment(text, now).map(Some) };
        let since = time(&self.since).unwrap_or_else(|e| {
            check("since", e.to_string());
            None
        });
        let until = time(&self.until).unwrap_or_else(|e| {
            check("until", e.to_string());
            None
        });
        if let (Some(since), Some(until)) = (&since, &until)
            && since >= until
        {
            check("until", "the end is not after the start".to_owned());
        }
        let pattern = |text: &str| if text.is_empty() { Ok(None) } else { media_type(text).map(Some) };
        let file_type = pattern(&self.file_type).unwrap_or_else(|e| {
            check("type", e.to_string());
            None
        });
        let token = |text: &str| if text.is_empty() { Ok(None) } else { text.parse::<Position>().map(Some) };
        let (after, before) = (token(&self.after), token(&self.before));
        if after.is_err() || before.is_err() {
            check("after", "the address names a page that does not exist".to_owned());
        }
        let (after, order) = match (after.unwrap_or_default(), before.unwrap_or_default()) {
            (_, Some(before)) => (Some(before), Order::OldestFirst),
            (after, None) => (after, Order::NewestFirst),
        };
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let name = (!self.name.is_empty()).then(|| Pattern::contained(&self.name));
        // Who asks for test files by name sees them.
        let excluded = (!self.name.contains(test_files)).then_some(test_files);
        Ok(Query { status, name, file_type, since, until, object: None, excluded, order, after })
    }

    /// The query of the address with these filters, page included; empty without filters.
    pub fn address(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in self.fields() {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// A link to a page with these filters.
    pub fn link(&self, path: &str) -> String {
        let mut link = path.to_owned();
        let query = self.address();
        if !query.is_empty() {
            // Writing into a string does not fail.
            let _ = write!(link, "?{query}");
        }
        link
    }

    /// The same filters, first page.
    #[must_use]
    pub fn first_page(&self) -> Self {
        Self { after: String::new(), before: String::new(), ..self.clone() }
    }

    /// The same filters with another status.
    #[must_use]
    pub fn with_status(&self, status: &str) -> Self {
        Self { status: status.to_owned(), ..self.first_page() }
    }

    /// Whether anything is filtered.
    pub fn is_set(&self) -> bool {
        self.first_page() != Self::default()
    }

    /// Whether this is the page of the newest records.
    pub fn is_first_page(&self) -> bool {
        self.after.is_empty() && self.before.is_empty()
    }

    fn fields(&self) -> [(&'static str, &str); 7] {
        [
            ("status", &self.status),
            ("type", &self.file_type),
            ("name", &self.name),
            ("since", &self.since),
            ("until", &self.until),
            ("after", &self.after),
            ("before", &self.before),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST_FILES: &str = "test-file-";

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-22T16:33:49Z").unwrap()
    }

    #[test]
    fn an_address_and_its_filters_are_the_same() {
        let token = "19f.6dcfed7a-f6fd-5ce0-964a-7ab0426018da";
        let filter = Filter {
            status: "failed".into(),
            file_type: "image/*".into(),
            name: "ä & b=c".into(),
            since: "7d".into(),
            until: "2026-11-22T16:00".into(),
            after: token.into(),
            before: String::new(),
        };
        assert_eq!(Filter::parse(&filter.address()), filter);
        assert_eq!(Filter::default().link("/records"), "/records");
        assert!(filter.link("/records").starts_with("/records?status=failed&"));
        assert!(!filter.is_first_page() && filter.first_page().is_first_page());
        let query = filter.query(&now(), TEST_FILES).unwrap();
        assert_eq!((query.status, query.order), (Some(Status::Failed), Order::NewestFirst));
        assert!(query.name.unwrap().matches("xÄ & b=c"));
        assert_eq!(query.since.unwrap().as_str(), "2026-11-15T16:33:49.000Z");
        let before = Filter { before: token.into(), ..Filter::default() };
        assert_eq!(before.query(&now(), TEST_FILES).unwrap().order, Order::OldestFirst);
    }

    #[test]
    fn test_files_are_left_out_unless_they_are_asked_for() {
        for (name, excluded) in [("", true), ("a", true), (TEST_FILES, false)] {
            let filter = Filter { name: name.into(), ..Filter::default() };
            assert_eq!(filter.query(&now(), TEST_FILES).unwrap().excluded.is_some(), excluded, "{name}");
        }
    }

    #[test]
    fn each_mistake_is_reported_with_its_field() {
        for (query, fields) in [
            ("status=lost", vec!["status"]),
            ("type=pdf", vec!["type"]),
            ("since=tomorrow", vec!["since"]),
            ("until=x&since=y", vec!["since", "until"]),
            ("since=2026-11-22&until=2026-11-21", vec!["until"]),
            ("after=x", vec!["after"]),
            ("before=x&status=x", vec!["status", "after"]),
            ("unknown=x&name=%FF%00", vec![]),
        ] {
            let mistakes = Filter::parse(query).query(&now(), TEST_FILES).err().unwrap_or_default();
            assert_eq!(mistakes.iter().map(|m| m.field).collect::<Vec<_>>(), fields, "{query}");
        }
    }
}
