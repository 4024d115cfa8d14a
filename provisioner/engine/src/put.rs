//! Uploads files and optionally waits for their records.
//!
//! A front end collects [`crate::upload_list::Upload`]s, finds the [`Target`], asks about its [`doubts`], and calls
//! [`Target::put`], which reports through [`Progress`] and [`Dialog`].

pub mod doubts;
mod target;
mod waiting;
mod work;

use std::sync::Arc;

use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::spec::StackSpec;

pub use self::target::{Progress, PutOptions, Target};
use self::waiting::Wait;
use self::work::Work;
use crate::dialog::Dialog;
use crate::event::files::FilesEvent;
use crate::upload_list::Upload;

impl Target<'_> {
    /// Uploads the files and optionally waits for their records.
    pub async fn put(
        &self,
        uploads: Vec<Upload>,
        options: PutOptions,
        progress: Arc<dyn Progress>,
        dialog: &dyn Dialog,
    ) -> Result<()> {
        let Self { aws, names, ahead, .. } = self;
        let wait = if options.wait { Some(Wait::start(aws, names, &uploads, *ahead).await?) } else { None };
        Box::pin(Work::new(self, options, wait, progress, dialog).run(uploads)).await
    }
}

/// Why an object of this key never gets a record: the stack's notification does not match it, or the emulator denies it.
fn unprocessed(spec: &StackSpec, key: &str) -> Option<String> {
    let denied = spec.emulator.is_some() && key.contains('\n');
    spec.bucket.mismatch(key).or_else(|| {
        denied.then(|| {
            "contains a line feed, with which the emulator denies the handler every object; AWS does not (docs/emulator.md)"
                .to_owned()
        })
    })
}

/// Reports keys that never get a record. With `wait`, such a key is an error.
pub fn report_unprocessed(spec: &StackSpec, uploads: &[Upload], wait: bool, dialog: &dyn Dialog) -> Result<()> {
    for upload in uploads {
        let Some(reason) = unprocessed(spec, &upload.key) else { continue };
        if wait {
            let message =
                format!("{}: there would be no record to wait for: the key {} {reason}", upload.name(), upload.key);
            return Err(Error::new(Exit::Usage, "not-processed", message)
                .hint("The stack file's bucket.prefix and bucket.suffix define which keys are processed. Set the key with --prefix or --key."));
        }
        dialog.event(FilesEvent::NotProcessed { file: upload.name(), key: upload.key.clone(), reason });
    }
    Ok(())
}
