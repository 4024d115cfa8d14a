//! The handler's executable, checked before anything is called.

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
        assert_eq!(fake.count("cloudformation:CreateChangeSet"), 0, "a wrong handler is found before anything is made");
        assert_eq!(fake.count("s3:CreateBucket"), 0);
    }
    ran
}

#[test]
fn what_is_not_a_handler_is_refused_with_its_mend() {
    for (bytes, what) in
        [(&b"#!/bin/sh\nexit\n"[..], "a script"), (b"MZ", "a Windows executable"), (b"", "an empty file")]
    {
        let ran = up_with(bytes);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        assert!(ran.err.contains(what) && ran.err.contains("cargo"), "{ran:#?}");
    }
}

/// This test's own executable is one that a linker made: dynamic, with versions of the C library.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_linked_executable_is_taken_and_one_for_a_newer_system_is_not() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let at = own.windows(11).position(|w| w == b"GLIBC_2.34\0");
    let Some(at) = at else { panic!("this executable asks for no GLIBC_2.34, which Rust's library needs") };
    let newer = [&own[..at], b"GLIBC_2.99\0", &own[at + 11..]].concat();
    let ran = up_with(&newer);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("GLIBC 2.99") && ran.err.contains("zigbuild"), "{}", ran.err);
}
