//! Which of the promised behaviours a test covers.
//!
//! `behaviours.toml` has every number with the step that delivers it. A test names the numbers it
//! covers in its doc comment: `/// Covers R12, R14.` (several lines are fine). The comment counts
//! only directly above a `#[test]` or `#[tokio::test]` function, so that a number cannot outlive its
//! test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The step that is delivered: every behaviour of it and of the ones before must be covered.
const DELIVERED: u8 = 4;

#[derive(Deserialize)]
struct Behaviour {
    step: u8,
    says: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn behaviours() -> BTreeMap<String, Behaviour> {
    let text = fs::read_to_string(root().join("tests/contracts/behaviours.toml"))
        .expect("tests/contracts/behaviours.toml");
    toml::from_str(&text).expect("behaviours.toml is TOML of `R1 = { step, says }`")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Number → names of the tests that cover it, from one source file.
fn covered_in(source: &str, covered: &mut BTreeMap<String, BTreeSet<String>>) {
    let mut numbers = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("/// Covers ") {
            numbers.extend(
                doc.split([',', ' ', '.'])
                    .filter(|n| is_number(n))
                    .map(str::to_owned),
            );
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("///") || line.starts_with("#[") {
            // The rest of the doc comment, other attributes.
        } else {
            let name = line.trim_start_matches("async ").strip_prefix("fn ");
            if let (true, Some(name)) = (is_test, name) {
                let name = name.split('(').next().unwrap_or(name);
                for number in numbers.drain(..) {
                    covered.entry(number).or_default().insert(name.to_owned());
                }
            }
            numbers.clear();
            is_test = false;
        }
    }
}

fn is_number(word: &str) -> bool {
    let mut chars = word.chars();
    matches!(chars.next(), Some('R' | 'D' | 'B'))
        && word.len() > 1
        && chars.all(|c| c.is_ascii_digit())
}

#[test]
fn every_behaviour_of_the_delivered_steps_has_a_test_that_names_it() {
    let behaviours = behaviours();
    assert_eq!(
        behaviours.len(),
        80 + 26 + 17,
        "behaviours.toml lists R1-R80, D1-D26, B1-B17"
    );

    let mut files = Vec::new();
    for folder in [
        "tests/journeys",
        "tests/failures",
        "tests/property",
        "tests/contracts",
    ] {
        rust_files(&root().join(folder), &mut files);
    }
    let mut covered = BTreeMap::new();
    for file in files {
        covered_in(
            &fs::read_to_string(file).expect("a source file"),
            &mut covered,
        );
    }

    let strangers: Vec<_> = covered
        .keys()
        .filter(|n| !behaviours.contains_key(*n))
        .collect();
    assert!(
        strangers.is_empty(),
        "tests name behaviours that do not exist: {strangers:?}"
    );

    println!(
        "\ncovered behaviours: {} of {}",
        covered.len(),
        behaviours.len()
    );
    for (number, tests) in &covered {
        println!("  {number:<4} {}", behaviours[number].says);
        for test in tests {
            println!("         {test}");
        }
    }
    let missing: Vec<_> = behaviours
        .iter()
        .filter(|(number, b)| b.step <= DELIVERED && !covered.contains_key(*number))
        .map(|(number, b)| format!("{number} {}", b.says))
        .collect();
    assert!(
        missing.is_empty(),
        "no test covers:\n  {}",
        missing.join("\n  ")
    );
}

#[test]
fn a_number_counts_only_above_a_test() {
    let mut covered = BTreeMap::new();
    covered_in(
        "/// Covers R1, D26.\n#[tokio::test]\nasync fn a() {}\n",
        &mut covered,
    );
    covered_in("/// Covers R2.\nfn helper() {}\n", &mut covered);
    assert_eq!(covered.keys().collect::<Vec<_>>(), ["D26", "R1"]);
}
