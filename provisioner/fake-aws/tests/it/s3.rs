//! S3: objects, versions, uploads in parts, listings and configurations.

use fake_aws::Fake;
use fake_aws::s3::{SyntheticObject, Versioning};

use crate::client::{Answer, Call, s3};

fn fake() -> Fake {
    let fake = Fake::start();
    fake.state().s3.create_bucket("b");
    fake
}

fn versioned() -> Fake {
    let fake = fake();
    let enable = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(Call::new(&fake, "s3", "PUT /b?versioning").body(enable).send().status, 200);
    fake
}

fn put(fake: &Fake, key: &str, body: &str) -> Answer {
    Call::new(fake, "s3", &format!("PUT /b/{key}")).body(body).send()
}

#[test]
fn objects_are_put_read_and_deleted() {
    let fake = fake();
    let e_tag = Call::new(&fake, "s3", "PUT /b/a%20b.txt")
        .with("content-type", "text/plain")
        .with("x-amz-meta-by", "me")
        .with("content-encoding", "gzip")
        .body("0123456789")
        .send()
        .headers["etag"]
        .clone();
    let answer = s3(&fake, "GET /b/a%20b.txt");
    assert_eq!((answer.text().as_str(), &answer.headers["etag"]), ("0123456789", &e_tag));
    assert_eq!(
        (answer.headers["content-type"].as_str(), answer.headers["x-amz-meta-by"].as_str()),
        ("text/plain", "me")
    );
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert_eq!(answer.headers["last-modified"], "Sun, 22 Nov 2026 12:00:00 GMT");
    let head = s3(&fake, "HEAD /b/a%20b.txt");
    assert_eq!((head.status, head.headers["content-length"].as_str()), (200, "10"));
    // The check value of CRC-32/ISO-HDLC, CBF43926, in base64.
    put(&fake, "check", "123456789");
    let checked = Call::new(&fake, "s3", "GET /b/check").with("x-amz-checksum-mode", "ENABLED").send();
    assert_eq!(checked.headers["x-amz-checksum-crc32"], "y/Q5Jg==");
    let copied = Call::new(&fake, "s3", "PUT /b/copy").with("x-amz-copy-source", "/b/a%20b.txt").send();
    assert_eq!(copied.status, 200);
    assert_eq!(s3(&fake, "GET /b/copy").text(), "0123456789");
    assert_eq!(s3(&fake, "DELETE /b/a%20b.txt").status, 204);
    assert_eq!(s3(&fake, "GET /b/a%20b.txt").element("Code"), "NoSuchKey");
    assert_eq!(s3(&fake, "GET /other/a").element("Code"), "NoSuchBucket");
}

#[test]
fn ranges_and_conditions() {
    let fake = fake();
    let e_tag = put(&fake, "k", "0123456789").headers["etag"].clone();
    for (range, status, body) in [
        ("bytes=2-4", 206, "234"),
        ("bytes=8-99", 206, "89"),
        ("bytes=7-", 206, "789"),
        ("bytes=-2", 206, "89"),
        ("bytes=10-", 416, ""),
        ("lines=1-2", 416, ""),
    ] {
        let answer = Call::new(&fake, "s3", "GET /b/k").with("range", range).send();
        assert_eq!(answer.status, status, "{range}");
        assert!(status == 416 || answer.text() == body, "{range}: {}", answer.text());
    }
    for (line, header, value, status) in [
        ("GET /b/k", "if-match", e_tag.as_str(), 200),
        ("GET /b/k", "if-match", "\"other\"", 412),
        ("GET /b/k", "if-none-match", e_tag.as_str(), 304),
        ("PUT /b/k", "if-none-match", "*", 412),
        ("PUT /b/new", "if-none-match", "*", 200),
        ("PUT /b/k", "if-match", "\"other\"", 412),
        ("PUT /b/missing", "if-match", "\"other\"", 404),
        ("PUT /b/k", "if-match", e_tag.as_str(), 200),
        ("HEAD /b", "x-amz-expected-bucket-owner", fake_aws::ACCOUNT, 200),
        ("HEAD /b", "x-amz-expected-bucket-owner", "000000000000", 403),
    ] {
        let answer = Call::new(&fake, "s3", line).with(header, value).send();
        assert_eq!(answer.status, status, "{line} {header}: {value}");
    }
}

#[test]
fn without_list_permission_a_missing_key_is_denied() {
    let fake = fake();
    fake.state().s3.lists_denied = true;
    for line in ["GET /b/missing", "GET /b/missing?versionId=v", "HEAD /b/missing"] {
        assert_eq!(s3(&fake, line).status, 403, "{line}");
    }
    put(&fake, "k", "there");
    assert_eq!(s3(&fake, "GET /b/k").status, 200);
}

#[test]
fn versions_and_delete_markers() {
    let fake = versioned();
    let first = put(&fake, "k", "first").headers["x-amz-version-id"].clone();
    let second = put(&fake, "k", "second").headers["x-amz-version-id"].clone();
    assert_eq!(s3(&fake, "GET /b/k").text(), "second");
    assert_eq!(s3(&fake, &format!("GET /b/k?versionId={first}")).text(), "first");
    let deleted = s3(&fake, "DELETE /b/k");
    assert_eq!(deleted.headers["x-amz-delete-marker"], "true");
    let marker = deleted.headers["x-amz-version-id"].clone();
    let missing = s3(&fake, "GET /b/k");
    assert_eq!((missing.status, missing.headers["x-amz-delete-marker"].as_str()), (404, "true"));
    assert_eq!(s3(&fake, &format!("GET /b/k?versionId={marker}")).status, 405);
    assert_eq!(s3(&fake, &format!("GET /b/k?versionId={second}")).text(), "second");
    assert_eq!(s3(&fake, "GET /b/k?versionId=v0").element("Code"), "NoSuchVersion");

    let listed = s3(&fake, "GET /b?versions");
    assert_eq!(listed.elements("VersionId"), [marker.as_str(), second.as_str(), first.as_str()]);
    assert_eq!(listed.elements("IsLatest"), ["true", "false", "false"]);
    assert_eq!(s3(&fake, "GET /b").elements("Key"), Vec::<String>::new());
    // Without its delete marker, the object is visible again.
    s3(&fake, &format!("DELETE /b/k?versionId={marker}"));
    assert_eq!(s3(&fake, "GET /b/k").text(), "second");
    // What is put while versioning is suspended replaces the null version only.
    fake.state().s3.create_bucket("b").versioning = Versioning::Suspended;
    put(&fake, "k", "third");
    put(&fake, "k", "fourth");
    assert_eq!(s3(&fake, "GET /b?versions").elements("VersionId"), ["null", second.as_str(), first.as_str()]);
    assert_eq!(s3(&fake, "DELETE /b").element("Code"), "BucketNotEmpty");
}

#[test]
fn uploads_in_parts() {
    let fake = fake();
    let start = |key: &str| s3(&fake, &format!("POST /b/{key}?uploads")).element("UploadId");
    let id = start("k");
    let part = |number: u8, body: &str| {
        let line = format!("PUT /b/k?partNumber={number}&uploadId={id}");
        Call::new(&fake, "s3", &line).body(body).send().headers["etag"].clone()
    };
    let (second, first, unused) = (part(2, "second"), part(1, "first "), part(3, "third"));
    let complete = |parts: &[(u8, &str)]| {
        let parts = parts.iter().fold(String::new(), |all, (number, e_tag)| {
            all + &format!("<Part><ETag>{e_tag}</ETag><PartNumber>{number}</PartNumber></Part>")
        });
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        Call::new(&fake, "s3", &format!("POST /b/k?uploadId={id}")).body(body).send()
    };
    assert_eq!(s3(&fake, &format!("GET /b/k?uploadId={id}")).elements("PartNumber"), ["1", "2", "3"]);
    assert_eq!(complete(&[(1, &second)]).element("Code"), "InvalidPart");
    assert_eq!(complete(&[(1, &first), (4, &unused)]).element("Code"), "InvalidPart");
    assert!(complete(&[(1, &first), (2, &second)]).element("ETag").ends_with("-2\""));
    assert_eq!(s3(&fake, "GET /b/k").text(), "first second");
    assert_eq!(complete(&[(1, &first)]).element("Code"), "NoSuchUpload");

    let ids = [start("a"), start("a"), start("b")];
    let page = s3(&fake, "GET /b?uploads&max-uploads=2");
    assert_eq!((page.elements("UploadId"), page.element("IsTruncated")), (ids[..2].to_vec(), "true".into()));
    let next = format!("GET /b?uploads&key-marker=a&upload-id-marker={}", page.element("NextUploadIdMarker"));
    assert_eq!(s3(&fake, &next).elements("UploadId"), ids[2..]);
    assert_eq!(s3(&fake, &format!("DELETE /b/b?uploadId={}", ids[2])).status, 204);
    assert_eq!(s3(&fake, &format!("DELETE /b/b?uploadId={}", ids[2])).element("Code"), "NoSuchUpload");
    assert_eq!(s3(&fake, &format!("GET /b/b?uploadId={}", ids[2])).element("Code"), "NoSuchUpload");
}

#[test]
fn a_chunked_body_is_decoded() {
    let fake = fake();
    let body = "3;chunk-signature=0\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    let streamed =
        Call::new(&fake, "s3", "PUT /b/k").with("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    assert_eq!(streamed.body(body).send().status, 200);
    assert_eq!(s3(&fake, "GET /b/k").text(), "abcde");
}

/// All pages of a listing: the keys and common prefixes of each.
fn pages(fake: &Fake, query: &str) -> Vec<Vec<String>> {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let page = s3(fake, &format!("GET /b?list-type=2&{query}{token}"));
        let prefixes = page.elements("CommonPrefixes");
        let prefixes = prefixes.iter().map(|p| p.replace("<Prefix>", "").replace("</Prefix>", ""));
        pages.push(page.elements("Key").into_iter().chain(prefixes).collect());
        if page.element("IsTruncated") == "false" {
            return pages;
        }
        token = format!("&continuation-token={}", page.element("NextContinuationToken"));
    }
}

#[test]
fn listings_have_pages_prefixes_and_encoded_keys() {
    let fake = fake();
    for key in ["a/1", "a/2", "b", "c/1", "c/2/x", "d%20%C3%A4"] {
        put(&fake, key, "x");
    }
    assert_eq!(pages(&fake, "max-keys=2"), [vec!["a/1", "a/2"], vec!["b", "c/1"], vec!["c/2/x", "d ä"]]);
    assert_eq!(pages(&fake, "delimiter=/&max-keys=3"), [vec!["b", "a/", "c/"], vec!["d ä"]]);
    assert_eq!(pages(&fake, "prefix=c/&delimiter=/"), [["c/1", "c/2/"]]);
    assert_eq!(pages(&fake, "prefix=d&encoding-type=url"), [["d+%C3%A4"]]);
    assert_eq!(pages(&fake, "start-after=c/1"), [["c/2/x", "d ä"]]);
    fake.state().s3.page = 4;
    assert_eq!(pages(&fake, "").iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
}

/// The versions and markers of each page.
fn version_pages(fake: &Fake, size: usize) -> Vec<Vec<String>> {
    let (mut pages, mut marker) = (Vec::new(), String::new());
    loop {
        let page = s3(fake, &format!("GET /b?versions&max-keys={size}{marker}"));
        pages.push(page.elements("VersionId"));
        assert!(pages.len() < 100, "the listing does not end");
        if page.element("IsTruncated") == "false" {
            return pages;
        }
        let (key, version) = (page.element("NextKeyMarker"), page.element("NextVersionIdMarker"));
        marker = format!("&key-marker={key}&version-id-marker={version}");
    }
}

#[test]
fn pages_of_versions_break_within_keys_and_between_them() {
    let fake = versioned();
    for key in ["a", "a", "a", "b", "b"] {
        put(&fake, key, "x");
    }
    s3(&fake, "DELETE /b/b");
    let whole = version_pages(&fake, 100).concat();
    assert_eq!(whole.len(), 6);
    for size in 1..=6 {
        let pages = version_pages(&fake, size);
        assert!(pages.iter().all(|page| page.len() <= size), "{size}: {pages:?}");
        assert_eq!(pages.concat(), whole, "{size}");
    }
}

#[test]
fn many_objects_are_deleted_in_one_call() {
    let fake = fake();
    for key in ["a", "b%26c", "d"] {
        put(&fake, key, "x");
    }
    fake.state().s3.busy_deletes = 1;
    let delete = "<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object><Quiet>true</Quiet></Delete>";
    let answer = Call::new(&fake, "s3", "POST /b?delete").body(delete).send();
    assert_eq!((answer.elements("Key"), answer.element("Code")), (vec!["a".to_owned()], "SlowDown".into()));
    assert_eq!(fake.state().s3.buckets["b"].keys().collect::<Vec<_>>(), ["a", "d"]);
    fake.state().s3.writer = true;
    Call::new(&fake, "s3", "POST /b?delete").body(delete).send();
    let late: Vec<String> = fake.state().s3.buckets["b"].keys().collect();
    assert!(late.len() == 2 && late[1].starts_with("late-"), "{late:?}");
    let deny = r#"{"Statement": [{"Effect": "Deny", "Action": "s3:PutObject"}]}"#;
    Call::new(&fake, "s3", "PUT /b?policy").body(deny).send();
    Call::new(&fake, "s3", "POST /b?delete").body(delete).send();
    assert_eq!(fake.state().s3.buckets["b"].keys().count(), 2, "the policy denies uploads");
}

#[test]
fn buckets_and_their_configurations() {
    let fake = Fake::start();
    assert_eq!(s3(&fake, "PUT /b").status, 200);
    assert_eq!(s3(&fake, "PUT /b").element("Code"), "BucketAlreadyOwnedByYou");
    fake.state().s3.create_bucket("c").owner = "000000000000".into();
    assert_eq!(s3(&fake, "PUT /c").element("Code"), "BucketAlreadyExists");
    assert_eq!(s3(&fake, "GET /").elements("Name"), ["b", "c"]);
    for (word, code) in [
        ("policy", "NoSuchBucketPolicy"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        ("tagging", "NoSuchTagSet"),
        ("ownershipControls", "OwnershipControlsNotFoundError"),
        ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("cors", "NoSuchCORSConfiguration"),
    ] {
        assert_eq!(s3(&fake, &format!("GET /b?{word}")).element("Code"), code);
        Call::new(&fake, "s3", &format!("PUT /b?{word}")).body("<as><put/></as>").send();
        assert_eq!(s3(&fake, &format!("GET /b?{word}")).text(), "<as><put/></as>");
        assert_eq!(s3(&fake, &format!("DELETE /b?{word}")).status, 204);
        assert_eq!(s3(&fake, &format!("GET /b?{word}")).status, 404);
    }
    for (word, text) in [
        ("versioning", "<VersioningConfiguration></VersioningConfiguration>"),
        ("notification", "<NotificationConfiguration></NotificationConfiguration>"),
    ] {
        assert_eq!(s3(&fake, &format!("GET /b?{word}")).text(), text);
    }
    assert!(fake.call_names().contains(&"s3:PutBucketOwnershipControls".to_owned()));
    assert_eq!(s3(&fake, "DELETE /b").status, 204);
}

#[test]
fn a_regional_bucket_requires_its_header() {
    let fake = Fake::start();
    fake.state().s3.demands_namespace_header = true;
    let line = format!("PUT /b-{}-{}-an", fake_aws::ACCOUNT, fake_aws::REGION);
    assert_eq!(s3(&fake, &line).element("Code"), "MissingNamespaceHeader");
    let with = Call::new(&fake, "s3", &line).with("x-amz-bucket-namespace", "account-regional");
    assert_eq!(with.send().status, 200);
    assert_eq!(s3(&fake, "PUT /plain").status, 200);
}

#[test]
fn a_million_objects_are_listed_lazily_among_real_ones() {
    let fake = fake();
    let make = |n| SyntheticObject { key: format!("in/{n:07}"), size: n, e_tag: format!("{n:x}") };
    fake.state().s3.create_bucket("b").synthesize(1_000_000, make);
    put(&fake, "in/0499999x", "real");
    put(&fake, "in/0500001", "instead");
    s3(&fake, "DELETE /b/in/0500000");
    let page = s3(&fake, "GET /b?list-type=2&start-after=in/0499998&max-keys=4");
    assert_eq!(page.elements("Key"), ["in/0499999", "in/0499999x", "in/0500001", "in/0500002"]);
    assert_eq!(page.elements("Size"), ["499999", "4", "7", "500002"]);
    assert_eq!(s3(&fake, "GET /b/in/0000003").text(), "xxx");
    assert_eq!(s3(&fake, "GET /b/in/0500001").text(), "instead");
    for missing in ["in/0500000", "in/1000000", "in/0000003x"] {
        assert_eq!(s3(&fake, &format!("GET /b/{missing}")).status, 404, "{missing}");
    }
    assert_eq!(s3(&fake, "GET /b?list-type=2&start-after=in/0999999").elements("Key"), Vec::<String>::new());
    // Page by page to the end: each key once, in order.
    let (mut count, mut last, mut query) = (0, String::new(), String::new());
    loop {
        let page = s3(&fake, &format!("GET /b?list-type=2&prefix=in/00{query}"));
        for key in page.elements("Key") {
            assert!(last < key, "{last} is before {key}");
            (count, last) = (count + 1, key);
        }
        if page.element("IsTruncated") == "false" {
            break;
        }
        query = format!("&continuation-token={}", page.element("NextContinuationToken"));
    }
    assert_eq!((count, last.as_str()), (10_000 * 10, "in/0099999"));
}
