//! Human-readable lines for the events of `event::local`.

use provisioner_emulator::Status;
use provisioner_emulator::event::LocalEvent;

use super::Style;

/// The line for an event; `None` if a live line shows it.
pub fn line(event: &LocalEvent, style: Style) -> Option<String> {
    let line = match event {
        LocalEvent::Starting { data_folder, .. } => {
            style.dim(&format!("Starting the emulator; its data is in {}", data_folder.display()))
        }
        LocalEvent::Started { endpoint, pid, seconds } => {
            format!("{} at {endpoint} (process {pid}, {seconds:.1} s)", style.good("The emulator is running"))
        }
        LocalEvent::AlreadyRunning { endpoint, pid: Some(pid) } => {
            format!("The emulator is already running at {endpoint} (process {pid})")
        }
        LocalEvent::AlreadyRunning { endpoint, pid: None } => {
            format!("An emulator that provisioner did not start is running at {endpoint}")
        }
        LocalEvent::OtherVersion { found, expected, .. } => {
            format!("{} this is MiniStack {found}; the provisioner is tested with {expected}", style.warn("warning:"))
        }
        LocalEvent::Stopping { pid, .. } => style.dim(&format!("Stopping the emulator (process {pid})")),
        LocalEvent::Forced { pid, seconds } => format!(
            "{} process {pid} did not exit within {seconds} s and was killed; unwritten data is lost",
            style.warn("warning:")
        ),
        LocalEvent::Stopped { .. } => "The emulator is stopped; its state is kept".to_owned(),
        LocalEvent::NotRunning { endpoint } => format!("No emulator is running at {endpoint}"),
        LocalEvent::StateDeleted { data_folder } => {
            format!("The emulator's state in {} is deleted", data_folder.display())
        }
    };
    Some(line)
}

/// The output of `local status`.
pub fn status(status: &Status, style: Style) -> String {
    let mut lines = Vec::new();
    let state = if status.running { style.good("running") } else { style.warn("not running") };
    lines.push(format!("emulator  {state}"));
    lines.push(format!("endpoint  {}", status.endpoint));
    if status.running {
        let pid = status.pid.map_or_else(|| "not started by provisioner".to_owned(), |pid| pid.to_string());
        lines.push(format!("process   {pid}"));
        lines.push(format!("version   {}", status.version.as_deref().unwrap_or("does not answer")));
    }
    lines.push(format!("data      {}", status.data_folder.display()));
    lines.push(format!("log       {}", status.log_file.display()));
    lines.join("\n")
}
