//! Lists of addresses (RFC 5322, section 3.4): `Jane <jane@example.org>, team: a@b, c@d;`.

use super::header::decode_words;

/// Who an address belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: Option<String>,
    pub(super) address: String,
}

/// The mailboxes of a list, those in groups too. What has no address is passed over.
pub(super) fn mailboxes(list: &str) -> impl Iterator<Item = Mailbox> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (mailbox, after) = next(rest);
            rest = after;
            if mailbox.is_some() {
                return mailbox;
            }
        }
        None
    })
}

/// Reads up to the next comma, or the colon or semicolon of a group, outside of quotes and comments.
fn next(list: &str) -> (Option<Mailbox>, &str) {
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
    let (name, address) = match angle {
        // `<@route:address>`
        Some(address) => (phrase, address.rsplit(':').next().unwrap_or_default().trim().to_owned()),
        None => (comment, phrase.split_whitespace().collect::<String>()),
    };
    let name = decode_words(name.trim());
    let mailbox = (!address.is_empty())
        .then(|| Mailbox { name: (!name.is_empty()).then_some(name), address: decode_words(&address) });
    (mailbox, rest)
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
