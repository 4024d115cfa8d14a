//! XML and error answers, written by hand with escaping in one place, and read with `quick-xml`.

use std::fmt::Display;

use quick_xml::events::Event;

use crate::http::Response;

/// Text as XML carries it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

/// An element with text content.
pub(crate) fn text(name: &str, value: impl Display) -> String {
    node(name, &escape(&value.to_string()))
}

/// An element with text content, or nothing.
pub(crate) fn optional(name: &str, value: Option<impl Display>) -> String {
    value.map(|value| text(name, value)).unwrap_or_default()
}

/// An element with child elements.
pub(crate) fn node(name: &str, inner: &str) -> String {
    format!("<{name}>{inner}</{name}>")
}

/// A list in the Query protocol: an element with one `member` for each item.
pub(crate) fn members(name: &str, items: impl IntoIterator<Item = String>) -> String {
    node(name, &items.into_iter().fold(String::new(), |all, item| all + &node("member", &item)))
}

/// A document as S3 answers.
pub(crate) fn document(root: &str, inner: &str) -> Response {
    Response::new(200, node(root, inner)).with("content-type", "application/xml")
}

/// An answer in the Query protocol.
pub(crate) fn query_answer(action: &str, result: &str) -> Response {
    let body = node(&format!("{action}Response"), &node(&format!("{action}Result"), result));
    Response::new(200, body).with("content-type", "text/xml")
}

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response {
    Response::new(status, body.to_string()).with("content-type", "application/x-amz-json-1.0")
}

/// An error as the service's protocol has it.
pub(crate) fn error(service: &str, status: u16, code: &str, message: &str) -> Response {
    let details = text("Code", code) + &text("Message", message);
    match service {
        "s3" => Response::new(status, node("Error", &details)).with("content-type", "application/xml"),
        "dynamodb" | "logs" | "sqs" | "lambda" => {
            json(status, &serde_json::json!({ "__type": code, "code": code, "message": message }))
        }
        _ => {
            let error = node("Error", &(text("Type", "Sender") + &details));
            let body = node("ErrorResponse", &(error + &text("RequestId", "r")));
            Response::new(status, body).with("content-type", "text/xml")
        }
    }
}

/// The leaf elements of a document in order: the path of names below the root, joined by `/`, and the text. Anything
/// after a syntax error is left out.
pub(crate) fn leaves(document: &[u8]) -> Vec<(String, String)> {
    let document = String::from_utf8_lossy(document);
    let mut reader = quick_xml::Reader::from_str(&document);
    let (mut path, mut content, mut leaves): (Vec<String>, String, Vec<_>) = Default::default();
    let mut is_leaf = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                path.push(start.local_name().as_ref().to_owned());
                content.clear();
                is_leaf = true;
            }
            Ok(Event::Text(part)) => content.push_str(&part.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let predefined = || quick_xml::escape::resolve_predefined_entity(&reference).map(ToOwned::to_owned);
                content.push_str(&character.or_else(predefined).unwrap_or_default());
            }
            Ok(Event::End(_)) => {
                if is_leaf {
                    leaves.push((path.get(1..).unwrap_or_default().join("/"), content.clone()));
                }
                path.pop();
                is_leaf = false;
            }
            Ok(Event::Eof) | Err(_) => return leaves,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_read_again() {
        let key = "a<b>&\"c\"\r\nd \u{e4}";
        let document = node("Delete", &(node("Object", &text("Key", key)) + &text("Quiet", true)));
        let leaves = leaves(document.as_bytes());
        assert_eq!(leaves, [("Object/Key".to_owned(), key.to_owned()), ("Quiet".to_owned(), "true".to_owned())]);
    }
}
