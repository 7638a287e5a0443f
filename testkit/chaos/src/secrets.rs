//! Secrets in what was written: is a task token in any log, error or record of a run? A search through every byte of its folder.

use std::io;
use std::path::{Path, PathBuf};

/// What a search went through, and where it found the mark.
#[derive(Debug, Default)]
pub(crate) struct Searched {
    pub(crate) files: usize,
    pub(crate) bytes: usize,
    pub(crate) found: Vec<PathBuf>,
}

/// Searches all files of a folder for these words.
pub(crate) fn search(folder: &Path, words: &str) -> io::Result<Searched> {
    let mut searched = Searched::default();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path)?;
            searched.files += 1;
            searched.bytes += bytes.len();
            if bytes.windows(words.len()).any(|window| window == words.as_bytes()) {
                searched.found.push(path);
            }
        }
    }
    Ok(searched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_written_is_found_wherever_it_lies() {
        let folder = std::env::temp_dir().join(format!("leasehold-secrets-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("logs")).expect("a folder");
        std::fs::write(folder.join("a.jsonl"), "{}\n").expect("written");
        std::fs::write(folder.join("logs/b.log"), b"\xff\x00 said: chaos-task-token-1f").expect("written");
        let searched = search(&folder, "chaos-task-token-").expect("searched");
        assert_eq!((searched.files, searched.found), (2, vec![folder.join("logs/b.log")]));
        assert!(search(&folder, "no such words").expect("searched").found.is_empty());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
