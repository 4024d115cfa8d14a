//! The stack behind the web page: [`Pipeline`] with the caller's credentials.

mod failed_events;
mod health;
mod live;
mod trace;

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use provisioner_aws::Aws;
use provisioner_aws::object::Object;
use provisioner_aws::records::Records;
use provisioner_aws::uploads::{Cause, NotStored, Uploads};
use provisioner_engine::put::Target;
use provisioner_engine::records::Listing;
use provisioner_engine::stack_file::StackFile;
use provisioner_engine::trace as engine_trace;
use provisioner_engine::{clock, status, upload_list};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::query::{Query, Row};
use provisioner_model::search::Page;
use provisioner_planner::canary;
use provisioner_web::feed::Subscription;
use provisioner_web::pipeline::{About, Answer, Content, FailedEvents, Health, Pipeline, Redriven, Stored, TraceStep};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::io::StreamReader;

use crate::invocation::Invocation;
use live::Live;

/// Requests to S3 at the same time, for all uploads together. Each holds a part of 8 MiB.
const PARALLEL: u16 = 16;
const SECONDS_A_DAY: u64 = 86_400;

/// A stack, with the caller's credentials.
pub(crate) struct Stack {
    aws: Aws,
    file: StackFile,
    names: Names,
    /// The stack as the caller named it.
    argument: String,
    /// What the commands on the page repeat, so that they work where they are typed.
    invocation: Invocation,
    about: About,
    /// How far S3's clock is ahead of this machine's. Milliseconds.
    ahead: i64,
    records: Records,
    uploads: Uploads,
    /// Keeps uploads running: they end with their content.
    _stop: watch::Sender<bool>,
    live: Live,
}

impl Stack {
    /// The stack, whose bucket must exist. `argument` is the stack as the caller named it, and `invocation` what
    /// printed commands repeat.
    pub(crate) async fn find(aws: Aws, file: StackFile, argument: String, invocation: Invocation) -> Result<Arc<Self>> {
        let ahead = Target::find(&aws, &file.spec, &argument).await?.clock_ahead();
        let names = Names::new(&file.spec, &aws.account, &aws.region);
        let records = Records::new(&aws, &names.table);
        let (stop, stopped) = watch::channel(false);
        let uploads = Uploads::new(&aws, &names.bucket, PARALLEL, stopped, Arc::new(|_| {}));
        let live = Live::new(&aws, &names, records.clone());
        let about = about(&aws, &file, &names);
        Ok(Arc::new(Self { aws, file, names, argument, invocation, about, ahead, records, uploads, _stop: stop, live }))
    }

    fn completed(&self, text: &str) -> String {
        self.invocation.complete(text).into_owned()
    }

    /// The answer of a call, with the commands in the hint of an error completed.
    fn answer<'a, T>(&'a self, call: impl Future<Output = Result<T>> + Send + 'a) -> Answer<'a, T> {
        Box::pin(async move {
            call.await.map_err(|mut error| {
                error.hint = error.hint.map(|hint| self.completed(&hint));
                error
            })
        })
    }

    fn listing(&self) -> Listing<'_> {
        Listing::new(&self.aws, &self.file.spec, &self.argument)
    }
}

fn about(aws: &Aws, file: &StackFile, names: &Names) -> About {
    let spec = &file.spec;
    let place = match spec.emulator {
        Some(_) => "local emulator".to_owned(),
        None => format!("{}, account {}", aws.region, aws.account),
    };
    About {
        stack: spec.name.clone(),
        place,
        bucket: names.bucket.clone(),
        prefix: spec.bucket.prefix.clone().unwrap_or_default(),
        suffix: spec.bucket.suffix.clone(),
        max_size: spec.files.max_size.0,
        allowed_types: spec.files.allowed_types.clone(),
        test_files: canary::NAME,
        expire_days: spec.bucket.expire_files.map(|time| time.0 / SECONDS_A_DAY),
    }
}

/// Why a file was not stored, for the page.
fn not_stored(error: NotStored) -> Error {
    let left_open = error.left_open.map(|left| format!("Parts of the file are left in the bucket: {left}"));
    let failure = match error.cause {
        Cause::Service(error) => error.into_error("upload the file"),
        cause => Error::new(Exit::Failure, "not-uploaded", "the file was not uploaded").source(cause),
    };
    match left_open {
        Some(left_open) => failure.hint(left_open),
        None => failure,
    }
}

impl Pipeline for Stack {
    fn about(&self) -> &About {
        &self.about
    }

    fn list<'a>(&'a self, query: &'a Query, limit: usize) -> Answer<'a, Page> {
        self.answer(async move { self.listing().page(query, limit).await })
    }

    fn documents<'a>(&'a self, ids: &'a [String]) -> Answer<'a, Vec<Value>> {
        self.answer(async move { self.records.documents(ids).await.map_err(|error| self.listing().failed(error)) })
    }

    fn uploads_of<'a>(&'a self, key: &'a str, limit: usize) -> Answer<'a, Vec<Row>> {
        self.answer(async move {
            let object = Some((self.names.bucket.clone(), key.to_owned()));
            let query = Query { object, ..Query::default() };
            Ok(self.listing().page(&query, limit).await?.rows)
        })
    }

    fn trace<'a>(&'a self, record: &'a Value) -> Answer<'a, Vec<TraceStep>> {
        self.answer(async move {
            let id = record["documentId"].as_str().unwrap_or_default();
            Ok(trace::view(&engine_trace::trace(&self.aws, &self.file.spec, id).await?))
        })
    }

    fn download_link<'a>(&'a self, record: &'a Value) -> Answer<'a, String> {
        self.answer(async move {
            let text = |name: &str| record[name].as_str().unwrap_or_default();
            let object = Object::new(&self.aws, text("bucket"), text("objectKey"));
            let e_tag = record["eTag"].as_str();
            object
                .download_link(text("fileName"), e_tag)
                .await
                .map_err(|e| e.into_error("look for the file"))?
                .ok_or_else(|| {
                    Error::new(
                        Exit::Failure,
                        "file-gone",
                        "the file was deleted, or replaced by a later upload of the same name",
                    )
                    .hint("A later upload has its own record, from which it can be downloaded.")
                })
        })
    }

    fn upload(&self, key: String, content: Content) -> Answer<'_, Stored> {
        let uploads = self.uploads.clone();
        self.answer(async move {
            let content_type = upload_list::content_type(&key);
            // `BytesMut` and the like would copy: the reader gives out the chunks as they came.
            let reader = StreamReader::new(content.map_ok(std::io::Cursor::new));
            let stored = uploads.stream(reader, key.clone(), content_type).await.map_err(not_stored)?;
            Ok(Stored { key, size: stored.size, e_tag: stored.e_tag, version_id: stored.version_id })
        })
    }

    fn failed_events(&self) -> Answer<'_, FailedEvents> {
        self.answer(failed_events::list(&self.aws, &self.names))
    }

    fn redrive(&self) -> Answer<'_, Redriven> {
        self.answer(async move {
            let mut redriven = failed_events::redrive(&self.aws, &self.file.spec).await?;
            for remark in &mut redriven.remarks {
                *remark = self.completed(remark);
            }
            Ok(redriven)
        })
    }

    fn health(&self) -> Answer<'_, Health> {
        self.answer(async move {
            let mut health = health::view(&status::status(&self.aws, &self.file, false).await?);
            for problem in &mut health.problems {
                problem.fix = self.completed(&problem.fix);
            }
            Ok(health)
        })
    }

    fn now_millis(&self) -> i64 {
        clock::now_millis() + self.ahead
    }

    fn subscribe(&self, after: Option<&str>) -> Subscription {
        self.live.subscribe(after)
    }
}

#[cfg(test)]
mod tests {
    use fake_aws::{ACCOUNT, Fake, REGION};
    use provisioner_model::spec::parse;

    use super::*;

    #[tokio::test]
    async fn the_commands_on_the_page_work_where_they_are_typed() {
        let fake = Fake::start();
        let path = std::path::Path::new("some dir/shop.yaml");
        let file = StackFile { spec: parse("name: shop\ndata: keep\n", path).unwrap(), path: path.to_owned() };
        let names = Names::new(&file.spec, ACCOUNT, REGION);
        fake.state().s3.create_bucket(&names.bucket);
        let template = serde_json::json!({ "Resources": {} });
        fake.state().cloudformation.put(&names.stack, "UPDATE_ROLLBACK_FAILED", template);
        let target = provisioner_aws::Target {
            region: Some(REGION.to_owned()),
            endpoint: Some(fake.url()),
            credentials: Some(("AKID".to_owned(), "secret".to_owned())),
            ..provisioner_aws::Target::default()
        };
        let aws = Aws::connect(&target).await.unwrap();
        let invocation = Invocation {
            stack: "some dir/shop.yaml".to_owned(),
            name: Some("shop".to_owned()),
            connection: vec![("--profile", "work".to_owned())],
            handler: None,
        };
        let stack = Stack::find(aws, file, invocation.stack.clone(), invocation).await.unwrap();
        // The stack failed, and has no table.
        let hint = |error: Error| error.hint.unwrap();
        let problems = stack.health().await.unwrap().problems;
        let texts = [
            problems[0].fix.clone(),
            hint(stack.list(&Query::default(), 1).await.unwrap_err()),
            hint(stack.uploads_of("k", 1).await.unwrap_err()),
        ];
        for text in texts {
            assert!(text.contains(" -s 'some dir/shop.yaml' --profile work"), "{text}");
        }
    }
}
