//! What the handler is compared with: the least that a Lambda of two clients can be. It gets the object, counts the
//! words between white space, and puts an item. No limits, no checks, no other type than text, no conditions.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

fn main() -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http).load().await;
        let s3 = aws_sdk_s3::Client::new(&config);
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        let table = std::env::var("TABLE_NAME")?;
        lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
            let (s3, dynamodb, table) = (&s3, &dynamodb, &table);
            async move {
                let object = &event.payload["Records"][0]["s3"]["object"];
                let key = object["key"].as_str().unwrap_or_default();
                let answer = s3.get_object().bucket("uploads").key(key).send().await?;
                let bytes = answer.body.collect().await?.into_bytes();
                let words = bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
                let id = format!("{key}/{}", object["sequencer"].as_str().unwrap_or_default());
                dynamodb
                    .put_item()
                    .table_name(table)
                    .item("documentId", AttributeValue::S(id))
                    .item("wordCount", AttributeValue::N(words.to_string()))
                    .send()
                    .await?;
                Ok::<_, Error>(json!({"files": [{"outcome": "stored"}]}))
            }
        }))
        .await
    })
}
