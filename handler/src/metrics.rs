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
use serde_json::{Value, json};

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
pub fn line(file: &FileMetrics<'_>, unix_millis: i64) -> Value {
    let count = |name: &str| json!({"Name": name, "Unit": "Count"});
    let bytes = json!({"Name": "Bytes", "Unit": "Bytes"});
    let time = json!({"Name": "ExtractionTime", "Unit": "Milliseconds"});
    let directive = |dimensions: &[&str], metrics: Vec<Value>| json!({"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics});

    let mut directives = vec![directive(
        &["FunctionName"],
        vec![count("Files"), bytes, count("Failures"), time.clone(), count("ColdStart")],
    )];
    let failed = file.recorded && file.error_code.is_some();
    let mut line = json!({
        "FunctionName": file.function_name,
        "Files": u8::from(file.recorded),
        "Bytes": if file.recorded { file.bytes } else { 0 },
        "Failures": u8::from(failed),
        "ExtractionTime": file.extraction_ms,
        "ColdStart": u8::from(file.cold_start),
    });
    if let Some(file_type) = file.file_type.filter(|_| file.recorded) {
        if file.detailed {
            directives.push(directive(&["FunctionName", "FileType"], vec![count("Files"), time]));
        }
        line["FileType"] = json!(file_type);
    }
    if let Some(code) = file.error_code.filter(|_| file.recorded) {
        if file.detailed {
            directives.push(directive(&["FunctionName", "ErrorCode"], vec![count("Failures")]));
        }
        line["ErrorCode"] = json!(code);
    }
    line["_aws"] = json!({"Timestamp": unix_millis, "CloudWatchMetrics": directives});
    line
}

/// The line that counts one process whose sandbox is weaker than it could be; the time in milliseconds since the Unix
/// epoch.
pub fn degraded_sandbox(function_name: &str, unix_millis: i64) -> Value {
    let metric = json!({"Name": "DegradedSandbox", "Unit": "Count"});
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": [metric]});
    json!({
        "FunctionName": function_name,
        "DegradedSandbox": 1,
        "_aws": {"Timestamp": unix_millis, "CloudWatchMetrics": [directive]},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let directives = [file, degraded_sandbox("f", 0)].map(|line| line["_aws"]["CloudWatchMetrics"].clone());
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
