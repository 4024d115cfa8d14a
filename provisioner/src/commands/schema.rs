//! `provisioner schema`

use crate::report::Report;
use crate::spec;

/// Prints the JSON Schema of stack files.
pub fn run(report: &Report) {
    report.text(&spec::json_schema());
}
