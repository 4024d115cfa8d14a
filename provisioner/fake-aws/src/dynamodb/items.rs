//! Items, one by one: put, read and deleted, on conditions.

use serde_json::{Map, Value, json};

use super::expression::holds;
use super::{Answered, Table, refused, validation};
use crate::http::Response;
use crate::xml;

impl Table {
    /// The items that are not synthetic.
    pub(super) fn items(&self) -> impl Iterator<Item = &Value> {
        self.items.values()
    }

    /// The item with this key.
    pub(super) fn get(&self, key: &Value) -> Option<Value> {
        let real = self.items.get(&self.primary_key(key).to_string()).cloned();
        real.or_else(|| self.synthetic_item(key).map(|(_, item)| item))
    }

    pub(super) fn put(&mut self, item: Value) {
        self.remove_synthetic(&item);
        self.items.insert(self.primary_key(&item).to_string(), item);
    }

    pub(super) fn remove(&mut self, key: &Value) {
        self.remove_synthetic(key);
        self.items.remove(&self.primary_key(key).to_string());
    }

    /// API, `PutItem`.
    pub(super) fn put_item(&mut self, body: &Value) -> Answered {
        let item = &body["Item"];
        if let Some(missing) = self.key.iter().find(|name| item[name.as_str()].is_null()) {
            let message = format!("One or more parameter values were invalid: Missing the key {missing} in the item");
            return Err(validation(&message));
        }
        let existing = self.get(item);
        check(body, existing.as_ref())?;
        self.put(item.clone());
        Ok(returned(body, existing))
    }

    /// API, `DeleteItem`.
    pub(super) fn delete_item(&mut self, body: &Value) -> Answered {
        let existing = self.get(&body["Key"]);
        check(body, existing.as_ref())?;
        self.remove(&body["Key"]);
        Ok(returned(body, existing))
    }

    /// The primary key of an item.
    pub(super) fn primary_key(&self, item: &Value) -> Value {
        self.key.iter().map(|name| (name.clone(), item[name.as_str()].clone())).collect::<Map<_, _>>().into()
    }

    fn synthetic_item(&self, key: &Value) -> Option<(u64, Value)> {
        let wanted = self.primary_key(key);
        self.synthetic.as_ref()?.find(&wanted, |item| self.primary_key(item) == wanted)
    }

    fn remove_synthetic(&mut self, key: &Value) {
        if let Some((number, _)) = self.synthetic_item(key)
            && let Some(synthetic) = &mut self.synthetic
        {
            synthetic.remove(number);
        }
    }
}

/// Evaluates the condition of a write.
fn check(body: &Value, existing: Option<&Value>) -> Result<(), Response> {
    let Some(condition) = body["ConditionExpression"].as_str() else { return Ok(()) };
    let (names, values) = (&body["ExpressionAttributeNames"], &body["ExpressionAttributeValues"]);
    let allowed = holds(condition, names, values, existing).map_err(|invalid| validation(&invalid.to_string()))?;
    if allowed {
        return Ok(());
    }
    let refusal = refused("ConditionalCheckFailedException", "The conditional request failed");
    match existing {
        Some(item) if body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD" => {
            let mut answer: Value = serde_json::from_slice(&refusal.body.to_vec()).unwrap_or_default();
            answer["Item"] = item.clone();
            Err(xml::json(400, &answer))
        }
        _ => Err(refusal),
    }
}

fn returned(body: &Value, existing: Option<Value>) -> Value {
    match existing {
        Some(item) if body["ReturnValues"] == "ALL_OLD" => json!({ "Attributes": item }),
        _ => json!({}),
    }
}
