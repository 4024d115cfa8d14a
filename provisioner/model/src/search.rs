//! The answer to a [`Query`]: paging, and the merge of many index partitions into one order. Pure.
//!
//! [`Search`] requests pages ([`Search::step`]), receives them ([`Search::supply`]), and ends with one page of the answer.
//! It holds at most one page a partition, whatever the table's size.

use std::collections::VecDeque;

use handler_contract::Timestamp;

use crate::query::{Order, Position, Query, Row};

/// One page of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The records, in the order of the query.
    pub rows: Vec<Row>,
    /// Where the next page starts; `None` after the last page.
    pub next: Option<Position>,
    /// Set if the search ended early: the number of records that were examined.
    pub gave_up_after: Option<usize>,
}

/// A page of one index partition that a search needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<K> {
    /// The partition's value.
    pub partition: String,
    /// The item after which to continue.
    pub from: Option<K>,
    /// How many items to read.
    pub limit: usize,
}

/// The next step of a search.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<K> {
    /// These pages, all of them, before the next step. They may be read at the same time.
    Fetch(Vec<Request<K>>),
    /// Nothing: this is the answer.
    Done(Page),
}

/// A search under way. `K` is whatever marks a place within one partition.
#[derive(Debug)]
pub struct Search<K> {
    query: Query,
    limit: usize,
    budget: usize,
    groups: VecDeque<Vec<String>>,
    partitions: Vec<Partition<K>>,
    page_size: usize,
    found: Vec<Row>,
    examined: usize,
    last: Option<Position>,
    fetches_since_full: usize,
}

#[derive(Debug)]
struct Partition<K> {
    name: String,
    rows: VecDeque<Row>,
    next: Next<K>,
}

#[derive(Debug)]
enum Next<K> {
    Start,
    At(K),
    End,
}

impl<K> Partition<K> {
    fn has_more(&self) -> bool {
        !matches!(self.next, Next::End)
    }
}

/// The largest page that is read of one partition: with 32 partitions, about 8 MB are held.
const MAX_PAGE: usize = 500;

impl<K: Clone> Search<K> {
    /// A search for at most `limit` records in these groups of partitions, which examines at most about `budget` records.
    pub fn new(query: Query, groups: Vec<Vec<String>>, limit: usize, budget: usize) -> Self {
        Self {
            query,
            limit: limit.max(1),
            budget,
            groups: groups.into(),
            partitions: Vec::new(),
            page_size: 0,
            found: Vec::new(),
            examined: 0,
            last: None,
            fetches_since_full: 0,
        }
    }

    /// The next step.
    pub fn step(&mut self) -> Step<K> {
        loop {
            if self.found.len() > self.limit {
                // One more was found than is asked for: there is a next page, and it starts after the last shown record.
                self.found.truncate(self.limit);
                let next = self.found.last().map(Row::position);
                return self.done(next, None);
            }
            if self.examined >= self.budget {
                let examined = self.examined;
                return self.done(self.last.clone(), Some(examined));
            }
            if self.partitions.iter().all(|p| p.rows.is_empty() && !p.has_more()) {
                match self.groups.pop_front() {
                    Some(group) => self.open(group),
                    None => return self.done(None, None),
                }
            }
            let instants = self.partitions.iter().filter_map(|p| p.rows.front()).map(|row| row.uploaded_at.clone());
            let first = match self.query.order {
                Order::NewestFirst => instants.max(),
                Order::OldestFirst => instants.min(),
            };
            // Records of one millisecond are put in order only once all of them are known.
            let short = |p: &Partition<K>| {
                p.has_more() && p.rows.back().is_none_or(|last| first.as_ref() == Some(&last.uploaded_at))
            };
            if self.partitions.iter().any(short) {
                if self.found.len() == self.limit {
                    // The page is full. Whether another follows is worth one more look, and no long search.
                    if self.fetches_since_full > 0 {
                        return self.done(self.last.clone(), None);
                    }
                    self.fetches_since_full += 1;
                }
                return Step::Fetch(self.requests());
            }
            if let Some(first) = first {
                self.take(&first);
            }
        }
    }

    /// Adds a requested page, and its end position if the partition has more.
    pub fn supply(&mut self, partition: &str, rows: Vec<Row>, next: Option<K>) {
        if let Some(p) = self.partitions.iter_mut().find(|p| p.name == partition) {
            p.rows.extend(rows);
            p.next = next.map_or(Next::End, Next::At);
        }
    }

    fn open(&mut self, group: Vec<String>) {
        if self.page_size == 0 {
            // Twice a partition's fair share: most pages of an answer then need a single round.
            self.page_size = (2 * self.limit / group.len().max(1) + 4).min(MAX_PAGE);
        }
        self.partitions =
            group.into_iter().map(|name| Partition { name, rows: VecDeque::new(), next: Next::Start }).collect();
    }

    /// Requests pages of all partitions with few rows, not only of the one that blocks the merge.
    fn requests(&mut self) -> Vec<Request<K>> {
        let limit = self.page_size;
        self.page_size = (2 * self.page_size).min(MAX_PAGE);
        self.partitions
            .iter()
            .filter(|p| p.has_more() && p.rows.len() <= limit / 4 || p.has_more() && is_one_instant(&p.rows))
            .map(|p| Request {
                partition: p.name.clone(),
                from: match &p.next {
                    Next::At(key) => Some(key.clone()),
                    Next::Start | Next::End => None,
                },
                limit,
            })
            .collect()
    }

    /// Takes all records of one millisecond.
    fn take(&mut self, instant: &Timestamp) {
        let mut rows = Vec::new();
        for partition in &mut self.partitions {
            while let Some(row) = partition.rows.pop_front_if(|row| row.uploaded_at == *instant) {
                rows.push(row);
            }
        }
        rows.sort_by(|a, b| match self.query.order {
            Order::NewestFirst => b.document_id.cmp(&a.document_id),
            Order::OldestFirst => a.document_id.cmp(&b.document_id),
        });
        for row in rows {
            // What the page before has shown is read again with its millisecond; it is no progress.
            if !self.query.is_after(&row.position()) {
                continue;
            }
            self.examined += 1;
            self.last = Some(row.position());
            // What is found beyond one record too many would be thrown away.
            if self.found.len() <= self.limit && self.query.matches(&row) {
                self.found.push(row);
            }
        }
    }

    fn done(&mut self, next: Option<Position>, gave_up_after: Option<usize>) -> Step<K> {
        self.found.truncate(self.limit);
        Step::Done(Page { rows: std::mem::take(&mut self.found), next, gave_up_after })
    }
}

/// Whether all rows are of one millisecond, so that its end may lie on the next page.
fn is_one_instant(rows: &VecDeque<Row>) -> bool {
    match (rows.front(), rows.back()) {
        (Some(first), Some(last)) => first.uploaded_at == last.uploaded_at,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use handler_contract::{Status, table};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::query::Pattern;

    const DAY_MILLIS: i64 = 86_400_000;
    const NOW: i64 = 1_795_278_829_120;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).unwrap()
    }

    fn row(millis: i64, n: u32, name: &str, failed: bool) -> Row {
        Row {
            document_id: Uuid::new_v5(&Uuid::NAMESPACE_URL, &n.to_be_bytes()).to_string(),
            uploaded_at: at(millis),
            file_name: name.into(),
            file_type: "text/plain".into(),
            file_size: 1,
            status: if failed { Status::Failed } else { Status::Success },
            object_key: format!("in/{name}"),
            error_code: None,
            word_count: None,
            page_count: None,
        }
    }

    /// Runs a search over rows as DynamoDB would keep them: each partition sorted by time, ties as they come.
    fn run(rows: &[Row], query: &Query, limit: usize, budget: usize, page_cap: usize) -> (Page, usize) {
        let mut partitions = BTreeMap::<String, Vec<Row>>::new();
        let (index, groups) = query.source(&at(NOW));
        for row in rows {
            let id = Uuid::parse_str(&row.document_id).unwrap();
            let partition = match index.name {
                "recent" => table::recent_shard(id),
                "failures" if row.status == Status::Failed => table::failure_shard(row.uploaded_at.day(), id),
                "failures" => continue,
                _ => table::object_shard("b", &row.object_key, id),
            };
            partitions.entry(partition).or_default().push(row.clone());
        }
        for rows in partitions.values_mut() {
            rows.sort_by(|a, b| match query.order {
                Order::NewestFirst => b.uploaded_at.cmp(&a.uploaded_at),
                Order::OldestFirst => a.uploaded_at.cmp(&b.uploaded_at),
            });
        }
        let mut search = Search::<usize>::new(query.clone(), groups, limit, budget);
        let mut rounds = 0;
        loop {
            match search.step() {
                Step::Done(page) => return (page, rounds),
                Step::Fetch(requests) => {
                    rounds += 1;
                    assert!(!requests.is_empty(), "a search that asks for nothing never ends");
                    for request in requests {
                        let all = partitions.get(&request.partition).map(Vec::as_slice).unwrap_or_default();
                        let from = request.from.unwrap_or(0);
                        let to = (from + request.limit.min(page_cap)).min(all.len());
                        // Like DynamoDB: a page that is full names a next place, even when nothing is there.
                        let next = (to - from == request.limit.min(page_cap)).then_some(to);
                        search.supply(&request.partition, all[from..to].to_vec(), next);
                    }
                }
            }
        }
    }

    /// The same question, answered by sorting and filtering everything.
    fn reference(rows: &[Row], query: &Query) -> Vec<Row> {
        let mut all: Vec<Row> = rows.iter().filter(|row| query.matches(row)).cloned().collect();
        all.sort_by_key(Row::position);
        if query.order == Order::NewestFirst {
            all.reverse();
        }
        all
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        // Few instants and few names, so that ties and matches are common; three days, for the failures.
        proptest::collection::vec((0..40_i64, 0..3_i64, "[ab]{1,2}", any::<bool>()), 0..120).prop_map(|list| {
            list.into_iter()
                .zip(0..)
                .map(|((tick, day, name, failed), n)| row(NOW - day * DAY_MILLIS - tick * 7, n, &name, failed))
                .collect()
        })
    }

    fn query() -> impl Strategy<Value = Query> {
        (
            proptest::option::of(any::<bool>()),
            proptest::option::of("[ab*]{1,3}"),
            proptest::option::of(0..300_i64),
            proptest::option::of(0..300_i64),
            proptest::option::of("[ab]"),
            any::<bool>(),
        )
            .prop_map(|(failed, name, since, until, object, reversed)| Query {
                order: if reversed { Order::OldestFirst } else { Order::NewestFirst },
                status: failed.map(|failed| if failed { Status::Failed } else { Status::Success }),
                name: name.map(|name| Pattern::contained(&name)),
                since: since.map(|n| at(NOW - n - DAY_MILLIS)),
                until: until.map(|n| at(NOW - n)),
                object: object.map(|name| ("b".into(), format!("in/{name}"))),
                ..Query::default()
            })
    }

    proptest! {
        // Each case is a whole listing, page by page.
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn pages_together_are_all_records_sorted_and_filtered(
            rows in rows(), query in query(), limit in 1..40_usize, budget in 5..200_usize, page_cap in 1..9_usize,
        ) {
            let expected = reference(&rows, &query);
            let mut got = Vec::new();
            let mut next = query.clone();
            // Each page shows or examines a record, so there are no more pages than records.
            for _ in 0..=rows.len() {
                let (page, _) = run(&rows, &next, limit, budget, page_cap);
                prop_assert!(page.rows.len() <= limit);
                got.extend(page.rows);
                next.after = page.next.map(|position| position.to_string().parse().unwrap());
                if next.after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn records_that_arrive_between_pages_neither_repeat_nor_hide_others(
            rows in rows(), newer in 1..50_u32, limit in 1..30_usize,
        ) {
            let query = Query::default();
            let (first, _) = run(&rows, &query, limit, 10_000, 7);
            let mut later = rows.clone();
            later.extend((0..newer).map(|n| row(NOW + 1 + i64::from(n), 1_000_000 + n, "new", false)));
            let mut got = first.rows;
            if let Some(after) = first.next {
                let rest = Query { after: Some(after), ..query.clone() };
                got.extend(run(&later, &rest, 1_000, 10_000, 7).0.rows);
            }
            prop_assert_eq!(got, reference(&rows, &query));
        }

        #[test]
        fn a_token_reads_back(millis in 0..4_000_000_000_000_i64, n in any::<u32>()) {
            let position = row(millis, n, "a", false).position();
            prop_assert_eq!(position.to_string().parse(), Ok(position));
        }

        #[test]
        fn patterns_agree_with_a_slow_reference(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|n| slow(rest, &text[n..])),
                    Some((c, rest)) => text.split_first().is_some_and(|(t, left)| t == c && slow(rest, left)),
                }
            }
            prop_assert_eq!(Pattern::whole(&pattern).matches(&text), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn the_newest_few_of_many_need_one_round() {
        let rows: Vec<Row> = (0..5_000).map(|n| row(NOW - i64::from(n), n, "a", false)).collect();
        let (page, rounds) = run(&rows, &Query::default(), 20, 50_000, usize::MAX);
        assert_eq!(page.rows, reference(&rows, &Query::default())[..20]);
        assert_eq!((rounds, page.next.is_some()), (1, true));
    }

    #[test]
    fn a_search_without_matches_stops_at_its_budget_and_continues_there() {
        let rows: Vec<Row> = (0..3_000).map(|n| row(NOW - i64::from(n), n, "a", n == 2_999)).collect();
        let mut query = Query { name: Some(Pattern::contained("zzz")), ..Query::default() };
        let (page, _) = run(&rows, &query, 5, 1_000, 50);
        assert_eq!((page.rows.len(), page.gave_up_after), (0, Some(1_000)));
        assert_eq!(page.next.clone().unwrap(), rows[999].position());
        query.name = None;
        query.after = page.next;
        assert_eq!(run(&rows, &query, 1, 10_000, 50).0.rows, rows[1_000..1_001]);
    }
}
