//! The two clients, and the step from the SDK's errors to [`CallError`]. Decides nothing about files.
//!
//! Everything comes from the environment that Lambda sets: region, credentials, and if it is set, `AWS_ENDPOINT_URL`.
//! No metadata service or single sign-on is asked, so that a start waits for nobody. An endpoint with an IP address
//! gets path-style requests by S3's own endpoint rules, without a setting. Certificates are checked against the
//! system's store ([`read_certificates_from_one_file`]), or against `SSL_CERT_FILE` where that is set. `AWS_CA_BUNDLE`,
//! which other SDKs know, is not read: the store of Lambda's runtime holds AWS's roots, and a stack sets no such variable.

use std::error::Error;
use std::fs::File;
use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{HttpClient, ResponseChecksumValidation, RuntimeComponents};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};

use crate::outcome::CallError;

/// To reach a service, TLS included.
const CONNECT: Duration = Duration::from_secs(2);
/// From a request to the first byte of its answer.
const FIRST_BYTE: Duration = Duration::from_secs(4);
/// One attempt up to the answer's head. The body of an object may take as long as the invocation lasts.
const ATTEMPT: Duration = Duration::from_secs(5);
/// A body that gives less than a byte a second for so long is given up.
const STALLED: Duration = Duration::from_secs(5);
/// The first attempt and two more, with pauses that grow (the SDK's standard mode).
const ATTEMPTS: u32 = 3;

/// Where systems keep all certificates that they trust in one file: Amazon Linux, and Debian and its kin.
const CERTIFICATES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// Lets the system's certificates be read from the one file that has all of them, where there is such a file. Otherwise
/// the folder beside it is read as well, which has each of them once more in a file of its own: 2 ms of a start of 5, and
/// where a function is small, seven times that. Whoever names a file or a folder by the usual variables decides.
///
/// Must be called before the process has a second thread.
pub fn read_certificates_from_one_file() {
    let chosen = |name: &str| std::env::var_os(name).is_some();
    if let Some(file) = certificates(chosen, has_content) {
        #[expect(unsafe_code, reason = "the library that reads certificates takes the file from a variable only")]
        // SAFETY: no other thread exists that could read the environment.
        unsafe {
            std::env::set_var(CERTIFICATE_VARIABLES[0], file);
        }
    }
}

fn has_content(file: &str) -> bool {
    File::open(file).and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
}

/// What names the certificates, a file or a folder (OpenSSL, `SSL_CTX_set_default_verify_paths`).
const CERTIFICATE_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

fn certificates(is_set: impl Fn(&str) -> bool, exists: impl Fn(&str) -> bool) -> Option<&'static str> {
    if CERTIFICATE_VARIABLES.into_iter().any(is_set) {
        return None;
    }
    CERTIFICATES.into_iter().find(|file| exists(file))
}

/// The services that the pipeline calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Reads the uploads.
    pub s3: aws_sdk_s3::Client,
    /// Writes the records.
    pub dynamodb: aws_sdk_dynamodb::Client,
}

impl Clients {
    /// Makes the clients. Nothing is sent before the first request.
    pub async fn from_env() -> Self {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(EnvironmentVariableRegionProvider::new())
            .credentials_provider(EnvironmentVariableCredentialsProvider::new())
            .http_client(SharedConnector::new())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT)
                    .read_timeout(FIRST_BYTE)
                    .operation_attempt_timeout(ATTEMPT)
                    .build(),
            )
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALLED).build())
            .response_checksum_validation(ResponseChecksumValidation::WhenSupported)
            .load()
            .await;
        Self { s3: aws_sdk_s3::Client::new(&config), dynamodb: aws_sdk_dynamodb::Client::new(&config) }
    }
}

/// One connector for both clients.
///
/// Making it reads and parses the system's certificates, the dearest part of a start. That is done once, where the client
/// of `aws-smithy-http-client` does it for each service, and before the first event, while Lambda still gives a whole
/// processor, however little memory the function has.
#[derive(Debug)]
struct SharedConnector(SharedHttpConnector);

impl SharedConnector {
    fn new() -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(FIRST_BYTE).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build();
        Self(SharedHttpConnector::new(connector))
    }
}

impl HttpClient for SharedConnector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

/// What the tables of [`crate::outcome`] need of an error of the SDK.
pub(crate) fn call_error<E>(error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => CallError::Answer {
            status: answer.raw().status().as_u16(),
            code: answer.err().code().unwrap_or_default().to_owned(),
            message: answer.err().message().unwrap_or("the service gives no reason").to_owned(),
        },
        other => CallError::NoAnswer(chain(other)),
    }
}

/// An error with all that caused it, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many errors repeat their cause in their own words.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{CERTIFICATES, certificates};

    #[test]
    fn certificates_are_read_from_one_file_unless_somebody_names_others() {
        let [amazon, debian] = CERTIFICATES;
        for (set, there, expected) in [
            ("", &[amazon, debian][..], Some(amazon)),
            ("", &[debian], Some(debian)),
            ("", &[], None),
            ("SSL_CERT_FILE", &[amazon], None),
            ("SSL_CERT_DIR", &[amazon], None),
            ("AWS_CA_BUNDLE", &[amazon], Some(amazon)),
        ] {
            assert_eq!(certificates(|name| name == set, |file| there.contains(&file)), expected, "{set} {there:?}");
        }
    }
}
