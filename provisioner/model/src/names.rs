//! The names of everything a stack is made of: pure functions of the stack's name, the account and the region.
//!
//! Names are deterministic, so that the role can be scoped without referring to the bucket, and so that what an earlier
//! `down` kept is found again. Changing one of these functions replaces resources in every deployed stack.

use crate::spec::{BucketNamespace, StackSpec};

/// The longest stack name that leaves room for the longest region in a bucket's 63 characters.
pub const MAX_STACK_NAME: usize = 24;
/// The most characters of a bucket's name (S3 user guide, "General purpose bucket naming rules").
pub const MAX_BUCKET_NAME: usize = 63;
/// The start of the name of the artifact bucket that all stacks of an account and region once shared.
const SHARED_ARTIFACTS: &str = "provisioner-artifacts";

/// The names of one stack's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The CloudFormation stack.
    pub stack: String,
    /// The bucket that files are dropped into.
    pub bucket: String,
    /// The table of records.
    pub table: String,
    /// The Lambda function.
    pub function: String,
    /// The function's log group, declared by the stack and never recreated by a dying function.
    pub log_group: String,
    /// The queue of events that failed every attempt.
    pub queue: String,
    /// The bucket that holds the handler's zips of this stack.
    pub artifacts: String,
}

impl Names {
    /// The names of the stack in an account and region.
    pub fn new(spec: &StackSpec, account: &str, region: &str) -> Self {
        Self::of(&spec.name, spec.bucket.namespace, account, region)
    }

    /// The same from the two settings that names depend on.
    pub fn of(stack: &str, namespace: BucketNamespace, account: &str, region: &str) -> Self {
        let bucket = |part: &str| match namespace {
            BucketNamespace::Global => format!("{stack}-{part}-{account}-{region}"),
            // Only the account can create a bucket whose name ends like this (S3 user guide, "Account regional namespaces").
            BucketNamespace::AccountRegional => format!("{stack}-{part}-{account}-{region}-an"),
        };
        // The bucket of a stack of this name must not be the one that other stacks shared.
        let is_shared = format!("{stack}-artifacts") == SHARED_ARTIFACTS && namespace == BucketNamespace::Global;
        Self {
            stack: stack.to_owned(),
            bucket: bucket("uploads"),
            table: format!("{stack}-records"),
            function: format!("{stack}-handler"),
            log_group: format!("/provisioner/{stack}/handler"),
            queue: format!("{stack}-failed-events"),
            artifacts: bucket(if is_shared { "own-artifacts" } else { "artifacts" }),
        }
    }

    /// The same names with CloudFormation's pseudo parameters in place of account and region, for `Fn::Sub`.
    pub fn for_template(spec: &StackSpec) -> Self {
        Self::new(spec, "${AWS::AccountId}", "${AWS::Region}")
    }

    /// By how many characters the longest name of a bucket is too long; 0 if all fit. Account and region must be known.
    pub fn excess(&self) -> usize {
        self.bucket.len().max(self.artifacts.len()).saturating_sub(MAX_BUCKET_NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "123456789012";

    #[test]
    fn the_longest_names_fit_their_services() {
        // The longest region name of botocore's table has 15 characters.
        let names = Names::of(&"x".repeat(MAX_STACK_NAME), BucketNamespace::Global, ACCOUNT, "us-isof-south-1");
        assert_eq!(names.excess(), 0, "{} {}", names.bucket, names.artifacts);
        assert!(names.function.len() <= 64);
        assert!(names.queue.len() <= 80);
        assert!(names.table.len() <= 255);
    }

    #[test]
    fn names_in_the_account_regional_namespace_end_as_it_demands() {
        for (length, excess) in [(22, 0), (23, 1), (24, 2)] {
            let names = Names::of(&"x".repeat(length), BucketNamespace::AccountRegional, ACCOUNT, "ap-northeast-1");
            for bucket in [&names.bucket, &names.artifacts] {
                assert!(bucket.ends_with("-123456789012-ap-northeast-1-an"), "{bucket}");
            }
            assert_eq!(names.excess(), excess, "{}", names.artifacts);
        }
    }

    #[test]
    fn no_bucket_of_a_stack_is_one_of_another_stack_or_the_one_that_all_shared() {
        let stacks = ["provisioner", "dev", "dev-artifacts", "artifacts", "provisioner-own", "x"];
        for namespace in [BucketNamespace::Global, BucketNamespace::AccountRegional] {
            let names = stacks.map(|stack| Names::of(stack, namespace, ACCOUNT, "eu-central-1"));
            let mut buckets: Vec<&str> = names.iter().flat_map(|n| [n.bucket.as_str(), n.artifacts.as_str()]).collect();
            buckets.push("provisioner-artifacts-123456789012-eu-central-1");
            let all = buckets.len();
            buckets.sort_unstable();
            buckets.dedup();
            assert_eq!(buckets.len(), all, "{buckets:?}");
        }
    }
}
