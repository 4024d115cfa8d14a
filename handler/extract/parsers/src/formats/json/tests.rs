use super::*;
use crate::formats::pieces;
use proptest::prelude::*;
use serde::de::IgnoredAny;

fn read(text: &str) -> Result<(Form, Metadata), Malformed> {
    let mut reader = JsonReader::new(Form::Json);
    reader.feed(text);
    finish(reader)
}

fn finish(reader: JsonReader) -> Result<(Form, Metadata), Malformed> {
    let mut metadata = Metadata::default();
    reader.finish(&mut metadata).map(|form| (form, metadata))
}

fn facts(text: &str) -> (Form, Option<u64>, Option<u64>) {
    let (form, metadata) = read(text).unwrap();
    (form, metadata.item_count, metadata.nesting_depth)
}

#[test]
fn items_and_depth() {
    for (text, items, depth) in [
        ("[]", Some(0), Some(1)),
        ("{}", Some(0), Some(1)),
        ("[1, [2, 3], {\"a\": [4]}]", Some(3), Some(3)),
        (" {\"a\": 1, \"b\": {\"c\": [1, 2, 3]}, \"\": null}\n", Some(3), Some(3)),
        ("[-0.5e+10, 0, 1E5, true, false, null, \"\\u00e9\\n\\\"\"]", Some(7), Some(1)),
        ("12", None, None),
        ("\"a string\"", None, None),
        ("null", None, None),
    ] {
        assert_eq!(facts(text), (Form::Json, items, depth), "{text}");
    }
}

#[test]
fn lines_of_values_are_ndjson() {
    assert_eq!(facts("{\"a\": [1]}\n{\"a\": 2}\r\n\n[3]\n"), (Form::Lines, Some(3), Some(2)));
    for text in ["{\"a\":1}{\"a\":2}", "[1] [2]", "{\n\"a\":1\n}\n{\n\"a\":2\n}", "{}[\n]"] {
        let (form, items, depth) = facts(text);
        assert_eq!((form, items, depth), (Form::Lines, Some(2), Some(1)), "{text}");
    }
    let mut named = JsonReader::new(Form::Lines);
    named.feed("1\n\"b\"\n");
    let (form, metadata) = finish(named).unwrap();
    assert_eq!((form, metadata.item_count), (Form::Lines, Some(2)));
}

#[test]
fn what_is_not_json_says_where() {
    for (text, line, reason) in [
        ("", 1, "there is no value"),
        (" \n ", 2, "there is no value"),
        ("[1,\n2", 2, "the text ends inside a value"),
        ("[1,]", 1, "a value is missing"),
        ("[1 2]", 1, "a comma or ] is missing after a value"),
        ("[1}", 1, "a comma or ] is missing after a value"),
        ("{\"a\" 1}", 1, "a colon is missing after a key"),
        ("{\"a\": 1 \"b\"}", 1, "a comma or } is missing after a value"),
        ("{\n\n'a': 1}", 3, "a key in quotes is missing"),
        ("{\"a\": 1,}", 1, "a key in quotes is missing"),
        ("[01]", 1, "a number is not written as JSON writes it"),
        ("[1.]", 1, "a number is not written as JSON writes it"),
        ("[-]", 1, "a number is not written as JSON writes it"),
        ("-", 1, "the text ends inside a value"),
        ("1.", 1, "the text ends inside a value"),
        ("[nul]", 1, "there is a bare word that is not true, false or null"),
        ("[\"\t\"]", 1, "a string holds a control character"),
        ("[\"\\x\"]", 1, "a string holds an unknown escape sequence"),
        ("[\"\\u12g4\"]", 1, "a string holds an unfinished \\u escape sequence"),
        ("{}x", 1, "something follows the value"),
        ("1\n2", 2, "there is more than one value"),
        ("{\n}\n1", 3, "there is more than one value"),
        ("{} 1", 1, "something follows the value"),
        ("1 {}", 1, "something follows the value"),
        ("[section]\nkey=1", 1, "a value is missing"),
        ("]", 1, "a value is missing"),
    ] {
        assert_eq!(read(text), Err(Malformed::Syntax { line, reason }), "{text}");
    }
}

#[test]
fn comments_and_last_commas_are_taken_out() {
    for (text, plain) in [
        ("{\n// a\n\"b\": 1, /* c */ }", Some("{\n\n\"b\": 1}")),
        ("[1, 2,\n]", Some("[1, 2]")),
        ("{\"url\": \"http://x/*y*/\", \"q\": \"\\\"//\",}", Some("{\"url\": \"http://x/*y*/\", \"q\": \"\\\"//\"}")),
        ("[1] // an end", Some("[1] ")),
        ("[1] /* no end", Some("[1] ")),
        ("{\"a\": \"no end", None),
        ("{\"a\": 1}", None),
    ] {
        assert_eq!(without_comments(text).as_deref(), plain, "{text}");
    }
}

#[test]
fn a_million_levels_cost_a_bit_each() {
    const DEEP: usize = 3_000_000;
    let mut reader = JsonReader::new(Form::Json);
    for _ in 0..DEEP {
        reader.feed("[{\"a\":");
    }
    assert!(reader.open.bits.capacity() * 8 < 2 * 1024 * 1024);
    reader.feed("0");
    for _ in 0..DEEP {
        reader.feed("}]");
    }
    assert_eq!(finish(reader).unwrap().1.nesting_depth, Some(2 * DEEP as u64));
}

#[test]
fn nesting_without_end_is_refused() {
    let mut reader = JsonReader::new(Form::Json);
    let piece = "[".repeat(1024 * 1024);
    for _ in 0..16 {
        reader.feed(&piece);
        assert!(!reader.is_broken());
    }
    reader.feed("[");
    assert_eq!(finish(reader), Err(Malformed::TooDeep { levels: 16 << 20 }));
}

#[test]
fn every_beginning_of_a_value_is_unfinished() {
    let text = "{\"a\": [1.5e3, true, \"\\u0041\"], \"b\": {}}";
    for end in 0..text.len() {
        assert!(read(&text[..end]).is_err(), "{}", &text[..end]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The reference is `serde_json`, which knows neither lines nor this depth.
    #[test]
    fn valid_is_what_serde_json_reads(
        (text, at) in pieces::texts(12, &[
            "[", "]", "{", "}", ",", ":", "\"a\"", "\"\\u00e9\"", "1", "-0.5", "1e9", "01", "true", "nul", " ", "\n",
        ]),
    ) {
        let mut reader = JsonReader::new(Form::Json);
        reader.feed(&text[..at]);
        reader.feed(&text[at..]);
        let ours = finish(reader);
        let theirs = serde_json::from_str::<IgnoredAny>(&text);
        match ours {
            Ok((Form::Lines, _)) => {
                let mut values = serde_json::Deserializer::from_str(&text).into_iter::<IgnoredAny>();
                prop_assert!(values.all(|value| value.is_ok()));
            }
            ours => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text),
        }
        if let Ok(items) = serde_json::from_str::<Vec<IgnoredAny>>(&text) {
            prop_assert_eq!(read(&text).unwrap().1.item_count, Some(items.len() as u64));
        }
    }
}
