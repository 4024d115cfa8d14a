//! One function with its own services.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use fake_aws::s3::Versioning;
use fake_aws::{Call, Fake, Fault, Rule};
use handler_bench::events::{Put, notification};
use handler_bench::function::{Function, lambda_vars};
use handler_bench::runtime_api::{Answer, RuntimeApi};
use handler_contract::table::PARTITION_KEY;
use handler_contract::{FileTypes, Limits, Settings};
use serde_json::Value;

/// The largest file that the function takes. Bytes.
pub(crate) const MAX_FILE_SIZE: u64 = 100_000;

const BUCKET: &str = "uploads";
const TABLE: &str = "records";

/// Plenty for any invocation of a test.
pub(crate) const TIME: Duration = Duration::from_mins(1);

pub(crate) struct World {
    // First, so that it ends before its services do.
    pub(crate) function: Function,
    pub(crate) api: RuntimeApi,
    pub(crate) aws: Fake,
    settings: Settings,
}

/// One upload: what S3 holds and what its event says.
#[derive(Debug, Clone)]
pub(crate) struct Dropped {
    pub(crate) event: Value,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(|_| ())
    }

    /// A function with other settings than most.
    pub(crate) fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::started_by(|vars| Function::start(bootstrap(), &[], vars), adjust)
    }

    /// A function that is started in another way than most, as another user for example.
    pub(crate) fn started_by(
        start: impl FnOnce(Vec<(&'static str, String)>) -> io::Result<Function>,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings {
            table_name: TABLE.to_owned(),
            max_file_size: MAX_FILE_SIZE,
            allowed_types: FileTypes::any(),
            keep_records: None,
            detailed_metrics: false,
            limits: Limits::default(),
        };
        adjust(&mut settings);
        let aws = Fake::start();
        aws.state().s3.create_bucket(BUCKET);
        aws.state().dynamodb.create_table(TABLE, PARTITION_KEY);
        let api = RuntimeApi::start().expect("the Runtime API starts");
        let function = start(vars(&settings, &api.endpoint(), &aws)).expect("the function starts");
        Self { function, api, aws, settings }
    }

    /// Runs a test once for each case, in a world of its own, all at once: most of the time goes into the pauses that
    /// the SDK makes between attempts.
    pub(crate) fn each<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(&Self, T) + Sync) {
        std::thread::scope(|scope| {
            for case in cases {
                let test = &test;
                scope.spawn(move || test(&Self::start(), case));
            }
        });
    }

    /// Puts a file into the bucket. The key is written in events as it is.
    pub(crate) fn drop_file(&self, key: &str, content: &[u8], sequencer: &str) -> Dropped {
        self.drop_encoded(key, content, None, sequencer)
    }

    /// The same for a file that is stored with this `Content-Encoding`.
    pub(crate) fn drop_encoded(&self, key: &str, content: &[u8], coding: Option<&str>, sequencer: &str) -> Dropped {
        let e_tag = self.aws.state().s3.put_encoded(BUCKET, key, content, coding);
        let size = content.len() as u64;
        Dropped { event: notification(&Put { bucket: BUCKET, key, e_tag: &e_tag, size, sequencer }) }
    }

    /// Lets the bucket keep versions from now on.
    pub(crate) fn keep_versions(&self) {
        self.aws.state().s3.create_bucket(BUCKET).versioning = Versioning::Enabled;
    }

    /// The same as [`Self::drop_file`] in a bucket that keeps versions: the event names the version.
    pub(crate) fn drop_version(&self, key: &str, content: &[u8], sequencer: &str) -> Dropped {
        let mut dropped = self.drop_file(key, content, sequencer);
        let version = self.aws.state().s3.create_bucket(BUCKET).object(key).expect("it was put").version;
        dropped.event["Records"][0]["s3"]["object"]["versionId"] = version.into();
        dropped
    }

    /// Puts an object into the bucket, and says its `ETag`.
    pub(crate) fn put(&self, key: &str, content: &[u8]) -> String {
        self.aws.state().s3.put(BUCKET, key, content)
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, key: &str) {
        self.aws.state().s3.delete(BUCKET, key);
    }

    /// Lets these happen to the next reads of objects, one to each.
    pub(crate) fn fail_reads(&self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.aws.inject(Rule::on("s3:GetObject", fault)));
    }

    /// Lets these happen to the next writes of records, one to each.
    pub(crate) fn fail_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.aws.inject(Rule::on("dynamodb:PutItem", fault)));
    }

    /// Every call of S3 so far.
    pub(crate) fn reads(&self) -> Vec<Call> {
        self.aws.calls_of("s3:*")
    }

    /// Every call of `DynamoDB` so far.
    pub(crate) fn writes(&self) -> Vec<Call> {
        self.aws.calls_of("dynamodb:*")
    }

    /// Every item of the table.
    pub(crate) fn items(&self) -> Vec<Value> {
        self.aws.state().dynamodb.items(TABLE)
    }

    /// Puts an item into the table without a condition.
    pub(crate) fn put_item(&self, item: Value) {
        self.aws.state().dynamodb.put(TABLE, item);
    }

    pub(crate) fn invoke(&self, event: &Value) -> Answer {
        self.api.invoke(event.clone(), TIME).0
    }

    /// Invokes the function and expects it to succeed with one file.
    pub(crate) fn outcome(&self, event: &Value) -> String {
        match self.invoke(event) {
            Answer::Success(answer) => answer["files"][0]["outcome"].as_str().expect("an outcome").to_owned(),
            Answer::Failure(error) => unreachable!("the invocation failed: {error}"),
        }
    }

    /// Invokes the function and expects it to fail with this type of error; says the message.
    pub(crate) fn failure(&self, event: &Value, error_type: &str) -> String {
        match self.invoke(event) {
            Answer::Failure(error) => {
                assert_eq!(error["errorType"], error_type);
                error["errorMessage"].as_str().expect("a message").to_owned()
            }
            Answer::Success(answer) => unreachable!("the invocation succeeded: {answer}"),
        }
    }

    /// The only item of the table.
    pub(crate) fn item(&self) -> Value {
        let items = self.items();
        assert_eq!(items.len(), 1, "{items:?}");
        items[0].clone()
    }

    /// Starts another function with other settings, as an update of the stack does.
    pub(crate) fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.kill_and_restart();
    }

    /// Ends the function as `kill -9` does, and starts another one, as Lambda would.
    pub(crate) fn kill_and_restart(&mut self) {
        self.function.kill().expect("the function is killed");
        self.api = RuntimeApi::start().expect("the Runtime API starts");
        let vars = vars(&self.settings, &self.api.endpoint(), &self.aws);
        self.function = Function::start(bootstrap(), &[], vars).expect("the function starts");
    }
}

/// Waits for something that happens soon.
pub(crate) fn until(what: &str, reached: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !reached() {
        assert!(Instant::now() < limit, "{what}");
        std::thread::yield_now();
    }
}

pub(crate) fn bootstrap() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bootstrap"))
}

fn vars(settings: &Settings, api: &str, aws: &Fake) -> Vec<(&'static str, String)> {
    let mut vars = lambda_vars(api);
    vars.extend(settings.to_vars());
    vars.push(("AWS_ENDPOINT_URL", aws.url()));
    vars
}
