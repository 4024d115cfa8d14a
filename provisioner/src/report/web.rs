//! Human-readable lines for the events of `event::web`.

use provisioner_engine::event::web::WebEvent;

use super::Style;

/// The line for an event.
pub fn line(event: &WebEvent, style: Style) -> String {
    match event {
        WebEvent::Serving { url } => format!(
            "{}\n  {}\n{}",
            style.good("The page is served on this machine. Open it with this address, which works once:"),
            style.strong(url),
            style.dim("Ctrl-C ends the server.")
        ),
        WebEvent::SignedIn { url } => format!("A browser signed in. For another one:\n  {url}"),
        WebEvent::Ending => style.dim("Ending; uploads under way are aborted"),
    }
}
