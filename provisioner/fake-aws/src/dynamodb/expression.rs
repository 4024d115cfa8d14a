//! The language of conditions, key conditions and filters, for the types text, number and boolean.
//!
//! Guide: "Comparison operator and function reference" in the Amazon DynamoDB Developer Guide. Supported are the
//! comparisons, `BETWEEN`, `IN`, `AND`, `OR`, `NOT`, parentheses, `attribute_exists`, `attribute_not_exists`,
//! `begins_with` and `contains`; paths lead into maps (`a.b`).

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

/// An expression that cannot be evaluated: it is invalid, or it is not modelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidExpression(String);

impl fmt::Display for InvalidExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid expression: {}", self.0)
    }
}

impl std::error::Error for InvalidExpression {}

type Judged<T> = Result<T, InvalidExpression>;

/// Evaluates an expression for an item, or for a missing item. `names` and `values` are the placeholders: `{"#n":
/// "attribute"}` and `{":v": {"S": "text"}}`.
///
/// # Errors
/// When the expression cannot be evaluated: a fake that guesses would prove nothing.
pub fn holds(expression: &str, names: &Value, values: &Value, item: Option<&Value>) -> Judged<bool> {
    let mut judge = Judge { tokens: tokens(expression), at: 0, names, values, item };
    let result = judge.alternatives()?;
    match judge.peek() {
        "" => Ok(result),
        rest => Err(InvalidExpression(format!("{rest:?} is left over in {expression:?}"))),
    }
}

/// The ordering of two attribute values of the same type; `None` for different types. Numbers are compared as doubles.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a["S"].as_str(), b["S"].as_str()) {
        return Some(a.cmp(b));
    }
    let number = |value: &Value| value["N"].as_str().and_then(|text| text.parse::<f64>().ok());
    number(a)?.partial_cmp(&number(b)?)
}

/// Words, placeholders and operators. Attribute names with special characters require a placeholder.
fn tokens(expression: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || "_#:.-[]".contains(c);
    let mut tokens: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in expression.chars() {
        let joins = (is_word(c) && is_word(previous)) || ("=>".contains(c) && "<>".contains(previous));
        match tokens.last_mut() {
            _ if c.is_whitespace() => {}
            Some(token) if joins => token.push(c),
            _ => tokens.push(c.to_string()),
        }
        previous = c;
    }
    tokens
}

/// Parses and evaluates an expression in one pass.
struct Judge<'a> {
    tokens: Vec<String>,
    at: usize,
    names: &'a Value,
    values: &'a Value,
    item: Option<&'a Value>,
}

impl Judge<'_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.peek().eq_ignore_ascii_case(word);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, word: &str) -> Judged<()> {
        if self.takes(word) {
            return Ok(());
        }
        Err(InvalidExpression(format!("{word:?} is missing before {:?}", self.peek())))
    }

    fn alternatives(&mut self) -> Judged<bool> {
        let mut result = self.conjunction()?;
        while self.takes("OR") {
            result |= self.conjunction()?;
        }
        Ok(result)
    }

    fn conjunction(&mut self) -> Judged<bool> {
        let mut result = self.negation()?;
        while self.takes("AND") {
            result &= self.negation()?;
        }
        Ok(result)
    }

    fn negation(&mut self) -> Judged<bool> {
        if self.takes("NOT") {
            return Ok(!self.negation()?);
        }
        if self.takes("(") {
            let result = self.alternatives()?;
            self.expect(")")?;
            return Ok(result);
        }
        self.condition()
    }

    fn condition(&mut self) -> Judged<bool> {
        let first = self.take();
        if self.takes("(") {
            return self.function(&first);
        }
        let left = self.operand(&first)?;
        let operator = self.take();
        match operator.to_ascii_uppercase().as_str() {
            "BETWEEN" => {
                let low = self.next_operand()?;
                self.expect("AND")?;
                let high = self.next_operand()?;
                let within = |a: Option<Ordering>, b: Option<Ordering>| {
                    a.is_some_and(Ordering::is_ge) && b.is_some_and(Ordering::is_le)
                };
                Ok(within(ordered(left.as_ref(), low.as_ref()), ordered(left.as_ref(), high.as_ref())))
            }
            "IN" => {
                self.expect("(")?;
                let mut found = false;
                loop {
                    let one = self.next_operand()?;
                    found |= left.is_some() && one == left;
                    if !self.takes(",") {
                        break;
                    }
                }
                self.expect(")")?;
                Ok(found)
            }
            sign => {
                let right = self.next_operand()?;
                // An attribute that does not exist equals nothing and is unequal to everything.
                let order = ordered(left.as_ref(), right.as_ref());
                match sign {
                    "=" => Ok(left.is_some() && left == right),
                    "<>" => Ok(left != right),
                    "<" => Ok(order.is_some_and(Ordering::is_lt)),
                    "<=" => Ok(order.is_some_and(Ordering::is_le)),
                    ">" => Ok(order.is_some_and(Ordering::is_gt)),
                    ">=" => Ok(order.is_some_and(Ordering::is_ge)),
                    other => Err(InvalidExpression(format!("{other:?} is no operator that is modelled"))),
                }
            }
        }
    }

    fn function(&mut self, name: &str) -> Judged<bool> {
        let first = self.next_operand()?;
        let second = if self.takes(",") { self.next_operand()? } else { None };
        self.expect(")")?;
        let text = |value: &Option<Value>| value.as_ref().and_then(|v| v["S"].as_str()).map(ToOwned::to_owned);
        let texts = text(&first).zip(text(&second));
        match name {
            "attribute_exists" => Ok(first.is_some()),
            "attribute_not_exists" => Ok(first.is_none()),
            "begins_with" => Ok(texts.is_some_and(|(text, start)| text.starts_with(&start))),
            "contains" => Ok(texts.is_some_and(|(text, part)| text.contains(&part))),
            other => Err(InvalidExpression(format!("the function {other:?} is not modelled"))),
        }
    }

    fn next_operand(&mut self) -> Judged<Option<Value>> {
        let token = self.take();
        self.operand(&token)
    }

    /// The value of a placeholder or path; `None` for an attribute that does not exist.
    fn operand(&self, token: &str) -> Judged<Option<Value>> {
        let undefined = || InvalidExpression(format!("{token:?} is not defined"));
        if token.starts_with(':') {
            return self.values.get(token).cloned().map(Some).ok_or_else(undefined);
        }
        if !token.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '#') {
            return Err(InvalidExpression(format!("{token:?} is no path")));
        }
        let mut found = None;
        for (depth, part) in token.split('.').enumerate() {
            let name = if part.starts_with('#') { self.names[part].as_str().ok_or_else(undefined)? } else { part };
            let map = if depth == 0 { self.item } else { found };
            found = map.and_then(|map| if depth == 0 { map.get(name) } else { map["M"].get(name) });
        }
        Ok(found.cloned())
    }
}

fn ordered(a: Option<&Value>, b: Option<&Value>) -> Option<Ordering> {
    compare(a?, b?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_judged() {
        let item = json!({
            "id": {"S": "b"}, "size": {"N": "9"}, "status": {"S": "FAILED"}, "map": {"M": {"deep": {"S": "x"}}},
        });
        let names = json!({"#s": "status", "#d": "deep"});
        let values = json!({
            ":a": {"S": "a"}, ":b": {"S": "b"}, ":c": {"S": "c"}, ":ten": {"N": "10"}, ":failed": {"S": "FAILED"},
            ":x": {"S": "x"}, ":fa": {"S": "FA"}, ":il": {"S": "IL"},
        });
        for (expression, expected) in [
            ("attribute_exists(id)", true),
            ("attribute_not_exists(id)", false),
            ("attribute_not_exists(missing)", true),
            ("#s = :failed", true),
            ("#s <> :failed", false),
            ("missing = :a", false),
            ("missing <> :a", true),
            // Numbers are compared as numbers: as text, "9" would come after "10".
            ("size < :ten", true),
            ("size >= :ten", false),
            ("id BETWEEN :a AND :c AND size<:ten", true),
            ("id between :c and :c", false),
            ("id IN (:a, :b)", true),
            ("NOT id IN (:a,:c)", true),
            ("attribute_not_exists(id) OR #s = :failed", true),
            ("id = :a OR id = :b AND size = :ten", false),
            ("(id = :a OR id = :b) AND NOT (size = :ten)", true),
            ("begins_with(#s, :fa)", true),
            ("begins_with(#s, :il)", false),
            ("contains(#s, :il)", true),
            ("map.#d = :x", true),
            ("map.other = :x", false),
            // Of different types.
            ("id < :ten", false),
        ] {
            assert_eq!(holds(expression, &names, &values, Some(&item)), Ok(expected), "{expression}");
        }
        assert_eq!(holds("attribute_not_exists(id)", &names, &values, None), Ok(true));
    }

    #[test]
    fn what_cannot_be_judged_is_an_error() {
        for expression in [
            "",
            "id",
            "id =",
            "id = :missing",
            "#missing = :a",
            "id ~ :a",
            "size(id) > :a",
            "(id = :a",
            "id = :a id",
            ") = :a",
        ] {
            let judged = holds(expression, &json!({}), &json!({":a": {"S": "a"}}), Some(&json!({"id": {"S": "b"}})));
            assert!(judged.is_err(), "{expression}: {judged:?}");
        }
    }
}
