//! What lives through `down` and what does not, and two people at once: on the real emulator.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::service::{self, BUCKET, TABLE};
use crate::world::{Ran, World};

const UP: [&str; 7] = ["up", "--yes", "--no-verify", "-s", "local", "--handler", "bootstrap"];

/// A world whose stack treats data so, with a handler that is never waited for.
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
fn files_and_records_live_through_down_and_up() {
    let world = world("keep");
    world.ok(&UP);
    assert_eq!(put(&world, "kept/a.txt", "what was there"), 200);
    service::put_record(&world, &service::record("kept/a.txt"));
    let before = world.ok(&["records", "-s", "local", "--json"]).json();
    assert_eq!(before["records"].as_array().map(Vec::len), Some(1), "{before:#}");

    let down = world.ok(&["down", "-s", "local", "--yes"]);
    assert!(down.err.contains("1 file") && down.err.contains("kept:"), "{down:#?}");
    let status = world.ok(&["status", "-s", "local"]);
    assert!(status.out.contains("kept from earlier"), "{status:#?}");

    let up = world.ok(&UP);
    assert!(up.err.contains("taking back"), "{up:#?}");
    assert_eq!(world.ok(&["records", "-s", "local", "--json"]).json(), before);
    let (code, body) = service::request(&world, "s3", &format!("GET /{BUCKET}/kept/a.txt"), "", "");
    assert_eq!((code, body.as_str()), (200, "what was there"));

    // Taken back, they are the stack's own: nothing is adopted twice, and what is to go goes.
    let again = world.ok(&UP);
    assert!(again.err.contains("nothing to change"), "{again:#?}");
    let down = world.ok(&["down", "-s", "local", "--yes", "--delete-data"]);
    assert!(down.err.contains("1 file (14 B)") && down.err.contains("1 record"), "{down:#?}");
    assert_eq!(service::request(&world, "s3", &format!("HEAD /{BUCKET}"), "", "").0, 404);
    assert!(!service::has_table(&world, TABLE));
}

#[test]
fn somebody_who_goes_on_writing_does_not_make_a_deletion_fail() {
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
    assert!(down.err.contains("is gone"), "{down:#?}");
    assert_eq!(service::request(&world, "s3", &format!("HEAD /{BUCKET}"), "", "").0, 404);
}

#[test]
fn two_people_who_run_up_at_once_end_with_one_stack() {
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
