//! Who may see the page.
//!
//! The session of `provisioner web`: a one-time token in the printed address becomes a cookie. Each use makes a new token,
//! so that another browser can be signed in later, and an address that was used is worth nothing to who finds it.

use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use maud::{DOCTYPE, html};
use subtle::ConstantTimeEq as _;

/// Who may see the page, and under which addresses.
pub trait Session: Send + Sync + 'static {
    /// Whether a request may name this host (DNS rebinding: another name can point here).
    fn is_own_host(&self, host: &str) -> bool;

    /// Whether a page of this origin may send requests that change something.
    fn is_own_origin(&self, origin: &str) -> bool;

    /// Whether the request is of somebody who is signed in.
    fn is_signed_in(&self, headers: &HeaderMap) -> bool;

    /// Exchanges a one-time token for the value of a `Set-Cookie` header; `None` for a wrong or used one.
    fn sign_in(&self, token: &str) -> Option<String>;

    /// What somebody who is not signed in has to do: sentences.
    fn how_to_sign_in(&self) -> &str;
}

/// Called with the next address after each use of one.
type OnSignIn = Box<dyn Fn(&str) + Send + Sync>;

/// The session of a page on 127.0.0.1.
pub struct LocalSession {
    port: u16,
    cookie: String,
    token: Mutex<String>,
    on_sign_in: OnSignIn,
}

impl std::fmt::Debug for LocalSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalSession").field("port", &self.port).finish_non_exhaustive()
    }
}

/// A page, to be kept in a file, that leads a browser to an address.
///
/// Programs that open a browser take the address as an argument, which every user of the machine can read. They get the
/// name of this page's file instead.
pub fn redirect_page(address: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content={ "0;url=" (address) };
                title { "provisioner" }
            }
            body { p { a href=(address) { "To the page" } } }
        }
    };
    page.into_string()
}

/// 256 random bits in hexadecimal.
fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

impl LocalSession {
    /// The session of a server on this port. `on_sign_in` is called with the address for the next browser each time one has
    /// signed in.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(port: u16, on_sign_in: impl Fn(&str) + Send + Sync + 'static) -> Result<Self, getrandom::Error> {
        let (cookie, token) = (random()?, Mutex::new(random()?));
        Ok(Self { port, cookie, token, on_sign_in: Box::new(on_sign_in) })
    }

    /// The address that signs one browser in.
    pub fn address(&self) -> String {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        format!("http://127.0.0.1:{}/sign-in?token={token}", self.port)
    }

    /// The cookie's name. Cookies are shared by all ports of a host, so the port is part of it.
    fn cookie_name(&self) -> String {
        format!("provisioner-{}", self.port)
    }
}

fn equal(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

impl Session for LocalSession {
    fn is_own_host(&self, host: &str) -> bool {
        // Browsers leave out the port of the scheme.
        let named = |name: &str| {
            host.eq_ignore_ascii_case(&format!("{name}:{}", self.port))
                || (self.port == 80 && host.eq_ignore_ascii_case(name))
        };
        ["127.0.0.1", "localhost"].into_iter().any(named)
    }

    fn is_own_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("http://").is_some_and(|host| self.is_own_host(host))
    }

    fn is_signed_in(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(key, value)| key == name && equal(value, &self.cookie))
    }

    fn sign_in(&self, token: &str) -> Option<String> {
        let mut expected = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if !equal(token, &expected) {
            return None;
        }
        // Without randomness the old token must not stay valid.
        *expected = random().ok()?;
        drop(expected);
        (self.on_sign_in)(&self.address());
        Some(format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name(), self.cookie))
    }

    fn how_to_sign_in(&self) -> &'static str {
        "Open the address that “provisioner web” printed in its terminal. An address works once; after each use the \
         terminal prints the next one."
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn with_cookie(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())])
    }

    #[test]
    fn a_token_works_once_and_gives_a_cookie_that_no_script_reads() {
        let next = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&next);
        let session = LocalSession::new(4100, move |address| address.clone_into(&mut seen.lock().unwrap())).unwrap();
        let address = session.address();
        let token = address.split_once("token=").unwrap().1.to_owned();
        assert_eq!(token.len(), 64);
        assert_eq!(session.sign_in(""), None);
        assert_eq!(session.sign_in(&token[1..]), None);
        let cookie = session.sign_in(&token).unwrap();
        assert!(cookie.starts_with("provisioner-4100=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"));
        assert_eq!(session.sign_in(&token), None, "used");
        assert_eq!(*next.lock().unwrap(), session.address());
        assert_ne!(session.address(), address);

        let pair = cookie.split(';').next().unwrap();
        let value = pair.split_once('=').unwrap().1;
        for (cookies, expected) in [
            (pair.to_owned(), true),
            (format!("a=b; {pair}; c=d"), true),
            (format!("provisioner-4101={value}"), false),
            (format!("provisioner-4100={}", &value[1..]), false),
            ("provisioner-4100=".to_owned(), false),
            ("provisioner-4100".to_owned(), false),
        ] {
            assert_eq!(session.is_signed_in(&with_cookie(&cookies)), expected, "{cookies}");
        }
        assert!(!session.is_signed_in(&HeaderMap::new()));
    }

    #[test]
    fn only_its_own_addresses_are_accepted() {
        for (port, host, own) in [
            (4100, "127.0.0.1:4100", true),
            (4100, "localhost:4100", true),
            (4100, "LOCALHOST:4100", true),
            (4100, "127.0.0.1", false),
            (4100, "127.0.0.1:4101", false),
            (4100, "evil.example:4100", false),
            (4100, "127.0.0.1:4100.evil.example", false),
            (4100, "", false),
            (80, "127.0.0.1", true),
            (80, "localhost", true),
            (80, "127.0.0.1:80", true),
            (80, "127.0.0.1:4100", false),
            (80, "evil.example", false),
            (80, "", false),
        ] {
            let session = LocalSession::new(port, |_| {}).unwrap();
            assert_eq!(session.is_own_host(host), own, "{host}");
            assert_eq!(session.is_own_origin(&format!("http://{host}")), own, "{host}");
            assert!(!session.is_own_origin(&format!("https://{host}")), "{host}");
            assert!(!session.is_own_origin("null"));
        }
    }
}
