//! Lists of addresses (RFC 5322, section 3.4): `Jane <jane@example.org>, team: a@b, c@d;`.

use std::collections::VecDeque;

use super::header::decode_words;

/// Who an address belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: Option<String>,
    pub(super) address: String,
}

/// Names that are divided by commas, as `Lee, Ann <ann@example.org>` is.
const MOST_PIECES: usize = 4;

/// The mailboxes of a list, those in groups too. What has no address is passed over.
///
/// A name with a comma must be in quotes, but programs leave them out: what has no `@` and is before an address in angle
/// brackets is a piece of its name.
pub(super) fn mailboxes(list: &str) -> impl Iterator<Item = Mailbox> {
    let mut rest = list;
    let mut ready = VecDeque::new();
    std::iter::from_fn(move || {
        while ready.is_empty() && !rest.is_empty() {
            let (piece, after) = next(rest);
            rest = after;
            ready.extend(piece);
            while ready.len() < MOST_PIECES && ready.back().is_some_and(Piece::may_be_name) && !rest.is_empty() {
                let (piece, after) = next(rest);
                rest = after;
                ready.extend(piece);
            }
            join_name(&mut ready);
        }
        ready.pop_front().map(|piece: Piece| piece.mailbox)
    })
}

/// What is between two commas.
struct Piece {
    mailbox: Mailbox,
    /// Whether the address is in angle brackets.
    has_brackets: bool,
    /// The text as it is written, if a comma ends it and it has no address in angle brackets.
    bare: Option<String>,
}

impl Piece {
    fn may_be_name(&self) -> bool {
        self.bare.as_ref().is_some_and(|text| !text.contains('@'))
    }
}

/// Makes one mailbox of an address in angle brackets and the pieces of its name before it.
fn join_name(pieces: &mut VecDeque<Piece>) {
    let Some(last) = pieces.back_mut().filter(|last| last.has_brackets) else { return };
    let Some(name) = last.mailbox.name.take() else { return };
    let before: Vec<String> = pieces.iter_mut().filter_map(|piece| piece.bare.take()).collect();
    let Some(mut last) = pieces.pop_back() else { return };
    pieces.clear();
    last.mailbox.name = Some(before.into_iter().chain([name]).collect::<Vec<_>>().join(", "));
    pieces.push_back(last);
}

/// Reads up to the next comma, or the colon or semicolon of a group, outside of quotes and comments.
fn next(list: &str) -> (Option<Piece>, &str) {
    let (mut phrase, mut comment, mut angle) = (String::new(), String::new(), None::<String>);
    let (mut quoted, mut escaped, mut in_angle, mut comments) = (false, false, false, 0_u32);
    let mut end = list.len();
    for (at, c) in list.char_indices() {
        let target = match (&mut angle, comments) {
            (_, 1..) => &mut comment,
            (Some(address), _) if in_angle => address,
            _ => &mut phrase,
        };
        if escaped {
            target.push(c);
            escaped = false;
            continue;
        }
        match c {
            '\\' if quoted || comments > 0 => escaped = true,
            '"' if comments == 0 && !in_angle => quoted = !quoted,
            _ if quoted => target.push(c),
            '(' => comments += 1,
            ')' if comments > 0 => comments -= 1,
            _ if comments > 0 => target.push(c),
            '<' => {
                in_angle = true;
                angle = Some(String::new());
            }
            '>' => in_angle = false,
            ',' | ';' if !in_angle => {
                end = at;
                break;
            }
            // The name of a group; an address has no colon but in a route, which is in angle brackets.
            ':' if !in_angle => phrase.clear(),
            c => target.push(c),
        }
    }
    let rest = list.get(end + 1..).unwrap_or_default();
    let has_brackets = angle.is_some();
    let bare = (!has_brackets && list.as_bytes().get(end) == Some(&b',')).then(|| decode_words(phrase.trim()));
    let (name, address) = match angle {
        // `<@route:address>`
        Some(address) => (phrase, address.rsplit(':').next().unwrap_or_default().trim().to_owned()),
        None => (comment, phrase.split_whitespace().collect::<String>()),
    };
    let name = decode_words(name.trim());
    let mailbox = (!address.is_empty())
        .then(|| Mailbox { name: (!name.is_empty()).then_some(name), address: decode_words(&address) });
    (mailbox.map(|mailbox| Piece { mailbox, has_brackets, bare }), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        type Row<'a> = (&'a str, &'a [(Option<&'a str>, &'a str)]);
        let rows: &[Row<'_>] = &[
            ("a@b", &[(None, "a@b")]),
            (" Jane Doe <jane@b> ", &[(Some("Jane Doe"), "jane@b")]),
            ("\"Doe, Jane\" <jane@b>, a@b", &[(Some("Doe, Jane"), "jane@b"), (None, "a@b")]),
            ("jane@b (Jane, (the) Doe)", &[(Some("Jane, the Doe"), "jane@b")]),
            ("team: a@b, C <c@d>;, e@f", &[(None, "a@b"), (Some("C"), "c@d"), (None, "e@f")]),
            ("undisclosed-recipients:;", &[]),
            ("<@x,@y:a@b>", &[(None, "a@b")]),
            ("=?utf-8?q?J=C3=BC=2C?= <j@b>", &[(Some("Jü,"), "j@b")]),
            ("\"a \\\" b\" <a@b>", &[(Some("a \" b"), "a@b")]),
            ("local", &[(None, "local")]),
            ("Lee, Ann <ann@b>", &[(Some("Lee, Ann"), "ann@b")]),
            ("Lee, Ann, PhD <ann@b>, c@d", &[(Some("Lee, Ann, PhD"), "ann@b"), (None, "c@d")]),
            ("M=?utf-8?q?=C3=BC?=, Ann <ann@b>", &[(Some("Mü, Ann"), "ann@b")]),
            ("a@b, Lee, Ann <ann@b>", &[(None, "a@b"), (Some("Lee, Ann"), "ann@b")]),
            // Local names, as on one machine, with and without addresses after them.
            ("root, staff", &[(None, "root"), (None, "staff")]),
            ("root, a@b", &[(None, "root"), (None, "a@b")]),
            ("team: root; Ann <ann@b>", &[(None, "root"), (Some("Ann"), "ann@b")]),
            ("Lee, bob (Ann)", &[(None, "Lee"), (Some("Ann"), "bob")]),
            ("root, <a@b>", &[(None, "root"), (None, "a@b")]),
            ("a, b, c, d, e, F <f@b>", &[(None, "a"), (None, "b"), (None, "c"), (None, "d"), (Some("e, F"), "f@b")]),
            (", ,", &[]),
            ("", &[]),
            ("\"open <a@b>", &[(None, "open<a@b>")]),
            ("(open", &[]),
            ("<a@b", &[(None, "a@b")]),
        ];
        for (list, expected) in rows {
            let found: Vec<_> = mailboxes(list).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, address)| Mailbox { name: name.map(str::to_owned), address: (*address).to_owned() })
                .collect();
            assert_eq!(found, expected, "{list}");
        }
    }
}
