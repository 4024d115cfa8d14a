//! The table of signatures: for each type the bytes that its files start with, how much these say, and what proves it.
//!
//! Types that are not here are those of `file-format`, whose signatures decide only about bytes that are no text, and
//! only if [`WEAK`] does not ask for a proof that fails.

use super::head::Head;
use super::structure::{
    holds, is_ac3, is_adts, is_android_chunk, is_animation, is_au, is_bitmap, is_coff, is_cpio, is_dbase,
    is_file_type_box, is_float_map, is_gif, is_icon, is_id3, is_mpeg_audio, is_netpbm, is_pcx, is_plain_netpbm, is_sgi,
    is_tar, is_tga, is_transport_stream, is_true_type, is_unix_archive,
};

/// What may override a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// Nothing: no text starts so. A file may look like text after it: audio with eight bits a sample does, and so do
    /// white pictures.
    Strict,
    /// Text: texts may start so by chance.
    UnlessText,
}

/// Whether the head of a file proves a type.
type Proof = fn(Head) -> bool;

/// A row of the table.
pub(super) struct Signature {
    pub(super) file_type: &'static str,
    /// Which bytes are at which offsets.
    parts: &'static [(usize, &'static [u8])],
    pub(super) strength: Strength,
    /// What else must hold. A signature of a few bytes proves nothing by itself.
    proof: Proof,
}

impl Signature {
    /// Whether a file has this signature, and what proves it.
    pub(super) fn matches(&self, head: Head) -> bool {
        self.parts.iter().all(|(at, bytes)| head.bytes.get(*at..).is_some_and(|rest| rest.starts_with(bytes)))
            && (self.proof)(head)
    }
}

const fn strict(file_type: &'static str, parts: &'static [(usize, &'static [u8])]) -> Signature {
    proven(file_type, parts, |_| true)
}

const fn proven(file_type: &'static str, parts: &'static [(usize, &'static [u8])], proof: Proof) -> Signature {
    Signature { file_type, parts, strength: Strength::Strict, proof }
}

const fn unless_text(file_type: &'static str, parts: &'static [(usize, &'static [u8])]) -> Signature {
    Signature { file_type, parts, strength: Strength::UnlessText, proof: |_| true }
}

pub(super) const ZIP: &str = "application/zip";
pub(super) const COMPOUND: &str = "application/x-cfb";
pub(super) const MP4: &str = "application/mp4";
pub(super) const MATROSKA: &str = "application/x-matroska";
pub(super) const ID3: &str = "application/x-id3v2";
pub(super) const TIFF: &str = "image/tiff";
pub(super) const OGG: &str = "application/ogg";
pub(super) const PNG: &str = "image/png";
pub(super) const HDF5: &str = "application/x-hdf5";
pub(super) const DER: &str = "application/x-der";

/// Own signatures. The first that matches decides.
pub(super) const SIGNATURES: &[Signature] = &[
    // Containers, whose content decides further.
    strict(ZIP, &[(0, b"PK\x03\x04")]),
    strict(ZIP, &[(0, b"PK\x07\x08PK\x03\x04")]),
    strict(ZIP, &[(0, b"PK00PK\x03\x04")]),
    strict(ZIP, &[(0, b"PK\x05\x06\0\0\0\0\0\0\0\0")]),
    strict(COMPOUND, &[(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")]),
    proven(MP4, &[(4, b"ftyp")], is_file_type_box),
    strict(MATROSKA, &[(0, b"\x1a\x45\xdf\xa3")]),
    proven(ID3, &[(0, b"ID3")], is_id3),
    strict(OGG, &[(0, b"OggS\0")]),
    // Archives and compressed files.
    proven("application/x-tar", &[], is_tar),
    strict("application/gzip", &[(0, b"\x1f\x8b\x08")]),
    strict("application/zstd", &[(0, b"\x28\xb5\x2f\xfd")]),
    // Frames to be skipped, which parallel compressors and signers put first.
    proven("application/zstd", &[(1, b"\x2a\x4d\x18")], |head| head.bytes[0] & 0xf0 == 0x50),
    strict("application/x-xz", &[(0, b"\xfd7zXZ\0")]),
    strict("application/x-7z-compressed", &[(0, b"7z\xbc\xaf\x27\x1c")]),
    strict("application/vnd.rar", &[(0, b"Rar!\x1a\x07")]),
    strict("application/vnd.debian.binary-package", &[(0, b"!<arch>\ndebian-binary")]),
    proven("application/x-archive", &[(0, b"!<arch>\n")], is_unix_archive),
    proven("application/x-archive", &[(0, b"!<thin>\n")], is_unix_archive),
    proven("application/warc", &[(0, b"WARC/")], |head| holds(head, b"\r\nWARC-", 256)),
    proven("application/x-internet-archive", &[(0, b"filedesc://")], |head| holds(head, b" text/plain ", 256)),
    // Pictures.
    strict(PNG, &[(0, b"\x89PNG\r\n\x1a\n")]),
    strict("image/jls", &[(0, b"\xff\xd8\xff\xf7")]),
    strict("image/jpeg", &[(0, b"\xff\xd8\xff")]),
    proven("image/gif", &[(0, b"GIF8")], is_gif),
    strict("image/webp", &[(0, b"RIFF"), (8, b"WEBP")]),
    strict(TIFF, &[(0, b"II*\0")]),
    strict(TIFF, &[(0, b"MM\0*")]),
    strict(TIFF, &[(0, b"II+\0\x08\0\0\0")]),
    strict(TIFF, &[(0, b"MM\0+\0\x08\0\0")]),
    proven("image/bmp", &[(0, b"BM"), (6, b"\0\0\0\0")], is_bitmap),
    // The arrays of OS/2 are files of several bitmaps.
    proven("image/bmp", &[(0, b"BA"), (14, b"BM")], |head| head.bytes.len() > 40),
    proven("image/x-portable-bitmap", &[(0, b"P4")], is_netpbm),
    proven("image/x-portable-graymap", &[(0, b"P5")], is_netpbm),
    proven("image/x-portable-pixmap", &[(0, b"P6")], is_netpbm),
    proven("image/x-portable-bitmap", &[(0, b"P1")], is_plain_netpbm),
    proven("image/x-portable-graymap", &[(0, b"P2")], is_plain_netpbm),
    proven("image/x-portable-pixmap", &[(0, b"P3")], is_plain_netpbm),
    proven("image/x-portable-arbitrarymap", &[(0, b"P7\n")], |head| holds(head, b"\nENDHDR\n", 4096)),
    proven("image/x-pfm", &[(0, b"PF")], is_float_map),
    proven("image/x-pfm", &[(0, b"Pf")], is_float_map),
    strict("image/vnd.adobe.photoshop", &[(0, b"8BPS\0\x01")]),
    strict("image/vnd.adobe.photoshop", &[(0, b"8BPS\0\x02")]),
    strict("image/vnd.ms-dds", &[(0, b"DDS |\0\0\0")]),
    strict("image/x-eps", &[(0, b"\xc5\xd0\xd3\xc6")]),
    proven("image/vnd.microsoft.icon", &[(0, b"\0\0\x01\0")], is_icon),
    proven("image/x-win-bitmap", &[(0, b"\0\0\x02\0")], is_icon),
    strict("image/x-qoi", &[(0, b"qoif\0")]),
    proven("image/x-pcx", &[(0, b"\x0a"), (2, b"\x01")], is_pcx),
    proven("image/x-tga", &[], is_tga),
    // Audio and video.
    strict("audio/vnd.wave", &[(0, b"RIFF"), (8, b"WAVE")]),
    strict("audio/vnd.wave", &[(0, b"RF64"), (8, b"WAVE")]),
    strict("audio/vnd.wave", &[(0, b"BW64"), (8, b"WAVE")]),
    strict("video/x-msvideo", &[(0, b"RIFF"), (8, b"AVI ")]),
    strict("audio/x-aiff", &[(0, b"FORM"), (8, b"AIFF")]),
    strict("audio/x-aiff", &[(0, b"FORM"), (8, b"AIFC")]),
    strict("audio/x-8svx", &[(0, b"FORM"), (8, b"8SVX")]),
    proven("audio/flac", &[(0, b"fLaC")], |head| head.bytes.get(4).is_some_and(|kind| kind & 0x7f <= 6)),
    proven("audio/basic", &[(0, b".snd")], is_au),
    strict("audio/x-voc", &[(0, b"Creative Voice File\x1a")]),
    strict("audio/x-dsf", &[(0, b"DSD \x1c\0\0\0\0\0\0\0")]),
    strict("audio/x-dff", &[(0, b"FRM8"), (12, b"DSD ")]),
    proven("audio/midi", &[(0, b"MThd\0\0\0\x06")], |_| true),
    unless_text("audio/aac", &[(0, b"ADIF")]),
    unless_text("audio/x-ofr", &[(0, b"OFR ")]),
    unless_text("audio/x-tak", &[(0, b"tBaK")]),
    unless_text("audio/x-tta", &[(0, b"TTA1")]),
    unless_text("video/iso.segment", &[(4, b"styp")]),
    // Data.
    strict("application/vnd.sqlite3", &[(0, b"SQLite format 3\0")]),
    strict("application/cbor", &[(0, b"\xd9\xd9\xf7")]),
    strict(HDF5, &[(0, b"\x89HDF\r\n\x1a\n")]),
    strict("application/x-hdf", &[(0, b"\x0e\x03\x13\x01")]),
    proven("application/x-netcdf", &[(0, b"CDF")], |head| matches!(head.bytes.get(3), Some(1 | 2 | 5))),
    strict("application/x-npy", &[(0, b"\x93NUMPY")]),
    proven("application/x-grib", &[(0, b"GRIB")], |head| head.bytes.get(7) == Some(&1)),
    proven("application/x-grib2", &[(0, b"GRIB")], |head| head.bytes.get(7) == Some(&2)),
    unless_text("application/x-orc", &[(0, b"ORC")]),
    proven("application/vnd.dbf", &[], is_dbase),
    strict("application/vnd.ms-outlook-pst", &[(0, b"!BDN"), (8, b"SM")]),
    strict("application/vnd.ms-tnef", &[(0, b"\x78\x9f\x3e\x22")]),
    strict("application/vnd.lotus-1-2-3", &[(0, b"\0\0\x02\0\x06\x04")]),
    strict("application/vnd.lotus-1-2-3", &[(0, b"\0\0\x02\0\x04\x04")]),
    proven("application/vnd.lotus-1-2-3", &[(0, b"\0\0\x1a\0")], |head| head.bytes.get(5) == Some(&0x10)),
    strict("application/x-quattro-pro", &[(0, b"\0\0\x02\0\x20\x51")]),
    proven(DER, &[(0, b"\x30")], |head| super::der::media_type(head).is_some()),
    // Programs.
    strict("application/x-executable", &[(0, b"\x7fELF")]),
];

/// Types whose signature in `file-format` is too short to prove them, with what does.
pub(super) const WEAK: &[(&str, Proof)] = &[
    // Decided above.
    ("application/x-x509-ca-cert", |_| false),
    ("application/x-tar", |_| false),
    ("image/bmp", |_| false),
    ("image/vnd.microsoft.icon", |_| false),
    ("image/x-win-bitmap", |_| false),
    ("image/x-pcx", |_| false),
    ("image/x-tga", |_| false),
    ("image/gif", |_| false),
    ("audio/flac", |_| false),
    ("application/x-id3v2", |_| false),
    // The first bytes of any stream of zlib; the name of the format is at the file's end.
    ("application/x-apple-diskimage", |_| false),
    ("application/x-coff", is_coff),
    ("application/x-cpio", is_cpio),
    ("application/vnd.android.axml", is_android_chunk),
    ("application/vnd.android.arsc", is_android_chunk),
    ("audio/mpeg", is_mpeg_audio),
    ("audio/aac", is_adts),
    ("audio/ac3", is_ac3),
    ("video/mp2t", is_transport_stream),
    ("video/x-fli", is_animation),
    ("video/x-flc", is_animation),
    ("image/x-sgi", is_sgi),
    ("font/ttf", is_true_type),
];
