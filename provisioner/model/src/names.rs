//! The names of everything a stack is made of: pure functions of the stack's name, the account and the region.
//!
//! Names are deterministic, so that the role can be scoped without referring to the bucket, and so that what an earlier
//! `down` kept is found again. Changing one of these functions replaces resources in every deployed stack.

/// The longest stack name that leaves room for the longest region in a bucket's 63 characters.
pub const MAX_STACK_NAME: usize = 24;

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
    /// The bucket that holds the handler's zips of all stacks of the account and region.
    pub artifacts: String,
}

impl Names {
    /// The names of the stack in an account and region.
    pub fn new(stack: &str, account: &str, region: &str) -> Self {
        Self {
            stack: stack.to_owned(),
            bucket: format!("{stack}-uploads-{account}-{region}"),
            table: format!("{stack}-records"),
            function: format!("{stack}-handler"),
            log_group: format!("/provisioner/{stack}/handler"),
            queue: format!("{stack}-failed-events"),
            artifacts: format!("provisioner-artifacts-{account}-{region}"),
        }
    }

    /// The same names with CloudFormation's pseudo parameters in place of account and region, for `Fn::Sub`.
    pub fn for_template(stack: &str) -> Self {
        Self::new(stack, "${AWS::AccountId}", "${AWS::Region}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_fit_their_services() {
        // The longest region names have 14 characters (ap-southeast-1 and the like).
        let names = Names::new(&"x".repeat(MAX_STACK_NAME), "123456789012", "ap-northeast-1");
        assert!(names.bucket.len() <= 63, "{}", names.bucket);
        assert!(names.artifacts.len() <= 63, "{}", names.artifacts);
        assert!(names.function.len() <= 64);
        assert!(names.queue.len() <= 80);
        assert!(names.table.len() <= 255);
    }
}
