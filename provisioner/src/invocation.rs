//! The commands that this run prints, completed so that they work where they are typed.
//!
//! Messages name commands in one form, `provisioner VERB … -s NAME`, and know neither how the stack was named on the
//! command line nor the connection. The report passes every message through [`Invocation::complete`], the one place that
//! repeats the given `-s` and the options that lead to the same account and service. Pure.

use std::borrow::Cow;

/// The program's name, as messages write it.
const PROGRAM: &str = "provisioner ";
/// The commands that work on a stack and call AWS.
const CONNECTED: [&str; 17] = [
    "up",
    "plan",
    "status",
    "verify",
    "down",
    "put",
    "records",
    "show",
    "trace",
    "logs",
    "redrive",
    "reconcile",
    "reprocess",
    "rollback",
    "history",
    "forget",
    "web",
];
/// The commands that work on a stack, or its stack file, without AWS.
const LOCAL: [&str; 3] = ["inspect", "local", "synth"];
/// The commands that deploy a handler.
const WITH_HANDLER: [&str; 2] = ["up", "plan"];

/// The option that names the stack, as messages write it.
const STACK_OPTION: &str = " -s ";
/// What no command in a message contains.
const END_OF_COMMAND: [&str; 8] = ["`", "\n", "  ", "\u{1b}", ", ", "; ", ". ", ")"];

/// What a printed command must repeat of the command line of this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The stack as it was named: a name or a path. Empty if it is not known.
    pub stack: String,
    /// The name in its stack file, which messages use.
    pub name: Option<String>,
    /// The options of the connection: each option and its value.
    pub connection: Vec<(&'static str, String)>,
    /// The handler that was named.
    pub handler: Option<String>,
}

impl Invocation {
    /// The text with every command on this stack completed. Commands that name another stack are left as they are.
    pub fn complete<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.stack.is_empty() || !text.contains(PROGRAM) {
            return Cow::Borrowed(text);
        }
        let mut completed = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find(PROGRAM) {
            let (before, command) = rest.split_at(at);
            completed.push_str(before);
            completed.push_str(PROGRAM);
            rest = &command[PROGRAM.len()..];
            let verb = rest.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
            // A word before it may be an escape sequence for colour.
            let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
            let is_part =
                word.ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '/') && !word.contains('\u{1b}');
            if (CONNECTED.contains(&verb) || LOCAL.contains(&verb)) && !is_part {
                let (length, written) = self.command(verb, rest);
                completed.push_str(&written);
                rest = &rest[length..];
            }
        }
        completed.push_str(rest);
        Cow::Owned(completed)
    }

    /// How much of `text`, which starts with the verb, is replaced, and by what.
    fn command(&self, verb: &str, text: &str) -> (usize, String) {
        let options = self.options(verb);
        let end = END_OF_COMMAND.iter().filter_map(|stop| text.find(stop)).min().unwrap_or(text.len());
        let Some(at) = text[..end].find(STACK_OPTION) else {
            let length = verb.len() + arguments(&text[verb.len()..end]);
            return (length, format!("{}{options}", &text[..length]));
        };
        let value = &text[at + STACK_OPTION.len()..];
        let known = [Some(self.stack.as_str()), self.name.as_deref()];
        match known.into_iter().flatten().find(|name| is_named(value, name)) {
            Some(name) => (at + STACK_OPTION.len() + name.len(), format!("{}{options}", &text[..at])),
            // A command on another stack.
            None => (end, text[..end].to_owned()),
        }
    }

    fn options(&self, verb: &str) -> String {
        let mut options = format!(" -s {}", quoted(&self.stack));
        if CONNECTED.contains(&verb) {
            for (option, value) in &self.connection {
                options.push_str(&format!(" {option} {}", quoted(value)));
            }
        }
        if let Some(handler) = self.handler.as_ref().filter(|_| WITH_HANDLER.contains(&verb)) {
            options.push_str(&format!(" --handler {}", quoted(handler)));
        }
        options
    }
}

/// The length of the arguments after a verb: options, placeholders, and the subcommands of `local`.
fn arguments(text: &str) -> usize {
    let mut length = 0;
    while let Some(rest) = text[length..].strip_prefix(' ') {
        let word = rest.split(' ').next().unwrap_or_default();
        let is_placeholder = !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '…');
        if !(word.starts_with("--") || is_placeholder || ["start", "stop", "reset"].contains(&word)) {
            break;
        }
        length += 1 + word.trim_end_matches(['.', ':']).len();
    }
    length
}

/// Whether the text starts with exactly this name.
fn is_named(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|after| {
        let mut after = after.chars();
        match after.next() {
            // The full stop of a sentence, not of a file name.
            Some('.') => after.next().is_none_or(|next| next.is_whitespace() || next == '\u{1b}'),
            Some(next) => !(next.is_alphanumeric() || "-_/".contains(next)),
            None => true,
        }
    })
}

/// A word for a POSIX shell, in quotes if it needs them.
pub fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_known() {
        const WITHOUT_STACK: [&str; 5] = ["schema", "init", "bundle", "completions", "man"];
        let mut known: Vec<_> = CONNECTED.into_iter().chain(LOCAL).chain(WITHOUT_STACK).collect();
        let command = crate::cli::command();
        let mut all: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        known.sort_unstable();
        all.sort_unstable();
        assert_eq!(all, known);
    }

    #[test]
    fn every_printed_command_works_where_it_is_typed() {
        let by_name = Invocation { stack: "mine".into(), name: Some("mine".into()), ..Invocation::default() };
        let by_path = Invocation {
            stack: "dir with space/mine.yml".into(),
            name: Some("mine".into()),
            connection: vec![("--profile", "work".into()), ("--endpoint-url", "http://127.0.0.1:1".into())],
            handler: Some("it's/bootstrap".into()),
        };
        let path = "-s 'dir with space/mine.yml'";
        let options = format!("{path} --profile work --endpoint-url http://127.0.0.1:1");
        let handler = r"--handler 'it'\''s/bootstrap'";
        for (invocation, text, expected) in [
            (&by_name, "Deploy it with: provisioner up -s mine", "Deploy it with: provisioner up -s mine".to_owned()),
            (&by_name, "Check with: provisioner status", "Check with: provisioner status -s mine".into()),
            (&by_path, "Check with: provisioner status", format!("Check with: provisioner status {options}")),
            (
                &by_path,
                "Next: \u{1b}[1mprovisioner put FILE… --wait -s mine\u{1b}[0m",
                format!("Next: \u{1b}[1mprovisioner put FILE… --wait {options}\u{1b}[0m"),
            ),
            (
                &by_path,
                "Import it with: provisioner up -s mine, or delete it with: provisioner down -s mine --delete-data",
                format!(
                    "Import it with: provisioner up {options} {handler}, or delete it with: provisioner down {options} \
                     --delete-data"
                ),
            ),
            // The hint already has the stack as it was given.
            (
                &by_path,
                "Create it: provisioner up -s dir with space/mine.yml",
                format!("Create it: provisioner up {options} {handler}"),
            ),
            (
                &by_path,
                "See `provisioner plan -s mine`, then go.",
                format!("See `provisioner plan {options} {handler}`, then go."),
            ),
            (&by_path, "provisioner verify -s mine.", format!("provisioner verify {options}.")),
            (&by_path, "provisioner local start -s mine", format!("provisioner local start {path}")),
            (&by_name, "See: provisioner synth --permissions", "See: provisioner synth --permissions -s mine".into()),
            (
                &by_name,
                "`provisioner down --delete-data` lifts",
                "`provisioner down --delete-data -s mine` lifts".into(),
            ),
            // Other stacks, other commands, and what is no command.
            (&by_path, "provisioner up -s local   without AWS", "provisioner up -s local   without AWS".into()),
            (&by_path, "provisioner up -s mine-too", "provisioner up -s mine-too".into()),
            (&by_path, "provisioner init", "provisioner init".into()),
            (&by_path, "the provisioner reads it", "the provisioner reads it".into()),
            (&Invocation::default(), "provisioner status", "provisioner status".into()),
        ] {
            assert_eq!(invocation.complete(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, expected) in [
            ("a-b/c.yaml", "a-b/c.yaml"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(x)", "'$(x)'"),
            ("it's", r"'it'\''s'"),
            ("~", "'~'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
