//! The partitions of AWS: which Region is in which, and the domain of its services.
//!
//! The table is that of the AWS SDKs (botocore, `partitions.json`). A Region that it does not list belongs to the
//! partition whose pattern it matches, so that a new one needs no new version of this program.

/// One partition: a set of Regions with accounts, ARNs and endpoints of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The second part of its ARNs, such as `aws-cn`.
    pub id: &'static str,
    /// The domain of its services, such as `amazonaws.com.cn`.
    pub dns_suffix: &'static str,
    /// How its Regions start; a word and a number follow, each after a hyphen.
    prefixes: &'static [&'static str],
}

/// The partition of commercial Regions, and of Regions that match no pattern.
const COMMERCIAL: Partition = Partition {
    id: "aws",
    dns_suffix: "amazonaws.com",
    prefixes: &["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"],
};

impl Partition {
    /// All partitions.
    pub const ALL: [Self; 8] = [
        COMMERCIAL,
        Self { id: "aws-cn", dns_suffix: "amazonaws.com.cn", prefixes: &["cn"] },
        Self { id: "aws-eusc", dns_suffix: "amazonaws.eu", prefixes: &["eusc-de"] },
        Self { id: "aws-iso", dns_suffix: "c2s.ic.gov", prefixes: &["us-iso"] },
        Self { id: "aws-iso-b", dns_suffix: "sc2s.sgov.gov", prefixes: &["us-isob"] },
        Self { id: "aws-iso-e", dns_suffix: "cloud.adc-e.uk", prefixes: &["eu-isoe"] },
        Self { id: "aws-iso-f", dns_suffix: "csp.hci.ic.gov", prefixes: &["us-isof"] },
        Self { id: "aws-us-gov", dns_suffix: "amazonaws.com", prefixes: &["us-gov"] },
    ];

    /// The partition of a Region.
    pub fn of(region: &str) -> Self {
        Self::ALL.into_iter().find(|partition| partition.matches(region)).unwrap_or(COMMERCIAL)
    }

    fn matches(self, region: &str) -> bool {
        self.prefixes.iter().any(|prefix| {
            let rest = region.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
            rest.and_then(|rest| rest.split_once('-')).is_some_and(|(word, number)| {
                let all = |text: &str, is: fn(char) -> bool| !text.is_empty() && text.chars().all(is);
                all(word, |c| c.is_alphanumeric() || c == '_') && all(number, |c| c.is_ascii_digit())
            })
        })
    }

    /// The pattern of its Regions as the SDKs' table has it, to compare with that.
    pub fn region_regex(self) -> String {
        let escape = |prefix: &str| prefix.replace('-', "\\-");
        let start = match (self.id, self.prefixes) {
            // The only pattern that lists what follows a hyphen.
            ("aws-eusc", [prefix]) => match prefix.split_once('-') {
                Some((before, after)) => format!("{}\\-({after})", escape(before)),
                None => escape(prefix),
            },
            (_, [prefix]) => escape(prefix),
            (_, prefixes) => format!("({})", prefixes.iter().map(|p| escape(p)).collect::<Vec<_>>().join("|")),
        };
        format!("^{start}\\-\\w+\\-\\d+$")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_in_the_partition_whose_pattern_it_matches() {
        for (region, id) in [
            ("eu-central-1", "aws"),
            ("mx-central-1", "aws"),
            ("eu-new-12", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
            ("", "aws"),
            ("*", "aws"),
        ] {
            assert_eq!(Partition::of(region).id, id, "{region}");
        }
    }
}
