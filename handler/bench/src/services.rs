//! S3 and `DynamoDB` beside the programs: fakes in this process, or both at a URL.

use std::error::Error;
use std::io;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::error::DisplayErrorContext;
use handler_bench::dynamodb::DynamoDb;
use handler_bench::http::Body;
use handler_bench::s3::S3;
use handler_contract::table::PARTITION_KEY;

/// The bucket of all files.
pub(crate) const BUCKET: &str = "uploads";

/// What the programs call.
pub(crate) trait Services {
    /// Puts an object and returns its `ETag`, without quotes.
    fn put(&self, key: &str, content: Vec<u8>) -> Result<String, Box<dyn Error>>;

    /// The endpoints of S3 and `DynamoDB`.
    fn endpoints(&self) -> [String; 2];

    /// The table that takes the records.
    fn table(&self) -> &str;
}

/// Fakes in this process, which answer in a tenth of a millisecond.
#[derive(Debug)]
pub(crate) struct Fakes {
    s3: S3,
    dynamodb: DynamoDb,
}

impl Fakes {
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self { s3: S3::start()?, dynamodb: DynamoDb::start()? })
    }

    /// Puts an object that may be larger than memory, and returns its `ETag`.
    pub(crate) fn put_body(&self, key: &str, body: Body) -> String {
        self.s3.put(&format!("{BUCKET}/{key}"), body)
    }
}

impl Services for Fakes {
    fn put(&self, key: &str, content: Vec<u8>) -> Result<String, Box<dyn Error>> {
        Ok(self.put_body(key, Body::Bytes(Arc::new(content))))
    }

    fn endpoints(&self) -> [String; 2] {
        [self.s3.endpoint(), self.dynamodb.endpoint()]
    }

    fn table(&self) -> &'static str {
        "records"
    }
}

/// Both services at a URL: an emulator. The bucket and the table are not deleted.
#[derive(Debug)]
pub(crate) struct Emulator {
    url: String,
    /// Of this run alone, so that no file is a duplicate of an earlier run's.
    table: String,
    s3: aws_sdk_s3::Client,
    runtime: tokio::runtime::Runtime,
}

impl Emulator {
    /// Creates the bucket and the table.
    pub(crate) fn prepare(url: String) -> Result<Self, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let config = runtime.block_on(
            aws_config::defaults(BehaviorVersion::latest())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .region(Region::from_static("us-east-1"))
                .credentials_provider(Credentials::new("test", "test", None, None, "handler-bench"))
                .endpoint_url(&url)
                .load(),
        );
        let path_style = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(path_style);
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        let table = format!("handler-bench-{}", std::process::id());
        runtime.block_on(s3.create_bucket().bucket(BUCKET).send()).map_err(failed("create the bucket", &url))?;
        let key = KeySchemaElement::builder().attribute_name(PARTITION_KEY).key_type(KeyType::Hash).build()?;
        let string = ScalarAttributeType::S;
        let attribute = AttributeDefinition::builder().attribute_name(PARTITION_KEY).attribute_type(string).build()?;
        let create_table = dynamodb
            .create_table()
            .table_name(&table)
            .key_schema(key)
            .attribute_definitions(attribute)
            .billing_mode(BillingMode::PayPerRequest);
        runtime.block_on(create_table.send()).map_err(failed("create the table", &url))?;
        Ok(Self { url, table, s3, runtime })
    }
}

impl Services for Emulator {
    fn put(&self, key: &str, content: Vec<u8>) -> Result<String, Box<dyn Error>> {
        let put = self.s3.put_object().bucket(BUCKET).key(key).body(content.into());
        let put = self.runtime.block_on(put.send()).map_err(failed("put an object", &self.url))?;
        Ok(put.e_tag().unwrap_or_default().trim_matches('"').to_owned())
    }

    fn endpoints(&self) -> [String; 2] {
        [self.url.clone(), self.url.clone()]
    }

    fn table(&self) -> &str {
        &self.table
    }
}

/// An error with its causes, which an SDK's error leaves out.
fn failed<E: Error>(what: &str, url: &str) -> impl Fn(E) -> String {
    move |error| format!("failed to {what} at {url}: {}", DisplayErrorContext(error))
}
