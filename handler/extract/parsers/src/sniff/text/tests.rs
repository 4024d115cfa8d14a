use super::*;

/// The type of a text, with a question mark where the name may choose another.
fn of(text: &str, whole: bool) -> String {
    let detected = kind(text, whole);
    if detected.is_likely && detected.file_type != "text/plain" { detected.file_type + "?" } else { detected.file_type }
}

#[test]
fn kinds_of_text() {
    let rows = [
        ("", "text/plain"),
        ("Dear Sir, or Madam,\nthank you.", "text/plain"),
        ("#!/bin/sh\necho", "text/x-shellscript"),
        ("#!/usr/bin/env -S python3.12 -u\nprint()", "text/x-python"),
        ("#!/opt/unheard-of\n", "text/plain"),
        ("@echo off\r\ndir", "text/x-msdos-batch?"),
        ("@echo off is how a batch file begins.\n", "text/plain"),
        (
            "<?xml version=\"1.0\"?><office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
             office:mimetype=\"application/vnd.oasis.opendocument.text\"><office:body/></office:document>",
            "application/vnd.oasis.opendocument.text-flat-xml",
        ),
        ("{\"a\": [1, 2]}\n", "application/json"),
        ("[]", "application/json"),
        ("{\"a\":1}\n{\"a\":2}\n", "application/x-ndjson"),
        ("{\"a\":1}{\"a\":2}{\"a\":3}", "application/x-ndjson"),
        ("{\n\"a\":1\n}\n{\n\"a\":2\n}\n", "application/x-ndjson"),
        ("{\n// comment\n\"a\": [1, 2, /* x */ ],\n}", "application/json5"),
        ("/* a */\n{\"url\": \"http://x\"}", "application/json5"),
        ("{\"a\":1} and so on", "text/plain"),
        ("{not json}", "text/plain"),
        ("// int main() {}\n", "text/plain"),
        ("/etc/passwd\n", "text/plain"),
        ("[1] Knuth, The Art\n[2] Wirth, Oberon", "text/plain"),
        ("# Title\n\nSee [here](there).\n", "text/markdown?"),
        ("Title\n=====\n\n```\ncode\n```\n", "text/markdown?"),
        ("# a comment\nx = 1\n", "text/plain"),
        ("# see [this](there) and `that`\nx = \"`y`\"\n", "text/plain"),
        ("BEGIN:VCARD\r\nVERSION:3.0\r\n", "text/vcard"),
        ("%!PS-Adobe-3.0\n", "application/postscript"),
        ("\u{4}%!PS-Adobe-3.0\n", "application/postscript"),
        ("\u{1b}%-12345X@PJL JOB\r\n@PJL ENTER LANGUAGE = POSTSCRIPT\r\n%!PS\n", "application/postscript"),
        ("\u{1b}%-12345X@PJL enter language=pcl\r\n", "application/vnd.hp-pcl"),
        ("  0\nSECTION\n  2\nHEADER\n", "image/vnd.dxf"),
        ("999\ncomment\n0\r\nSECTION\r\n2\r\nENTITIES\r\n", "image/vnd.dxf"),
        ("0\nSECTION 2 of this text\n", "text/plain"),
        ("\n\n  {\\rtf1\\ansi text}", "application/rtf"),
    ];
    for (text, file_type) in rows {
        assert_eq!(of(text, true), file_type, "{text:?}");
    }
}

#[test]
fn markup_by_the_outermost_element() {
    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"4\"/>";
    let rows = [
        ("<!DOCTYPE html><p>".to_owned(), "text/html"),
        ("  <!-- c -->\n<HTML>".to_owned(), "text/html"),
        ("<html><head></head>".to_owned(), "text/html"),
        ("<p>It".to_owned(), "text/html?"),
        ("<main><h1>T</h1><p>x</p></main>".to_owned(), "text/html?"),
        ("<ul><li>a</li><li>b</li></ul>".to_owned(), "text/html?"),
        ("<ul><li>a<li>b</ul>".to_owned(), "text/html?"),
        ("<table><tr><td>1".to_owned(), "text/html?"),
        ("<article xmlns=\"http://docbook.org/ns/docbook\"><title/></article>".to_owned(), "text/xml"),
        ("<pre-history>".to_owned(), "text/plain"),
        ("<note><to>x</to></note>".to_owned(), "text/xml"),
        ("<note><to>x</note>".to_owned(), "text/plain"),
        ("<?php echo 1;".to_owned(), "text/plain"),
        ("<?xml version=\"1.0\"?><a/>".to_owned(), "text/xml"),
        ("<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"x\"><html/>".to_owned(), "application/xhtml+xml"),
        ("<?xml version=\"1.0\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\"/>".to_owned(), "application/xhtml+xml"),
        (SVG.to_owned(), "image/svg+xml"),
        ("<svg width=\"4\"/>".to_owned(), "image/svg+xml"),
        (format!("<!-- made by hand -->\n{SVG}"), "image/svg+xml"),
        (format!("<?xml version=\"1.0\"?>\n<!-- a -->\n<!-- b -->\n{SVG}"), "image/svg+xml"),
        (format!("<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://x\">\n{SVG}"), "image/svg+xml"),
        (format!("<!DOCTYPE svg [<!ENTITY a \"b\">]>{SVG}"), "image/svg+xml"),
        ("<s:svg xmlns:s=\"http://www.w3.org/2000/svg\"/>".to_owned(), "image/svg+xml"),
        // What is inside decides nothing.
        (format!("<?xml version=\"1.0\"?><page>{SVG}</page>"), "text/xml"),
        ("<?xml version=\"1.0\"?><x><math/><rss/><feed/></x>".to_owned(), "text/xml"),
        ("<?xml version=\"1.0\"?><svg xmlns=\"urn:other\"/>".to_owned(), "text/xml"),
        ("<?xml version=\"1.0\"?><rss version=\"2.0\"/>".to_owned(), "application/rss+xml"),
        ("<?xml version=\"1.0\"?><feed/>".to_owned(), "text/xml"),
        ("<feed xmlns=\"http://www.w3.org/2005/Atom\"><id/></feed>".to_owned(), "application/atom+xml"),
        ("<kml><Document/></kml>".to_owned(), "application/vnd.google-earth.kml+xml"),
    ];
    for (text, file_type) in rows {
        assert_eq!(of(&text, true), file_type, "{text:?}");
    }
}

#[test]
fn tables_and_what_only_has_their_delimiters() {
    let rows = [
        ("a,b,c\n1,2,3\n", "text/csv"),
        ("name;age\nA;1\nB;2\n", "text/csv"),
        ("name,city\nAnn,Bonn\nBob,Rome\n", "text/csv?"),
        ("a\tb\n1\t2\n3\t4", "text/tab-separated-values"),
        ("\"a, b\",c\n\"d\"\"e\",f\n\"g\nh\",i\n", "text/csv"),
        ("1,2,3\n4,5,6\n", "text/csv"),
        ("Name;Alter;\nA;1;\nB;2;\n", "text/csv"),
        ("date,open,close\n2026-01-02,1.5,2\n2026-01-03,,3\n", "text/csv"),
        ("id|name\n1|Ann\n2|Bob\n", "text/csv"),
        ("sep=;\na;b\n", "text/csv"),
        ("a,b\r\n\r\n1,2\r\n3,4\r\n", "text/csv"),
        ("One, two\nthree, four", "text/plain"),
        ("One, two, three, four, five, six, and no more.\n", "text/plain"),
        ("a,b\nc\nd,e\n", "text/plain"),
        ("Berlin, Germany\nParis, France\nRome, Italy\nOslo, Norway\n", "text/plain"),
        ("django>=4,<5\nflask>=2,<3\nnumpy>=1,<2\n", "text/plain"),
        ("a=1;b=2\nc=3;d=4\ne=5;f=6\n", "text/plain"),
        ("use x;\nuse y;\nuse z;\n", "text/plain"),
        ("import a from 'a';\nimport b from 'b';\nconst x = a;\n", "text/plain"),
        (
            "2026-01-02 10:00:00,000 - app - INFO\n2026-01-02 10:00:01,007 - app - INFO\n2026-01-02 10:00:02,014 - app - INFO\n",
            "text/plain",
        ),
        (
            "1.2.3.4 \"GET /\" (X11; Linux)\n1.2.3.4 \"GET /\" (X11; Linux)\n1.2.3.4 \"GET /\" (X11; Linux)\n",
            "text/plain",
        ),
        ("INSERT INTO t VALUES (1, 'a', 2);\nINSERT INTO t VALUES (2, 'b', 3);\n", "text/plain"),
        ("f(1, 2, 3)\nf(4, 5, 6)\n", "text/plain"),
        ("\ta: 1\n\tb: 2\n\tc: 3\n", "text/plain"),
        ("| a | b |\n| 1 | 2 |\n", "text/plain"),
        ("10:00 | INFO | started\n10:01 | INFO | stopped\n", "text/plain"),
        ("level=info, msg=started, n=1\nlevel=info, msg=stopped, n=2\n", "text/plain"),
        (
            "We went, and we came back home again late.\nThey stayed, for they had nowhere else to go.\nSo it was, and so it would be for many years.\n",
            "text/plain",
        ),
    ];
    for (text, file_type) in rows {
        assert_eq!(of(text, true), file_type, "{text:?}");
    }
}

#[test]
fn what_is_cut_is_judged_by_what_is_there() {
    let rows = [
        ("{\"a\": [1, 2", "application/json"),
        ("{\"a\":1}\n{\"a\":", "application/x-ndjson"),
        ("a,b,c\n1,2,3\n4,5", "text/csv"),
        ("{\"a\" oh", "text/plain"),
        ("<!-- an endless comment", "text/plain"),
        ("<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0", "image/svg+xml"),
    ];
    for (text, file_type) in rows {
        assert_eq!(of(text, false), file_type, "{text:?}");
    }
    assert_eq!(of("{\"a\": [1, 2", true), "text/plain");
}

#[test]
fn brackets_without_end_are_no_harm() {
    assert_eq!(of(&"[".repeat(64 << 10), true), "text/plain");
    assert_eq!(of(&"[".repeat(64 << 10), false), "application/json");
}
