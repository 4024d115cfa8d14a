//! What a million files cost on Lambda, by the duration of an invocation.

/// For a GB-second on x86 and for a million requests, in dollars, in us-east-1
/// (<https://aws.amazon.com/lambda/pricing/>).
const GB_SECOND: f64 = 0.000_016_666_7;
const MILLION_REQUESTS: f64 = 0.20;

/// What the network adds to an invocation in AWS: `GetObject` and `PutItem` within a region. An assumption, the same for
/// all programs; here both services answer in a tenth of a millisecond. Milliseconds.
pub(crate) const NETWORK_MILLIS: f64 = 20.0;

/// Dollars for a million files, whose invocations took this long on this machine. Each is billed by the millisecond,
/// rounded up.
pub(crate) fn of_a_million(megabytes: u32, millis: &[f64]) -> Option<f64> {
    let count = u32::try_from(millis.len()).ok().filter(|count| *count > 0)?;
    let billed: f64 = millis.iter().map(|millis| (millis + NETWORK_MILLIS).ceil()).sum();
    let gb_seconds = billed / f64::from(count) / 1e3 * f64::from(megabytes) / 1024.0 * 1e6;
    Some(gb_seconds * GB_SECOND + MILLION_REQUESTS)
}

#[cfg(test)]
mod tests {
    use super::of_a_million;

    #[test]
    fn durations_are_rounded_up_one_by_one() {
        assert!(of_a_million(256, &[]).is_none());
        // 22 and 24 ms of a quarter of a gigabyte: 5,750 GB-seconds.
        let dollars = of_a_million(256, &[1.1, 3.9]).unwrap();
        assert!((dollars - (5750.0 * 0.000_016_666_7 + 0.2)).abs() < 1e-9, "{dollars}");
    }
}
