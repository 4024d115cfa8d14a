//! The sandbox that the function reported in its log: what Lambda grants of it is known only there.

use handler_contract::SandboxReport;
use handler_contract::sandbox::LOG_FIELD;
use provisioner_aws::Aws;
use provisioner_aws::logs::Logs;
use provisioner_model::log_lines::Line;
use provisioner_model::names::Names;

use crate::clock;

/// How far back is searched. Milliseconds. Each process of the function reports with its first file, and Lambda replaces
/// processes several times a day.
const PERIOD: i64 = 24 * 60 * 60 * 1000;
/// The log may be ahead of this machine's clock. Milliseconds.
const AHEAD: i64 = 300_000;
/// The most calls: the search shares a quota of five a second with all who read logs (CloudWatch Logs quotas), and a page
/// may be empty where there is much to search.
const MOST_CALLS: usize = 4;

/// The newest report of the last 24 hours. `None` if there is none that can be read: a missing report is not a failure.
pub async fn reported(aws: &Aws, names: &Names) -> Option<SandboxReport> {
    let now = clock::now_millis();
    let log = Logs::new(aws, &names.log_group);
    let entries = log.containing(LOG_FIELD, (now - PERIOD, now + AHEAD), MOST_CALLS).await.ok()?;
    // A file may be named like the field, so the word alone proves nothing.
    let report = |line| match line {
        Line::Handler(line) => line.sandbox,
        _ => None,
    };
    entries.iter().rev().find_map(|entry| report(entry.line()))
}
