//! Does every reader bear what somebody hostile sends? The seeds of `corpus`, among them whatever a reader once failed on,
//! and a few thousand changes of them, from a new seed at each run.
//!
//! `HOSTILE_SEED=N` plays the same changes again, `HOSTILE_CHANGES=N` plays so many for each reader.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and fails")]

mod changed;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use leasehold_hostile::{READERS, Reader};

/// How many changes of its seeds each reader is given.
const CHANGES: u64 = 1_500;

/// The seeds of a reader, in the order of their names.
fn seeds(reader: &Reader) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(reader.name);
    let files = std::fs::read_dir(&folder).expect("a folder of seeds");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a seed").path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{} has too few seeds", folder.display());
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a seed"))).collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// What a reader panics with, if it does.
fn failure(reader: &Reader, input: &[u8]) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| (reader.judge)(input))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
}

#[test]
fn every_reader_bears_its_seeds() {
    let mut failed = vec![];
    for reader in &READERS {
        let seeds = seeds(reader);
        let fails =
            |(path, input): &(PathBuf, Vec<u8>)| Some(format!("{}: {}", path.display(), failure(reader, input)?));
        failed.extend(seeds.iter().filter_map(fails));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_reader_bears_changes_of_its_seeds() {
    let seed = number("HOSTILE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let changes = number("HOSTILE_CHANGES").unwrap_or(CHANGES);
    println!("HOSTILE_SEED={seed}");
    for reader in &READERS {
        let mut rng = Rng::with_seed(seed);
        let seeds: Vec<Vec<u8>> = seeds(reader).into_iter().map(|(_, input)| input).collect();
        for _ in 0..changes {
            let input = changed::change(&mut rng, &seeds, reader.longest);
            if let Some(why) = failure(reader, &input) {
                let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-failed", reader.name));
                std::fs::write(&kept, &input).expect("a file for the input");
                panic!(
                    "{why}\n{} failed on {}; HOSTILE_SEED={seed} plays it again; once mended, keep it in corpus/{}",
                    reader.name,
                    kept.display(),
                    reader.name
                );
            }
        }
    }
}
