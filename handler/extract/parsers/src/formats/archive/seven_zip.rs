//! 7z: the header at the end, which is packed itself in most archives.

use std::io::Read;

use handler_contract::{Failure, Metadata};
use lzma_rust2::{Lzma2Reader, LzmaReader};

use super::failures::{encrypted, malformed, refuse_bomb};
use crate::input::View;

const SIGNATURE_HEADER: u64 = 32;
/// A header that unpacks to more than this is not read. It needs some fifty bytes a file.
const LARGEST_HEADER: u64 = 16 << 20;
/// More folders than this (what is packed together) are not read.
const MOST_FOLDERS: u64 = 1 << 18;
/// More coders than this in a row no folder has.
const MOST_CODERS: u64 = 32;

const END: u64 = 0x00;
const HEADER: u64 = 0x01;
const ARCHIVE_PROPERTIES: u64 = 0x02;
const ADDITIONAL_STREAMS: u64 = 0x03;
const MAIN_STREAMS: u64 = 0x04;
const FILES: u64 = 0x05;
const PACK_INFO: u64 = 0x06;
const UNPACK_INFO: u64 = 0x07;
const SUBSTREAMS: u64 = 0x08;
const SIZE: u64 = 0x09;
const CRC: u64 = 0x0a;
const FOLDER: u64 = 0x0b;
const UNPACK_SIZE: u64 = 0x0c;
const NUM_UNPACK_STREAM: u64 = 0x0d;
const EMPTY_STREAM: u64 = 0x0e;
const EMPTY_FILE: u64 = 0x0f;
const ENCODED_HEADER: u64 = 0x17;

const COPY: &[u8] = &[0x00];
const LZMA: &[u8] = &[0x03, 0x01, 0x01];
const LZMA_2: &[u8] = &[0x21];
const AES: &[u8] = &[0x06, 0xf1, 0x07, 0x01];

/// Reads the header of an archive.
pub(super) fn describe(file: View, metadata: &mut Metadata) -> Result<(), Failure> {
    let file = file.as_little_endian();
    let place =
        file.u64(12).zip(file.u64(20)).and_then(|(offset, len)| offset.checked_add(SIGNATURE_HEADER).zip(Some(len)));
    let header = place.and_then(|(at, len)| file.slice(at, len));
    let header = header
        .ok_or_else(|| malformed("its header, which ends a 7z file, is missing; the file is probably cut off"))?;
    if header.is_empty() {
        (metadata.entry_count, metadata.uncompressed_size) = (Some(0), Some(0));
        return Ok(());
    }
    let mut archive = Archive::default();
    let read = archive.read(file, header);
    metadata.is_encrypted = Some(archive.is_encrypted);
    match read {
        Ok(()) => {}
        Err(HeaderError::Encrypted) => {
            metadata.is_encrypted = Some(true);
            return Err(encrypted());
        }
        Err(HeaderError::Damaged) => return Err(malformed("its header is damaged")),
        Err(HeaderError::Unsupported) => {
            metadata.is_partial = Some(true);
            return Ok(());
        }
    }
    metadata.entry_count = Some(archive.files);
    metadata.uncompressed_size = Some(archive.unpacked);
    refuse_bomb(file.len(), archive.unpacked)
}

/// Why a header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum HeaderError {
    Damaged,
    /// It is encrypted.
    Encrypted,
    /// It is packed in a way, or larger, than is read here.
    Unsupported,
}

/// What is known of an archive.
#[derive(Default)]
struct Archive {
    files: u64,
    unpacked: u64,
    is_encrypted: bool,
}

impl Archive {
    fn read(&mut self, file: View, header: &[u8]) -> Result<(), HeaderError> {
        let mut fields = Fields::new(header);
        let unpacked;
        if fields.number()? == ENCODED_HEADER {
            unpacked = unpack_header(file, &Streams::read(&mut fields)?)?;
            fields = Fields::new(&unpacked);
            // A header packed twice is made by nobody.
            if fields.number()? != HEADER {
                return Err(HeaderError::Damaged);
            }
        }
        let mut packed_files = 0;
        loop {
            match fields.number()? {
                END => break,
                ARCHIVE_PROPERTIES => {
                    while fields.number()? != END {
                        let len = fields.number()?;
                        fields.bytes(len)?;
                    }
                }
                ADDITIONAL_STREAMS => {
                    Streams::read(&mut fields)?;
                }
                MAIN_STREAMS => {
                    let streams = Streams::read(&mut fields)?;
                    packed_files = streams.files;
                    self.unpacked = streams.folders.iter().fold(0, |sum, folder| sum.saturating_add(folder.unpacked));
                    self.is_encrypted = streams.folders.iter().any(|folder| folder.is_encrypted);
                }
                FILES => {
                    self.files = packed_files.saturating_add(empty_files(&mut fields)?);
                    return Ok(());
                }
                _ => return Err(HeaderError::Damaged),
            }
        }
        self.files = packed_files;
        Ok(())
    }
}

/// Files without content, which are no directories.
fn empty_files(fields: &mut Fields) -> Result<u64, HeaderError> {
    let files = fields.number()?;
    let (mut empty, mut empty_files) = (0, 0);
    loop {
        let kind = fields.number()?;
        if kind == END {
            return Ok(empty_files);
        }
        let len = fields.number()?;
        let mut property = Fields::new(fields.bytes(len)?);
        match kind {
            EMPTY_STREAM => empty = property.count_bits(files)?,
            EMPTY_FILE => empty_files = property.count_bits(empty)?,
            _ => {}
        }
    }
}

/// How an archive, or a packed header, is packed.
#[derive(Default)]
struct Streams {
    /// Where the packed data starts.
    from: u64,
    packed: Vec<u64>,
    folders: Vec<Folder>,
    files: u64,
}

#[derive(Default)]
struct Folder {
    coder: Vec<u8>,
    settings: Vec<u8>,
    coders: u64,
    outputs: u64,
    /// The output that no other coder takes.
    main_output: u64,
    unpacked: u64,
    is_encrypted: bool,
    has_checksum: bool,
}

impl Streams {
    fn read(fields: &mut Fields) -> Result<Self, HeaderError> {
        let mut streams = Self::default();
        loop {
            match fields.number()? {
                END => return Ok(streams),
                PACK_INFO => streams.read_pack_info(fields)?,
                UNPACK_INFO => streams.read_unpack_info(fields)?,
                SUBSTREAMS => streams.read_substreams(fields)?,
                _ => return Err(HeaderError::Damaged),
            }
        }
    }

    fn read_pack_info(&mut self, fields: &mut Fields) -> Result<(), HeaderError> {
        self.from = fields.number()?;
        let count = fields.number()?;
        if count > MOST_FOLDERS {
            return Err(HeaderError::Unsupported);
        }
        loop {
            match fields.number()? {
                END => return Ok(()),
                SIZE => self.packed = (0..count).map(|_| fields.number()).collect::<Result<_, _>>()?,
                CRC => {
                    fields.checksums(count)?;
                }
                _ => return Err(HeaderError::Damaged),
            }
        }
    }

    fn read_unpack_info(&mut self, fields: &mut Fields) -> Result<(), HeaderError> {
        if fields.number()? != FOLDER {
            return Err(HeaderError::Damaged);
        }
        let count = fields.number()?;
        if count > MOST_FOLDERS || fields.byte()? != 0 {
            return Err(HeaderError::Unsupported);
        }
        for _ in 0..count {
            self.folders.push(Folder::read(fields)?);
        }
        if fields.number()? != UNPACK_SIZE {
            return Err(HeaderError::Damaged);
        }
        for folder in &mut self.folders {
            for output in 0..folder.outputs {
                let size = fields.number()?;
                if output == folder.main_output {
                    folder.unpacked = size;
                }
            }
        }
        // One each, unless it is said otherwise.
        self.files = count;
        loop {
            match fields.number()? {
                END => return Ok(()),
                CRC => {
                    let known = fields.checksums(count)?;
                    for (index, folder) in (0..).zip(&mut self.folders) {
                        folder.has_checksum = known.has(index);
                    }
                }
                _ => return Err(HeaderError::Damaged),
            }
        }
    }

    fn read_substreams(&mut self, fields: &mut Fields) -> Result<(), HeaderError> {
        let mut files = vec![1; self.folders.len()];
        let mut kind = fields.number()?;
        if kind == NUM_UNPACK_STREAM {
            for count in &mut files {
                *count = fields.number()?;
            }
            kind = fields.number()?;
        }
        self.files = files.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        if kind == SIZE {
            // The last of each folder is what the others leave.
            for _ in 0..files.iter().map(|count| count.saturating_sub(1)).fold(0, u64::saturating_add) {
                fields.number()?;
            }
            kind = fields.number()?;
        }
        if kind == CRC {
            let without =
                |(count, folder): (&u64, &Folder)| if *count == 1 && folder.has_checksum { 0 } else { *count };
            fields.checksums(files.iter().zip(&self.folders).map(without).fold(0, u64::saturating_add))?;
            kind = fields.number()?;
        }
        if kind == END { Ok(()) } else { Err(HeaderError::Damaged) }
    }
}

impl Folder {
    fn read(fields: &mut Fields) -> Result<Self, HeaderError> {
        let mut folder = Self { coders: fields.number()?, ..Self::default() };
        if folder.coders == 0 || folder.coders > MOST_CODERS {
            return Err(HeaderError::Damaged);
        }
        let mut inputs = 0_u64;
        for _ in 0..folder.coders {
            let flags = fields.byte()?;
            let id = fields.bytes(u64::from(flags & 15))?;
            let (ins, outs) = if flags & 0x10 == 0 { (1, 1) } else { (fields.number()?, fields.number()?) };
            if ins > MOST_CODERS || outs > MOST_CODERS {
                return Err(HeaderError::Damaged);
            }
            (inputs, folder.outputs) = (inputs + ins, folder.outputs + outs);
            let len = if flags & 0x20 == 0 { 0 } else { fields.number()? };
            let settings = fields.bytes(len)?;
            folder.is_encrypted |= id == AES;
            if folder.coders == 1 {
                (folder.coder, folder.settings) = (id.to_vec(), settings[..settings.len().min(8)].to_vec());
            }
        }
        let bound = folder.outputs.checked_sub(1).ok_or(HeaderError::Damaged)?;
        let mut taken = 0_u64;
        for _ in 0..bound {
            fields.number()?;
            taken |= 1_u64.checked_shl(u32::try_from(fields.number()?).unwrap_or(u32::MAX)).unwrap_or(0);
        }
        folder.main_output = (0..folder.outputs.min(64)).find(|output| taken >> output & 1 == 0).unwrap_or(0);
        let packed = inputs.checked_sub(bound).ok_or(HeaderError::Damaged)?;
        for _ in 0..if packed > 1 { packed } else { 0 } {
            fields.number()?;
        }
        Ok(folder)
    }
}

fn unpack_header(file: View, streams: &Streams) -> Result<Vec<u8>, HeaderError> {
    let [folder] = streams.folders.as_slice() else { return Err(HeaderError::Unsupported) };
    if folder.is_encrypted {
        return Err(HeaderError::Encrypted);
    }
    if folder.unpacked > LARGEST_HEADER || folder.coders != 1 {
        return Err(HeaderError::Unsupported);
    }
    let packed = streams.packed.first().copied().ok_or(HeaderError::Damaged)?;
    let from = streams.from.checked_add(SIGNATURE_HEADER).ok_or(HeaderError::Damaged)?;
    let packed = file.slice(from, packed).ok_or(HeaderError::Damaged)?;
    let mut header = Vec::new();
    let read = match (folder.coder.as_slice(), folder.settings.as_slice()) {
        (COPY, _) => return Ok(packed.to_vec()),
        (LZMA, [settings, dictionary @ ..]) => {
            let dictionary = dictionary.try_into().map(u32::from_le_bytes).map_err(|_| HeaderError::Damaged)?;
            let reader = LzmaReader::new_with_props(packed, folder.unpacked, *settings, dictionary, None);
            reader.and_then(|reader| reader.take(folder.unpacked).read_to_end(&mut header))
        }
        (LZMA_2, [_]) => {
            // Never more than the header itself, whatever the archive asks for.
            let dictionary = u32::try_from(folder.unpacked.max(4096)).map_err(|_| HeaderError::Unsupported)?;
            Lzma2Reader::new(packed, dictionary, None).take(folder.unpacked).read_to_end(&mut header)
        }
        _ => return Err(HeaderError::Unsupported),
    };
    read.map(|_| header).map_err(|_| HeaderError::Damaged)
}

/// The fields of a header, one after the other.
struct Fields<'a> {
    rest: &'a [u8],
}

/// Which of the items have the property of a list.
enum Known<'a> {
    All,
    Bits(&'a [u8]),
}

impl Known<'_> {
    fn has(&self, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::Bits(bits) => bits.get(index / 8).is_some_and(|byte| byte << (index % 8) & 0x80 != 0),
        }
    }
}

impl<'a> Fields<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8], HeaderError> {
        let (bytes, rest) =
            usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len)).ok_or(HeaderError::Damaged)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, HeaderError> {
        self.bytes(1).map(|byte| byte[0])
    }

    /// A number whose first byte starts with as many ones as more bytes follow, the least significant first.
    fn number(&mut self) -> Result<u64, HeaderError> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let low = self.bytes(more.into())?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let high = if more < 7 { u64::from(first) & ((1 << (7 - more)) - 1) } else { 0 };
        Ok(low | high.checked_shl(8 * more).unwrap_or(0))
    }

    /// How many of the next `count` bits are set, the first in the highest place of a byte.
    fn count_bits(&mut self, count: u64) -> Result<u64, HeaderError> {
        let bits = self.bytes(count.div_ceil(8))?;
        Ok(bits.iter().map(|byte| u64::from(byte.count_ones())).sum())
    }

    /// Steps over checksums: all are there, or a list of bits says which.
    fn checksums(&mut self, count: u64) -> Result<Known<'a>, HeaderError> {
        if self.byte()? != 0 {
            self.bytes(count.checked_mul(4).ok_or(HeaderError::Damaged)?)?;
            return Ok(Known::All);
        }
        let bits = self.bytes(count.div_ceil(8))?;
        let set: u64 = bits.iter().map(|byte| u64::from(byte.count_ones())).sum();
        self.bytes(set * 4)?;
        Ok(Known::Bits(bits))
    }
}
