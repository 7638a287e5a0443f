//! Words of an error: may they be shown to a person, whatever was read?

/// The longest sentence that a reader may say of what it was given, in characters: what is shown of a value is at most
/// [`leasehold_core::SHOWN_CHARS`] long, and no reader shows more than three.
const LONGEST: usize = 1_500;

/// Asserts that a sentence is short, and that nothing in it moves a terminal's cursor, breaks a line of a log or turns the
/// direction of what is read.
pub(crate) fn assert_harmless(said: &str) {
    assert!(said.chars().count() <= LONGEST, "{} characters: {:?}", said.chars().count(), start(said));
    assert!(!said.contains(harms), "{:?}", start(said));
}

/// As [`assert_harmless`], of a sentence that has lines.
pub(crate) fn assert_harmless_lines(said: &str) {
    said.split('\n').for_each(assert_harmless);
    assert!(said.lines().count() <= 3, "{:?}", start(said));
}

/// Asserts the same of lines as long as whoever wrote them liked.
pub(crate) fn assert_nothing_hidden(said: &str) {
    said.split('\n').for_each(|line| assert!(!line.contains(harms), "{:?}", start(line)));
}

fn start(said: &str) -> String {
    said.chars().take(4 * LONGEST).collect()
}

fn harms(sign: char) -> bool {
    sign.is_control() || turns(sign)
}

/// Marks that turn the direction of text, after which a line reads as another one.
fn turns(sign: char) -> bool {
    matches!(sign, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
