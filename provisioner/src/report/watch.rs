//! How events of `event::watch` are told to people.

use provisioner_engine::event::watch::WatchEvent;
use provisioner_model::hash::short;

use super::Style;
use super::table::clean;

/// The line for an event; `None` for a line of the log, which is data.
pub fn line(event: &WatchEvent, style: Style) -> Option<String> {
    Some(match event {
        WatchEvent::Watching { files } => format!("watching {files} files; save one to deploy it, Ctrl-C to end"),
        WatchEvent::SourcesChanged { files } => {
            let first = files.first().and_then(|file| file.file_name()).unwrap_or_default().to_string_lossy();
            let more = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
            format!("{} changed{more}", style.strong(&clean(&first)))
        }
        WatchEvent::NotDeployed { message, causes, hint } => {
            let mut text = format!("{} {message}", style.bad("✗"));
            for cause in causes {
                text.push_str(&format!("\n  {} {cause}", style.dim("because:")));
            }
            for line in hint.iter().flat_map(|hint| hint.lines()) {
                text.push_str(&format!("\n  {} {line}", style.warn("→")));
            }
            text
        }
        WatchEvent::SameCode => style.dim("the handler is the same as before"),
        WatchEvent::Deployed { sha256, seconds } => format!(
            "{} {} is deployed, function and stack, {seconds:.1} s after the save",
            style.good("✓"),
            style.strong(short(sha256))
        ),
        WatchEvent::StackFileChanged { file } => format!(
            "{} {} changed. Watching deploys code only: run up again for the rest",
            style.warn("!"),
            file.display()
        ),
        WatchEvent::LogUnreadable { reason } => format!("{} the log cannot be read: {reason}", style.warn("!")),
        WatchEvent::Log { .. } => return None,
        WatchEvent::Ending => {
            format!("{} ending, once what is on its way is in the stack. Ctrl-C again leaves it", style.warn("!"))
        }
        WatchEvent::WatchEnded { release: None } => {
            "watching has ended; the function serves what the stack says".to_owned()
        }
        WatchEvent::WatchEnded { release: Some(command) } => format!(
            "watching has ended. {} The function serves a development build, slower with large files.\n  {} deploy the \
             optimized build with: {command}",
            style.warn("!"),
            style.warn("→")
        ),
    })
}
