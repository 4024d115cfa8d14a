//! What `down` deletes and retains, and concurrent runs, on the real emulator.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::service::{self, BUCKET, TABLE};
use crate::world::{Ran, World};

const UP: [&str; 7] = ["up", "--yes", "--no-verify", "-s", "local", "--handler", "bootstrap"];

/// A test environment whose stack has this `data` setting. No test waits for its handler.
fn world(data: &str) -> World {
    let world = World::new();
    let port = world.port;
    let file =
        format!("name: local\nemulator:\n  port: {port}\ndata: {data}\nbucket:\n  requireTls: false\n  prefix: in/\n");
    world.write("stacks/local.yaml", file);
    world.write("bootstrap", crate::world::smallest_handler(1));
    world
}

fn put(world: &World, key: &str, body: &str) -> u16 {
    service::request(world, "s3", &format!("PUT /{BUCKET}/{key}"), "", body).0
}

#[test]
fn files_and_records_survive_down_and_up() {
    let world = world("keep");
    world.ok(&UP);
    assert_eq!(put(&world, "kept/a.txt", "what was there"), 200);
    service::put_record(&world, &service::record("kept/a.txt"));
    let before = world.ok(&["records", "-s", "local", "--json"]).json();
    assert_eq!(before["records"].as_array().map(Vec::len), Some(1), "{before:#}");

    let down = world.ok(&["down", "-s", "local", "--yes"]);
    assert!(down.err.contains("1 file") && down.err.contains("kept:"), "{down:#?}");
    let status = world.ok(&["status", "-s", "local"]);
    assert!(status.out.contains("retained from an earlier stack"), "{status:#?}");

    let up = world.ok(&UP);
    assert!(up.err.contains("importing"), "{up:#?}");
    assert_eq!(world.ok(&["records", "-s", "local", "--json"]).json(), before);
    let (code, body) = service::request(&world, "s3", &format!("GET /{BUCKET}/kept/a.txt"), "", "");
    assert_eq!((code, body.as_str()), (200, "what was there"));

    // Imported resources belong to the stack: they are not imported twice, and `down --delete-data` deletes them.
    let again = world.ok(&UP);
    assert!(again.err.contains("nothing to change"), "{again:#?}");
    let down = world.ok(&["down", "-s", "local", "--yes", "--delete-data"]);
    assert!(down.err.contains("1 file (14 B)") && down.err.contains("1 record"), "{down:#?}");
    assert_eq!(service::request(&world, "s3", &format!("HEAD /{BUCKET}"), "", "").0, 404);
    assert!(!service::has_table(&world, TABLE));
}

#[test]
fn concurrent_uploads_do_not_make_a_deletion_fail() {
    let world = world("delete");
    world.ok(&UP);
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let down = std::thread::scope(|threads| {
        for writer in 0..4 {
            let (world, stop, written) = (&world, &stop, &written);
            threads.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    if put(world, &format!("other/{writer}-{n}.txt"), "late") == 200 {
                        written.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        while written.load(Ordering::SeqCst) < 50 {
            std::thread::yield_now();
        }
        let down = world.run(&["down", "-s", "local", "--yes"]);
        stop.store(true, Ordering::SeqCst);
        down
    });
    assert_eq!(down.code, Some(0), "{down:#?}");
    assert!(down.err.contains("is deleted"), "{down:#?}");
    assert_eq!(service::request(&world, "s3", &format!("HEAD /{BUCKET}"), "", "").0, 404);
}

#[test]
fn two_concurrent_ups_create_one_stack() {
    let world = world("delete");
    world.ok(&["local", "start", "-s", "local"]);
    let start = || world.command(&UP).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let both = [start(), start()].map(|run| Ran::of(&run.wait_with_output().unwrap()));
    assert!(both.iter().all(|ran| ran.code == Some(0)), "{both:#?}");
    let status = world.ok(&["status", "-s", "local", "--json"]).json();
    assert_eq!(status["phase"], "ready", "{status:#}");
    let again = world.ok(&UP);
    assert!(again.err.contains("nothing to change"), "{again:#?}");
    world.ok(&["down", "-s", "local", "--yes"]);
}
