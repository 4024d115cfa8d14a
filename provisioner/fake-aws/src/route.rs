//! The service and action of a request.

use crate::http::Request;

/// The services that are modelled, as a signature's scope names them.
const SERVICES: [&str; 8] = ["sts", "cloudformation", "s3", "dynamodb", "logs", "lambda", "sqs", "iam"];

/// Actions of a bucket by their subresource: the query parameter, and the noun in the names of the API.
pub(crate) const BUCKET_SUBRESOURCES: [(&str, &str); 14] = [
    ("notification", "BucketNotificationConfiguration"),
    ("versioning", "BucketVersioning"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("encryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("policy", "BucketPolicy"),
    ("policyStatus", "BucketPolicyStatus"),
    ("tagging", "BucketTagging"),
    ("cors", "BucketCors"),
    ("logging", "BucketLogging"),
    ("accelerate", "BucketAccelerateConfiguration"),
    ("requestPayment", "BucketRequestPayment"),
    ("location", "BucketLocation"),
];

/// The service of a request: it is in the scope of the signature, `ID/DATE/REGION/SERVICE/aws4_request`.
pub(crate) fn service(request: &Request) -> &'static str {
    let scope = scope(request);
    let name = scope.split('/').nth(3).unwrap_or_default();
    SERVICES.into_iter().find(|known| *known == name).unwrap_or("unknown")
}

/// The id of the access key that signed a request; empty for an unsigned one.
pub(crate) fn access_key(request: &Request) -> String {
    scope(request).split('/').next().unwrap_or_default().to_owned()
}

/// From the header, or from the query of a presigned URL.
fn scope(request: &Request) -> String {
    let header = request.header("authorization").and_then(|header| {
        let credential = header.split("Credential=").nth(1)?;
        credential.split(',').next().map(ToOwned::to_owned)
    });
    header.or_else(|| request.parameter("X-Amz-Credential")).unwrap_or_default()
}

/// The action by its name in the API; empty where the service has none for such a request.
pub(crate) fn action(service: &str, request: &Request) -> String {
    match service {
        "dynamodb" | "logs" | "sqs" => {
            request.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default().to_owned()
        }
        "s3" => s3_action(request),
        "lambda" => lambda_action(request).to_owned(),
        _ => request.form().remove("Action").unwrap_or_default(),
    }
}

/// `/2015-03-31/functions/NAME/…`
fn lambda_action(request: &Request) -> &'static str {
    let last = request.path.trim_end_matches('/').splitn(5, '/').nth(4).unwrap_or_default();
    match (request.method.as_str(), last) {
        ("GET", "") => "GetFunction",
        ("GET", "configuration") => "GetFunctionConfiguration",
        ("GET", "policy") => "GetPolicy",
        ("GET", "concurrency") => "GetFunctionConcurrency",
        ("PUT", "code") => "UpdateFunctionCode",
        ("POST", "invocations") => "Invoke",
        _ => "",
    }
}

fn s3_action(request: &Request) -> String {
    let has = |name: &str| form_urlencoded::parse(request.query.as_bytes()).any(|(key, _)| key == name);
    let method = request.method.as_str();
    if request.path.trim_matches('/').contains('/') {
        return match method {
            "HEAD" => "HeadObject",
            "GET" if has("uploadId") => "ListParts",
            "GET" => "GetObject",
            "POST" if has("uploads") => "CreateMultipartUpload",
            "POST" if has("uploadId") => "CompleteMultipartUpload",
            "PUT" if has("partNumber") => "UploadPart",
            "PUT" if request.header("x-amz-copy-source").is_some() => "CopyObject",
            "PUT" => "PutObject",
            "DELETE" if has("uploadId") => "AbortMultipartUpload",
            "DELETE" => "DeleteObject",
            _ => "",
        }
        .to_owned();
    }
    if let Some((_, noun)) = BUCKET_SUBRESOURCES.iter().find(|(word, _)| has(word)) {
        return match method {
            "GET" => format!("Get{noun}"),
            "PUT" => format!("Put{noun}"),
            "DELETE" => format!("Delete{noun}"),
            _ => String::new(),
        };
    }
    match method {
        "GET" if request.path == "/" => "ListBuckets",
        "HEAD" => "HeadBucket",
        "GET" if has("versions") => "ListObjectVersions",
        "GET" if has("uploads") => "ListMultipartUploads",
        "GET" => "ListObjectsV2",
        "POST" if has("delete") => "DeleteObjects",
        "PUT" => "CreateBucket",
        "DELETE" => "DeleteBucket",
        _ => "",
    }
    .to_owned()
}

/// Whether a call only reads. `DescribeStackEvents` does not count: it advances the fake's virtual time.
pub(crate) fn is_read(action: &str) -> bool {
    const READS: [&str; 9] = ["Get", "List", "Head", "Describe", "Query", "Scan", "BatchGet", "Filter", "Detect"];
    action != "DescribeStackEvents" && READS.iter().any(|read| action.starts_with(read))
}
