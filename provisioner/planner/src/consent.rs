//! Kinds of change that need separate confirmation: `--yes` alone does not cover them. Pure.

use std::collections::BTreeMap;

use provisioner_model::error::{Error, Exit, Result};
use serde::Serialize;

/// A kind of change that needs separate confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allow {
    /// A principal gains permissions.
    Broaden,
    /// A resource is replaced by a new one.
    Replace,
    /// A resource is removed, or files, records, backups or logs are deleted earlier than before.
    Delete,
}

impl Allow {
    /// The value of `--allow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Broaden => "broaden",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// A change that needs separate confirmation, also under `--yes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// What has to be allowed.
    pub allow: Allow,
    /// The change, as a sentence without a full stop.
    pub what: String,
}

/// The consents that were not given.
pub fn missing(wanted: &[Consent], given: &[Allow]) -> Vec<Consent> {
    wanted.iter().filter(|consent| !given.contains(&consent.allow)).cloned().collect()
}

/// Fails if a consent is missing; the error lists each change and the flag that allows it.
pub fn refuse(missing: &[Consent]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let things: Vec<String> = missing.iter().map(|c| format!("{}: {}", c.allow.name(), c.what)).collect();
    Err(Error::new(
        Exit::Refused,
        "consent-missing",
        format!("these changes need separate confirmation; nothing was changed:\n  {}", things.join("\n  ")),
    )
    .hint(format!("To allow them, add: --allow {}", names(missing))))
}

/// The flags that confirm all changes without a terminal.
pub fn flags(missing: &[Consent]) -> String {
    if missing.is_empty() { "--yes".to_owned() } else { format!("--yes --allow {}", names(missing)) }
}

/// The question to ask, with the number of changes of each kind.
pub fn question(stack: &str, missing: &[Consent]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for consent in missing {
        let what = match consent.allow {
            Allow::Broaden => "broaden permissions",
            Allow::Replace => "replace resources",
            Allow::Delete => "delete",
        };
        *counts.entry(what).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(what, n)| format!("{what} ({n})")).collect();
    match counts.as_slice() {
        [] => format!("Apply these changes to the stack {stack}?"),
        [one] => format!("Apply these changes to the stack {stack}, which {one}?"),
        [first @ .., last] => {
            format!("Apply these changes to the stack {stack}, which {} and {last}?", first.join(", "))
        }
    }
}

fn names(missing: &[Consent]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for allow in [Allow::Broaden, Allow::Replace, Allow::Delete] {
        if missing.iter().any(|consent| consent.allow == allow) {
            names.push(allow.name());
        }
    }
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consents() -> Vec<Consent> {
        let row = |allow, what: &str| Consent { allow, what: what.to_owned() };
        vec![row(Allow::Delete, "d"), row(Allow::Broaden, "b"), row(Allow::Broaden, "c")]
    }

    #[test]
    fn each_kind_is_confirmed_separately() {
        assert_eq!(missing(&consents(), &[]).len(), 3);
        assert_eq!(missing(&consents(), &[Allow::Broaden]).len(), 1);
        assert_eq!(missing(&consents(), &[Allow::Replace]).len(), 3);
        assert_eq!(missing(&consents(), &[Allow::Broaden, Allow::Delete]), []);
        assert!(refuse(&[]).is_ok());
        let error = refuse(&consents()).unwrap_err();
        assert_eq!(error.exit, Exit::Refused);
        assert!(error.message.ends_with("delete: d\n  broaden: b\n  broaden: c"), "{}", error.message);
        assert_eq!(error.hint.as_deref(), Some("To allow them, add: --allow broaden,delete"));
    }

    #[test]
    fn the_question_counts_the_kinds_of_change() {
        assert_eq!(question("s", &[]), "Apply these changes to the stack s?");
        assert_eq!(
            question("s", &consents()),
            "Apply these changes to the stack s, which broaden permissions (2) and delete (1)?"
        );
        assert_eq!(question("s", &consents()[..1]), "Apply these changes to the stack s, which delete (1)?");
        assert_eq!(flags(&[]), "--yes");
        assert_eq!(flags(&consents()), "--yes --allow broaden,delete");
    }
}
