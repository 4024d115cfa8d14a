//! Checks of the handler's executable, before any call to AWS.

use crate::world::Ran;

fn up_with(bytes: &[u8]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dev.yaml"), "name: dev\nregion: eu-central-1\ndata: delete\n").unwrap();
    std::fs::write(folder.path().join("bootstrap"), bytes).unwrap();
    let fake = fake_aws::Fake::start();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_provisioner"))
        .args(["up", "--yes", "-s", "dev.yaml", "--handler", ".", "--endpoint-url", &fake.url()])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .output()
        .unwrap();
    let ran = Ran::of(&output);
    if ran.code == Some(3) {
        assert_eq!(
            fake.count("cloudformation:CreateChangeSet"),
            0,
            "an invalid handler is reported before anything is created"
        );
        assert_eq!(fake.count("s3:CreateBucket"), 0);
    }
    ran
}

#[test]
fn an_invalid_handler_is_refused_with_a_fix() {
    for (bytes, what) in
        [(&b"#!/bin/sh\nexit\n"[..], "a script"), (b"MZ", "a Windows executable"), (b"", "an empty file")]
    {
        let ran = up_with(bytes);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        assert!(ran.err.contains(what) && ran.err.contains("cargo"), "{ran:#?}");
    }
}

/// This test's own executable is dynamically linked and requires versions of the C library.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_dynamic_executable_is_accepted_unless_it_requires_a_newer_glibc() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let at = own.windows(11).position(|w| w == b"GLIBC_2.34\0");
    let Some(at) = at else {
        panic!("this executable does not require GLIBC_2.34, which Rust's standard library needs")
    };
    let newer = [&own[..at], b"GLIBC_2.99\0", &own[at + 11..]].concat();
    let ran = up_with(&newer);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("GLIBC 2.99") && ran.err.contains("zigbuild"), "{}", ran.err);
}
