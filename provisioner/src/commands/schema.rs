//! `provisioner schema`

use provisioner_model::spec;

use crate::report::Report;

/// Prints the JSON Schema of stack files.
pub fn run(report: &Report) {
    report.text(&spec::json_schema());
}
