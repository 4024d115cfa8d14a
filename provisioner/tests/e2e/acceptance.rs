//! `tools/acceptance`, which somebody with an AWS account runs there: here its steps run against the emulator, under a
//! role that has the printed policies and no other permission.

use std::net::TcpStream;
use std::process::Command;

use crate::program::Program;
use crate::rig::{free_port, handler, root, wait_until};

#[test]
fn every_step_passes_on_the_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("tmp")).unwrap();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let _emulator = Program::start(
        "ministack",
        &[],
        &[
            ("HOME", &path("")),
            ("TMPDIR", &path("tmp")),
            // Permissions are enforced.
            ("AUTH", "true"),
            ("GATEWAY_PORT", &port.to_string()),
            ("BIND_HOST", "127.0.0.1"),
            ("IOT_MTLS_ENABLED", "0"),
            ("AWS_ENDPOINT_URL", &url),
        ],
    );
    wait_until("the emulator listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());

    let report = path("report.md");
    let output = Command::new(root().join(".venv/bin/python"))
        .arg(root().join("tools/acceptance/run.py"))
        .args(["--account", "000000000000", "--endpoint-url", &url, "--report", &report])
        .args(["--provisioner", env!("CARGO_BIN_EXE_provisioner"), "--handler"])
        .arg(handler())
        .env_remove("AWS_PROFILE")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let report = std::fs::read_to_string(report).unwrap_or_default();
    assert!(output.status.success(), "{}\n{report}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("## Failed\n\nNothing.") && report.contains("emulator\n\nNothing."), "{report}");
}
