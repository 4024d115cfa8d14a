//! Sets of media types, as a stack file lists them: `text/*`, `application/pdf`, `*/*`.

use serde::{Deserialize, Serialize};

/// The types that a stack accepts, judged by content. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct FileTypes(Vec<String>);

/// Why a list of types was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileTypesError {
    /// The list has no entry, so that no file could ever be accepted.
    #[error("no type is listed; name at least one, for example \"text/*\"")]
    Empty,
    /// An entry is not of the form `type/subtype`, `type/*` or `*/*`.
    #[error("{0:?} is not a media type; write \"type/subtype\", \"type/*\" or \"*/*\"")]
    NotAType(String),
}

impl FileTypes {
    /// Reads a list of types, in any letter case.
    pub fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, FileTypesError> {
        let patterns: Vec<String> = patterns.into_iter().map(|p| p.as_ref().trim().to_ascii_lowercase()).collect();
        if patterns.is_empty() {
            return Err(FileTypesError::Empty);
        }
        for pattern in &patterns {
            let valid = match pattern.split_once('/') {
                Some(("*", "*")) => true,
                Some((top, sub)) => is_token(top) && (sub == "*" || is_token(sub)),
                None => false,
            };
            if !valid {
                return Err(FileTypesError::NotAType(pattern.clone()));
            }
        }
        Ok(Self(patterns))
    }

    /// Every type.
    pub fn any() -> Self {
        Self(vec!["*/*".to_owned()])
    }

    /// Whether a file of this type (without parameters, in any letter case) is accepted.
    pub fn allows(&self, file_type: &str) -> bool {
        self.names(file_type) || self.0.iter().any(|pattern| pattern == "*/*")
    }

    /// Whether this type is accepted by its own name or its top-level type's, rather than because every type is.
    pub fn names(&self, file_type: &str) -> bool {
        self.0.iter().any(|pattern| match pattern.split_once('/') {
            Some(("*", _)) => false,
            Some((top, "*")) => file_type.split_once('/').is_some_and(|(t, _)| t.eq_ignore_ascii_case(top)),
            _ => pattern.eq_ignore_ascii_case(file_type),
        })
    }

    /// The list, as one value of an environment variable.
    pub fn to_csv(&self) -> String {
        self.0.join(",")
    }

    /// Reads what [`FileTypes::to_csv`] wrote.
    pub fn from_csv(csv: &str) -> Result<Self, FileTypesError> {
        Self::new(csv.split(',').map(str::trim).filter(|p| !p.is_empty()))
    }

    /// The entries, as they are matched.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// A `token` of RFC 6838, section 4.2, without the `*` that a pattern gives a meaning.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 127
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}

impl TryFrom<Vec<String>> for FileTypes {
    type Error = FileTypesError;

    fn try_from(patterns: Vec<String>) -> Result<Self, Self::Error> {
        Self::new(patterns)
    }
}

impl From<FileTypes> for Vec<String> {
    fn from(types: FileTypes) -> Self {
        types.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_top_level_type_or_exactly() {
        let types = FileTypes::new(["text/*", "Application/PDF"]).unwrap();
        assert!(types.allows("text/csv"));
        assert!(types.allows("application/pdf"));
        assert!(!types.allows("application/zip"));
        assert!(!types.allows("texture/x"));
        let macros = FileTypes::new(["application/vnd.ms-word.document.macroEnabled.12"]).unwrap();
        assert!(macros.allows("application/vnd.ms-word.document.macroEnabled.12"));
        assert!(FileTypes::any().allows("application/x-executable"));
        assert!(!FileTypes::any().names("application/x-executable"));
        assert!(types.names("text/csv") && types.names("application/pdf") && !types.names("application/zip"));
    }

    #[test]
    fn what_is_no_type_is_refused_by_name() {
        for bad in ["pdf", "text/", "/plain", "*/plain", "te xt/plain", "text/plain,image/png"] {
            assert_eq!(FileTypes::new([bad]), Err(FileTypesError::NotAType(bad.to_owned())), "{bad}");
        }
        assert_eq!(FileTypes::from_csv(" , "), Err(FileTypesError::Empty));
    }
}
