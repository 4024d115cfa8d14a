//! The only source of time and randomness: all other code takes them as arguments.

use handler_contract::Timestamp;
use provisioner_model::error::{Error, Exit, Result};

/// How far the clocks of the services and of this machine may differ where times of one are compared with times of another:
/// what is looked for reaches so much farther. No service documents a bound; those of AWS follow the Amazon Time Sync Service,
/// and differ by far less. Milliseconds.
pub(crate) const SKEW_MILLIS: i64 = 60_000;

/// The current time by this machine's clock. Milliseconds since the Unix epoch.
pub fn now_millis() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// The current time by this machine's clock.
pub fn now() -> Result<Timestamp> {
    Timestamp::from_unix_millis(now_millis())
        .ok_or_else(|| Error::new(Exit::Failure, "clock", "this machine's clock is beyond the year 9999"))
}

/// A unique id of this run, from the clock and the process id.
pub fn run_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seed = format!("{}-{}", now.as_nanos(), std::process::id());
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, seed.as_bytes()).simple().to_string()
}
