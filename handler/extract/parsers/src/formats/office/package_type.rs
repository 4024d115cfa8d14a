//! Which format a zip file is, by what its parts hold.
//!
//! Names of entries prove nothing: anybody may zip a folder called `word`. A format is proven by the part `mimetype`, by
//! the content types of an OOXML package and the main part that they name, by a manifest, or by how a part that only
//! this format has starts. Of a file that is cut off, so that its directory is missing, the names before the parts must
//! do.

use std::io::Read;

use super::properties::leaves;
use crate::formats::container::Package;
use crate::formats::container::u16_at;
use crate::input::View;
use crate::media_type::{Detected, is_self_declared};

const EPUB: &str = "application/epub+zip";
const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PRESENTATION: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const MUSIC_XML: &str = "application/vnd.recordare.musicxml";
const ZIP: &str = "application/zip";
const CONTENT_TYPES: &str = "[Content_Types].xml";

/// The longest type that a file may give itself.
const LONGEST_TYPE: u64 = 100;
/// How far a file without a directory is searched for names.
const SEARCHED: u64 = 1 << 20;
/// Bytes of a part that are looked at.
const PART_HEAD: u64 = 4 << 10;

/// The media type of a zip file of which the content proves more; `None` for any other.
pub(crate) fn type_by_parts(package: &Package<'_>) -> Option<Detected> {
    let proven = declared_type(package)
        .or_else(|| by_content_types(package))
        .or_else(|| by_container(package).map(str::to_owned))
        .or_else(|| by_manifest(package))
        .or_else(|| by_parts(package).map(str::to_owned));
    proven.map(Detected::proven).or_else(|| by_extension(package))
}

/// The media type of a zip file whose directory is missing; `None` for one that is no office document.
pub(crate) fn type_by_names(file: View) -> Option<&'static str> {
    by_names(file.slice_up_to(0, SEARCHED))
}

/// The start of a part as text.
fn part_head(package: &Package<'_>, name: &str, len: u64) -> Option<String> {
    let mut bytes = Vec::new();
    // What is after an error can only be missing.
    let _ = package.part(name)?.ok()?.take(len).read_to_end(&mut bytes);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What the part `mimetype` says (EPUB 3.3, section 4.2.2; OpenDocument 1.3 part 2, section 3.3; and others).
fn declared_type(package: &Package<'_>) -> Option<String> {
    let declared = part_head(package, "mimetype", LONGEST_TYPE)?;
    known(declared.trim().trim_start_matches('\u{feff}'))
}

fn known(word: &str) -> Option<String> {
    is_self_declared(word).then(|| word.to_owned())
}

/// What the content type of an OOXML document's main part says (ISO/IEC 29500-2, section 7.2.3), if it is there, or relationships say
/// where it was.
fn by_content_types(package: &Package<'_>) -> Option<String> {
    let mut found = None;
    let picked = |tag: &super::markup::Tag<'_>| (tag.attribute("ContentType"), tag.attribute("PartName"));
    let Some(types) = package.part(CONTENT_TYPES) else {
        // Without its content types a package has still its relationships, and they lead to this part.
        let main = MAIN_PARTS.iter().find(|(part, _)| package.has("_rels/.rels") && package.has(part));
        return main.map(|(_, file_type)| (*file_type).to_owned());
    };
    // What is after an error can only be missing.
    let _ = leaves(types.ok()?, picked, |_, (content_type, part), _| {
        let content_type = content_type.unwrap_or_default();
        if found.is_none()
            && let Some(file_type) = main_type(&content_type)
            && part.is_none_or(|part| package.has(&part) || package.has("_rels/.rels"))
        {
            found = Some(file_type);
        }
    });
    // A type by an extension is of no part in particular.
    found.filter(|_| package.names().any(|name| name != CONTENT_TYPES.as_bytes() && !name.starts_with(b"_rels/")))
}

/// The type of a document by the content type of its main part.
fn main_type(content_type: &str) -> Option<String> {
    if let Some(visio) = content_type.strip_prefix("application/vnd.ms-visio.") {
        return visio.ends_with(".main+xml").then(|| content_type.to_ascii_lowercase());
    }
    let other = match content_type {
        "application/vnd.ms-package.3dmanufacturing-3dmodel+xml" => Some("model/3mf"),
        "application/vnd.ms-package.xps-fixeddocumentsequence+xml" => Some("application/vnd.ms-xpsdocument"),
        "application/vnd.ms-appx.manifest+xml" => Some("application/vnd.ms-appx"),
        "application/vnd.ms-appx.bundlemanifest+xml" => Some("application/vnd.ms-appx.bundle"),
        _ => None,
    };
    if let Some(other) = other {
        return Some(other.to_owned());
    }
    let kind = content_type.strip_suffix(".main+xml").or_else(|| content_type.strip_suffix(".main"))?;
    // The types that IANA registered have a version, and name the macros of every template in the same way.
    let registered = |kind: &str| kind.replace("macroEnabledTemplate", "macroEnabled") + ".12";
    let is_office = kind.strip_prefix("application/vnd.openxmlformats-officedocument.").is_some_and(|kind| {
        ["wordprocessingml.", "spreadsheetml.", "presentationml."].iter().any(|program| kind.starts_with(program))
    });
    let has_macros = ["word", "excel", "powerpoint"]
        .iter()
        .any(|program| kind.strip_prefix("application/vnd.ms-").is_some_and(|kind| kind.starts_with(program)))
        && kind.contains(".macroEnabled");
    let is_short = kind.len() < 100 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.-".contains(&byte));
    match (is_short, is_office, has_macros) {
        (true, true, _) => Some(kind.to_owned()),
        (true, _, true) => Some(registered(kind)),
        _ => None,
    }
}

/// The main parts of documents, where they are in nearly all packages.
const MAIN_PARTS: &[(&str, &str)] =
    &[("word/document.xml", WORD), ("xl/workbook.xml", SHEET), ("ppt/presentation.xml", PRESENTATION)];

/// What the container of an e-book, or of sheet music, says of its first document (EPUB OCF 3.3, section 4.2.6.3.1).
fn by_container(package: &Package<'_>) -> Option<&'static str> {
    let mut found = None;
    let picked = |tag: &super::markup::Tag<'_>| Some((tag.attribute("full-path")?, tag.attribute("media-type")));
    let _ = leaves(package.part("META-INF/container.xml")?.ok()?, picked, |name, picked, _| {
        let Some((path, media_type)) = picked.filter(|(path, _)| name == "rootfile" && package.has(path)) else {
            return;
        };
        let extension = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let file_type = match (media_type.as_deref(), extension.as_str()) {
            (Some("application/oebps-package+xml"), _) | (None, "opf") => Some(EPUB),
            (Some("application/vnd.recordare.musicxml+xml"), _) | (None, "musicxml") => Some(MUSIC_XML),
            (_, "mscx") => Some("application/x-musescore"),
            (_, "xml") => part_head(package, &path, PART_HEAD)
                .is_some_and(|head| head.contains("<score-partwise") || head.contains("<score-timewise"))
                .then_some(MUSIC_XML),
            _ => None,
        };
        found = found.or(file_type);
    });
    found
}

/// What the manifest of an OpenDocument package says of the whole (OpenDocument 1.3 part 2, section 4.8.4).
fn by_manifest(package: &Package<'_>) -> Option<String> {
    let mut found = None;
    let attributes = |tag: &super::markup::Tag<'_>| Some((tag.attribute("full-path")?, tag.attribute("media-type")?));
    let _ = leaves(package.part("META-INF/manifest.xml")?.ok()?, attributes, |_, entry, _| {
        if let Some((path, media_type)) = entry
            && path == "/"
        {
            found = known(&media_type);
        }
    });
    found
}

/// Parts that only one format has: the name, what is near the start of the part, and the type.
const PARTS: &[(&str, &str, &str)] = &[
    ("AndroidManifest.xml", "\u{3}\0\u{8}\0", "application/vnd.android.package-archive"),
    ("base/manifest/AndroidManifest.xml", "http://schemas.android.com/apk/res/android", "application/vnd.android.aab"),
    ("META-INF/MANIFEST.MF", "Manifest-Version", "application/java-archive"),
    ("WEB-INF/web.xml", "<web-app", "application/java-archive"),
    ("META-INF/application.xml", "<application", "application/java-archive"),
    ("META-INF/AIR/application.xml", "<application", "application/vnd.adobe.air-application-installer-package+zip"),
    ("extension.vsixmanifest", "<PackageManifest", "application/vsix"),
    ("canvas.fig", "fig-", "image/x-figma"),
    ("DOMDocument.xml", "ns.adobe.com/xfl", "application/vnd.adobe.fla"),
    ("meta.json", "com.bohemiancoding.sketch3", "image/x-sketch"),
    ("AppManifest.xaml", "<Deployment", "application/x-silverlight-app"),
];

fn by_parts(package: &Package<'_>) -> Option<&'static str> {
    let matches = |(name, start, _): &&(&str, &str, &str)| {
        part_head(package, name, PART_HEAD).is_some_and(|head| head.contains(start))
    };
    PARTS.iter().find(matches).map(|(.., file_type)| *file_type)
}

/// Formats that share their parts with each other or with any archive, so that only the extension distinguishes them.
fn by_extension(package: &Package<'_>) -> Option<Detected> {
    let is_in_root = |name: &[u8], extension: &[u8]| name.ends_with(extension) && !name.contains(&b'/');
    let by_extension: &'static [(&str, &str)] = if package.has("Index/Document.iwa") || package.has("Index.zip") {
        &[
            ("pages", "application/vnd.apple.pages"),
            ("numbers", "application/vnd.apple.numbers"),
            ("key", "application/vnd.apple.keynote"),
        ]
    } else if package.has("doc.kml") {
        &[("kmz", "application/vnd.google-earth.kmz")]
    } else if package.names().any(|name| is_in_root(name, b".twb")) {
        &[("twbx", "application/twbx")]
    } else if package.names().any(|name| [&b".usd"[..], b".usda", b".usdc"].iter().any(|end| is_in_root(name, end))) {
        &[("usdz", "model/vnd.usdz+zip")]
    } else if package.names().any(|name| name.starts_with(b"Payload/") && name.ends_with(b".app/Info.plist")) {
        &[("ipa", "application/x-ios-app")]
    } else {
        return None;
    };
    Some(Detected { by_extension, ..Detected::proven(ZIP) })
}

/// What the names before the parts say, where the directory is lost: the content types of a package, and a folder that
/// only one kind of document has.
fn by_names(head: &[u8]) -> Option<&'static str> {
    let headers = head.windows(4).enumerate().filter(|(_, window)| window == b"PK\x03\x04");
    let names =
        headers.take(1000).filter_map(|(at, _)| head.get(at + 30..)?.get(..usize::from(u16_at(head, at + 26)?)));
    let (mut is_package, mut folder) = (false, None);
    for name in names {
        is_package |= name == CONTENT_TYPES.as_bytes() || name == b"_rels/.rels";
        folder = folder.or_else(|| FOLDERS.iter().find(|(folder, _)| name.starts_with(folder.as_bytes())));
    }
    folder.filter(|_| is_package).map(|(_, file_type)| *file_type)
}

/// Folders that only one kind of document has.
const FOLDERS: &[(&str, &str)] = &[("word/", WORD), ("xl/", SHEET), ("ppt/", PRESENTATION)];
