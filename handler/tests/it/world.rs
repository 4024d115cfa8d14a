//! One function with its own services.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use handler_bench::dynamodb::DynamoDb;
use handler_bench::events::{Put, notification};
use handler_bench::function::{Function, lambda_vars};
use handler_bench::http::Body;
use handler_bench::runtime_api::{Answer, RuntimeApi};
use handler_bench::s3::S3;
use handler_contract::{FileTypes, Limits, Settings};
use serde_json::Value;

/// The largest file that the function takes. Bytes.
pub(crate) const MAX_FILE_SIZE: u64 = 100_000;

/// Plenty for any invocation of a test.
pub(crate) const TIME: Duration = Duration::from_mins(1);

pub(crate) struct World {
    // First, so that it ends before its services do.
    pub(crate) function: Function,
    pub(crate) api: RuntimeApi,
    pub(crate) s3: S3,
    pub(crate) dynamodb: DynamoDb,
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
        let mut settings = Settings {
            table_name: "records".to_owned(),
            max_file_size: MAX_FILE_SIZE,
            allowed_types: FileTypes::any(),
            detailed_metrics: false,
            limits: Limits::default(),
        };
        adjust(&mut settings);
        let s3 = S3::start().expect("S3 starts");
        let dynamodb = DynamoDb::start().expect("DynamoDB starts");
        let (api, function) = start_function(&settings, &s3, &dynamodb);
        Self { function, api, s3, dynamodb, settings }
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

    /// Puts a file into the bucket `uploads`. The key is taken as it stands in URLs and events alike.
    pub(crate) fn drop_file(&self, key: &str, content: &[u8], sequencer: &str) -> Dropped {
        let e_tag = self.s3.put(&format!("uploads/{key}"), Body::Bytes(Arc::new(content.to_vec())));
        let size = content.len() as u64;
        Dropped { event: notification(&Put { bucket: "uploads", key, e_tag: &e_tag, size, sequencer }) }
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
        let items = self.dynamodb.items();
        assert_eq!(items.len(), 1, "{items:?}");
        items[0].clone()
    }

    /// Ends the function as `kill -9` does, and starts another one, as Lambda would.
    pub(crate) fn kill_and_restart(&mut self) {
        self.function.kill().expect("the function is killed");
        (self.api, self.function) = start_function(&self.settings, &self.s3, &self.dynamodb);
    }
}

fn start_function(settings: &Settings, s3: &S3, dynamodb: &DynamoDb) -> (RuntimeApi, Function) {
    let api = RuntimeApi::start().expect("the Runtime API starts");
    let vars = vars(settings, &api.endpoint(), s3, dynamodb);
    let function = Function::start(bootstrap(), &[], vars).expect("the function starts");
    (api, function)
}

pub(crate) fn bootstrap() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bootstrap"))
}

fn vars(settings: &Settings, api: &str, s3: &S3, dynamodb: &DynamoDb) -> Vec<(&'static str, String)> {
    let mut vars = lambda_vars(api);
    vars.extend(settings.to_vars());
    vars.push(("AWS_ENDPOINT_URL_S3", s3.endpoint()));
    vars.push(("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint()));
    vars
}
