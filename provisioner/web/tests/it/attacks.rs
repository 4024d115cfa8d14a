//! Requests that a hostile page, a hostile name server or somebody without the address makes.

use axum::body::Body;
use axum::http::header::{ACCEPT, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderName, HeaderValue, Method, Request};
use provisioner_web::pipeline::Pipeline as _;

use crate::client::{Client, HOST_NAME, ORIGIN_NAME};
use crate::stack::{NOW, Stack, record};

#[tokio::test]
async fn a_request_that_names_another_host_is_refused() {
    let client = Client::of(&Stack::new()).await;
    for (host, status) in [
        (Some("127.0.0.1:4100"), 200),
        (Some("localhost:4100"), 200),
        (Some("evil.example:4100"), 421),
        (Some("evil.example"), 421),
        (Some("127.0.0.1"), 421),
        (Some("127.0.0.1:80"), 421),
        (Some(""), 421),
        (None, 421),
    ] {
        for path in ["/", "/live", "/assets/none"] {
            let mut request = Request::builder().uri(path).header(COOKIE, &client.cookie);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            if status == 200 && path != "/" {
                continue;
            }
            client.send(request.body(Body::empty()).unwrap()).await.expect(status);
        }
    }
    // Two hosts: a proxy may look at the first, and the page at the second.
    let request = Request::builder().uri("/").header(HOST, HOST_NAME).header(HOST, "evil.example");
    client.send(request.header(COOKIE, &client.cookie).body(Body::empty()).unwrap()).await.expect(421);
}

#[tokio::test]
async fn a_request_of_another_site_changes_nothing() {
    let stack = Stack::new();
    let client = Client::of(&stack).await;
    let put = |origin: Option<&'static str>, site: Option<&'static str>| {
        let mut request = Request::builder().method(Method::PUT).uri("/files?name=a.txt").header(HOST, HOST_NAME);
        request = request.header(COOKIE, &client.cookie);
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        client.send(request.body(Body::from("abc")).unwrap())
    };
    for (origin, site) in [
        (None, None),
        (Some("null"), None),
        (Some("http://evil.example"), None),
        (Some("http://evil.example:4100"), Some("cross-site")),
        (Some("https://127.0.0.1:4100"), None),
        (Some("http://127.0.0.1:4101"), Some("same-site")),
        (Some(ORIGIN_NAME), Some("cross-site")),
        (Some(ORIGIN_NAME), Some("none")),
    ] {
        let answer = put(origin, site).await.expect(403);
        assert_eq!(answer.json()["error"]["code"], "cross-site", "{origin:?} {site:?}");
    }
    assert!(stack.stored.lock().unwrap().is_empty());
    put(Some(ORIGIN_NAME), Some("same-origin")).await.expect(200);
    put(Some("http://localhost:4100"), None).await.expect(200);
    for (method, path) in [
        (Method::POST, "/files"),
        (Method::POST, "/transfers?name=a&size=1"),
        (Method::PATCH, "/transfers/x?offset=0"),
        (Method::DELETE, "/transfers/x"),
        (Method::POST, "/failed-events/redrive"),
    ] {
        let request =
            Request::builder().method(method).uri(path).header(HOST, HOST_NAME).header(COOKIE, &client.cookie);
        let request = request.header(ORIGIN, "http://evil.example").body(Body::empty()).unwrap();
        client.send(request).await.expect(403);
    }
}

#[tokio::test]
async fn another_site_cannot_embed_what_the_page_serves() {
    let client = Client::of(&Stack::new()).await;
    let get = |site: &'static str, mode: &'static str| {
        let request = client.request(&Method::GET, "/records.json");
        client.send(request.header("sec-fetch-site", site).header("sec-fetch-mode", mode).body(Body::empty()).unwrap())
    };
    for (site, mode, status) in [
        ("same-origin", "cors", 200),
        ("none", "navigate", 200),
        ("cross-site", "navigate", 200),
        ("cross-site", "no-cors", 403),
        ("same-site", "cors", 403),
    ] {
        get(site, mode).await.expect(status);
    }
}

#[tokio::test]
async fn without_the_cookie_there_is_nothing_to_see() {
    let stack = Stack::new();
    let id = stack.add("secret.pdf", 1);
    let mut client = Client::of(&stack).await;
    let used = client.address.split_once(HOST_NAME).unwrap().1.to_owned();
    client.cookie = "provisioner-4100=0000".into();
    for path in ["/", "/records", "/records.csv", &format!("/records/{id}"), "/health", "/failed-events", "/live", "/x"]
    {
        let answer = client.get(path).await.expect(401);
        assert!(!answer.text.contains("secret"), "{path}");
        answer.has(&["not signed in", "provisioner web"]);
    }
    assert_eq!(client.get_json("/records.json").await.expect(401).json()["error"]["code"], "not-signed-in");
    for path in [used.as_str(), "/sign-in", "/sign-in?token=", "/sign-in?token=0"] {
        client.get(path).await.expect(401).has(&["used already"]);
    }
}

#[tokio::test]
async fn a_refusal_does_not_name_the_stack() {
    let stack = Stack::new();
    let mut client = Client::of(&stack).await;
    let about = stack.about().clone();
    let (region, account) = about.place.split_once(", account ").unwrap();
    let secrets = [about.stack.as_str(), &about.bucket, region, account];
    client.get("/").await.expect(200).has(&secrets[..1]);
    client.get("/").await.has(&[&about.place]);
    let used = client.address.split_once(HOST_NAME).unwrap().1.to_owned();
    client.cookie = String::new();
    for (status, method, path, changed) in [
        (401, Method::GET, "/", None),
        (401, Method::GET, "/records", None),
        (401, Method::GET, "/nothing", None),
        (401, Method::GET, "/sign-in", None),
        (401, Method::GET, "/sign-in?token=0", None),
        (401, Method::GET, used.as_str(), None),
        (401, Method::DELETE, "/records", None),
        (401, Method::POST, "/", None),
        (405, Method::POST, "/sign-in", None),
        (405, Method::PUT, "/assets/none", None),
        (404, Method::GET, "/assets/none", None),
        (421, Method::GET, "/", Some((HOST, "evil.example:4100"))),
        (421, Method::GET, "/assets/none", Some((HOST, "evil.example"))),
        (403, Method::POST, "/files", Some((ORIGIN, "http://evil.example"))),
        (403, Method::GET, "/", Some((HeaderName::from_static("sec-fetch-site"), "cross-site"))),
    ] {
        for accept in ["text/html", "application/json"] {
            let mut request = client.request(&method, path).body(Body::empty()).unwrap();
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
            if let Some((name, value)) = &changed {
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            let answer = client.send(request).await.expect(status);
            assert_eq!(answer.text.contains("<main"), accept == "text/html", "{}", answer.text);
            for secret in secrets {
                assert!(!answer.text.contains(secret), "{method} {path} shows {secret}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn who_is_signed_in_does_not_use_up_another_address() {
    let client = Client::of(&Stack::new()).await;
    assert_eq!(client.get("/sign-in?token=anything").await.expect(303).location(), "/");
}

#[tokio::test]
async fn every_answer_tells_the_browser_what_it_may_do() {
    let client = Client::of(&Stack::new()).await;
    for path in ["/", "/nothing", "/records.csv", "/health", "/sign-in?token=x"] {
        let answer = client.get(path).await;
        let header = |name: &str| answer.headers[name].to_str().unwrap();
        let policy = header("content-security-policy");
        for rule in
            ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff", "no-store"), "{path}");
        assert_eq!(header("referrer-policy"), "same-origin");
    }
    let page = client.get("/").await.text;
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="), "{page}");
    let (style, _) = page.split_once("/assets/style-").unwrap().1.split_once('"').unwrap();
    let kept = client.get(&format!("/assets/style-{style}")).await.expect(200);
    assert!(kept.headers["cache-control"].to_str().unwrap().contains("immutable"));
    client.get("/assets/..%2f..%2fCargo.toml").await.expect(404);
}

#[tokio::test]
async fn names_titles_and_messages_are_text() {
    let stack = Stack::new();
    let name = "<img src=x onerror=alert(1)>\"'&\u{202e}fdp.txt";
    let mut hostile = record(name, NOW, 3);
    hostile["title"] = "<script>alert(2)</script>".into();
    hostile["author"] = "\u{2066}\u{1b}[31mx".into();
    hostile["errorMessage"] = "<svg onload=alert(3)>".into();
    hostile["status"] = "FAILED".into();
    hostile["errorCode"] = "<b>NEW</b>".into();
    hostile["<i>field</i>"] = "</dl><h1>".into();
    let id = hostile["documentId"].as_str().unwrap().to_owned();
    stack.keep(hostile);
    let mut event = crate::stack::failed_event("<u>key</u>");
    event.reason = Some("<em>why</em>".into());
    *stack.failed_events.lock().unwrap() = provisioner_web::pipeline::FailedEvents { waiting: 1, events: vec![event] };
    let client = Client::of(&stack).await;
    for path in [
        "/",
        "/records",
        &format!("/records/{id}"),
        "/failed-events",
        "/records?name=%3Cimg%20src%3Dx%3E&since=%3Cimg%3E",
        "/files/record?since=0&key=%3Cimg%3E",
    ] {
        let page = client.get(path).await.text;
        for markup in ["<img", "<script>", "<svg onload", "<b>NEW", "<i>field", "</dl><h1>", "<u>", "<em>"] {
            assert!(!page.contains(markup), "{markup} in {path}: {page}");
        }
        assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'), "{path}");
    }
    client.get("/records").await.has(&["&lt;img src=x onerror=alert(1)&gt;&quot;'&amp;\u{fffd}fdp.txt"]);
}
