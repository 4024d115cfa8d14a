//! `provisioner man`: a manual page for the program and one for each command, generated from the same texts as
//! `--help`.

use provisioner_model::error::{Result, io};

use crate::cli::{Man, command};
use crate::report::Report;

/// Writes the pages. They contain no date, so that the same program writes the same bytes.
pub fn run(args: &Man, report: &Report) -> Result<()> {
    let failed = |e| io("write the manual pages into", &args.folder, e);
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(command(), &args.folder).map_err(failed)?;
    if report.is_json() {
        report.document(&serde_json::json!({ "folder": args.folder }));
    }
    report.narrate(&format!(
        "the manual pages are in {0}; read one with: man -l {0}/provisioner.1",
        args.folder.display()
    ));
    Ok(())
}
