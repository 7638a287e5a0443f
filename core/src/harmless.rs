//! Harmless text: which characters change how the text around them is shown, and how is a text told without them?
//!
//! Names, labels and reasons are written by others. What moves a cursor, changes colours or the direction of writing, or is
//! not seen at all, could make one name look like another, or a line like something that leasehold said.

/// Whether a character stands for itself alone: it is no control, does not turn the direction of the text around it, ends
/// no line, and is no mark that nobody sees.
pub fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            // Unicode's controls of direction (UAX #9): marks, embeddings, overrides, isolates.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Ends of a line and of a paragraph.
            | '\u{2028}' | '\u{2029}'
            // Nothing to be seen, or notes to a reader that nobody has. Those that join letters stay: scripts need them.
            | '\u{00ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text for people, of any number of lines: each other character is told by its number.
pub fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if is_harmless(c) || c == '\n' {
            shown.push(c)
        } else {
            shown.extend(c.escape_default())
        }
        shown
    })
}

/// A JSON document that says the same: such characters stand in its texts alone, where they may be told by their number.
pub fn harmless_json(document: String) -> String {
    if document.chars().all(|c| is_harmless(c) || c == '\n') {
        return document;
    }
    let mut units = [0; 2];
    document.chars().fold(String::with_capacity(document.len()), |mut said, c| {
        if is_harmless(c) || c == '\n' {
            said.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                said.push_str(&format!("\\u{unit:04x}"));
            }
        }
        said
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind.
    const HARMFUL: [char; 12] = [
        '\u{1b}',
        '\r',
        '\u{7f}',
        '\u{9b}',
        '\u{202e}',
        '\u{2066}',
        '\u{200f}',
        '\u{061c}',
        '\u{2028}',
        '\u{200b}',
        '\u{feff}',
        '\u{e0041}',
    ];

    #[test]
    fn a_json_document_says_the_same_without_a_harmful_character() {
        let told = |text: &str| harmless_json(text.to_owned());
        assert_eq!(told("{\n  \"who\": \"ann\"\n}"), "{\n  \"who\": \"ann\"\n}");
        assert_eq!(told("[\n\"a\u{202e}b\"]"), "[\n\"a\\u202eb\"]");
        assert_eq!(told("\"\u{1b}[31m\u{7}\""), "\"\\u001b[31m\\u0007\"");
        // Beyond the first plane by its two halves.
        assert_eq!(told("\"\u{e0001}\""), "\"\\udb40\\udc01\"");
    }

    #[test]
    fn what_turns_hides_or_moves_is_told_by_its_number() {
        for c in HARMFUL {
            let shown = harmless(&format!("a{c}b"));
            assert!(!shown.contains(c) && shown.starts_with("a\\") && shown.ends_with('b'), "{shown}");
        }
        assert_eq!(harmless("a\u{202e}b\nc"), "a\\u{202e}b\nc");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["größer", "שלום", "नमस्ते", "👩\u{200d}💻", "می\u{200c}خواهم", "<b>&amp;"]
        {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn a_document_says_the_same_with_numbers() {
        for c in HARMFUL {
            let value = serde_json::json!({ "name": format!("a{c}b") });
            let said = harmless_json(serde_json::to_string_pretty(&value).expect("JSON"));
            assert!(!said.contains(c), "{said}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&said).expect("JSON"), value);
        }
    }
}
