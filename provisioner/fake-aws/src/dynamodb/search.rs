//! `Query` and `Scan`, page by page.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::expression::{compare, holds};
use super::table::Index;
use super::{Answered, Table, validation};
use crate::http::Response;

/// The common parameters of both.
struct Search<'a> {
    body: &'a Value,
    index: Option<Index>,
    limit: usize,
    page_bytes: usize,
}

impl<'a> Search<'a> {
    fn new(table: &Table, body: &'a Value, page_bytes: usize) -> Result<Self, Response> {
        let index = match body["IndexName"].as_str() {
            None => None,
            Some(name) => {
                let found = table.indexes.iter().find(|index| index.name == name);
                let message = format!("The table does not have the specified index: {name}");
                Some(found.cloned().ok_or_else(|| validation(&message))?)
            }
        };
        let limit = body["Limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        Ok(Self { body, index, limit, page_bytes })
    }

    fn holds(&self, expression: &str, item: &Value) -> Result<bool, Response> {
        let Some(text) = self.body[expression].as_str() else { return Ok(true) };
        let (names, values) = (&self.body["ExpressionAttributeNames"], &self.body["ExpressionAttributeValues"]);
        holds(text, names, values, Some(item)).map_err(|invalid| validation(&invalid.to_string()))
    }

    /// Whether the item is in the index: it has all attributes of its key.
    fn is_indexed(&self, item: &Value) -> bool {
        self.index.as_ref().is_none_or(|index| index.key.iter().all(|name| !item[name.as_str()].is_null()))
    }

    /// The item as the index projects it, and as the call selects it.
    fn projected(&self, table: &Table, item: &Value) -> Value {
        let mut item = item.clone();
        let Some(attributes) = item.as_object_mut() else { return item };
        if let Some(index) = &self.index
            && let Some(projected) = &index.projected
        {
            attributes.retain(|name, _| [&table.key, &index.key, projected].iter().any(|list| list.contains(name)));
        }
        if let Some(wanted) = self.body["ProjectionExpression"].as_str() {
            let names = &self.body["ExpressionAttributeNames"];
            let wanted: Vec<&str> =
                wanted.split(',').map(|name| names[name.trim()].as_str().unwrap_or(name.trim())).collect();
            attributes.retain(|name, _| wanted.contains(&name.as_str()));
        }
        item
    }

    /// The attributes of `LastEvaluatedKey`.
    fn key(&self, table: &Table, item: &Value) -> Value {
        let names = table.key.iter().chain(self.index.iter().flat_map(|index| &index.key));
        names.map(|name| (name.clone(), item[name.as_str()].clone())).collect::<Map<_, _>>().into()
    }

    /// The first page of these items, in their order. Returns the key of the last examined item if more follow.
    fn page<T>(
        &self,
        table: &Table,
        items: impl Iterator<Item = (T, Value)>,
    ) -> Result<(Value, Option<(T, Value)>), Response> {
        let counts_only = self.body["Select"] == "COUNT";
        let (mut found, mut count, mut scanned, mut bytes) = (Vec::new(), 0, 0, 0);
        let mut last = None;
        for (position, item) in items {
            if scanned == self.limit || bytes >= self.page_bytes {
                let answer = json!({ "Count": count, "ScannedCount": scanned, "Items": found });
                return Ok((answer, last));
            }
            scanned += 1;
            bytes += item.to_string().len();
            if self.holds("FilterExpression", &item)? {
                count += 1;
                if !counts_only {
                    found.push(self.projected(table, &item));
                }
            }
            last = Some((position, item));
        }
        let mut answer = json!({ "Count": count, "ScannedCount": scanned });
        if !counts_only {
            answer["Items"] = found.into();
        }
        // API, `Query`: a page that ends exactly at its limit has a key, even if nothing follows.
        Ok((answer, last.filter(|_| scanned == self.limit)))
    }
}

impl Table {
    /// API, `Query`: the items of one partition in the order of the sort key.
    pub(super) fn query(&self, body: &Value, page_bytes: usize) -> Answered {
        let search = Search::new(self, body, page_bytes)?;
        let key = search.index.as_ref().map_or(&self.key, |index| &index.key);
        let sort = key.get(1).map(String::as_str);
        let synthetic = self.synthetic.iter().flat_map(|s| s.range(0..s.count())).map(|(_, item)| item);
        let mut items = Vec::new();
        for item in self.items.values().cloned().chain(synthetic).filter(|item| search.is_indexed(item)) {
            if search.holds("KeyConditionExpression", &item)? {
                items.push(item);
            }
        }
        let descending = body["ScanIndexForward"] == false;
        let order = |a: &Value, b: &Value| {
            let by_sort = sort.map_or(Ordering::Equal, |sort| compare(&a[sort], &b[sort]).unwrap_or(Ordering::Equal));
            let by_key = || self.primary_key(a).to_string().cmp(&self.primary_key(b).to_string());
            let ascending = by_sort.then_with(by_key);
            if descending { ascending.reverse() } else { ascending }
        };
        items.sort_by(order);
        let start = &body["ExclusiveStartKey"];
        let rest = items.into_iter().filter(|item| start.is_null() || order(item, start) == Ordering::Greater);
        let (mut answer, last) = search.page(self, rest.map(|item| ((), item)))?;
        if let Some(((), item)) = last {
            answer["LastEvaluatedKey"] = search.key(self, &item);
        }
        Ok(answer)
    }

    /// API, `Scan`: all items in a fixed order, first those that are not synthetic; of several segments, each has a part
    /// of both.
    pub(super) fn scan(&mut self, body: &Value, page_bytes: usize) -> Answered {
        let search = Search::new(self, body, page_bytes)?;
        let total = body["TotalSegments"].as_u64().unwrap_or(1).max(1);
        let segment = body["Segment"].as_u64().unwrap_or(0);
        if segment >= total {
            return Err(validation("The Segment parameter is zero-based and must be less than TotalSegments"));
        }
        let start = &body["ExclusiveStartKey"];
        let start_key = (!start.is_null()).then(|| self.primary_key(start).to_string());
        // The previous page may have ended among the synthetic items.
        let position = start_key.as_ref().and_then(|key| self.positions.get(key)).copied();
        let real = self.items.iter().zip(0_u64..).filter(|((key, _), number)| {
            position.is_none() && number % total == segment && start_key.as_ref().is_none_or(|start| *key > start)
        });
        let real = real.map(|((_, item), _)| (None, item.clone()));
        let synthetic = self.synthetic.iter().flat_map(|s| {
            let (from, to) = (s.count() * segment / total, s.count() * (segment + 1) / total);
            s.range(position.map_or(from, |position| position + 1)..to).map(|(number, item)| (Some(number), item))
        });
        let items = real.chain(synthetic).filter(|(_, item)| search.is_indexed(item));
        let (mut answer, last) = search.page(self, items)?;
        if let Some((number, item)) = last {
            let key = search.key(self, &item);
            if let Some(number) = number {
                self.positions.insert(self.primary_key(&item).to_string(), number);
            }
            answer["LastEvaluatedKey"] = key;
        }
        Ok(answer)
    }
}
