//! Measures `logs`, `records` and `trace` beside the bare calls that they need: the same operations by plain SDK clients, as
//! parallel as their answers allow, whose results are not looked at. In alternation, in one process, on one emulator.
//!
//! ```text
//! cargo run --release -p provisioner --example bare_reads -- STACK_FILE KEY ROUNDS
//! ```
//!
//! The stack must be deployed on its emulator, and the key must have a record. Prints one JSON object: for each command the
//! medians in milliseconds, their ratio, and the calls.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_sdk_s3::Client as S3;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use handler_contract::table;
use provisioner_aws::Aws;
use provisioner_aws::logs::Logs as Group;
use provisioner_engine::connection::{self, Options, target};
use provisioner_engine::logs::Tail;
use provisioner_engine::records::Listing;
use provisioner_engine::stack_file::StackFile;
use provisioner_engine::{clock, trace};
use provisioner_model::names::Names;
use provisioner_model::query::Query;
use provisioner_model::spec::StackSpec;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Records of a page, and lines of the log: the defaults of the commands.
const RECORDS: usize = 20;
const LINES: usize = 100;
/// The period of `logs` without `--since`. Milliseconds.
const HOUR: i64 = 3_600_000;

/// The clients of the bare calls.
struct Bare {
    logs: Logs,
    dynamodb: DynamoDb,
    s3: S3,
    sqs: Sqs,
    names: Names,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stack, key, rounds] = arguments.as_slice() else {
        return Err("usage: bare_reads STACK_FILE KEY ROUNDS".into());
    };
    let spec = StackFile::load(stack)?.spec;
    let aws = connection::connect(&Options::default(), &spec).await?;
    let bare = Bare::new(&aws, &spec).await?;
    let mut times = BTreeMap::<(&str, bool), Vec<f64>>::new();
    for round in 0..rounds.parse::<usize>()? {
        for command in ["logs", "records", "trace"] {
            // In alternation, so that neither always runs on the warmer emulator.
            for ours in [round % 2 == 0, round % 2 != 0] {
                let began = Instant::now();
                match (command, ours) {
                    ("logs", true) => logs(&aws, &bare.names).await?,
                    ("logs", false) => bare.logs(None).await?,
                    ("records", true) => drop(Listing::new(&aws, &spec, stack).page(&Query::default(), RECORDS).await?),
                    ("records", false) => bare.records().await?,
                    (_, true) => drop(trace::trace(&aws, &spec, key).await?),
                    (_, false) => bare.trace(key).await?,
                }
                times.entry((command, ours)).or_default().push(began.elapsed().as_secs_f64() * 1_000.0);
            }
        }
    }
    let calls =
        [("logs", 1), ("records", usize::from(table::TIME_SHARDS)), ("trace", usize::from(table::OBJECT_SHARDS) + 6)];
    let rows = calls.map(|(command, calls)| {
        let (ours, bare) = (median(&times[&(command, true)]), median(&times[&(command, false)]));
        serde_json::json!({ "command": command, "calls": calls, "ours": ours, "bare": bare, "ratio": ours / bare })
    });
    println!("{}", serde_json::json!(rows));
    Ok(())
}

/// What `provisioner logs` reads.
async fn logs(aws: &Aws, names: &Names) -> Outcome<()> {
    let now = clock::now_millis();
    let group = Group::new(aws, &names.log_group);
    drop(Tail::after_newest(group, (now - HOUR, now), LINES, |_| true).await?);
    Ok(())
}

impl Bare {
    async fn new(aws: &Aws, spec: &StackSpec) -> Outcome<Self> {
        let target = target(&Options::default(), spec);
        let (id, secret) = target.credentials.ok_or("the stack is not on an emulator")?;
        let credentials = aws_credential_types::Credentials::new(id, secret, None, None, "emulator");
        let sdk = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(aws_config::Region::new(aws.region.clone()))
            .endpoint_url(target.endpoint.ok_or("the stack is not on an emulator")?)
            .credentials_provider(credentials)
            .load()
            .await;
        let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        Ok(Self {
            logs: Logs::new(&sdk),
            dynamodb: DynamoDb::new(&sdk),
            s3: S3::from_conf(s3),
            sqs: Sqs::new(&sdk),
            names: Names::new(spec, &aws.account, &aws.region),
        })
    }

    async fn logs(&self, pattern: Option<String>) -> Outcome<()> {
        let now = clock::now_millis();
        let read = self.logs.filter_log_events().log_group_name(&self.names.log_group);
        read.start_time(now - HOUR).end_time(now).set_filter_pattern(pattern).send().await?;
        Ok(())
    }

    async fn records(&self) -> Outcome<()> {
        let limit = 2 * RECORDS / usize::from(table::TIME_SHARDS) + 4;
        self.query(table::RECENT, table::recent_shards(), limit).await.map(|_| ())
    }

    /// Queries partitions of an index in parallel; the ids of the records.
    async fn query(
        &self,
        index: table::Index,
        partitions: impl Iterator<Item = String>,
        limit: usize,
    ) -> Outcome<Vec<String>> {
        let mut reading = JoinSet::new();
        for partition in partitions {
            let query = self.dynamodb.query().table_name(&self.names.table).index_name(index.name);
            let query = query
                .key_condition_expression("#partition = :partition")
                .expression_attribute_names("#partition", index.partition_key)
                .expression_attribute_values(":partition", AttributeValue::S(partition))
                .scan_index_forward(false)
                .limit(i32::try_from(limit)?);
            reading.spawn(query.send());
        }
        let mut ids = Vec::new();
        while let Some(answer) = reading.join_next().await {
            let items = answer??.items.unwrap_or_default();
            ids.extend(items.iter().filter_map(|item| item.get(table::PARTITION_KEY)?.as_s().ok().cloned()));
        }
        Ok(ids)
    }

    async fn trace(&self, key: &str) -> Outcome<()> {
        let versions = self.s3.list_object_versions().bucket(&self.names.bucket).prefix(key).send();
        let by_object = self.query(table::BY_OBJECT, table::object_shards(&self.names.bucket, key), RECORDS);
        let (versions, ids) = tokio::join!(versions, by_object);
        versions?;
        let queue = async {
            let url = self.sqs.get_queue_url().queue_name(&self.names.queue).send().await?.queue_url;
            let depth = self.sqs.get_queue_attributes().set_queue_url(url);
            depth.attribute_names(QueueAttributeName::ApproximateNumberOfMessages).send().await?;
            Outcome::Ok(())
        };
        let name = key.rsplit('/').next().unwrap_or(key);
        let (record, queue, lines) = tokio::join!(self.documents(ids?), queue, self.logs(Some(format!("\"{name}\""))));
        record?;
        queue?;
        lines?;
        // The invocation's own lines, by the id that the first search found.
        self.logs(Some("\"REPORT\"".to_owned())).await
    }

    async fn documents(&self, ids: Vec<String>) -> Outcome<()> {
        let keys = ids.into_iter().map(|id| [(table::PARTITION_KEY.to_owned(), AttributeValue::S(id))].into());
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys.collect())).build()?;
        self.dynamodb.batch_get_item().request_items(&self.names.table, wanted).send().await?;
        Ok(())
    }
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
