//! Where a PDF starts in a file that has other bytes before it, and what its offsets are counted from.

const HEADER: &[u8] = b"%PDF-";
/// A PDF may start anywhere in the first N bytes (PDF 1.7 reference, appendix H.3, note 13).
pub(crate) const WITHIN: usize = 1024;
/// The end of a PDF says within its last N bytes where the table of objects is (note 18).
const END_WITHIN: usize = 1024;

/// The places of headers among the first bytes.
pub(crate) fn headers(bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(&bytes[..bytes.len().min(WITHIN + HEADER.len())], HEADER)
}

/// The byte that offsets in a file are counted from: the header where its tables of objects are right from there, or
/// where they are right from nowhere; else the start of the file.
pub(super) fn origin(bytes: &[u8]) -> usize {
    match headers(bytes).next() {
        Some(header) if !has_table(bytes, 0) => header,
        _ => 0,
    }
}

/// Whether the table of objects is where the file's end says, counted from `origin`.
pub(crate) fn has_table(bytes: &[u8], origin: usize) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(END_WITHIN)..];
    let Some(at) = memchr::memmem::rfind(tail, b"startxref") else { return false };
    let number = tail[at + 9..].trim_ascii_start();
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let offset = str::from_utf8(&number[..digits]).ok().and_then(|digits| digits.parse::<usize>().ok());
    let table = offset.and_then(|offset| bytes.get(offset.checked_add(origin)?..)).unwrap_or_default();
    table.starts_with(b"xref") || is_object(&table[..table.len().min(64)])
}

/// Whether bytes start with two numbers and `obj`.
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    let mut words = bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut number = || words.next().is_some_and(|word| word.len() <= 10 && word.iter().all(u8::is_ascii_digit));
    number() && number() && words.next().is_some_and(|word| word.starts_with(b"obj"))
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn offsets_count_from_where_they_are_right() {
        let pdf = |before: &str, moved: usize| {
            format!("{before}%PDF-1.4\nxref\n0 1\nstartxref\n{}\n%%EOF\n", 9 + moved).into_bytes()
        };
        assert_eq!(origin(&pdf("", 0)), 0);
        assert_eq!(origin(&pdf("garbage", 0)), 7, "from the header");
        assert_eq!(origin(&pdf("garbage", 7)), 0, "from the start of the file");
        assert_eq!(origin(&pdf("garbage", 99)), 7, "from nowhere");
        assert_eq!(origin(&pdf("", 99)), 0);
        assert_eq!(origin(b"1 0 obj"), 0, "without a header");
    }
}
