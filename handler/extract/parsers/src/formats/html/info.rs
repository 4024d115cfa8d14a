//! What the tags of a document declare of it.

use encoding_rs::Encoding;

use crate::formats::language;
use crate::formats::value::clean;

/// What tags say of the document. The first of each counts.
#[derive(Debug, Default)]
pub(super) struct DocumentInfo {
    pub(super) title: Option<String>,
    pub(super) other_title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) description: Option<String>,
    pub(super) other_description: Option<String>,
    pub(super) keywords: Option<String>,
    pub(super) generator: Option<String>,
    pub(super) language: Option<String>,
    pub(super) other_language: Option<String>,
    pub(super) charset: Option<&'static Encoding>,
    pub(super) scripts: bool,
}

/// The attributes of the tag at hand that mean something.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// `name` or `property`.
    pub(super) name: Option<String>,
    pub(super) content: Option<String>,
    pub(super) http_equiv: Option<String>,
    pub(super) charset: Option<String>,
    pub(super) lang: Option<String>,
    pub(super) script_type: Option<String>,
}

impl DocumentInfo {
    /// Reads a `meta` element.
    pub(super) fn meta(&mut self, attributes: &Attributes) {
        let declared = attributes.charset.as_deref().or_else(|| {
            let is_type =
                attributes.http_equiv.as_deref().is_some_and(|h| h.trim().eq_ignore_ascii_case("content-type"));
            let content = attributes.content.as_deref().filter(|_| is_type)?;
            let (_, label) = content.split_once("charset").or_else(|| content.split_once("CHARSET"))?;
            let label = label.trim_start().strip_prefix('=')?.trim_start();
            label.trim_start_matches(['"', '\'']).split([';', ' ', '"', '\'']).next()
        });
        self.charset = self.charset.or_else(|| declared.and_then(|label| Encoding::for_label(label.as_bytes())));

        let Some(content) = attributes.content.as_deref() else { return };
        let name = attributes.name.as_deref().or(attributes.http_equiv.as_deref()).unwrap_or_default();
        let (slot, value) = match name.trim().to_ascii_lowercase().as_str() {
            "author" | "dc.creator" | "dcterms.creator" => (&mut self.author, clean(content)),
            "description" | "dc.description" | "dcterms.description" => (&mut self.description, clean(content)),
            "og:description" | "twitter:description" => (&mut self.other_description, clean(content)),
            "keywords" => (&mut self.keywords, clean(content)),
            "generator" => (&mut self.generator, clean(content)),
            "og:title" | "dc.title" | "dcterms.title" => (&mut self.other_title, clean(content)),
            "content-language" | "language" | "dc.language" | "dcterms.language" | "og:locale" => {
                (&mut self.other_language, language::declared(content))
            }
            _ => return,
        };
        if slot.is_none() {
            *slot = value;
        }
    }
}

/// Whether a `script` element of this type is run.
pub(super) fn is_java_script(script_type: &str) -> bool {
    let essence = script_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.is_empty() || essence == "module" || essence.ends_with("javascript") || essence.ends_with("ecmascript")
}
