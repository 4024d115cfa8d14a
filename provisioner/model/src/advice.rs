//! Interprets the reasons that CloudFormation gives for a failure: what to do about it, and whether it is only a
//! consequence. The only place that matches on the text of a reason. Pure; a test a row.

/// Whether a resource failed only because another one failed. CloudFormation has no code for this, only words.
pub fn is_consequence(reason: &str) -> bool {
    reason.contains("cancelled") || reason.contains("canceled")
}

/// What to do about the first cause of a failure, where its words are known. The services have codes, but CloudFormation
/// passes on their words. The first matching row is used, so special rows precede general ones.
pub fn advice(reason: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(signs, _)| signs.iter().any(|sign| reason.contains(sign))).map(|(_, advice)| *advice)
}

/// Whether a reason only refers to the failed events (`DescribeEvents`), as that of early validation does.
pub fn refers_to_events(reason: &str) -> bool {
    reason.contains(DESCRIBE_EVENTS)
}

/// The operation that such a reason names.
const DESCRIBE_EVENTS: &str = "DescribeEvents";

/// Whether a queue could not be created because one of the same name was deleted within the last minute (SQS API
/// reference, `CreateQueue`, `QueueDeletedRecently`).
pub fn is_queue_name_reserved(reason: &str) -> bool {
    QUEUE_DELETED_RECENTLY.iter().any(|sign| reason.contains(sign))
}

/// Signs of that.
const QUEUE_DELETED_RECENTLY: &[&str] = &["wait 60 seconds after deleting a queue", "QueueDeletedRecently"];

/// Signs in a reason, and what to do.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["explicit deny in a service control policy", "explicit deny in a permissions boundary"],
        "The organisation forbids this to the account or the caller. Ask its administrator; an identity policy cannot override it.",
    ),
    (
        &["cannot be assumed by Lambda", "execution role does not have permissions to call"],
        "A new role takes some seconds to propagate. Run the same command again.",
    ),
    (
        &["iam:PassRole"],
        "The caller lacks the permission to pass the handler's role to Lambda. policies/cloudformation.json has the statement with \
         iam:PassRole that deploying needs.",
    ),
    (
        &["KMS", "kms:"],
        "The caller lacks permission to use a KMS key, or the key is disabled or deleted. Check the key that the reason names, and its policy.",
    ),
    (
        &["is not authorized to perform", "not authorized", "AccessDenied", "Access Denied", "Access denied"],
        "The caller lacks a permission. `synth --permissions` and `--permissions=cloudformation` print what deploying needs.",
    ),
    (
        &["bucket name is not available", "BucketAlreadyExists", "bucket namespace is shared"],
        "A bucket of this name exists in another account. Give the stack another `name:` in its stack file, or write \
         `namespace: account-regional` below `bucket:`, where nobody else can hold a name.",
    ),
    (
        // Where the failed events could be read, their reason stands in place of this one.
        &[DESCRIBE_EVENTS],
        "The details need cloudformation:DescribeEvents, which `synth --permissions` includes.",
    ),
    (
        &["OperationAborted", "conflicting conditional operation"],
        "S3 is still busy with a bucket of this name, for example with its deletion. Run the same command again in some \
         minutes.",
    ),
    (
        QUEUE_DELETED_RECENTLY,
        "SQS gives the name of a deleted queue free after a minute. Run the same command again then.",
    ),
    (
        &["AWS::Logs::LogGroup", "specified log group already exists"],
        "A log group of this name exists outside the stack. If its lines are not needed: aws logs delete-log-group \
         --log-group-name NAME",
    ),
    (
        &["Table already exists", "AWS::DynamoDB::Table' with identifier"],
        "A table of this name was created outside the stack meanwhile. Run the same command again: it imports the table.",
    ),
    (
        &["already exists"],
        "Something of this name was made outside the stack. Delete it, or give the stack another name.",
    ),
    (
        &["UnreservedConcurrentExecution"],
        "The account's limit of concurrent executions leaves no room. Lower or remove handler.maxConcurrency in the \
         stack file.",
    ),
    (
        &["more buckets than allowed", "TooManyBuckets"],
        "The account has as many buckets as it may have. Delete one, or raise the quota in Service Quotas.",
    ),
    (
        &["Code storage limit exceeded", "CodeStorageExceeded"],
        "The region's space for code of functions is full. Delete unused versions of functions.",
    ),
    (
        &["deleted simultaneously"],
        "Too many tables of the account are being created or changed at the same time. Run the same command again in a \
         minute.",
    ),
    (
        &["Subscriber limit exceeded", "Cannot exceed quota", "LimitExceeded", "limit exceeded", "Limit of", "quota"],
        "A quota of the account is reached; the reason names it. Free something, or raise it in Service Quotas.",
    ),
    (
        &["ExpiredToken", "security token included in the request is expired"],
        "Renew the credentials and run the same command again.",
    ),
    (
        &["Rate exceeded", "Throttling", "TooManyRequests", "SlowDown", "reduce your request rate"],
        "The service was too busy. Run the same command again in a minute.",
    ),
    (
        &["PermanentRedirect"],
        "The artifact bucket is in another region than the stack. Run the same command again with the right --region.",
    ),
    (
        &["NoSuchKey", "S3 Error Code", "artifact bucket"],
        "The handler's zip is not where it was uploaded to. Run the same command again: it uploads what is missing.",
    ),
    (
        &["Unzipped size must be smaller"],
        "The handler is larger than Lambda takes. Build it with `--profile lambda`, which strips it.",
    ),
    (&["not empty"], "Something wrote into the bucket while it was emptied. Run the same command again."),
    (
        &["protected against deletion", "deletion protection"],
        "The table is protected from deletion. `provisioner down --delete-data` lifts the protection after asking.",
    ),
    (
        &["Unable to validate the following destination configurations"],
        "S3 could not invoke the function yet, because the permission has not propagated. Run the same command again.",
    ),
    (
        &[
            "InternalFailure",
            "Internal Failure",
            "ServiceInternalError",
            "NotStabilized",
            "did not stabilize",
            "ServiceUnavailable",
        ],
        "A service had an internal error. Run the same command again.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consequences() {
        assert!(is_consequence("Resource creation cancelled"));
        assert!(!is_consequence("Bucket already exists"));
    }

    #[test]
    fn known_causes_have_advice() {
        // The services' own words, as CloudFormation passes them on.
        let rows: &[(&str, &str)] = &[
            (
                "User: arn:aws:iam::1:user/u is not authorized to perform: s3:CreateBucket with an explicit deny in a \
                 service control policy",
                "organisation",
            ),
            ("The role defined for the function cannot be assumed by Lambda.", "some seconds"),
            ("The provided execution role does not have permissions to call SendMessage on SQS", "some seconds"),
            (
                "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: iam:PassRole on resource: \
                 arn:aws:iam::1:role/shop-handler because no identity-based policy allows the iam:PassRole action",
                "pass the handler's role to Lambda",
            ),
            ("Lambda was unable to decrypt the environment variables because KMS access was denied.", "KMS key"),
            ("The ciphertext refers to a customer master key … (kms:Decrypt), KMSDisabledException", "KMS key"),
            ("User: arn:… is not authorized to perform: iam:CreateRole", "lacks a permission"),
            (
                "The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
                 Please select a different name and try again. (Service: S3, Status Code: 409)",
                "in another account",
            ),
            (
                "A conflicting conditional operation is currently in progress against this resource. Please try again. \
                 (Service: S3, Status Code: 409)",
                "some minutes",
            ),
            (
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
                "after a minute",
            ),
            (
                "Resource of type 'AWS::Logs::LogGroup' with identifier '{\"/properties/LogGroupName\":\"shop-handler\"}' \
                 already exists.",
                "delete-log-group",
            ),
            (
                "Resource of type 'AWS::DynamoDB::Table' with identifier 'shop-records' already exists.",
                "imports the table",
            ),
            ("Table already exists: shop-records", "imports the table"),
            ("Role with name shop-handler already exists.", "another name"),
            (
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                 below its minimum value of [10].",
                "handler.maxConcurrency",
            ),
            ("You have attempted to create more buckets than allowed", "Delete one"),
            ("Code storage limit exceeded. (Service: Lambda, Status Code: 400)", "Delete unused versions"),
            ("Cannot exceed quota for RolesPerAccount: 1000", "Service Quotas"),
            (
                "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted simultaneously",
                "at the same time",
            ),
            ("Subscriber limit exceeded: There is a limit of 2500 tables per subscriber", "Service Quotas"),
            ("The security token included in the request is expired", "Renew"),
            ("Rate exceeded (Service: Lambda, Status Code: 429)", "in a minute"),
            (
                "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: The bucket is in this \
                 region: us-east-1.",
                "another region",
            ),
            (
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not \
                 exist.",
                "uploads what is missing",
            ),
            ("Unzipped size must be smaller than 262144000 bytes", "strips it"),
            ("The bucket you tried to delete is not empty (Service: S3, Status Code: 409)", "wrote into the bucket"),
            (
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
                "--delete-data",
            ),
            (
                "Unable to validate the following destination configurations (Service: S3, Status Code: 400)",
                "not propagated",
            ),
            ("Resource handler returned message: \"null\" (HandlerErrorCode: NotStabilized)", "internal error"),
        ];
        for (reason, words) in rows {
            assert!(advice(reason).is_some_and(|a| a.contains(words)), "{reason}: {:?}", advice(reason));
        }
        for (signs, row) in ADVICE {
            let tested = rows.iter().any(|(reason, _)| advice(reason) == Some(row));
            assert!(tested, "no reason is tested that has the signs {signs:?}");
        }
        assert_eq!(advice("Something that nobody has seen"), None);
    }
}
