//! Pictures: their size, how they are turned, what the camera wrote down, and how many frames or pages they have.
//!
//! Only headers are read, never pixels. Each reader walks its format's blocks by the offsets and lengths that the file
//! gives, and every step either moves forward or is counted.

mod exif;
mod fields;
mod flat;
mod gif;
mod heif;
mod ifd;
mod iptc;
mod jpeg;
mod jxl;
mod png;
mod postscript;
mod svg;
mod tiff;
mod webp;

use handler_contract::{ErrorCode, Failure, Metadata};

use self::fields::LONGEST_SIDE;
use super::xml;
use crate::input::Input;
use crate::input::View;
use crate::media_type::is_textual;
use crate::report::{Abort, Report};

/// How many first bytes hold all signatures but one.
const SIGNATURES: u64 = 16;

/// Types of pictures that are not text. Not all have a reader.
pub(super) fn reads(file_type: &str) -> bool {
    file_type.starts_with("image/") && !is_textual(file_type)
}

/// Reads a picture of any format.
pub(super) fn read(file: View, report: &mut Report) -> Result<(), Abort> {
    Ok(describe(file, &mut report.metadata)?)
}

/// What is no picture, or one of a format without a reader, gives nothing.
fn describe(file: View, metadata: &mut Metadata) -> Result<(), Failure> {
    let Some(reader) = reader_of(file) else {
        return Ok(());
    };
    // A reader that meets the end of the file has written down all it found before.
    let complete = reader(file, metadata).is_some();
    let (width, height) = (metadata.width, metadata.height);
    let absurd = |side: Option<u64>| side.is_some_and(|side| side > LONGEST_SIDE);
    if absurd(width) || absurd(height) {
        (metadata.width, metadata.height) = (None, None);
        let claim = format!("its header claims {} × {} pixels", width.unwrap_or(0), height.unwrap_or(0));
        return Err(Failure::new(ErrorCode::Malformed, claim));
    }
    metadata.width = width.filter(|side| *side > 0);
    metadata.height = height.filter(|side| *side > 0);
    // A size that is missing is a missing field. A file that breaks off before it says anything is damaged.
    let counted =
        Metadata { has_gps: None, frame_count: None, is_animated: None, page_count: None, ..metadata.clone() };
    let found = Metadata { content_encoding: None, ..counted };
    if !complete && found == Metadata::default() {
        return Err(Failure::new(
            ErrorCode::Malformed,
            "it breaks off before its header says how large the picture is",
        ));
    }
    if !complete {
        metadata.is_partial = Some(true);
    }
    Ok(())
}

/// Reads an SVG, as a picture and as the text that it is.
pub(super) fn read_svg(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    svg::describe(input.head(), &mut report.metadata);
    xml::read(input, report)
}

/// Types of `PostScript`.
pub(super) fn is_postscript(file_type: &str) -> bool {
    matches!(file_type, "application/postscript" | "image/x-eps")
}

/// Reads `PostScript`, of which the head describes the page.
pub(super) fn read_postscript(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    postscript::describe(input.head(), &mut report.metadata);
    input.stream(|_| ())
}

/// Fills in what the file says; `None` when it ends before it says all.
type ImageReader = fn(View, &mut Metadata) -> Option<()>;

fn reader_of(file: View) -> Option<ImageReader> {
    let reader: ImageReader = match file.slice_up_to(0, SIGNATURES) {
        [0x89, b'P', b'N', b'G', ..] => png::read,
        [0xff, 0xd8, 0xff, ..] => jpeg::read,
        [b'G', b'I', b'F', b'8', ..] => gif::read,
        [b'R', b'I', b'F', b'F', ..] if file.has(8, b"WEBP") => webp::read,
        // Some makers of cameras write letters, or a U, in place of the number by which TIFF is known.
        [b'I', b'I', 42 | 43 | b'U', 0, ..]
        | [b'M', b'M', 0, 42 | 43, ..]
        | [b'I', b'I', b'R', b'O' | b'S', ..]
        | [b'M', b'M', b'O', b'R', ..] => tiff::read,
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => jxl::read,
        [0, 0, 0, 12, b'j', b'P', b' ' | 0x1a, ..] => flat::jp2,
        [0xff, 0x4f, 0xff, 0x51, ..] => flat::jp2_codestream,
        [0, 0, 1 | 2, 0, 1..=255, ..] => flat::ico,
        [b'B', b'M', ..] => flat::bmp,
        [b'8', b'B', b'P', b'S', ..] => flat::psd,
        [b'i', b'c', b'n', b's', ..] => flat::icns,
        [b'q', b'o', b'i', b'f', ..] => flat::qoi,
        [b'D', b'D', b'S', b' ', ..] => flat::dds,
        [b'v', b'/', b'1', 1, ..] => flat::exr,
        [b'#', b'?', ..] => flat::hdr,
        [0x0a, 0 | 2 | 3 | 4 | 5, 1, ..] => flat::pcx,
        [0x01, 0xda, ..] => flat::sgi,
        [b'P', b'1'..=b'7' | b'F' | b'f', ..] => flat::pnm,
        [1, 0, 0, 0, ..] if file.has(40, b" EMF") => flat::emf,
        _ if file.has(4, b"ftyp") => heif::read,
        // No signature at all: only the sniffed type identifies it.
        [_, 0 | 1, 1..=3 | 9..=11, ..] => flat::tga,
        _ => return None,
    };
    Some(reader)
}

#[cfg(test)]
mod tests;
