//! `provisioner local`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use crate::world::{Ran, World, smallest_handler};

fn pid(world: &World) -> i32 {
    let status = world.ok(&["local", "status", "--json", "-s", "local"]).json();
    i32::try_from(status["pid"].as_i64().unwrap()).unwrap()
}

fn kill(pid: i32) {
    let process = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
}

/// Sends one plain HTTP request to the emulator with its root credentials.
fn request(world: &World, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", world.port)).unwrap();
    let authorization =
        "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: {authorization}\r\nContent-Length: 0\r\n\r\n",
        world.port
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn start_status_stop_and_restart() {
    let world = World::new();
    let off = world.run(&["local", "status", "-s", "local"]);
    assert_eq!(off.code, Some(1), "{off:#?}");
    assert!(off.out.contains("not running"), "{off:#?}");
    let off = world.run(&["local", "status", "--json", "-s", "local"]);
    assert_eq!((off.code, &off.json()["running"]), (Some(1), &false.into()));

    let started = world.ok(&["local", "start"]);
    assert!(started.err.contains("The emulator is running at http://127.0.0.1:"), "{started:#?}");
    assert_eq!(started.out, "");
    let first = pid(&world);
    let again = world.ok(&["local", "start", "-s", "local"]);
    assert!(again.err.contains("is already running"), "{again:#?}");
    assert_eq!(pid(&world), first);
    let status = world.ok(&["local", "status", "--json"]).json();
    assert_eq!(status["version"], "1.5.33");
    assert_eq!(status["endpoint"], format!("http://127.0.0.1:{}", world.port));

    // State survives a stop. A reset deletes it and requires confirmation.
    assert!(request(&world, "PUT", "/kept-bucket").starts_with("HTTP/1.1 200"));
    world.ok(&["local", "stop"]);
    assert!(TcpStream::connect(("127.0.0.1", world.port)).is_err());
    assert_eq!(world.run(&["local", "status"]).code, Some(1));
    let nothing = world.ok(&["local", "stop"]);
    assert!(nothing.err.contains("No emulator is running"), "{nothing:#?}");
    world.ok(&["local", "start"]);
    assert!(request(&world, "HEAD", "/kept-bucket").starts_with("HTTP/1.1 200"));
    let refused = world.run(&["local", "reset"]);
    assert_eq!(refused.code, Some(5), "{refused:#?}");
    assert!(request(&world, "HEAD", "/kept-bucket").starts_with("HTTP/1.1 200"));
    world.ok(&["local", "reset", "--yes"]);
    assert!(!world.data().join("state").exists() && !world.data().join("s3").exists());
    world.ok(&["local", "start"]);
    assert!(request(&world, "HEAD", "/kept-bucket").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_killed_emulator_is_noticed_and_started_again() {
    let world = World::new();
    world.ok(&["local", "start"]);
    let first = pid(&world);
    kill(first);
    world.ok(&["local", "start"]);
    assert_ne!(pid(&world), first);
    kill(pid(&world));
    world.ok(&["local", "stop"]);
    assert!(!world.data().join("emulator.json").exists());
}

#[test]
fn the_functions_processes_do_not_outlive_the_emulator() {
    let world = World::new();
    world.ok(&["local", "start"]);
    // The emulator stores the function's executables here; they remain after it exits.
    let code = world.data().join(format!("tmp/ministack-provided-code-{}/abc", world.port));
    std::fs::create_dir_all(&code).unwrap();
    let bootstrap = code.join("bootstrap");
    std::fs::write(&bootstrap, "#!/bin/sh\nread line\n").unwrap();
    std::fs::set_permissions(&bootstrap, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut orphan = std::process::Command::new(&bootstrap).stdin(Stdio::piped()).spawn().unwrap();
    world.ok(&["local", "stop"]);
    assert!(!orphan.wait().unwrap().success());
    assert!(!world.data().join("tmp").exists());
}

#[test]
fn concurrent_starts_start_one_emulator() {
    let world = World::new();
    let children: Vec<_> = (0..3)
        .map(|_| {
            world.command(&["local", "start", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut started = 0;
    for child in children {
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        started += usize::from(ran.out.contains("\"emulator-started\""));
    }
    assert_eq!(started, 1);
}

#[test]
fn a_port_in_use_by_another_program_is_reported() {
    let world = World::new();
    let listener = TcpListener::bind(("127.0.0.1", world.port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"220 mail.example ready\r\n");
        }
    });
    let ran = world.run(&["local", "start"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains(&format!("another program listens on port {}", world.port)), "{ran:#?}");
    assert!(ran.err.contains("another port in the stack file"), "{ran:#?}");
}

#[test]
fn a_stale_pid_file_sends_no_signal() {
    let world = World::new();
    let mut bystander = std::process::Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    world.write(
        &format!("data/emulator-{}/emulator.json", world.port),
        format!("{{\"pid\":{},\"born\":\"1@x\",\"program\":\"ministack\"}}", bystander.id()),
    );
    world.ok(&["local", "stop"]);
    assert!(bystander.try_wait().unwrap().is_none());
    world.ok(&["local", "start"]);
    assert!(bystander.try_wait().unwrap().is_none());
    drop(bystander.stdin.take());
    assert!(bystander.wait().unwrap().success());
}

#[test]
fn an_emulator_that_fails_to_start_is_reported_and_cleaned_up() {
    let world = World::new();
    let broken = world.write("broken", "#!/bin/sh\necho 'ImportError: no module' >&2\nexit 3\n");
    std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = world.command(&["local", "start"]).env("PROVISIONER_MINISTACK", &broken).output().unwrap();
    let ran = Ran::of(&output);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("ended before it was ready"), "{ran:#?}");
    assert!(ran.err.contains("ImportError: no module"), "{ran:#?}");
    assert!(!world.data().join("emulator.json").exists());
}

#[test]
fn a_missing_emulator_is_reported_with_the_install_command() {
    let world = World::new();
    let output =
        world.command(&["local", "start"]).env_remove("PROVISIONER_MINISTACK").env("PATH", "/nowhere").output();
    let ran = Ran::of(&output.unwrap());
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("MiniStack, the local emulator, is not installed"), "{ran:#?}");
    assert!(ran.err.contains("pipx install ministack==1.5.33"), "{ran:#?}");
}

#[test]
fn a_stack_without_emulator_is_refused() {
    let world = World::new();
    world.write("stacks/prod.yaml", "name: prod\ndata: keep\n");
    let ran = world.run(&["local", "start", "-s", "stacks/prod.yaml"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.err.contains("not for a local emulator"), "{ran:#?}");
}

#[test]
fn a_pid_file_that_cannot_be_written_ends_the_emulator_that_was_started() {
    let world = World::new();
    // The name under which the file is written is taken by a folder.
    std::fs::create_dir_all(world.data().join("emulator.new")).unwrap();
    let ran = world.run(&["local", "start"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("emulator.json"), "{ran:#?}");
    assert!(TcpStream::connect(("127.0.0.1", world.port)).is_err(), "it still runs");
}

#[test]
fn a_data_folder_that_cannot_be_used_matters_only_where_the_emulator_must_be_started() {
    let world = World::new();
    let file = world.write("file", "");
    let start = || {
        let output = world.command(&["local", "start"]).env("PROVISIONER_LOCAL_DIR", file.join("below")).output();
        Ran::of(&output.unwrap())
    };
    let refused = start();
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.err.contains("PROVISIONER_LOCAL_DIR or XDG_STATE_HOME"), "{refused:#?}");
    world.ok(&["local", "start"]);
    let running = start();
    assert!(running.code == Some(0) && running.err.contains("is running at"), "{running:#?}");
}

#[test]
fn every_command_names_another_program_on_the_emulator_s_port() {
    let world = World::new();
    world.write("a.txt", "words");
    let listener = TcpListener::bind(("127.0.0.1", world.port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let page = "<!DOCTYPE HTML><html><p>Unsupported method ('POST')</html>";
            let head = "HTTP/1.0 501 Unsupported method\r\nContent-Type: text/html;charset=utf-8\r\n\r\n";
            let _ = stream.write_all(format!("{head}{page}").as_bytes());
        }
    });
    for arguments in [&["status"][..], &["put", "a.txt"], &["records"], &["logs"], &["verify"]] {
        let ran = world.run(&[arguments, &["-s", "local"]].concat());
        assert!(
            ran.err.contains(&format!("another program listens on port {}", world.port)),
            "{arguments:?}: {ran:#?}"
        );
    }
}

#[test]
fn the_emulator_s_own_address_in_the_environment_is_the_emulator() {
    let world = World::new();
    let handler = world.write("bootstrap", smallest_handler(1));
    for host in ["127.0.0.1", "localhost"] {
        let up = world
            .command(&["up", "-s", "local", "--yes", "--handler", handler.to_str().unwrap()])
            .env("AWS_ENDPOINT_URL", format!("http://{host}:{}/", world.port))
            .output();
        let ran = Ran::of(&up.unwrap());
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        world.ok(&["local", "stop"]);
    }
}

#[test]
fn two_deployments_at_once_on_a_fresh_emulator_both_succeed() {
    let world = World::new();
    let handler = world.write("bootstrap", smallest_handler(1));
    let ups: Vec<_> = (0..2)
        .map(|_| {
            let mut up = world.command(&["up", "-s", "local", "--yes", "--handler", handler.to_str().unwrap()]);
            up.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let ran: Vec<Ran> = ups.into_iter().map(|up| Ran::of(&up.wait_with_output().unwrap())).collect();
    assert!(ran.iter().all(|ran| ran.code == Some(0)), "{ran:#?}");
    assert_eq!(ran.iter().filter(|ran| ran.err.contains("up to date")).count(), 1, "{ran:#?}");
    assert_eq!(world.run(&["plan", "-s", "local", "--handler", handler.to_str().unwrap()]).code, Some(0));
}
