//! What the handler is compared with: the least that a Lambda of two clients can be. It gets the object, counts the
//! words between white space, and puts an item. No limits, no checks, no other type than text, no conditions.
//!
//! With the argument `--fork` it counts in a process of its own for each file: the least that a Lambda can be which reads
//! each file in a process. That process has no sandbox, no limits and no input but what it inherits.

use std::io::{Read, Write};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use rustix::process::{Pid, WaitOptions, waitpid};
use serde_json::{Value, json};

/// Counts the words between white space.
fn count(bytes: &[u8]) -> usize {
    bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count()
}

/// The same in a process of its own.
fn count_in_process(bytes: &[u8]) -> Result<usize, Error> {
    let (mut answer, mut child_answer) = std::io::pipe()?;
    #[expect(unsafe_code, reason = "there is no safe fork")]
    // SAFETY: this program has one thread, so no lock is held in the new process, which ends without running anything else.
    let id = match unsafe { libc::fork() } {
        0 => {
            let _ = child_answer.write_all(&count(bytes).to_ne_bytes());
            #[expect(unsafe_code, reason = "the standard library has no such exit")]
            // SAFETY: it has no requirements.
            unsafe {
                libc::_exit(0)
            }
        }
        id => Pid::from_raw(id).filter(|id| id.as_raw_pid() > 0).ok_or("failed to fork")?,
    };
    drop(child_answer);
    let mut words = [0; size_of::<usize>()];
    answer.read_exact(&mut words)?;
    waitpid(Some(id), WaitOptions::empty())?;
    Ok(usize::from_ne_bytes(words))
}

fn main() -> Result<(), Error> {
    let is_forking = std::env::args().nth(1).is_some_and(|argument| argument == "--fork");
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
                let words = if is_forking { count_in_process(&bytes)? } else { count(&bytes) };
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
