//! Events of `web`.

use schemars::JsonSchema;
use serde::Serialize;

/// Events of serving the web page.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum WebEvent {
    /// The page is served. The address works once: it signs in the browser that opens it.
    #[serde(rename = "web-serving")]
    Serving {
        /// The address.
        url: String,
    },
    /// A browser has signed in. The next one needs this address.
    #[serde(rename = "web-signed-in")]
    SignedIn {
        /// The address for another browser.
        url: String,
    },
    /// Uploads are being aborted, so that no part of a file is left.
    #[serde(rename = "web-ending")]
    Ending,
}
