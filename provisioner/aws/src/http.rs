//! The HTTP client that all services share: one pool of connections, proxies and certificates from the environment, and a
//! limit for requests that make no progress.
//!
//! A read timeout of the SDK's own client covers a whole request, the sending of its body included, so it would end a long
//! upload over a slow line. [`Progress`] is measured instead: while a body is sent, its bytes; after that, the answer.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use provisioner_model::error::{Error, Exit, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::Instant;

use crate::limits::TimeLimits;

/// The variables that name a proxy. curl, botocore and others read the same.
const PROXY_VARIABLES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// The size of the pieces in which a body in memory is sent, so that its progress can be seen. Bytes.
const PIECE: usize = 64 << 10;
/// What the system may still have to send when the last byte of a body is handed over. Bytes.
const SOCKET_BUFFER: u64 = 4 << 20;
/// The slowest line for which [`SOCKET_BUFFER`] is waited for. Bytes a second.
const SLOWEST: u64 = 64 << 10;

/// The variable that names a proxy, if one does.
pub(crate) fn proxy_variable() -> Option<&'static str> {
    PROXY_VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The client. `certificates` is a PEM file of the only certificate authorities to trust, such as `AWS_CA_BUNDLE`; without
/// it, those of the system (or of `SSL_CERT_FILE`).
///
/// # Errors
/// If the file cannot be read or holds no certificate.
pub(crate) fn client(limits: TimeLimits, certificates: Option<&Path>) -> Result<SharedHttpClient> {
    let trust = match certificates {
        Some(path) => TrustStore::empty().with_pem_certificate(checked_bundle(path)?),
        None => TrustStore::default(),
    };
    let context = TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|e| Error::new(Exit::Access, "ca-bundle", "failed to prepare TLS connections").source(e))?;
    let settings = HttpConnectorSettings::builder().connect_timeout(limits.connect).build();
    let builder = Connector::builder()
        .connector_settings(settings)
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .tls_context(context);
    let direct = SharedHttpConnector::new(builder.clone().build());
    let proxied =
        proxy_variable().map(|_| SharedHttpConnector::new(builder.proxy_config(ProxyConfig::from_env()).build()));
    Ok(SharedHttpClient::new(Client { direct, proxied, stall: limits.stall }))
}

/// The content of a PEM file, which the connector takes unchecked and panics over.
fn checked_bundle(path: &Path) -> Result<Vec<u8>> {
    let wrong = |what: &str| {
        Error::new(Exit::Access, "ca-bundle", format!("the certificate bundle {} {what}", path.display()))
            .hint("AWS_CA_BUNDLE, or `ca_bundle` in the AWS configuration, names a file of PEM certificates.")
    };
    let pem = std::fs::read(path).map_err(|e| wrong("cannot be read").source(e))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| wrong("is not PEM").source(e))?;
        roots.add(certificate).map_err(|e| wrong("holds a certificate that cannot be read").source(e))?;
    }
    if roots.is_empty() { Err(wrong("holds no certificate")) } else { Ok(pem) }
}

/// One connector for all services, and a second one where a proxy is named.
#[derive(Debug)]
struct Client {
    direct: SharedHttpConnector,
    proxied: Option<SharedHttpConnector>,
    stall: Duration,
}

impl HttpClient for Client {
    /// The read timeout of a client is its limit without progress.
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Guarded {
            direct: self.direct.clone(),
            proxied: self.proxied.clone(),
            stall: settings.read_timeout().unwrap_or(self.stall),
        })
    }
}

#[derive(Debug)]
struct Guarded {
    direct: SharedHttpConnector,
    proxied: Option<SharedHttpConnector>,
    stall: Duration,
}

impl HttpConnector for Guarded {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let host = host_of(request.uri()).to_owned();
        let connector = self.proxied.as_ref().filter(|_| !is_near(&host)).unwrap_or(&self.direct);
        let progress = Progress::new(request.body().content_length().unwrap_or_default());
        if request.body().content_length() != Some(0) {
            let body = std::mem::replace(request.body_mut(), SdkBody::taken());
            let counted = Counted { body, rest: Bytes::new(), progress: progress.clone() };
            *request.body_mut() = SdkBody::from_body_1_x(counted);
        }
        let (call, stall) = (connector.call(request), self.stall);
        HttpConnectorFuture::new(async move {
            let mut call = std::pin::pin!(call);
            loop {
                let end = progress.deadline(stall);
                tokio::select! {
                    answer = &mut call => return answer.map_err(|error| with_host(error, &host)),
                    () = tokio::time::sleep_until(end) => {
                        if progress.deadline(stall) <= Instant::now() {
                            let stalled = Stalled { host, seconds: stall.as_secs_f64() };
                            return Err(ConnectorError::timeout(stalled.into()));
                        }
                    }
                }
            }
        })
    }
}

/// Nothing came or went for too long.
#[derive(Debug, thiserror::Error)]
#[error("{host} did not answer within {seconds} s")]
struct Stalled {
    host: String,
    seconds: f64,
}

/// An error of a connection, with the host that was to be reached.
#[derive(Debug, thiserror::Error)]
#[error("no answer from {host}")]
pub(crate) struct HostError {
    host: String,
    #[source]
    source: ConnectorError,
}

fn with_host(error: ConnectorError, host: &str) -> ConnectorError {
    let (io, timeout, user, other) = (error.is_io(), error.is_timeout(), error.is_user(), error.as_other());
    let error = HostError { host: host.to_owned(), source: error };
    if io {
        ConnectorError::io(error.into())
    } else if timeout {
        ConnectorError::timeout(error.into())
    } else if user {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::other(error.into(), other)
    }
}

/// The host of a URI, without port and user.
fn host_of(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or(ipv6),
        None => host.split(':').next().unwrap_or(host),
    }
}

/// Whether a host is this machine or its metadata service, which no proxy can reach: the emulator, IMDS, ECS.
fn is_near(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        // fd00:ec2::254 is the metadata service's address (EC2 user guide).
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.segments()[..2] == [0xfd00, 0xec2],
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// When a request last made progress, and how much of its body is still to be sent.
#[derive(Clone)]
struct Progress(Arc<Mutex<State>>);

#[derive(Clone, Copy)]
struct State {
    last: Instant,
    /// The size of the body and what of it is still to be sent. Bytes.
    size: u64,
    left: u64,
}

impl Progress {
    /// A request whose body has this size, 0 where it is unknown.
    fn new(body: u64) -> Self {
        Self(Arc::new(Mutex::new(State { last: Instant::now(), size: body, left: body })))
    }

    /// This number of bytes of the body was taken.
    fn made(&self, bytes: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = Instant::now();
        state.left = state.left.saturating_sub(bytes);
    }

    /// When the request has made no progress for too long. The last bytes of a body may wait in the socket's buffer.
    fn deadline(&self, stall: Duration) -> Instant {
        let State { last, size, left } = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let in_buffer = if left == 0 { size.min(SOCKET_BUFFER) } else { 0 };
        last + stall + Duration::from_secs(in_buffer / SLOWEST)
    }
}

/// A body that counts what is taken of it, a piece at a time.
struct Counted {
    body: SdkBody,
    /// What is left of the last frame.
    rest: Bytes,
    progress: Progress,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.progress.made(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (Body::size_hint(&self.body), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_proxy_can_reach() {
        for (uri, host, near) in [
            ("http://127.0.0.1:4566/b/k", "127.0.0.1", true),
            ("http://localhost:4566", "localhost", true),
            ("http://[::1]:4566/", "::1", true),
            ("http://s3.localhost/", "s3.localhost", true),
            ("http://169.254.169.254/latest", "169.254.169.254", true),
            ("http://[fd00:ec2::254]/latest", "fd00:ec2::254", true),
            ("https://user@sts.eu-central-1.amazonaws.com?x=@", "sts.eu-central-1.amazonaws.com", false),
            ("https://10.0.0.1/", "10.0.0.1", false),
            ("https://localhost.example.org", "localhost.example.org", false),
        ] {
            assert_eq!((host_of(uri), is_near(host_of(uri))), (host, near), "{uri}");
        }
    }

    #[tokio::test]
    async fn a_body_in_memory_is_sent_in_pieces_that_count_as_progress() {
        let content = vec![7; 3 * PIECE + 1];
        let progress = Progress::new(content.len() as u64);
        let mut body = Counted { body: SdkBody::from(content.clone()), rest: Bytes::new(), progress: progress.clone() };
        assert_eq!(Body::size_hint(&body).exact(), Some(content.len() as u64));
        let mut sent = Vec::new();
        let mut pieces = 0;
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.len() <= PIECE);
            sent.extend_from_slice(&data);
            pieces += 1;
            assert_eq!(Body::size_hint(&body).exact(), Some((content.len() - sent.len()) as u64));
        }
        assert!(sent == content && pieces == 4 && body.is_end_stream());
        let stall = Duration::from_secs(1);
        assert!(progress.deadline(stall) > Instant::now() + stall, "the socket's buffer is waited for");
    }

    #[test]
    fn a_bundle_is_checked_before_the_connector_sees_it() {
        let folder = std::env::temp_dir().join(format!("ca-bundle-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, content, said) in [
            ("empty.pem", "", "holds no certificate"),
            ("text.pem", "not a certificate", "holds no certificate"),
            ("broken.pem", "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n", "is not PEM"),
            ("wrong.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        ] {
            let path = folder.join(name);
            std::fs::write(&path, content).unwrap();
            let error = client(TimeLimits::default(), Some(&path)).unwrap_err();
            assert!(error.message.contains(said) && error.message.contains(name), "{error:?}");
            assert_eq!(error.exit, Exit::Access);
        }
        std::fs::remove_dir_all(folder).unwrap();
        assert!(client(TimeLimits::default(), Some(Path::new("/nowhere.pem"))).is_err());
    }
}
