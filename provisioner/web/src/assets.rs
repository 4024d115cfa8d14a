//! The style sheet, the module and the icon. Their addresses contain a hash of their content, so browsers keep them.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// One file that pages load.
#[derive(Debug)]
pub struct Asset {
    /// The name in its address, with a hash.
    pub name: String,
    /// The media type.
    pub media_type: HeaderValue,
    /// The content.
    pub content: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, content: &'static str) -> Self {
        let hash = hex::encode(Sha256::digest(content));
        let name = format!("{stem}-{}.{extension}", &hash[..12]);
        Self { name, media_type: HeaderValue::from_static(media_type), content }
    }

    /// The path in the address of a page.
    pub fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The style sheet.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css")));
/// The module.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("app", "js", "text/javascript; charset=utf-8", include_str!("assets/app.js")));
/// The icon.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// The asset of this name.
pub fn find(name: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_small() {
        assert!(SCRIPT.content.len() <= 20_480, "{} bytes", SCRIPT.content.len());
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for asset in [&*STYLE, &*SCRIPT, &*ICON] {
            let text = asset.content.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("://"), "{}", asset.name);
        }
        assert_eq!(find("../Cargo.toml").map(|asset| &asset.name), None);
        assert!(find(&STYLE.name).is_some());
    }
}
