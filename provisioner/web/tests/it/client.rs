//! Requests to the application, without a network.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use provisioner_web::pipeline::Pipeline;
use provisioner_web::session::LocalSession;
use provisioner_web::transfer::Transfers;
use tower::ServiceExt as _;

use crate::stack::Stack;

pub(crate) const PORT: u16 = 4100;
pub(crate) const HOST_NAME: &str = "127.0.0.1:4100";
pub(crate) const ORIGIN_NAME: &str = "http://127.0.0.1:4100";

/// The application, and the cookie of who is signed in.
pub(crate) struct Client {
    pub(crate) app: Router,
    pub(crate) transfers: Arc<Transfers>,
    pub(crate) address: String,
    pub(crate) cookie: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn location(&self) -> &str {
        self.headers[LOCATION].to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn has(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.text.contains(part), "no {part:?} in {}", self.text);
        }
    }
}

impl Client {
    /// Signed in.
    pub(crate) async fn of(stack: &Arc<Stack>) -> Self {
        let session = LocalSession::new(PORT, |_| {}).unwrap();
        let address = session.address();
        let transfers = Arc::new(Transfers::default());
        let pipeline: Arc<dyn Pipeline> = Arc::clone(stack) as _;
        let app = provisioner_web::app(pipeline, Arc::new(session), Arc::clone(&transfers));
        let mut client = Self { app, transfers, address: address.clone(), cookie: String::new() };
        let answer = client.get(address.split_once(HOST_NAME).unwrap().1).await.expect(303);
        let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().clone_into(&mut client.cookie);
        client
    }

    /// A request as the browser makes it from the page.
    pub(crate) fn request(&self, method: &Method, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(HOST, HOST_NAME).header(COOKIE, &self.cookie);
        if *method == Method::GET { request.header(ACCEPT, "text/html") } else { request.header(ORIGIN, ORIGIN_NAME) }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answered {
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        Answered { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.send(self.request(&Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// What the module asks for.
    pub(crate) async fn get_json(&self, path: &str) -> Answered {
        let request = self.request(&Method::HEAD, path).method(Method::GET).body(Body::empty()).unwrap();
        self.send(request).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: impl Into<Body>) -> Answered {
        self.send(self.request(&method, path).body(body.into()).unwrap()).await
    }
}
