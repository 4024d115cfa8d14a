//! The parent's side: hash, count and pipe; wait, and name what ended the child.

use std::io;
use std::path::PathBuf;

use handler_contract::record::Findings;
use handler_contract::{FileTypes, Limits};

/// Starts children. Made once a process.
#[derive(Debug, Clone)]
pub struct Extractor {
    #[expect(dead_code, reason = "stub")]
    program: PathBuf,
}

impl Extractor {
    /// Children are further instances of the running program, whose `main` calls [`crate::child::run_if_asked`].
    pub fn new(_limits: Limits, _allowed: FileTypes) -> io::Result<Self> {
        Ok(Self { program: std::env::current_exe()? })
    }

    /// Starts the child for one file. The name serves only to compare its extension with the content.
    pub fn start(&self, _file_name: &str) -> io::Result<Session> {
        Ok(Session { size: 0 })
    }
}

/// One file on its way through a child.
#[derive(Debug)]
pub struct Session {
    size: u64,
}

impl Session {
    /// Hashes, counts and passes on the next bytes. Never fails because of what the child did.
    #[expect(clippy::unused_async, reason = "stub")]
    pub async fn feed(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.size += chunk.len() as u64;
        Ok(())
    }

    /// Ends the input, waits for the answer or the end of the child, and says what is known.
    #[expect(clippy::unused_async, reason = "stub")]
    pub async fn finish(self) -> io::Result<Findings> {
        Ok(Findings {
            file_type: None,
            file_size: self.size,
            sha256: None,
            metadata: handler_contract::Metadata::default(),
            failure: None,
        })
    }
}
