//! What an error code means for who sent the file, and what they can do.

use handler_contract::ErrorCode;

/// An error code in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remedy {
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// The code in words. A newer handler can have codes that are not known here.
pub fn remedy(code: &str) -> Remedy {
    let known = ErrorCode::ALL.iter().find(|known| known.as_str() == code);
    known.map_or(
        Remedy { title: "Not accepted", fix: "The message says why. If it does not help, ask the operator." },
        |known| of(*known),
    )
}

fn of(code: ErrorCode) -> Remedy {
    let (title, fix) = match code {
        ErrorCode::EmptyFile => {
            ("Empty file", "The file has no content. Save or download it again, then send it again.")
        }
        ErrorCode::FileTooLarge => ("Too large", "Send a smaller file, or ask the operator to raise the limit."),
        ErrorCode::TypeNotAllowed => {
            ("Type not accepted", "Convert the file to an accepted type, or ask the operator to accept this one.")
        }
        ErrorCode::TypeMismatch => (
            "Wrong extension",
            "The name promises another type than the content has. Rename the file, or send the right one.",
        ),
        ErrorCode::Encrypted => ("Needs a password", "Remove the password from the file, then send it again."),
        ErrorCode::Malformed => {
            ("Damaged", "The file cannot be read. Export or download it again, then send it again.")
        }
        ErrorCode::MemoryLimit | ErrorCode::CpuLimit | ErrorCode::TimeLimit | ErrorCode::StackLimit => (
            "Too complex",
            "Save the file in a simpler form, or split it. If it must be read, ask the operator to raise the limits.",
        ),
        ErrorCode::SpoolLimit => ("Too large to read", "Send a smaller file, or ask the operator to raise the limit."),
        ErrorCode::OutputLimit => {
            ("Too much metadata", "Remove properties and keywords from the file, then send it again.")
        }
        ErrorCode::DecompressionBomb => {
            ("Unpacks to an absurd size", "Do not open the file if you do not know where it comes from.")
        }
        ErrorCode::SandboxViolation | ErrorCode::Crashed => (
            "Could not be read safely",
            "Do not open the file if you do not know where it comes from. Otherwise ask the operator.",
        ),
        ErrorCode::DeadlineExceeded => {
            ("Took too long", "Send the file again. If that happens again, ask the operator.")
        }
        ErrorCode::Superseded => ("Replaced", "Nothing to do: a newer file of the same name has its own record."),
        ErrorCode::NotFound => ("Deleted", "The file was deleted before it was read. Send it again if it is needed."),
        ErrorCode::NotReadable => (
            "Stored unreadably",
            "The file is archived or encrypted in the bucket. Ask the operator, or send it again here.",
        ),
    };
    Remedy { title, fix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_title_and_a_sentence() {
        for code in ErrorCode::ALL {
            let Remedy { title, fix } = remedy(code.as_str());
            assert!(!title.ends_with('.') && title.len() < 30, "{code}: {title}");
            assert!(fix.ends_with('.') && fix.len() > 20, "{code}: {fix}");
        }
        assert_eq!(remedy("FROM_A_NEWER_HANDLER").title, "Not accepted");
    }
}
