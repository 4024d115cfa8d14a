//! Metrics in `CloudWatch`'s embedded metric format: a log line that `CloudWatch` turns into metrics, without a call.
//!
//! One line a file, which is one an invocation wherever S3 invokes. Format: `CloudWatch` user guide, "Specification:
//! Embedded metric format". It is written beside the log line and not in it, because the format requires its numbers at
//! the top level, where the log line has its own names.
//!
//! | dimensions | metrics |
//! | --- | --- |
//! | `FunctionName` | `Files`, `Bytes`, `Failures`, `ExtractionTime`, `ColdStart` |
//! | `FunctionName` | `DegradedSandbox`: one for each process of the function that reads files without the whole sandbox; never zero, so that it costs nothing where there is none |
//! | `FunctionName`, `FileType` | `Files`, `ExtractionTime`; only in detail |
//! | `FunctionName`, `ErrorCode` | `Failures`; only in detail |
//!
//! Every combination of a metric and its dimensions that occurs is one custom metric on the bill, and ten are free. The
//! type and the code are in the line also without detail, where a query of the logs can count by them.

use handler_contract::ErrorCode;
use serde::Serialize;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "FilePipeline";

/// What one file adds to the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMetrics<'a> {
    /// The function's name.
    pub function_name: &'a str,
    /// Whether a record was written. A duplicate was counted when its record was written; what is retried, will be.
    pub recorded: bool,
    /// Bytes.
    pub bytes: u64,
    /// The media type, as the record gives it.
    pub file_type: Option<&'a str>,
    /// Why the file was refused.
    pub error_code: Option<ErrorCode>,
    /// Fetching and extracting. Milliseconds.
    pub extraction_ms: i64,
    /// Whether the invocation is the process's first.
    pub cold_start: bool,
    /// Whether to count by type and code too.
    pub detailed: bool,
}

/// The line that reports one file; the time in milliseconds since the Unix epoch.
pub fn line<'a>(file: &FileMetrics<'a>, unix_millis: i64) -> impl Serialize + use<'a> {
    let recorded = file.recorded;
    let file_type = file.file_type.filter(|_| recorded);
    let error_code = file.error_code.filter(|_| recorded);
    let mut cloud_watch_metrics = vec![BY_FUNCTION];
    if file.detailed {
        cloud_watch_metrics.extend(file_type.map(|_| BY_TYPE));
        cloud_watch_metrics.extend(error_code.map(|_| BY_CODE));
    }
    FileLine {
        aws: Header { timestamp: unix_millis, cloud_watch_metrics },
        function_name: file.function_name,
        file_type,
        error_code,
        files: recorded.into(),
        bytes: if recorded { file.bytes } else { 0 },
        failures: error_code.is_some().into(),
        extraction_time: file.extraction_ms,
        cold_start: file.cold_start.into(),
    }
}

/// The line that counts one process whose sandbox is weaker than it could be; the time in milliseconds since the Unix
/// epoch.
pub fn degraded_sandbox(function_name: &str, unix_millis: i64) -> impl Serialize {
    let aws = Header { timestamp: unix_millis, cloud_watch_metrics: vec![DEGRADED_SANDBOX] };
    SandboxLine { aws, function_name, degraded_sandbox: 1 }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FileLine<'a> {
    #[serde(rename = "_aws")]
    aws: Header,
    function_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<ErrorCode>,
    files: u8,
    bytes: u64,
    failures: u8,
    extraction_time: i64,
    cold_start: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SandboxLine<'a> {
    #[serde(rename = "_aws")]
    aws: Header,
    function_name: &'a str,
    degraded_sandbox: u8,
}

/// What `CloudWatch` finds the metrics by.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive>,
}

/// Which fields of a line are metrics, and which are their dimensions.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    /// Always one set.
    dimensions: [&'static [&'static str]; 1],
    metrics: &'static [Metric],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

const fn directive(dimensions: &'static [&'static str], metrics: &'static [Metric]) -> Directive {
    Directive { namespace: NAMESPACE, dimensions: [dimensions], metrics }
}

const fn count(name: &'static str) -> Metric {
    Metric { name, unit: "Count" }
}

const EXTRACTION_TIME: Metric = Metric { name: "ExtractionTime", unit: "Milliseconds" };

const BY_FUNCTION: Directive = directive(
    &["FunctionName"],
    &[count("Files"), Metric { name: "Bytes", unit: "Bytes" }, count("Failures"), EXTRACTION_TIME, count("ColdStart")],
);
const BY_TYPE: Directive = directive(&["FunctionName", "FileType"], &[count("Files"), EXTRACTION_TIME]);
const BY_CODE: Directive = directive(&["FunctionName", "ErrorCode"], &[count("Failures")]);
const DEGRADED_SANDBOX: Directive = directive(&["FunctionName"], &[count("DegradedSandbox")]);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(file: &FileMetrics<'_>, unix_millis: i64) -> Value {
        serde_json::to_value(super::line(file, unix_millis)).unwrap()
    }

    const FILE: FileMetrics<'_> = FileMetrics {
        function_name: "pipeline-dev-handler",
        recorded: true,
        bytes: 1024,
        file_type: Some("text/plain"),
        error_code: None,
        extraction_ms: 12,
        cold_start: true,
        detailed: true,
    };

    #[test]
    fn a_stored_file_counts_by_function_and_type() {
        assert_eq!(
            line(&FILE, 1_795_278_829_120),
            json!({
                "_aws": {
                    "Timestamp": 1_795_278_829_120_i64,
                    "CloudWatchMetrics": [
                        {
                            "Namespace": "FilePipeline",
                            "Dimensions": [["FunctionName"]],
                            "Metrics": [
                                {"Name": "Files", "Unit": "Count"},
                                {"Name": "Bytes", "Unit": "Bytes"},
                                {"Name": "Failures", "Unit": "Count"},
                                {"Name": "ExtractionTime", "Unit": "Milliseconds"},
                                {"Name": "ColdStart", "Unit": "Count"},
                            ],
                        },
                        {
                            "Namespace": "FilePipeline",
                            "Dimensions": [["FunctionName", "FileType"]],
                            "Metrics": [
                                {"Name": "Files", "Unit": "Count"},
                                {"Name": "ExtractionTime", "Unit": "Milliseconds"},
                            ],
                        },
                    ],
                },
                "FunctionName": "pipeline-dev-handler",
                "FileType": "text/plain",
                "Files": 1,
                "Bytes": 1024,
                "Failures": 0,
                "ExtractionTime": 12,
                "ColdStart": 1,
            })
        );
    }

    #[test]
    fn without_detail_five_metrics_are_on_the_bill_and_the_line_still_tells() {
        let line = line(&FileMetrics { detailed: false, error_code: Some(ErrorCode::Encrypted), ..FILE }, 0);
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 1);
        assert_eq!(directives[0]["Metrics"].as_array().unwrap().len(), 5);
        assert_eq!((&line["FileType"], &line["ErrorCode"]), (&json!("text/plain"), &json!("ENCRYPTED")));
    }

    #[test]
    fn every_metric_and_dimension_that_a_directive_names_is_in_the_line() {
        for recorded in [true, false] {
            for file_type in [Some("application/pdf"), None] {
                for error_code in [Some(ErrorCode::Encrypted), None] {
                    let line = line(&FileMetrics { recorded, file_type, error_code, ..FILE }, 0);
                    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
                        for dimension in directive["Dimensions"][0].as_array().unwrap() {
                            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
                        }
                        for metric in directive["Metrics"].as_array().unwrap() {
                            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
                        }
                    }
                    assert_eq!(line["Files"], u8::from(recorded));
                    assert_eq!(line["Failures"], u8::from(recorded && error_code.is_some()));
                    assert_eq!(line["ErrorCode"].is_string(), recorded && error_code.is_some());
                }
            }
        }
    }

    #[test]
    fn the_documentation_lists_every_metric_and_dimension() {
        let page = include_str!("../../docs/metrics.md");
        assert!(page.contains(&format!("Namespace: `{NAMESPACE}`")));
        let file = line(&FileMetrics { error_code: Some(ErrorCode::Encrypted), ..FILE }, 0);
        let sandbox = serde_json::to_value(degraded_sandbox("f", 0)).unwrap();
        let directives = [file, sandbox].map(|line| line["_aws"]["CloudWatchMetrics"].clone());
        for directive in directives.iter().flat_map(|directives| directives.as_array().unwrap()) {
            let dimensions = directive["Dimensions"][0].as_array().unwrap();
            let dimensions: Vec<_> = dimensions.iter().map(|d| format!("`{}`", d.as_str().unwrap())).collect();
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = format!("`{}`", metric["Name"].as_str().unwrap());
                let end = format!("| {} |", dimensions.join(", "));
                assert!(page.lines().any(|row| row.contains(&name) && row.ends_with(&end)), "{name} {end}");
            }
        }
    }
}
