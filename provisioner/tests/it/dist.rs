//! The contents of a release: completions, manual pages, and programs with an embedded handler.

use std::path::Path;
use std::process::Command;

use crate::world::Ran;

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner"));
    Ran::of(&command.args(arguments).current_dir(folder).env_clear().env("HOME", folder).output().unwrap())
}

/// The smallest static executable for a processor.
fn elf(machine: u8) -> Vec<u8> {
    let mut file =
        vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0, 1, 0, 0, 0, 0, 16];
    file.resize(64, 0);
    file[52] = 64;
    file
}

#[test]
fn bash_completes_commands_options_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let script = run(folder.path(), &["completions", "bash"]);
    assert_eq!((script.code, script.err.as_str()), (Some(0), ""));
    std::fs::write(folder.path().join("script"), &script.out).unwrap();
    let config = "[default]\nregion = eu-west-3\n[profile work]\nregion = eu-west-1\n[profile world]\n";
    std::fs::create_dir_all(folder.path().join(".aws")).unwrap();
    std::fs::write(folder.path().join(".aws/config"), config).unwrap();
    std::fs::create_dir(folder.path().join("stacks")).unwrap();
    for name in ["local", "shop", "staging"] {
        std::fs::write(folder.path().join(format!("stacks/{name}.yaml")), "name: x\n").unwrap();
    }
    for (typed, expected) in [
        ("reco", "reconcile records"),
        ("local st", "start status stop"),
        ("up --han", "--handler"),
        ("records --format c", "csv"),
        ("completions f", "fish"),
        // The value of an option is no command.
        ("-s local rec", "reconcile records"),
        ("--stack local up --allo", "--allow"),
        ("-s s", "shop staging"),
        ("status --profile wor", "work world"),
        ("status -s stacks/sh", "stacks/shop.yaml"),
    ] {
        let words: Vec<&str> = std::iter::once("provisioner").chain(typed.split(' ')).collect();
        let current = words.len() - 1;
        let program = Path::new(env!("CARGO_BIN_EXE_provisioner"));
        let ask = format!(
            "PATH=\"$PATH:{}\"; source ./script; COMP_WORDS=({}); COMP_CWORD={current}; COMP_TYPE=9; \
             \"$(complete -p provisioner | sed 's/.*-F \\([^ ]*\\).*/\\1/')\" provisioner '{}' '{}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\" | sort",
            program.parent().unwrap().display(),
            words.join(" "),
            words[current],
            words[current - 1]
        );
        let mut bash = Command::new("bash");
        let output = bash.args(["-uc", &ask]).current_dir(folder.path()).env("HOME", folder.path()).output().unwrap();
        let offered = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(offered, expected, "{typed}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(run(folder.path(), &["completions", shell]).out.contains("PROVISIONER_COMPLETE"), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["man", "pages"]).code, Some(0));
    let page = |name: &str| std::fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
    assert!(page("provisioner.1").contains("provisioner\\-redrive(1)"));
    assert!(page("provisioner-up.1").contains("handler"));
    assert!(page("provisioner-local-start.1").contains("Start the emulator"));
    let first = page("provisioner-records.1");
    assert_eq!(run(folder.path(), &["man", "pages"]).code, Some(0));
    assert_eq!(page("provisioner-records.1"), first);
}

#[test]
fn a_bundle_shows_its_handlers_and_can_be_bundled_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x86"), elf(62)).unwrap();
    std::fs::create_dir(folder.path().join("arm")).unwrap();
    std::fs::write(folder.path().join("arm/bootstrap"), elf(183)).unwrap();
    let plain = run(folder.path(), &["--version"]);
    assert!(plain.out.contains("no embedded handler"), "{plain:#?}");
    let made = run(folder.path(), &["bundle", "--handler", "x86", "--handler", "arm", "--output", "both", "--json"]);
    assert_eq!(made.code, Some(0), "{made:#?}");
    let version = Ran::of(&Command::new(folder.path().join("both")).arg("--version").output().unwrap());
    let made = made.json();
    for (row, architecture) in ["x86_64", "arm64"].into_iter().enumerate() {
        assert_eq!(made[row]["architecture"], architecture);
        let line = format!("handler inside for {architecture}: {}", made[row]["sha256"].as_str().unwrap());
        assert!(version.out.contains(&line), "{version:#?}");
    }
    let short = Ran::of(&Command::new(folder.path().join("both")).arg("-V").output().unwrap());
    assert_eq!(short.out.lines().count(), 1);

    let again = Command::new(folder.path().join("both"))
        .args(["bundle", "--handler", "x86", "--output", "one"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(again.status.success());
    run(folder.path(), &["bundle", "--handler", "x86", "--output", "other"]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("one") == read("other"), "a bundle of a bundle differs from a bundle");
}

#[test]
fn invalid_handlers_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), elf(62)).unwrap();
    std::fs::write(folder.path().join("script"), "#!/bin/sh\n").unwrap();
    for (handlers, code, says) in [
        (["--handler", "a", "--handler", "a"], 2, "two of the handlers are for x86_64"),
        (["--handler", "a", "--handler", "script"], 3, "it is a script, not an ELF executable"),
        (["--handler", "a", "--handler", "missing"], 1, "failed to read the handler missing"),
    ] {
        let mut arguments = vec!["bundle", "--output", "out"];
        arguments.extend(handlers);
        let ran = run(folder.path(), &arguments);
        assert_eq!(ran.code, Some(code), "{ran:#?}");
        assert!(ran.err.contains(says), "{ran:#?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
    let lost = run(folder.path(), &["bundle", "--handler", "a", "--output", "no/such/folder/out"]);
    assert_eq!(lost.code, Some(1), "{lost:#?}");
}

#[test]
fn up_without_workspace_and_handler_prints_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).code, Some(0));
    for (arguments, says) in [
        (&["up", "--yes"][..], "this folder is not in its workspace, and this program carries none"),
        (&["up", "--yes", "--handler", "embedded"], "this program has no handler inside"),
    ] {
        let fake = fake_aws::Fake::start();
        let ran = Ran::of(
            &Command::new(env!("CARGO_BIN_EXE_provisioner"))
                .args(arguments)
                .args(["--endpoint-url", &fake.url(), "--region", fake_aws::REGION])
                .current_dir(folder.path())
                .env_clear()
                .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
                .env("AWS_SECRET_ACCESS_KEY", "secret")
                .output()
                .unwrap(),
        );
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(ran.err.contains(says) && ran.err.contains("make dist"), "{ran:#?}");
    }
}

#[test]
fn commands_that_write_files_list_them_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let json = |arguments: &[&str]| {
        let ran = run(folder.path(), arguments);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.json()
    };
    let begun = json(&["init", "--json"]);
    assert_eq!((&begun["written"][0], &begun["kept"]), (&"stacks/dev.yaml".into(), &serde_json::json!([])));
    assert_eq!(json(&["init", "--json"])["kept"].as_array().unwrap().len(), 4);
    assert_eq!(json(&["synth", "--write", "--json"])["written"][0], "stacks/rendered/dev.yaml");
    assert_eq!(json(&["synth", "--check", "--json"])["upToDate"], 4);
    std::fs::remove_file(folder.path().join("stacks/prod.yaml")).unwrap();
    assert_eq!(json(&["synth", "--write", "--json"])["removed"][0], "stacks/rendered/prod.yaml");
    assert_eq!(json(&["man", "pages", "--json"])["folder"], "pages");
}

#[test]
fn every_crate_that_is_linked_has_the_text_of_a_licence() {
    let ran = std::process::Command::new("python3").arg(crate::root().join("tools/licenses")).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let printed = String::from_utf8(ran.stdout).unwrap();
    let (list, texts) = printed.split_once(&"=".repeat(80)).unwrap();
    let crates: Vec<&str> = list.lines().skip(3).filter_map(|row| Some(row.split_once(": ")?.0)).collect();
    assert!(crates.len() > 200, "{list}");
    let users: Vec<&str> =
        texts.lines().filter_map(|line| line.strip_prefix("The following text applies to: ")).collect();
    for name in crates {
        assert!(users.iter().any(|of| of.split(", ").any(|one| one == name)), "{name} has no text");
    }
    // What is only built with, or belongs to this workspace, is not handed out as a third party's.
    for own in ["provisioner ", "handler-contract ", "serde_derive ", "proptest "] {
        assert!(!list.lines().any(|row| row.starts_with(own)), "{own} is listed");
    }
}
