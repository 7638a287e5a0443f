//! Text in columns: how are times, names and links written so that they fit?

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{Holder, ID_BYTES, Limit, Millis, Timestamp, is_harmless, shortened};
use ratatui::text::Span;

/// How many columns a text takes.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A length of time in at most six columns: `0.4s`, `12s`, `3m05s`, `2h14m`, `4d03h`.
pub fn length(time: Millis) -> String {
    let seconds = time.0 / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if time.0 < 9_950 {
        format!("{:.1}s", (time.0 as f64) / 1_000.0)
    } else if seconds < 60 {
        format!("{seconds}s")
    } else if minutes < 60 {
        format!("{minutes}m{:02}s", seconds % 60)
    } else if hours < 24 {
        format!("{hours}h{:02}m", minutes % 60)
    } else if days < 100 {
        format!("{days}d{:02}h", hours % 24)
    } else {
        format!("{days}d")
    }
}

/// What a lowered limit means for now, if it still settles: everywhere in the same words.
pub fn settling(pool: &Occupancy) -> Option<String> {
    let (until, before) = (time_until(pool.settles_at?, pool.at), pool.limit_was?);
    // Where the row of before could not be read, the highest limit that there is stands for it.
    let was =
        if before == Limit::HIGHEST { format!("up to {before}, the highest there is") } else { before.to_string() };
    let settled = pool.settles_at?;
    let ends = pool.overridden.as_ref().and_then(|live| live.until).filter(|ends| *ends <= settled);
    Some(match (pool.is_closed(), pool.limit.count()) {
        (_, 0) if let Some(ends) = ends => {
            let ends = time_until(ends, pool.at);
            format!("the drain ends at {ends} UTC, before all callers follow it: somebody may be let in all the time")
        }
        (_, 0) => format!("nobody is let in any more from {until} UTC on (limit was {was})"),
        (true, _) => format!("closed until {until} UTC (limit was {was})"),
        (false, limit) => {
            let closed = before.count().saturating_sub(limit);
            let slots = if closed == 1 { "slot" } else { "slots" };
            format!("{closed} {slots} closed until {until} UTC (limit was {was})")
        }
    })
}

/// A moment to come, UTC: its time of day, and its day where that may be another.
pub fn time_until(moment_to_come: Timestamp, now: Timestamp) -> String {
    let far = moment_to_come.since(now) >= Millis::seconds(12 * 3_600);
    if far { moment(moment_to_come) } else { moment_to_come.time_of_day() }
}

/// How a pool is opened again that its settings drain, if they do: everywhere in the same words, with the flags that name its
/// table, each after a blank. No override is there to be ended.
pub fn how_to_open(pool: &Occupancy, flags: &str) -> Option<String> {
    let drained = pool.limit.count() == 0 && pool.overridden.is_none();
    let open = || format!("leasehold pool set {} --limit N{flags}", pool.prefix);
    drained.then(|| format!("drained by its settings; to let jobs in: {}", open()))
}

/// How many hold a lease of how many that may, and how many slots carry an expired one: everywhere in the same words.
pub fn held(Occupancy { held, limit, expired, .. }: &Occupancy) -> String {
    let expired = if *expired > 0 { format!(", {expired} expired") } else { String::new() };
    format!("{held} of {limit} held{expired}")
}

/// What is wrong with somebody's own words, if a character in them is not shown as it is: whoever reads them later would not
/// see it. Characters are counted from 1.
pub fn hidden_character(words: &str) -> Option<String> {
    let (at, c) = words.chars().enumerate().find(|(_, c)| !is_harmless(*c))?;
    let what = match c {
        c if c.is_control() => "a control character",
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "which turns the direction of the text"
        }
        '\u{2028}' | '\u{2029}' => "which ends a line",
        _ => "which nobody sees",
    };
    Some(format!("character {} is U+{:04X}, {what}: leave it out", at + 1, u32::from(c)))
}

/// The day and time, UTC: `2024-11-22 10:11:12`.
pub fn moment(at: Timestamp) -> String {
    timestamp(at).trim_end_matches('Z').replace('T', " ")
}

/// The day and time for programs too, UTC to the second: `2024-11-22T10:11:12Z`.
pub fn timestamp(at: Timestamp) -> String {
    match std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(at.0)) {
        // Beyond the year 9999 there is no such form.
        Some(time) if at.0 < 253_402_300_800_000 => humantime::format_rfc3339_seconds(time).to_string(),
        _ => at.to_string(),
    }
}

/// A text cut in the middle, where names that belong together are alike the least.
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns <= 1 {
        return "…".repeat(columns);
    }
    let (head, tail) = (columns / 2, columns - 1 - columns / 2);
    let take = |chars: &mut dyn Iterator<Item = char>, columns: usize| {
        let mut left = columns;
        let fits = |c: &char| {
            let wide = width(c.encode_utf8(&mut [0; 4]));
            let fits = wide <= left;
            left = if fits { left - wide } else { 0 };
            fits
        };
        chars.take_while(fits).collect::<String>()
    };
    let start = take(&mut text.chars(), head);
    let end = take(&mut text.chars().rev(), tail);
    format!("{start}…{}", end.chars().rev().collect::<String>())
}

/// A text cut at its end.
pub fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| {
        let wide = width(c.encode_utf8(&mut [0; 4]));
        let fits = wide <= left;
        left = if fits { left - wide } else { 0 };
        fits
    };
    text.chars().take_while(fits).chain((columns > 0).then_some('…')).collect()
}

/// Words in lines of at most so many columns; a word longer than a line is cut where the line ends.
pub fn wrap(words: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let mut word = word;
        loop {
            let Some(line) = lines.last_mut() else { return lines };
            let space = usize::from(!line.is_empty());
            let left = columns.saturating_sub(width(line) + space);
            if width(word) <= left {
                line.push_str(&" ".repeat(space));
                line.push_str(word);
                break;
            }
            if width(word) > columns && line.is_empty() {
                let mut room = columns;
                let fits = |(_, c): &(usize, char)| {
                    let wide = width(c.encode_utf8(&mut [0; 4]));
                    let fits = wide <= room;
                    room = room.saturating_sub(wide);
                    fits
                };
                let end = word.char_indices().take_while(fits).map(|(at, c)| at + c.len_utf8()).last();
                // A character wider than the whole line takes it alone.
                let end = end.or_else(|| word.chars().next().map(char::len_utf8)).unwrap_or(word.len());
                line.push_str(&word[..end]);
                word = &word[end..];
                if word.is_empty() {
                    break;
                }
            }
            lines.push(String::new());
        }
    }
    lines
}

/// A holder in so many columns: cut where that costs the least of what tells it from others.
pub fn holder_within(of: &Holder, label: Option<&str>, columns: usize) -> String {
    let whole = holder(of, label);
    if width(&whole) <= columns {
        return whole;
    }
    let word = holder_in_short(of);
    if !of.key().is_empty() {
        // What stands beside a key helps only if the key is whole.
        return if columns < width(&word) + 5 { shorten(&word, columns) } else { clip(&whole, columns) };
    }
    // An id of a program's own says little to a person: of both something is left.
    match label.map(str::trim).filter(|label| !label.is_empty() && columns >= 2 * ID_COLUMNS + 3) {
        Some(label) => {
            let id = (columns - 3).saturating_sub(width(label)).max(ID_COLUMNS);
            clip(&format!("{} · {label}", shorten(&word, id)), columns)
        }
        None => shorten(&word, columns),
    }
}

/// What is left at least of an id beside a label.
const ID_COLUMNS: usize = 8;

/// A holder in a word, everywhere the same: its key, or the part of its execution that tells it from others.
pub fn holder_in_short(of: &Holder) -> String {
    // Of a map's items only the key differs.
    if !of.key().is_empty() {
        return of.key().to_owned();
    }
    execution(of).to_owned()
}

/// A holder in a word or two: that word, and its label or its execution.
pub fn holder(of: &Holder, label: Option<&str>) -> String {
    let word = holder_in_short(of);
    match label.map(str::trim).filter(|label| !label.is_empty()) {
        Some(label) if label == word => word,
        Some(label) => format!("{word} · {label}"),
        None if of.key().is_empty() => word,
        None => format!("{word} · {}", execution(of)),
    }
}

/// `MACHINE:NAME` of `arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME`; of another holder all of its id.
fn execution(of: &Holder) -> &str {
    match of.execution().splitn(7, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "states", _, _, _, name] => name,
        _ => of.execution(),
    }
}

/// Where the AWS console shows an execution, if it is one of Step Functions.
pub fn console(execution: &str) -> Option<String> {
    let parts: Vec<&str> = execution.splitn(7, ':').collect();
    let ["arn", partition, "states", region, _, kind, _] = parts[..] else { return None };
    // Whoever asks for a lease names its execution: no other host, and nothing that a terminal would obey.
    let is_region = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_plain = execution.chars().all(|sign| !sign.is_whitespace()) && shortened(execution, ID_BYTES) == execution;
    if region.is_empty() || !is_region || !is_plain {
        return None;
    }
    let kind = match kind {
        "execution" => "executions",
        "express" => "express-executions",
        _ => return None,
    };
    let domain = match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    Some(format!("https://{region}.{domain}/states/home?region={region}#/v2/{kind}/details/{execution}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_takes_at_most_six_columns() {
        let shown = [
            (0, "0.0s"),
            (400, "0.4s"),
            (9_949, "9.9s"),
            (9_950, "9s"),
            (59_999, "59s"),
            (60_000, "1m00s"),
            (3_599_000, "59m59s"),
            (8_040_000, "2h14m"),
            (86_400_000, "1d00h"),
            (8_639_999_000, "99d23h"),
            (8_640_000_000, "100d"),
        ];
        for (millis, text) in shown {
            assert_eq!(length(Millis(millis)), text);
            assert!(text.len() <= 6, "{text}");
        }
    }

    #[test]
    fn a_moment_is_written_in_utc() {
        assert_eq!(moment(Timestamp(1_732_270_272_345)), "2024-11-22 10:11:12");
        assert_eq!(moment(Timestamp(0)), "1970-01-01 00:00:00");
        assert_eq!(moment(Timestamp(951_782_400_000)), "2000-02-29 00:00:00");
        assert_eq!(moment(Timestamp(4_107_542_399_000)), "2100-02-28 23:59:59");
    }

    #[test]
    fn a_long_name_is_cut_in_the_middle_to_exactly_its_columns() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdefg", 6), "abc…fg");
        assert_eq!(shorten("abcdefg", 1), "…");
        assert_eq!(shorten("abc", 0), "");
        // Two columns each: one that does not fit is left out.
        assert_eq!(shorten("漢字漢字", 5), "漢…字");
        assert_eq!(shorten("漢字漢字", 4), "漢…");
    }

    #[test]
    fn a_text_is_cut_at_its_end_to_no_more_than_its_columns() {
        assert_eq!((clip("abc", 3), clip("abcd", 3), clip("abc", 0)), ("abc".into(), "ab…".into(), String::new()));
        assert_eq!(clip("漢字漢字", 4), "漢…");
    }

    #[test]
    fn keys_alike_at_their_start_are_told_apart_in_little_room() -> Result<(), Box<dyn std::error::Error>> {
        let item = |number: u32| Holder::new("e", &format!("s3://bucket/path/part-{number:03}.csv"), None);
        assert_eq!(holder_within(&item(7)?, Some("nightly"), 17), "s3://buc…-007.csv");
        assert_ne!(holder_within(&item(7)?, None, 17), holder_within(&item(8)?, None, 17));
        assert_eq!(holder_within(&Holder::new("e", "analytics-025", None)?, None, 9), "anal…-025");
        assert_eq!(holder_within(&Holder::new("e", "item-3", None)?, Some("nightly"), 12), "item-3 · ni…");
        Ok(())
    }

    #[test]
    fn of_an_id_without_a_key_the_label_is_shown_too() -> Result<(), Box<dyn std::error::Error>> {
        let run = Holder::new("vm:2387:01ad0b439d76f36a", "", None)?;
        let within = |label, columns| holder_within(&run, Some(label), columns);
        assert_eq!(within("nightly", 40), "vm:2387:01ad0b439d76f36a · nightly");
        assert!(within("nightly", 24).ends_with("6a · nightly"), "{}", within("nightly", 24));
        assert_eq!(width(&within("a label of many words", 24)), 24);
        assert!(within("a label of many words", 24).ends_with("a · a label of m…"));
        // Too little room for both.
        assert_eq!(within("nightly", 18), shorten(run.execution(), 18));
        Ok(())
    }

    #[test]
    fn a_holder_is_named_by_what_is_its_own_and_by_its_label() -> Result<(), Box<dyn std::error::Error>> {
        let arn = "arn:aws:states:eu-central-1:123456789012:execution:analytics:run-7";
        assert_eq!(holder(&Holder::new(arn, "", None)?, None), "analytics:run-7");
        assert_eq!(holder(&Holder::new(arn, "item-3", None)?, Some(" ")), "item-3 · analytics:run-7");
        assert_eq!(holder(&Holder::new("cron@host", "", None)?, None), "cron@host");
        assert_eq!(holder(&Holder::new(arn, "", None)?, Some("nightly")), "analytics:run-7 · nightly");
        assert_eq!(holder(&Holder::new(arn, "item-3", None)?, Some("nightly")), "item-3 · nightly");
        assert_eq!(holder(&Holder::new(arn, "item-3", None)?, Some("item-3")), "item-3");
        Ok(())
    }

    #[test]
    fn only_executions_have_a_page_in_the_console() {
        let arn = "arn:aws:states:eu-central-1:123456789012:execution:analytics:run-7";
        let page = format!(
            "https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/{arn}"
        );
        assert_eq!(console(arn), Some(page));
        let china = console("arn:aws-cn:states:cn-north-1:1:execution:m:r").unwrap_or_default();
        assert!(china.starts_with("https://cn-north-1.console.amazonaws.cn/"), "{china}");
        let others = [
            "cron@host",
            "arn:aws:lambda:eu-central-1:1:function:x:y",
            "demo:1234:item",
            "arn:aws:states:evil.example/:1:execution:m:r",
            "arn:aws:states:a@evil.example:1:execution:m:r",
            "arn:aws:states::1:execution:m:r",
            "arn:aws:states:eu-central-1:1:execution:m:r\u{1b}[2J",
            "arn:aws:states:eu-central-1:1:execution:m:a name",
        ];
        for other in others {
            assert_eq!(console(other), None, "{other}");
        }
    }

    #[test]
    fn a_moment_to_come_has_its_day_where_that_may_be_another() {
        let now = Timestamp::seconds(1_700_000_000);
        assert_eq!(time_until(now + Millis::seconds(60), now), "22:14:20");
        assert_eq!(time_until(now + Millis::seconds(12 * 3_600), now), "2023-11-15 10:13:20");
        assert_eq!(time_until(now + Millis::seconds(24 * 3_600), now), "2023-11-15 22:13:20");
    }

    #[test]
    fn a_timestamp_is_written_in_utc() {
        assert_eq!(timestamp(Timestamp(1_732_270_272_345)), "2024-11-22T10:11:12Z");
        assert_eq!(timestamp(Timestamp(u64::MAX)), "18446744073709551615 ms");
    }
}
