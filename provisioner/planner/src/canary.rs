//! The canary: a small file that a stack accepts, sent to verify that its pipeline works. Pure.
//!
//! The file follows from the stack file: its key matches the notification's prefix and suffix, its content is of an
//! allowed type and not larger than `files.maxSize`. If no sample meets all of these conditions, there is no canary, and
//! [`NoCanary`] gives the reason.

use provisioner_model::spec::StackSpec;

/// The prefix of every canary's name. An object under such a key was left by a run that was killed.
pub const NAME: &str = "provisioner-verify-";
/// Amazon S3 user guide, "Naming Amazon S3 objects". Bytes.
const LONGEST_KEY: usize = 1_024;

/// A file to send, and the media type that its record must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The object's key.
    pub key: String,
    /// The media type: that of the upload, and the one that the handler must detect from the content.
    pub file_type: &'static str,
    /// The content.
    pub content: Vec<u8>,
}

/// Why a stack has no canary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCanary {
    /// No sample is of an allowed type.
    #[error("there is no sample file of an allowed type ({0})")]
    Types(String),
    /// The keys must end with an extension that no sample has.
    #[error("there is no sample file whose name can end with {0:?}")]
    Suffix(String),
    /// Every sample of an allowed type is too large.
    #[error("the smallest sample file has {least} bytes, and the stack accepts {most}")]
    Size {
        /// The size of the smallest sample, bytes.
        least: usize,
        /// The largest accepted size, bytes.
        most: u64,
    },
    /// Prefix and suffix leave no room for a name.
    #[error("bucket.prefix and bucket.suffix leave no room for a name in a key of {LONGEST_KEY} bytes")]
    Key,
}

/// A file that can be sent: extension, media type by content, content.
type Sample = (&'static str, &'static str, fn() -> Vec<u8>);

/// In order of preference: a text file exercises most of the pipeline and costs least.
const SAMPLES: [Sample; 9] = [
    ("txt", "text/plain", || b"a canary of words\n".to_vec()),
    ("csv", "text/csv", || b"canary,of\nwords,2\n".to_vec()),
    ("json", "application/json", || b"{\"canary\": \"of words\"}\n".to_vec()),
    ("html", "text/html", || b"<!DOCTYPE html><title>canary</title><p>of words</p>\n".to_vec()),
    ("xml", "text/xml", || b"<?xml version=\"1.0\"?>\n<canary>of words</canary>\n".to_vec()),
    ("pdf", "application/pdf", pdf),
    ("png", "image/png", || PNG.to_vec()),
    ("gif", "image/gif", || GIF.to_vec()),
    ("wav", "audio/vnd.wave", wav),
];

/// One grey pixel.
const PNG: [u8; 67] = [
    0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 10, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x68, 0, 0, 0, 0x82, 0,
    0x81, 0x77, 0xcd, 0x72, 0xb6, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// One white pixel.
const GIF: [u8; 43] = [
    b'G', b'I', b'F', b'8', b'9', b'a', 1, 0, 1, 0, 0x80, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0, b'!', 0xf9, 4, 0, 0, 0, 0,
    0, b',', 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, b'D', 1, 0, b';',
];

/// One page with one line, and a valid cross-reference table.
fn pdf() -> Vec<u8> {
    const TEXT: &str = "BT /F1 12 Tf 20 50 Td (a canary of words) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{TEXT}\nendstream", TEXT.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let start = file.len();
    let count = objects.len() + 1;
    file.push_str(&format!(
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file.into_bytes()
}

/// A hundredth of a second of silent audio: one channel, 8,000 samples a second, 8 bits each.
fn wav() -> Vec<u8> {
    const SAMPLES: u32 = 80;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + SAMPLES).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(8_000_u32.to_le_bytes());
    file.extend(8_000_u32.to_le_bytes());
    file.extend([1, 0, 8, 0]);
    file.extend(b"data");
    file.extend(SAMPLES.to_le_bytes());
    file.extend([0x80; SAMPLES as usize]);
    file
}

/// The canary of a stack, named after this run.
pub fn canary(spec: &StackSpec, run: &str) -> Result<Canary, NoCanary> {
    let suffix = spec.bucket.suffix.as_deref().unwrap_or_default();
    // The type that the suffix implies: the handler rejects a file whose extension does not match its content.
    let name = suffix.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let named: Vec<&Sample> =
        SAMPLES.iter().filter(|(own, ..)| extension.as_ref().is_none_or(|wanted| wanted == own)).collect();
    if named.is_empty() {
        return Err(NoCanary::Suffix(suffix.to_owned()));
    }
    let allowed: Vec<&&Sample> = named.iter().filter(|(_, kind, _)| spec.files.allowed_types.allows(kind)).collect();
    if allowed.is_empty() {
        return Err(NoCanary::Types(spec.files.allowed_types.to_csv()));
    }
    let most = spec.files.max_size.0;
    let mut least = usize::MAX;
    for (own, file_type, content) in allowed {
        let content = content();
        if content.len() as u64 > most {
            least = least.min(content.len());
            continue;
        }
        let prefix = spec.bucket.prefix.as_deref().unwrap_or_default();
        // The suffix, if there is one; otherwise the extension of the type.
        let end = if suffix.is_empty() { format!(".{own}") } else { suffix.to_owned() };
        let key = format!("{prefix}{NAME}{run}{end}");
        if key.len() > LONGEST_KEY {
            return Err(NoCanary::Key);
        }
        return Ok(Canary { key, file_type, content });
    }
    Err(NoCanary::Size { least, most })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn chosen(yaml: &str) -> Result<(String, &'static str), NoCanary> {
        let spec =
            provisioner_model::spec::parse(&format!("name: dev\ndata: delete\n{yaml}"), Path::new("dev.yaml")).unwrap();
        canary(&spec, "7").map(|canary| (canary.key, canary.file_type))
    }

    #[test]
    fn the_canary_is_accepted_by_the_stack() {
        let rows = [
            ("", "provisioner-verify-7.txt", "text/plain"),
            ("bucket: { prefix: in/, suffix: .PDF }", "in/provisioner-verify-7.PDF", "application/pdf"),
            ("bucket: { suffix: -final.csv }", "provisioner-verify-7-final.csv", "text/csv"),
            ("bucket: { suffix: /done }", "provisioner-verify-7/done", "text/plain"),
            ("bucket: { suffix: .d/done }", "provisioner-verify-7.d/done", "text/plain"),
            ("files: { allowedTypes: [application/pdf] }", "provisioner-verify-7.pdf", "application/pdf"),
            ("files: { allowedTypes: ['image/*'] }", "provisioner-verify-7.png", "image/png"),
            ("files: { allowedTypes: ['image/*'], maxSize: 50 B }", "provisioner-verify-7.gif", "image/gif"),
            ("files: { allowedTypes: ['audio/*'] }", "provisioner-verify-7.wav", "audio/vnd.wave"),
            (
                "files: { allowedTypes: [application/pdf, application/json] }",
                "provisioner-verify-7.json",
                "application/json",
            ),
        ];
        for (yaml, key, file_type) in rows {
            assert_eq!(chosen(yaml), Ok((key.to_owned(), file_type)), "{yaml}");
        }
    }

    #[test]
    fn a_stack_that_accepts_no_sample_gives_the_reason() {
        let prefix = "p".repeat(1_010);
        let rows = [
            ("files: { allowedTypes: [video/mp4] }".to_owned(), NoCanary::Types("video/mp4".into())),
            ("bucket: { suffix: .docx }".to_owned(), NoCanary::Suffix(".docx".into())),
            (
                "bucket: { suffix: .txt }\nfiles: { allowedTypes: [image/png] }".to_owned(),
                NoCanary::Types("image/png".into()),
            ),
            ("files: { maxSize: 3 B }".to_owned(), NoCanary::Size { least: 18, most: 3 }),
            (format!("bucket: {{ prefix: {prefix} }}"), NoCanary::Key),
        ];
        for (yaml, expected) in rows {
            assert_eq!(chosen(&yaml), Err(expected), "{yaml}");
        }
    }
}
