use super::*;
use crate::formats::pieces;
use proptest::prelude::*;

fn read(text: &str) -> Metadata {
    let mut reader = HtmlReader::new();
    reader.feed(text);
    reader.finish()
}

fn words(text: &str) -> u64 {
    read(text).word_count.unwrap()
}

const PAGE: &str = "<!DOCTYPE html><html lang=de-CH class=x><head><!-- <title>no</title> -->
    <meta charset='utf-8'><TITLE>Gr&ouml;&szlig;e &amp;\n L&auml;nge</TITLE >
    <meta name=\"Author\" content=\"A &quot;B&quot; C\"><meta content='Two&#32;words' name=description>
    <meta name=keywords content=a,b><meta name=\"generator\" content=\"x>y\">
    <script>if (a < b) document.write('<p>no</p>')</script><style>p > a { }</style></head>
    <body><p>One two<p>three<b>four</b><br>five&nbsp;six</p><template>no <p>no</p></template>
    <textarea>seven &lt;eight</textarea><svg><title>circle</title></svg> a < b &unknown; </p></body></html>";

#[test]
fn what_a_page_says_and_shows() {
    let metadata = read(PAGE);
    assert_eq!(metadata.title.as_deref(), Some("Größe & Länge"));
    assert_eq!(metadata.author.as_deref(), Some("A \"B\" C"));
    assert_eq!(metadata.description.as_deref(), Some("Two words"));
    assert_eq!(metadata.keywords.as_deref(), Some("a,b"));
    assert_eq!(metadata.creator_tool.as_deref(), Some("x>y"));
    assert_eq!(metadata.language.as_deref(), Some("de-CH"));
    assert_eq!(metadata.has_java_script, Some(true));
    // One two threefour five six seven <eight a < b &unknown;
    assert_eq!(metadata.word_count, Some(11));
}

#[test]
fn any_pieces_are_read_as_the_whole() {
    let whole = read(PAGE);
    for at in (0..PAGE.len()).filter(|at| PAGE.is_char_boundary(*at)) {
        let mut reader = HtmlReader::new();
        reader.feed(&PAGE[..at]);
        reader.feed(&PAGE[at..]);
        assert_eq!(reader.finish(), whole, "{at}");
        // And no prefix makes it panic.
        read(&PAGE[..at]);
    }
}

#[test]
fn what_is_text_and_what_is_not() {
    for (text, count) in [
        ("", 0),
        ("plain words", 2),
        ("<p>a</p><p>b</p>", 2),
        ("<td>a<td>b", 2),
        ("<b>a</b>b", 1),
        ("a<!-->b", 1),
        ("a<!--->b", 1),
        ("a<!-- - -- --! x --!>b", 1),
        ("a<!-- b", 1),
        ("a <!doctype b> c", 2),
        ("a <?php b ?> c", 2),
        ("a </ b> c", 2),
        ("a </> c", 2),
        ("a <3 b", 3),
        ("a <", 2),
        ("a &", 2),
        ("a & b", 3),
        ("a&ampb", 1),
        ("a&emsp;b", 2),
        ("a&#160;b&#x2003;c&#xD800;", 3),
        ("<script>a</scrip></script >b", 1),
        ("<script>a", 0),
        ("<style>a</style/>b", 1),
        ("<xmp><p>a</xmp>", 1),
        ("<title>a</title>b", 1),
        ("<a title='<p> x'>b</a>", 1),
        ("<a title=x>y>b</a>", 1),
        ("<template>a<template>b</template>c</template>d", 1),
    ] {
        assert_eq!(words(text), count, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_it_is_its_pieces_are_read_as_the_whole(
        (text, at) in pieces::texts(30, &[
            "<", ">", "/", "!", "?", "-", "--", "&", ";", "#", "=", "'", "\"", " ", "é", "今", "a", "p", "script", "title",
            "<title", "</title>", "<textarea>", "<xmp>", "</", "<!--", "-->", "<a b=", "amp", "x41",
        ]),
    ) {
        let mut reader = HtmlReader::new();
        reader.feed(&text[..at]);
        reader.feed(&text[at..]);
        prop_assert_eq!(reader.finish(), read(&text));
    }
}

#[test]
fn scripts_are_told_from_data() {
    for (text, scripts) in [
        ("<script src=x></script>", true),
        ("<script type=module>x</script>", true),
        ("<script type='text/javascript'>x</script>", true),
        ("<script type=application/ld+json>{}</script>", false),
        ("<p onclick='x()'>", true),
        ("<p one=x>", false),
        ("<!-- <script> -->", false),
    ] {
        assert_eq!(read(text).has_java_script, Some(scripts), "{text}");
    }
}

#[test]
fn the_declared_encoding() {
    for (head, name) in [
        ("<meta charset=iso-8859-1>", Some("windows-1252")),
        ("<META HTTP-EQUIV=Content-Type CONTENT='text/html; charset=Shift_JIS'>", Some("Shift_JIS")),
        ("<meta charset='utf-16'>", Some("UTF-8")),
        ("<!-- <meta charset=koi8-r> -->", None),
        ("<meta charset=nonsense>", None),
    ] {
        assert_eq!(declared_encoding(head.as_bytes()).map(Encoding::name), name, "{head}");
    }
}

#[test]
fn nothing_without_end_is_kept() {
    let piece = "a".repeat(1 << 20);
    for start in ["<", "<a ", "<a b=", "<a b='", "&", "<!--", "<script>", "<script></", "<title>", "</", "<!x"] {
        let mut reader = HtmlReader::new();
        reader.feed(start);
        for _ in 0..4 {
            reader.feed(&piece);
        }
        let kept = [&reader.tag, &reader.attribute, &reader.value, &reader.reference, &reader.raw_tag, &reader.title];
        assert!(kept.iter().map(|clip| clip.bytes().len()).sum::<usize>() < 16 << 10, "{start}");
    }
}
