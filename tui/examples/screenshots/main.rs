//! What does the dashboard look like? Writes the pictures of the README: screens drawn as in a terminal, as SVG.
//!
//! `make screenshots` runs it. Recorded demos are played to moments worth looking at, so the same pictures come out
//! each time; nothing is typed and no terminal is needed.

#![allow(clippy::expect_used, reason = "whoever runs it is told what is missing")]

mod pictures;

use std::path::{Path, PathBuf};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::args_os().nth(1).map_or_else(|| root.join("../docs"), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("the folder for the pictures");
    for (name, svg) in pictures::all() {
        let file = folder.join(name);
        std::fs::write(&file, svg).expect("a picture");
        println!("{}", file.display());
    }
}
