//! Pictures, audio, archives and programs, through the child: what is sniffed finds its reader.

use handler_contract::{ErrorCode, FileTypes, Limits};
use handler_extract::Extractor;

use super::{code, extractor, read};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x04\0\0\0\x03\x08\0\0\0\0sums\0\0\0\0IEND";

fn elf() -> Vec<u8> {
    [&b"\x7fELF\x02\x01\x01"[..], &[0; 9], b"\x02\0\xb7\0\x01\0\0\0", &[0; 64]].concat()
}

#[tokio::test]
async fn each_kind_of_file_finds_its_reader() {
    let wav = b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x08\0\0\0........";
    let zip = [&b"PK\x03\x04"[..], &[0; 26], b"PK\x05\x06", &[0; 12], b"\x1e\0\0\0\0\0"].concat();
    // An empty block, stored.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\0\0\xff\xff\0\0\0\0\0\0\0\0";
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"4\" height=\"3\"><text>two words</text></svg>";
    let any = extractor(Limits::default());

    let picture = read(&any, "x.png", PNG).await;
    assert_eq!((picture.metadata.width, picture.metadata.height, code(&picture)), (Some(4), Some(3), None));
    let drawing = read(&any, "x.svg", svg).await;
    assert_eq!((drawing.file_type.as_deref(), drawing.metadata.width), (Some("image/svg+xml"), Some(4)));
    assert!(drawing.metadata.word_count.is_some());
    let audio = read(&any, "x.wav", wav).await;
    assert_eq!((audio.metadata.duration, audio.metadata.sample_rate), (Some(0.001), Some(8000)));
    let archive = read(&any, "x.zip", &zip).await;
    assert_eq!((archive.metadata.entry_count, code(&archive)), (Some(0), None));
    let packed = read(&any, "x.gz", gzip).await;
    assert_eq!((packed.metadata.uncompressed_size, code(&packed)), (Some(0), None));
    let broken = read(&any, "x.png", &PNG[..20]).await;
    assert_eq!(code(&broken), Some(ErrorCode::Malformed));
}

#[tokio::test]
async fn programs_are_refused_unless_they_are_named() {
    let refused = read(&extractor(Limits::default()), "tool", &elf()).await;
    assert_eq!(refused.file_type.as_deref(), Some("application/x-executable"));
    assert_eq!((code(&refused), refused.metadata.machine), (Some(ErrorCode::TypeNotAllowed), None));

    let types = FileTypes::new(["*/*", "application/x-executable"]).unwrap();
    let asked_for = Extractor::with_program(env!("CARGO_BIN_EXE_extract"), Limits::default(), types);
    let accepted = read(&asked_for, "tool", &elf()).await;
    assert_eq!((code(&accepted), accepted.metadata.machine.as_deref()), (None, Some("AArch64")));
}
