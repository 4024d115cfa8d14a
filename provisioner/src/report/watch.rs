//! Human-readable lines for the events of `event::watch`.

use provisioner_engine::event::watch::WatchEvent;
use provisioner_model::hash::short;

use provisioner_model::text::{clean, clean_lines};
use provisioner_model::units::counted;

use super::Style;

/// The line for an event; `None` for a line of the log, which is data.
pub fn line(event: &WatchEvent, style: Style) -> Option<String> {
    Some(match event {
        WatchEvent::Watching { files } => {
            format!("watching {}; save one to deploy it, Ctrl-C to stop", counted(*files as u64, "file"))
        }
        WatchEvent::SourcesChanged { files } => {
            let first = files.first().and_then(|file| file.file_name()).unwrap_or_default().to_string_lossy();
            let more = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
            format!("{} changed{more}", style.strong(&clean(&first)))
        }
        WatchEvent::NotDeployed { message, causes, hint } => {
            let mut text = format!("{} {}", style.bad("✗"), clean_lines(message));
            for cause in causes {
                text.push_str(&format!("\n  {} {}", style.dim("because:"), clean_lines(cause)));
            }
            for line in hint.iter().flat_map(|hint| hint.lines()) {
                text.push_str(&format!("\n  {} {}", style.warn("→"), clean(line)));
            }
            text
        }
        WatchEvent::SameCode => style.dim("the handler is the same as before"),
        WatchEvent::Deployed { sha256, seconds } => format!(
            "{} {} is deployed to the function and the stack, {seconds:.1} s after the save",
            style.good("✓"),
            style.strong(short(sha256))
        ),
        WatchEvent::StackFileChanged { file } => format!(
            "{} {} changed. --watch deploys code only; run up again to deploy this change",
            style.warn("!"),
            file.display()
        ),
        WatchEvent::LogUnreadable { reason } => {
            format!("{} the log cannot be read: {}", style.warn("!"), clean_lines(reason))
        }
        WatchEvent::Log { .. } => return None,
        WatchEvent::Ending => {
            format!("{} stopping once the running deployment is complete. Ctrl-C again stops at once", style.warn("!"))
        }
        WatchEvent::WatchEnded { release: None } => {
            "watching has stopped; the function runs the code of the stack".to_owned()
        }
        WatchEvent::WatchEnded { release: Some(command) } => format!(
            "watching has stopped. {} The function runs a development build, which is slower with large files.\n  {} deploy the \
             optimized build with: {command}",
            style.warn("!"),
            style.warn("→")
        ),
    })
}
