//! What somebody gets who downloads a release: `scripts/dist` packs this very command, and it is unpacked, compared and run.
//! (`make dist` does the same with what it builds; that takes too long here.)
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn dist(arguments: &[&str], umask: &str) -> String {
    let script = "umask $1; shift; exec python3 \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, &format!("{ROOT}/scripts/dist"), umask]).args(arguments);
    text(&command.env("SOURCE_DATE_EPOCH", "1700000000").output().expect("sh and python3"))
}

/// An archive of this command in a new folder, and its name.
fn packed(binary: &Path, folder: &Path, umask: &str) -> PathBuf {
    let [binary, out] = [binary, folder].map(|path| path.to_str().expect("a path of text"));
    dist(&["--pack", binary, "--out", out], umask);
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files[0].ends_with("SHA256SUMS"), "{files:?}");
    files.remove(1)
}

#[test]
fn an_archive_has_the_same_bytes_each_time_and_runs() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("release-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    let small = folder.join("leasehold");
    let done = Command::new("strip").arg("-o").arg(&small).arg(env!("CARGO_BIN_EXE_leasehold")).output();
    text(&done.expect("strip, of the binutils that Rust links with"));
    let [first, again] =
        [("first", "022"), ("again", "077")].map(|(name, mask)| packed(&small, &folder.join(name), mask));
    assert!(fs::read(&first).expect("an archive") == fs::read(&again).expect("an archive"), "the same bytes");
    let sums = Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(folder.join("first")).output();
    text(&sums.expect("sha256sum"));

    let unpacked = folder.join("unpacked");
    fs::create_dir(&unpacked).expect("a folder");
    let done = Command::new("tar").arg("-xzf").arg(&first).arg("-C").arg(&unpacked).output().expect("tar");
    text(&done);
    let name = first.file_name().and_then(|name| name.to_str()).expect("a name").trim_end_matches(".tar.gz");
    assert!(name.starts_with(&format!("leasehold-{VERSION}-")), "{name}");
    let within = unpacked.join(name);
    let command = within.join("leasehold");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&command), mode(&within.join("README.md"))), (0o755, 0o644));
    let told = Command::new(&command).arg("--version").env_clear().output().expect("it runs");
    assert_eq!(text(&told), format!("leasehold {VERSION}\n"));
    let demo = ["demo", "--plain", "--scenario", "tests/scenarios/quick.toml"];
    let played = Command::new(&command).args(demo).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    assert!(text(&played.expect("it runs")).contains("no limit was exceeded"));

    for (shell, file) in [("bash", "leasehold.bash"), ("zsh", "_leasehold"), ("fish", "leasehold.fish")] {
        let said = text(&Command::new(&command).args(["completions", shell]).output().expect("it runs"));
        assert_eq!(fs::read_to_string(within.join("completions").join(file)).expect(file), said);
    }
    for page in ["leasehold.1", "leasehold-pool-set.1", "leasehold-run.1"] {
        assert!(fs::read_to_string(within.join("man/man1").join(page)).expect(page).contains(".SH SYNOPSIS"), "{page}");
    }
    for document in ["LICENSE", "CHANGELOG.md"] {
        let here = fs::read(Path::new(ROOT).join(document)).expect(document);
        assert!(fs::read(within.join(document)).expect(document) == here, "{document}");
    }
    fs::remove_dir_all(folder).expect("cleared away");
}

#[test]
fn a_release_is_found_where_binstall_looks() {
    let manifest: toml::Table = include_str!("../Cargo.toml").parse().expect("TOML");
    let binstall = &manifest["package"]["metadata"]["binstall"];
    for (at, built) in [
        (binstall, "x86_64-unknown-linux-musl"),
        (binstall, "aarch64-unknown-linux-musl"),
        (&binstall["overrides"]["x86_64-unknown-linux-gnu"], "x86_64-unknown-linux-musl"),
        (&binstall["overrides"]["aarch64-unknown-linux-gnu"], "aarch64-unknown-linux-musl"),
    ] {
        let filled = |field: &str| {
            let text = at[field].as_str().expect("text");
            text.replace("{ version }", VERSION).replace("{ target }", built).replace("{ bin }", "leasehold")
        };
        let folder = format!("leasehold-{VERSION}-{built}");
        assert_eq!(filled("pkg-url"), format!("{{ repo }}/releases/download/v{VERSION}/{folder}.tar.gz"));
        assert_eq!(filled("bin-dir"), format!("{folder}/leasehold{{ binary-ext }}"));
        let script = fs::read_to_string(Path::new(ROOT).join("scripts/dist")).expect("the script");
        assert!(script.contains(&format!("\"{built}\"")), "scripts/dist builds {built}");
    }
}

#[test]
fn no_release_is_made_where_binstall_would_look_elsewhere() {
    let elsewhere = "https://example.com/somebody/elses";
    let asked = Command::new("python3").arg(format!("{ROOT}/scripts/dist")).args(["--repository", elsewhere]).output();
    let asked = asked.expect("python3");
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(!asked.status.success() && said.contains("tui/Cargo.toml") && said.contains(elsewhere), "{asked:?}");
}

#[test]
fn a_tag_is_released_as_the_version_that_it_names() {
    let workflow = fs::read_to_string(Path::new(ROOT).join(".github/workflows/release.yml")).expect("the workflow");
    for step in
        ["scripts/dist --version", "scripts/dist --repository", "make dist", "scripts/dist --notes", "target/dist/*"]
    {
        assert!(workflow.contains(step), "{step}");
    }
    assert_eq!(dist(&["--version"], "022").trim(), VERSION);
    assert!(dist(&["--notes"], "022").contains("Built with rustc"));
}
