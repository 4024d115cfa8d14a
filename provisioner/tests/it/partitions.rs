//! The table of partitions against the one that AWS's SDKs carry (botocore, installed with the emulator).

use provisioner_model::partition::Partition;
use serde_json::Value;

#[test]
fn partitions_are_those_of_the_sdks() {
    let emulator = crate::world::ministack();
    let environment = emulator.ancestors().nth(2).unwrap();
    let python = environment
        .join("lib")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")));
    let file = python.unwrap().join("site-packages/botocore/data/partitions.json");
    let theirs: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let theirs = theirs["partitions"].as_array().unwrap();
    let rows: Vec<_> = theirs
        .iter()
        .map(|one| (one["id"].as_str(), one["outputs"]["dnsSuffix"].as_str(), one["regionRegex"].as_str()))
        .collect();
    let regexes = Partition::ALL.map(Partition::region_regex);
    let ours: Vec<_> = Partition::ALL
        .iter()
        .zip(&regexes)
        .map(|(one, regex)| (Some(one.id), Some(one.dns_suffix), Some(regex.as_str())))
        .collect();
    assert_eq!(ours, rows);
    for one in theirs {
        // Each partition also has a name for its global endpoints.
        for region in one["regions"].as_object().unwrap().keys().filter(|name| !name.ends_with("-global")) {
            assert_eq!(Partition::of(region).id, one["id"].as_str().unwrap(), "{region}");
        }
    }
}
