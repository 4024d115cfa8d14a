//! A stand-in for AWS on 127.0.0.1, for what the emulator cannot do: failures of every kind, in slow motion.
//!
//! [`cloudformation`] is the real piece: stateful, and its time is virtual: each look at a stack's events lets some
//! steps of the running operation happen, so a test needs no clock and no sleep. The other services answer what deploying
//! asks them, from as little state as that takes.

pub(crate) mod cloudformation;
pub(crate) mod lambda;
mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use cloudformation::{CloudFormation, Things};

pub(crate) const ACCOUNT: &str = "123456789012";
/// The access key of every role that is taken.
pub(crate) const ROLE_KEY: &str = "ASIAROLE";
pub(crate) const REGION: &str = "eu-central-1";

/// The state of all services.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) cloudformation: CloudFormation,
    pub(crate) lambda: lambda::Lambda,
    /// Buckets and the keys in them.
    pub(crate) buckets: BTreeMap<String, BTreeSet<String>>,
    /// Buckets that got a policy, with its text.
    pub(crate) bucket_policies: BTreeMap<String, String>,
    pub(crate) tables: BTreeSet<String>,
    /// Objects that S3 is too busy to delete: API of S3, `DeleteObjects` answers 200 and names them one by one.
    pub(crate) busy_deletes: usize,
    /// Somebody writes an object into the bucket after each deletion, until its policy denies it.
    pub(crate) writer: bool,
    /// What was asked so far, as `service:Action`.
    pub(crate) calls: Vec<String>,
    /// The same with whose access key signed it, and the parameters of the Query protocol.
    pub(crate) asked: Vec<(String, String, BTreeMap<String, String>)>,
    faults: Vec<Fault>,
    stopping: bool,
}

/// The status of a call whose connection breaks: the network is gone.
pub(crate) const NO_ANSWER: u16 = 0;

/// A failure that a test has ordered.
#[derive(Debug)]
struct Fault {
    call: &'static str,
    after: usize,
    times: usize,
    status: u16,
    code: &'static str,
    message: &'static str,
}

/// The server. Dropping it stops it.
pub(crate) struct Fake {
    state: Arc<(Mutex<State>, Condvar)>,
    address: std::net::SocketAddr,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// An answer: status, content type, body. The status [`NO_ANSWER`] closes the connection instead.
pub(crate) struct Answer(pub(crate) u16, pub(crate) &'static str, pub(crate) String);

impl Fake {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake =
            Self { address: listener.local_addr().unwrap(), state: Arc::new((Mutex::default(), Condvar::new())) };
        let state = Arc::clone(&fake.state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if state.0.lock().is_ok_and(|s| s.stopping) {
                    return;
                }
                let state = Arc::clone(&state);
                if let Ok(stream) = stream {
                    std::thread::spawn(move || serve(&stream, &state));
                }
            }
        });
        fake
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap()
    }

    /// Orders that a call (`service:Action`) fails `times` times, after having been answered `after` times.
    pub(crate) fn fail(
        &self,
        call: &'static str,
        (after, times): (usize, usize),
        (status, code, message): (u16, &'static str, &'static str),
    ) {
        self.state().faults.push(Fault { call, after, times, status, code, message });
    }

    /// How often a call was made.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.state().calls.iter().filter(|c| *c == call).count()
    }

    /// Waits until a call has been made so often.
    pub(crate) fn wait_for(&self, call: &str, times: usize) {
        let mut state = self.state();
        while state.calls.iter().filter(|c| *c == call).count() < times {
            let limit = std::time::Duration::from_mins(1);
            let (next, timed_out) = self.state.1.wait_timeout(state, limit).unwrap();
            state = next;
            assert!(!timed_out.timed_out(), "{call} was not called {times} time(s): {:?}", state.calls);
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.0.lock() {
            state.stopping = true;
        }
        // The listener is waiting for a connection; this is the last one.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(stream: &TcpStream, state: &(Mutex<State>, Condvar)) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let Answer(status, kind, body) = {
            let Ok(mut locked) = state.0.lock() else { return };
            if locked.stopping {
                return;
            }
            let answer = locked.answer(&request);
            state.1.notify_all();
            answer
        };
        if status == NO_ANSWER {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nx-amzn-requestid: r\r\n\r\n",
            body.len()
        );
        let body = if request.method == "HEAD" { String::new() } else { body };
        let mut out = stream;
        if out.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    if headers.contains_key("expect") {
        let mut stream = *reader.get_ref();
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        let service = service(request);
        let action = action(service, request);
        let call = format!("{service}:{action}");
        self.calls.push(call.clone());
        // Other bodies, such as a zip, may look like parameters.
        let is_form = request.headers.get("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
        let parameters = if is_form { form(&request.body) } else { BTreeMap::new() };
        self.asked.push((call.clone(), scope(request).split('/').next().unwrap_or_default().to_owned(), parameters));
        for fault in &mut self.faults {
            if fault.call == call {
                if fault.after > 0 {
                    fault.after -= 1;
                } else if fault.times > 0 {
                    fault.times -= 1;
                    return error(service, fault.status, fault.code, fault.message);
                }
            }
        }
        if let Some(answer) = self.live(service, &action, request) {
            return answer;
        }
        match service {
            "sts" if action == "AssumeRole" => xml(&format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{ROLE_KEY}</AccessKeyId>\
                 <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                 <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>r:s</AssumedRoleId>\
                 <Arn>arn:aws:sts::{ACCOUNT}:assumed-role/r/s</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
            )),
            "sts" => xml(&format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/tester</Arn>\
                 <UserId>u</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
            )),
            "cloudformation" => {
                let things = &mut Things { buckets: &mut self.buckets, tables: &mut self.tables };
                self.cloudformation.answer(&action, &form(&request.body), things)
            }
            "s3" => self.s3(request, &action),
            "dynamodb" => self.dynamodb(request, &action),
            "logs" => json(200, r#"{"logGroups":[]}"#),
            "lambda" => self.lambda.answer(&action, &request.path, &request.body, &self.cloudformation),
            "sqs" => error(service, 400, "AWS.SimpleQueueService.NonExistentQueue", "The queue does not exist"),
            "iam" => error(service, 404, "NoSuchEntity", "The role cannot be found."),
            other => panic!("nobody should call {other}"),
        }
    }

    fn s3(&mut self, request: &Request, action: &str) -> Answer {
        let mut parts = request.path.trim_start_matches('/').splitn(2, '/');
        let bucket = parts.next().unwrap_or_default().to_owned();
        let key = parts.next().unwrap_or_default().to_owned();
        if action == "CreateBucket" {
            self.buckets.entry(bucket).or_default();
            return xml("");
        }
        let Some(keys) = self.buckets.get_mut(&bucket) else {
            return error("s3", 404, "NoSuchBucket", "The specified bucket does not exist");
        };
        match action {
            "HeadObject" if !keys.contains(&key) => Answer(404, "application/xml", String::new()),
            "PutObject" => {
                keys.insert(key);
                xml("")
            }
            "DeleteObject" => {
                keys.remove(&key);
                xml("")
            }
            "PutBucketPolicy" => {
                self.bucket_policies.insert(bucket, String::from_utf8_lossy(&request.body).into_owned());
                xml("")
            }
            "DeleteObjects" => {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                let asked: Vec<&str> =
                    body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
                let mut errors = String::new();
                for key in asked {
                    if self.busy_deletes > 0 {
                        self.busy_deletes -= 1;
                        errors += &format!(
                            "<Error><Key>{key}</Key><Code>SlowDown</Code><Message>Please reduce your request rate.</Message>\
                             </Error>"
                        );
                    } else {
                        keys.remove(key);
                    }
                }
                if self.writer && !self.bucket_policies.contains_key(&bucket) {
                    keys.insert(format!("late-{}", self.calls.len()));
                }
                xml(&format!("<DeleteResult>{errors}</DeleteResult>"))
            }
            "ListObjectVersions" => {
                let listed = keys.iter().fold(String::new(), |all, key| {
                    all + &format!(
                        "<Version><Key>{key}</Key><VersionId>null</VersionId><IsLatest>true</IsLatest><Size>10</Size></Version>"
                    )
                });
                xml(&format!("<ListVersionsResult><IsTruncated>false</IsTruncated>{listed}</ListVersionsResult>"))
            }
            "CreateMultipartUpload" => {
                xml("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
            }
            "ListParts" => error("s3", 404, "NoSuchUpload", "The specified upload does not exist."),
            "ListMultipartUploads" => {
                xml("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
            }
            "DeleteBucket" if !keys.is_empty() => error("s3", 409, "BucketNotEmpty", "The bucket is not empty"),
            "DeleteBucket" => {
                self.buckets.remove(&bucket);
                xml("")
            }
            _ => xml(""),
        }
    }

    fn dynamodb(&mut self, request: &Request, action: &str) -> Answer {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let name = body["TableName"].as_str().unwrap_or_default();
        if !self.tables.contains(name) {
            return error("dynamodb", 400, "ResourceNotFoundException", "Requested resource not found");
        }
        match action {
            "Scan" => json(200, r#"{"Count":3,"ScannedCount":3}"#),
            "DeleteTable" => {
                self.tables.remove(name);
                json(200, "{}")
            }
            _ => json(
                200,
                &serde_json::json!({ "Table": {
                    "TableName": name,
                    "TableStatus": "ACTIVE",
                    "AttributeDefinitions": [{ "AttributeName": "documentId", "AttributeType": "S" }],
                    "KeySchema": [{ "AttributeName": "documentId", "KeyType": "HASH" }],
                    "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 },
                    "ItemCount": 3,
                }})
                .to_string(),
            ),
        }
    }
}

/// The service stands in the signature's scope: `Credential=ID/DATE/REGION/SERVICE/aws4_request`.
fn service(request: &Request) -> &'static str {
    let name = scope(request).split('/').nth(3).unwrap_or_default();
    ["sts", "cloudformation", "s3", "dynamodb", "logs", "lambda", "sqs", "iam"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("unknown")
}

/// `ID/DATE/REGION/SERVICE/aws4_request`
fn scope(request: &Request) -> &str {
    let authorization = request.headers.get("authorization").map_or("", String::as_str);
    authorization.split("Credential=").nth(1).and_then(|s| s.split(',').next()).unwrap_or_default()
}

fn action(service: &str, request: &Request) -> String {
    match service {
        "dynamodb" | "logs" | "sqs" => {
            request.headers.get("x-amz-target").and_then(|t| t.rsplit('.').next()).unwrap_or_default().to_owned()
        }
        "s3" => s3_action(request).to_owned(),
        "lambda" => lambda_action(request).to_owned(),
        _ => form(&request.body).get("Action").cloned().unwrap_or_default(),
    }
}

fn lambda_action(request: &Request) -> &'static str {
    match (request.method.as_str(), request.path.rsplit('/').next().unwrap_or_default()) {
        ("GET", "configuration") => "GetFunctionConfiguration",
        ("GET", "policy") => "GetPolicy",
        ("GET", "concurrency") => "GetFunctionConcurrency",
        ("PUT", "code") => "UpdateFunctionCode",
        _ => "Unknown",
    }
}

fn s3_action(request: &Request) -> &'static str {
    let object = request.path.trim_matches('/').contains('/');
    let asks = |name: &str| request.query.split('&').any(|q| q.split('=').next() == Some(name));
    match (request.method.as_str(), object) {
        ("HEAD", true) => "HeadObject",
        ("HEAD", false) => "HeadBucket",
        ("POST", true) if asks("uploads") => "CreateMultipartUpload",
        ("PUT", true) if asks("partNumber") => "UploadPart",
        ("GET", true) if asks("uploadId") => "ListParts",
        ("DELETE", true) if asks("uploadId") => "AbortMultipartUpload",
        ("PUT", true) => "PutObject",
        ("DELETE", true) => "DeleteObject",
        ("DELETE", false) => "DeleteBucket",
        ("POST", false) if asks("delete") => "DeleteObjects",
        ("PUT", false) if asks("policy") => "PutBucketPolicy",
        ("PUT", false) if asks("notification") => "PutBucketNotificationConfiguration",
        ("PUT", false) if request.query.is_empty() || request.query == "x-id=CreateBucket" => "CreateBucket",
        ("PUT", false) => "PutBucketConfiguration",
        ("GET", false) if asks("versions") => "ListObjectVersions",
        ("GET", false) if asks("uploads") => "ListMultipartUploads",
        ("GET", false) => "ListObjectsV2",
        _ => "Unknown",
    }
}

/// The parameters of a request in the Query protocol.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (decode(k), decode(v))).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(crate) fn xml(body: &str) -> Answer {
    Answer(200, "text/xml", body.to_owned())
}

fn json(status: u16, body: &str) -> Answer {
    Answer(status, "application/x-amz-json-1.0", body.to_owned())
}

/// A service's way of saying no.
pub(crate) fn error(service: &str, status: u16, code: &str, message: &str) -> Answer {
    let message = escape(message);
    match service {
        "s3" => {
            Answer(status, "application/xml", format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
        }
        "dynamodb" | "logs" | "sqs" | "lambda" => {
            json(status, &serde_json::json!({ "__type": code, "code": code, "message": message }).to_string())
        }
        _ => Answer(
            status,
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>r</RequestId></ErrorResponse>"
            ),
        ),
    }
}
