//! The README's pictures are those that `make screenshots` draws.

#![allow(clippy::expect_used, reason = "a test may")]

#[path = "../examples/screenshots/pictures/mod.rs"]
mod pictures;

use std::collections::BTreeSet;
use std::path::Path;

/// The most that a film may have, in bytes: it is loaded before anybody reads.
const FILM: usize = 300_000;

fn committed() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn films() -> Vec<(String, String)> {
    let films: Vec<_> = pictures::all().into_iter().filter(|(name, _)| name.starts_with("demo-")).collect();
    assert_eq!(films.len(), 2);
    films
}

#[test]
fn every_committed_picture_is_as_it_is_drawn() {
    let drawn = pictures::all();
    for (name, svg) in &drawn {
        let there = std::fs::read_to_string(committed().join(name)).expect(name);
        assert!(there == *svg, "docs/{name} is not what `make screenshots` draws: look at it anew, then commit it");
    }
    let names: BTreeSet<String> = drawn.into_iter().map(|(name, _)| name).collect();
    let files = std::fs::read_dir(committed()).expect("docs").map(|file| file.expect("a file").file_name());
    let there: BTreeSet<String> =
        files.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".svg")).collect();
    assert_eq!(there, names);
}

#[test]
fn a_film_is_small_and_asks_nobody_for_anything() {
    for (name, svg) in films() {
        assert!(svg.len() <= FILM, "{name}: {} bytes, at most {FILM}", svg.len());
        for word in ["<script", "href", "url(", "@import", "<foreignObject", "<!"] {
            assert!(!svg.contains(word), "{name} has {word}");
        }
        // SVG's own name space.
        assert_eq!(svg.matches("http").count(), 1, "{name}");
    }
}

#[test]
fn a_film_goes_from_the_command_to_the_report() {
    for (name, svg) in films() {
        let words = ["make demo", "15/15", "5/5", "released", "waited", "All work is done", "no limit was exceeded"];
        for word in words {
            assert!(svg.contains(word), "{name} does not show {word:?}");
        }
        let moments: BTreeSet<&str> =
            svg.split("%{visibility:").filter_map(|before| before.rsplit(['{', '}']).next()).collect();
        assert!((20..=40).contains(&moments.len()), "{name} has {} frames", moments.len());
    }
}

#[test]
fn without_motion_a_film_shows_a_hand_over() {
    for (name, svg) in films() {
        let (rules, drawn) = svg.split_once("</style>").expect("rules");
        let (still, moves) =
            rules.split_once("@media (prefers-reduced-motion:no-preference)").expect("motion by choice");
        assert!(still.contains(".f{visibility:hidden}.s{visibility:visible}"), "{name}: {still}");
        assert!(moves.starts_with("{.f{animation:") && moves.matches("{animation:").count() == 1, "{name}");
        let shown = |group: &&str| !group.starts_with("<g ") || group.contains(" class=\"f s\"");
        let shown: String = drawn.trim_start().split_inclusive("</g>\n").filter(shown).collect();
        for word in ["15/15", "5/5", "released", "granted"] {
            assert!(shown.contains(word), "{name} stands still without {word:?}");
        }
        for word in ["make demo", "All work is done", "no limit was exceeded"] {
            assert!(!shown.contains(word), "{name} stands still with {word:?}");
        }
    }
}
