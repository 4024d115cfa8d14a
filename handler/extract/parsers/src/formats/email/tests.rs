use super::*;
use proptest::prelude::*;

mod tnef;

fn read(text: &str) -> Metadata {
    let mut reader = MessageReader::new();
    reader.feed(text.as_bytes());
    reader.finish()
}

const LETTER: &str = "Return-Path: <x@example.org>\r\n\
    From: =?UTF-8?Q?J=C3=BCrgen_M?= =?utf-8?B?w7xsbGVy?= <jm@example.org>\r\n\
    To: \"Doe, Jane\" <jane@example.com>, team: a@example.com, B (b) <b@example.com>;\r\n\
    Cc: undisclosed-recipients:;,\r\n jane@example.com\r\n\
    Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n and more\r\n\
    Date: Fri, 8 Aug 2003 21:20:15 +0200 (CEST)\r\n\
    Message-ID: <1@example.org>\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=\"=_outer\"\r\n\
    \r\n\
    preamble words\r\n\
    --=_outer\r\n\
    Content-Type: multipart/alternative; boundary==_inner\r\n\
    \r\n\
    --=_inner\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\
    \r\n\
    Sch=C3=B6ne Gr=\r\n\
    =C3=BC=C3=9Fe\r\n\
    --not a boundary\r\n\
    --=_inner\r\n\
    Content-Type: text/html\r\n\
    \r\n\
    <p>Sch&ouml;ne Gr&uuml;&szlig;e and much more</p>\r\n\
    --=_inner--\r\n\
    epilogue words\r\n\
    --=_outer\r\n\
    Content-Type: application/pdf; name=\"old.pdf\"\r\n\
    Content-Disposition: attachment; filename*0*=utf-8''Gr%C3%BC; filename*1=\"sse.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\n\
    \r\n\
    JVBERi0=\r\n\
    --=_outer\r\n\
    Content-Type: message/rfc822\r\n\
    \r\n\
    From: other@example.net\r\n\
    Subject: another\r\n\
    \r\n\
    forwarded words\r\n\
    --=_outer--\r\n";

#[test]
fn a_letter() {
    let metadata = read(LETTER);
    assert_eq!(metadata.sender.as_deref(), Some("jm@example.org"));
    assert_eq!(metadata.author.as_deref(), Some("Jürgen Müller"));
    assert_eq!(metadata.recipients.as_deref().unwrap(), ["jane@example.com", "a@example.com", "b@example.com"]);
    assert_eq!(metadata.subject.as_deref(), Some("Grüße and more"));
    assert_eq!(metadata.date_created.as_deref(), Some("2003-08-08T19:20:15Z"));
    assert_eq!(metadata.identifier.as_deref(), Some("1@example.org"));
    // The message within is the second, without a name.
    assert_eq!(metadata.attachment_count, Some(2));
    assert_eq!(metadata.attachment_names.as_deref().unwrap(), ["Grüsse.pdf"]);
    // Schöne Grüße --not a boundary
    assert_eq!(metadata.word_count, Some(5));
}

#[test]
fn any_pieces_are_read_as_the_whole() {
    let whole = read(LETTER);
    for at in 0..LETTER.len() {
        let mut reader = MessageReader::new();
        reader.feed(&LETTER.as_bytes()[..at]);
        reader.feed(&LETTER.as_bytes()[at..]);
        assert_eq!(reader.finish(), whole, "{at}");
        let mut cut = MessageReader::new();
        cut.feed(&LETTER.as_bytes()[..at]);
        cut.finish();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_it_is_its_pieces_are_read_as_the_whole(
        parts in prop::collection::vec(prop::sample::select(vec![
            &b"From: "[..], b"To: ", b"Subject: ", b"Date: ", b"Content-Type: ", b"multipart/mixed; boundary=b\n",
            b"text/html\n", b"Content-Disposition: attachment; filename*0*=", b"Content-Transfer-Encoding: base64\n",
            b"\n", b"\r\n", b" ", b"--b\n", b"--b--", b"=?utf-8?q?", b"?=", b"=", b"\"", b"<a@b>", b"(", b",", b"%C3",
            b"\xc3\xbc", b"\xe4", b"8 Aug 2003 21:20", b"a",
        ]), 0..30),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = parts.concat();
        let at = cut.index(bytes.len() + 1);
        let (mut whole, mut pieces) = (MessageReader::new(), MessageReader::new());
        whole.feed(&bytes);
        pieces.feed(&bytes[..at]);
        pieces.feed(&bytes[at..]);
        prop_assert_eq!(pieces.finish(), whole.finish());
    }
}

#[test]
fn words_of_the_form_that_is_read() {
    let part = |kind: &str, text: &str| format!("--b\nContent-Type: {kind}\n\n{text}\n");
    let message = |kind: &str, parts: &str| format!("From: a@b\nContent-Type: {kind}; boundary=b\n\n{parts}--b--\n");
    for (text, words) in [
        ("From: a@b\n\none two".to_owned(), 2),
        ("From: a@b\nContent-Type: text/html\n\n<p>one</p><p>two</p>".to_owned(), 2),
        ("From: a@b\nContent-Transfer-Encoding: base64\n\nb25lIHR3\nbyB0aHJlZQ==\n".to_owned(), 3),
        ("From: a@b\nno header this\nfour".to_owned(), 4),
        ("Subject:\n \n  x\nFrom: a@b\n\none".to_owned(), 1),
        (message("multipart/alternative", &part("text/html", "<b>one</b> two")), 2),
        (message("multipart/mixed", &(part("text/plain", "one") + &part("text/html", "two three"))), 3),
        (message("multipart/mixed", &part("text/plain; name=x.txt", "one")), 1),
        (message("multipart/mixed", &(part("text/plain", "one") + &part("text/plain; name=x.txt", "two"))), 1),
        (message("multipart/mixed", &part("text/plain\nContent-Disposition: attachment", "one")), 0),
        (message("multipart/mixed", &part("text/plain; name=x.txt\nContent-Disposition: inline", "one two")), 2),
        (message("multipart/mixed", &part("image/png", "one")), 0),
        (message("multipart/digest", "--b\n\nFrom: x\n\none\n"), 0),
        // Without its last boundary.
        ("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none two\n".to_owned(), 2),
        (String::new(), 0),
    ] {
        assert_eq!(read(&text).word_count, Some(words), "{text}");
    }
}

#[test]
fn headers_behind_what_others_put_before_them() {
    let header = "From: Ann <ann@example.org>\nTo: b@example.org\nSubject: Hi\n\none two three\n";
    for (kind, message, words) in [
        ("plain", header.to_owned(), 3),
        ("byte order mark", format!("\u{feff}{header}"), 3),
        ("banner", format!("Microsoft Mail Internet Headers Version 2.0\n{header}"), 3),
        ("answer of a server", format!("+OK 512 octets\r\n{}", header.replace('\n', "\r\n")), 3),
        ("empty lines", format!("\n\r\n{header}"), 3),
        ("line of an mbox", format!("From ann@example.org Thu Nov 26 10:00:00 2026\n{header}"), 3),
        ("lines of a Macintosh", header.replace('\n', "\r"), 3),
        ("byte order mark, lines of a Macintosh", format!("\u{feff}{}", header.replace('\n', "\r")), 3),
        ("bytes of eight bits", header.replace("three", "gr\u{f6}\u{df}er \u{0}"), 4),
    ] {
        let metadata = read(&message);
        assert_eq!(metadata.sender.as_deref(), Some("ann@example.org"), "{kind}");
        assert_eq!(metadata.recipients.as_deref(), Some(&["b@example.org".to_owned()][..]), "{kind}");
        assert_eq!((metadata.subject.as_deref(), metadata.word_count), (Some("Hi"), Some(words)), "{kind}");
    }
    // A continuation line without a field before it is no header.
    assert_eq!(read(&format!("{}{header}", "no field\n".repeat(20))).sender, None);
}

#[test]
fn attachments_by_what_parts_are() {
    let message = |kind: &str, part: &str| {
        format!("From: a@b\nContent-Type: {kind}; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: {part}\n\nx\n--b--\n")
    };
    for (kind, part, count) in [
        ("multipart/mixed", "application/pdf", 1),
        ("multipart/mixed", "application/pdf; name=a.pdf", 1),
        ("multipart/mixed", "image/png\nContent-Disposition: inline", 1),
        ("multipart/mixed", "text/plain; name=log.txt", 1),
        ("multipart/mixed", "text/plain; name=log.txt\nContent-Disposition: inline", 0),
        ("multipart/mixed", "text/plain\nContent-Disposition: unheard-of", 1),
        ("multipart/mixed", "text/plain", 0),
        ("multipart/mixed", "message/rfc822", 1),
        ("multipart/mixed", "text/calendar", 1),
        // A page's picture, a signature, and what a server reports.
        ("multipart/related", "image/png", 0),
        ("multipart/related", "image/png; name=a.png", 1),
        ("multipart/alternative", "text/calendar", 0),
        ("multipart/signed", "application/pgp-signature", 0),
        ("multipart/report", "message/delivery-status", 0),
    ] {
        assert_eq!(read(&message(kind, part)).attachment_count, Some(count), "{kind} {part}");
    }
    assert_eq!(read("From: a@b\nContent-Type: application/pdf\n\nx").attachment_count, Some(1));
}

#[test]
fn messages_that_are_cut_off_are_partial() {
    let whole = "From: a@b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none two\n--b--\n";
    assert_eq!(read(whole).is_partial, None);
    assert_eq!(read(whole.strip_suffix("--b--\n").unwrap()).is_partial, Some(true));
}

#[test]
fn messages_of_apple_mail() {
    let message = "From: a@b\nSubject: Hi\n\none two\n";
    let plist = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict/></plist>\n";
    for (length, is_partial, words) in
        [(message.len(), None, 2), (message.len() + plist.len() + 9, Some(true), 5), (18, None, 0)]
    {
        let file = format!("{length}\n{message}{plist}");
        for at in [0, 1, 2, 3, 20, file.len()] {
            let (head, rest) = file.as_bytes().split_at(at);
            let mut report = Report::discarding();
            read_emlx(&mut Input::of(head, rest), &mut report).unwrap();
            let metadata = report.metadata;
            assert_eq!((metadata.word_count, metadata.is_partial), (Some(words), is_partial), "{length} {at}");
            assert_eq!(metadata.sender.as_deref(), Some("a@b"), "{length} {at}");
        }
    }
}

#[test]
fn sealed_messages_are_encrypted() {
    for (kind, sealed) in [
        ("multipart/encrypted; boundary=b", Some(true)),
        ("application/pkcs7-mime; smime-type=enveloped-data", Some(true)),
        ("application/pkcs7-mime; smime-type=signed-data", None),
        ("multipart/signed; boundary=b", None),
    ] {
        assert_eq!(read(&format!("From: a@b\nContent-Type: {kind}\n\nx")).is_encrypted, sealed, "{kind}");
    }
}

#[test]
fn multiparts_without_end_and_lines_without_end() {
    let mut reader = MessageReader::new();
    reader.feed(b"From: a@b\n");
    for level in 0..100_000 {
        reader.feed(format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n").as_bytes());
    }
    assert_eq!(reader.open.len(), MAX_DEPTH);
    assert_eq!(reader.finish().is_partial, Some(true));

    let piece = vec![b'a'; 1 << 20];
    for start in ["Subject: ", "To: ", "\n", "--", "Content-Type: multipart/mixed; boundary="] {
        let mut reader = MessageReader::new();
        reader.feed(start.as_bytes());
        for _ in 0..16 {
            reader.feed(&piece);
        }
        assert!(reader.line.capacity() + reader.field.bytes().len() < 3 << 20, "{start}");
        reader.finish();
    }
}

#[test]
fn lists_are_bounded() {
    let addresses: Vec<String> = (0..1000).map(|n| format!("a{n}@example.org")).collect();
    let attachments = "--b\nContent-Disposition: attachment; filename=a\n\n".repeat(1000);
    let metadata =
        read(&format!("To: {}\nContent-Type: multipart/mixed; boundary=b\n\n{attachments}", addresses.join(",\n ")));
    assert_eq!(metadata.recipients.unwrap().len(), LISTED);
    assert_eq!((metadata.attachment_names.unwrap().len(), metadata.attachment_count), (LISTED, Some(1000)));
}
