//! Changed input: what does somebody send who knows how it should look? Seeds of the corpus with bytes changed, pieces
//! swapped, and values of JSON replaced by absurd ones.

use fastrand::Rng;
use serde_json::{Value, json};

/// Pieces that readers trip over.
const PIECES: [&str; 20] = [
    "\0",
    "\u{1b}[2J",
    "\u{202e}",
    "\n",
    "\r\n",
    "\"",
    "\\",
    "{",
    "}",
    "[[",
    "null",
    "-1",
    "1e308",
    "18446744073709551615",
    "18446744073709551616",
    "9007199254740993",
    "0",
    "\u{1F980}",
    "a:0:1",
    "=",
];

/// One of these seeds, changed in up to four ways.
pub(crate) fn change(rng: &mut Rng, seeds: &[Vec<u8>], longest: usize) -> Vec<u8> {
    let mut input = rng.choice(seeds).cloned().unwrap_or_default();
    for _ in 0..rng.usize(1..=4) {
        match rng.u8(0..7) {
            0 if !input.is_empty() => {
                let at = rng.usize(..input.len());
                input[at] = rng.u8(..);
            }
            1 => splice(rng, &mut input, |rng| rng.choice(PIECES).unwrap_or_default().as_bytes().to_vec()),
            2 => splice(rng, &mut input, |_| vec![]),
            3 => {
                let other = rng.choice(seeds).cloned().unwrap_or_default();
                splice(rng, &mut input, |rng| piece(rng, &other));
            }
            4 => {
                let own = input.clone();
                splice(rng, &mut input, |rng| piece(rng, &own).repeat(rng.usize(1..40)));
            }
            _ => absurd(rng, &mut input),
        }
    }
    input.truncate(longest);
    input
}

/// Puts something in the place of a few bytes.
fn splice(rng: &mut Rng, input: &mut Vec<u8>, with: impl FnOnce(&mut Rng) -> Vec<u8>) {
    let at = rng.usize(..=input.len());
    let until = (at + rng.usize(..12)).min(input.len());
    let with = with(rng);
    input.splice(at..until, with);
}

fn piece(rng: &mut Rng, of: &[u8]) -> Vec<u8> {
    let at = rng.usize(..=of.len());
    let until = (at + rng.usize(..64)).min(of.len());
    of[at..until].to_vec()
}

/// Puts an absurd value into one of the lines that are JSON.
fn absurd(rng: &mut Rng, input: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = rng.usize(..lines.len());
    let Ok(mut value) = serde_json::from_slice::<Value>(&lines[at]) else { return };
    replace(rng, &mut value);
    lines[at] = value.to_string().into_bytes();
    *input = lines.join(&b'\n');
}

fn replace(rng: &mut Rng, value: &mut Value) {
    let deeper = rng.u8(0..5) > 0;
    match value {
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let at = rng.usize(..fields.len());
            if let Some((_, value)) = fields.iter_mut().nth(at) {
                replace(rng, value);
            }
        }
        Value::Array(list) if deeper && !list.is_empty() => {
            let at = rng.usize(..list.len());
            replace(rng, &mut list[at]);
        }
        other => *other = any(rng),
    }
}

fn any(rng: &mut Rng) -> Value {
    let text = rng.choice(PIECES).unwrap_or_default();
    match rng.u8(0..9) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.choice([0_u64, 1, 1_000, 4_294_967_295, u64::MAX])),
        3 => json!(rng.choice([-1.0, 0.5, 1e300, 5e-324, 1e15])),
        4 => json!(text.repeat(rng.usize(0..2_000))),
        5 => json!(text),
        6 => json!([]),
        7 => json!({ text: { text: [text] } }),
        _ => json!(rng.u64(..).to_string()),
    }
}
