//! Ways through a template as a tree of JSON.

use serde_json::Value;

/// A value as a list, as policies write one item and several.
pub(super) fn one_or_more(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(list) => list.iter(),
        Value::Null => [].iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

/// The members of an object; of anything else none.
pub(super) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Visits every node with its path.
pub(super) fn walk(node: &Value, path: &mut String, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, node);
    let mut below = |step: &str, child: &Value| {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(step);
        walk(child, path, visit);
        path.truncate(length);
    };
    match node {
        Value::Object(object) => object.iter().for_each(|(key, child)| below(key, child)),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, child)| below(&n.to_string(), child)),
        _ => {}
    }
}
