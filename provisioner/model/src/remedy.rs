//! What to do about a FAILED record, by its error code. Pure.

use handler_contract::ErrorCode;

/// What to do, as one sentence or two. `docs/guides/troubleshooting.md` has the same table; a test compares them.
pub fn remedy(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::EmptyFile | ErrorCode::Malformed => {
            "the upload or the file is damaged: upload it again from its source"
        }
        ErrorCode::FileTooLarge => "raise `files.maxSize`; then upload again",
        ErrorCode::TypeNotAllowed => {
            "add the type to `files.allowedTypes`. `*/*` does not include programs: name their type, or `application/*`"
        }
        ErrorCode::TypeMismatch => "rename the file to the extension of its content, or upload the right file",
        ErrorCode::Encrypted => "remove the password, upload again",
        ErrorCode::MemoryLimit | ErrorCode::CpuLimit | ErrorCode::TimeLimit | ErrorCode::StackLimit => {
            "the file is unusually complex or hostile. If it is honest: raise `handler.childMemory`, `handler.childCpu` or \
             `handler.timeout`"
        }
        ErrorCode::SpoolLimit => {
            "the file needs more temporary storage: raise `files.maxSize`, which the storage follows"
        }
        ErrorCode::DecompressionBomb | ErrorCode::SandboxViolation | ErrorCode::Crashed | ErrorCode::OutputLimit => {
            "treat the file as hostile. If it is honest, report it with the file"
        }
        ErrorCode::DeadlineExceeded => "raise `handler.timeout` or `handler.memory`",
        ErrorCode::Superseded => "nothing: the key was overwritten, and its newer upload has a record",
        ErrorCode::NotFound => "the object was deleted before it was read",
        ErrorCode::NotReadable => "restore it from the archive, or upload it with SSE-S3",
    }
}

/// The code of this name; `None` for one of a newer handler.
pub fn code(name: &str) -> Option<ErrorCode> {
    ErrorCode::ALL.iter().copied().find(|code| code.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_same_table() {
        let page = include_str!("../../../docs/guides/troubleshooting.md");
        for code in ErrorCode::ALL {
            let name = format!("`{code}`");
            let row = page.lines().find(|line| line.starts_with("| `") && line.contains(&name));
            let row = row.unwrap_or_else(|| panic!("{code} has no row"));
            let documented = row.split(" | ").nth(1).unwrap().trim_end_matches(" |");
            assert_eq!(documented, remedy(*code), "{code}");
            assert_eq!(super::code(code.as_str()), Some(*code));
        }
        assert_eq!(super::code("NEWER"), None);
    }
}
