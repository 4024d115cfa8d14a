//! One file from its bytes to its metadata: sniff, validate, read.

use handler_contract::record::UNKNOWN_TYPE;
use handler_contract::{ErrorCode, Failure, FileTypes};

use crate::formats::{self, Container, FormatReader, Opened};
use crate::input::{Input, View};
use crate::media_type;
use crate::report::{Abort, Report};
use crate::sniff::{self, Sniffed};
use crate::validate;

/// Detects the type of a file, checks it against its name and the allowed types, and reads its metadata into `report`.
///
/// `file_name` serves only to compare its extension with the content.
///
/// # Errors
/// [`Abort::Rejected`] if the file is empty, is not allowed, contradicts its name, or is damaged; the report holds
/// what was read before. [`Abort::Internal`] if the input or the temporary file fails.
pub fn extract(file_name: &str, allowed: &FileTypes, input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    report.metadata.content_encoding = input.content_encoding().map(str::to_owned);
    if input.is_encoded() {
        // Nothing can be said of what it decodes to, and its name says nothing of what is stored.
        report.metadata.is_partial = Some(true);
        report.send_type(UNKNOWN_TYPE)?;
        return Ok(validate::validate("", UNKNOWN_TYPE, allowed)?);
    }
    let read = extract_decoded(file_name, allowed, input, report);
    // A reader may have started its metadata anew.
    report.metadata.content_encoding = input.content_encoding().map(str::to_owned);
    match (input.is_cut_by_coding(), read) {
        // Why the rest is missing says more than what is wrong with the part.
        (Err(failure), Ok(()) | Err(Abort::Rejected(_))) => Err(failure.into()),
        (Ok(true), Ok(())) => {
            report.metadata.is_partial = Some(true);
            Ok(())
        }
        (_, read) => read,
    }
}

fn extract_decoded(file_name: &str, allowed: &FileTypes, input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    input.fill_head()?;
    let spooled;
    let (sniffed, opened) = match sniff::head(input.head(), input.is_whole()) {
        Sniffed::Type(sniffed) => (sniffed, Opened::Nothing),
        Sniffed::Container(container) => {
            report.send_type(container)?;
            spooled = input.head_and_tail()?;
            sniff::whole(spooled.view(), container)
        }
    };
    let file_type = validate::resolve_type(file_name, &sniffed);
    report.send_type(file_type)?;
    if file_type == media_type::EMPTY {
        return Err(Failure::new(ErrorCode::EmptyFile, "the file is empty").into());
    }
    validate::validate(file_name, file_type, allowed)?;

    let Some(reader) = formats::reader(file_type) else { return Ok(()) };
    let read = read(reader, opened, input, report);
    if let Some(exact) = report.exact_type {
        report.send_type(exact)?;
        validate::validate(file_name, exact, allowed)?;
    }
    read
}

fn read(reader: FormatReader, opened: Opened<'_>, input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    match reader {
        FormatReader::Stream(read) => read(input, report),
        FormatReader::Whole(read) => read(&input.whole()?, report),
        FormatReader::HeadAndTail(read) => {
            let spooled = input.head_and_tail()?;
            read(spooled.view(), report).map_err(|abort| spooled.explain(abort))
        }
        FormatReader::Container(read) => {
            let spooled = input.head_and_tail()?;
            read(Container { file: spooled.view(), opened }, report).map_err(|abort| spooled.explain(abort))
        }
        FormatReader::WholeContainer(read) => {
            let bytes = input.whole()?;
            read(Container { file: View::big_endian(&bytes), opened }, report)
        }
    }
}
