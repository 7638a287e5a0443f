//! Which moment does a time like `2024-11-22T10:11:12.345Z` name? RFC 3339, as Step Functions writes
//! `$$.State.EnteredTime`, to milliseconds since the Unix epoch.

use crate::time::Timestamp;

/// The moment, rounded down to the millisecond; none if the text is no such time or lies before 1970.
/// `T` and `Z` are capitals, and there is no leap second `:60`: the services that write these times have none.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (moment, rest) = text.as_bytes().split_at_checked(19)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1] = *moment else {
        return None;
    };
    let year = digits(&[y0, y1, y2, y3])?;
    let month = digits(&[m0, m1]).filter(|month| (1..=12).contains(month))?;
    let day = digits(&[d0, d1]).filter(|day| (1..=days_in(year, month)).contains(day))?;
    let hour = digits(&[h0, h1]).filter(|hour| *hour < 24)?;
    let minute = digits(&[n0, n1]).filter(|minute| *minute < 60)?;
    let second = digits(&[s0, s1]).filter(|second| *second < 60)?;
    let (millis, zone) = fraction(rest)?;
    let days = days_before(year, month) + day - 1;
    let seconds = ((days * 24 + hour) * 60 + minute - offset_minutes(zone)?) * 60 + second;
    u64::try_from(seconds * 1_000 + millis).ok().map(Timestamp)
}

/// The moment so many milliseconds after 1970; none after the year 9999, where only other units would be meant:
/// microseconds, taken for milliseconds, would make an attempt that is newer than any to come.
pub(super) fn of_millis(millis: u64) -> Option<Timestamp> {
    const LAST: u64 = 253_402_300_799_999;
    (millis <= LAST).then_some(Timestamp(millis))
}

/// The milliseconds of a fraction, if there is one, and what comes after it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', after)) = rest.split_first() else { return Some((0, rest)) };
    let length = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, zone) = after.split_at(length);
    let place = |at: usize| fraction.get(at).map_or(0, |digit| i64::from(digit - b'0'));
    (length > 0).then(|| (place(0) * 100 + place(1) * 10 + place(2), zone))
}

/// How many minutes a zone is ahead of UTC.
fn offset_minutes(zone: &[u8]) -> Option<i64> {
    let (sign, h0, h1, m0, m1) = match *zone {
        [b'Z'] => return Some(0),
        [b'+', h0, h1, b':', m0, m1] => (1, h0, h1, m0, m1),
        [b'-', h0, h1, b':', m0, m1] => (-1, h0, h1, m0, m1),
        _ => return None,
    };
    let hours = digits(&[h0, h1]).filter(|hours| *hours < 24)?;
    let minutes = digits(&[m0, m1]).filter(|minutes| *minutes < 60)?;
    Some(sign * (hours * 60 + minutes))
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// The days from the epoch to the first of this month.
fn days_before(year: i64, month: i64) -> i64 {
    let leap_days = |to: i64| to.div_euclid(4) - to.div_euclid(100) + to.div_euclid(400);
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>()
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_step_functions_is_read_to_the_millisecond() {
        // The right-hand sides are what `date -u -d … +%s%3N` prints.
        let known = [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-11-22T10:11:12.345Z", 1_732_270_272_345),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
            ("2024-03-01T00:00:00Z", 1_709_251_200_000),
            ("2000-12-31T00:00:00Z", 978_220_800_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ];
        for (text, millis) in known {
            assert_eq!(parse(text), Some(Timestamp(millis)), "{text}");
        }
    }

    #[test]
    fn a_number_is_milliseconds_as_far_as_times_can_be_written() {
        let last = parse("9999-12-31T23:59:59.999Z").expect("a time");
        assert_eq!(of_millis(last.0), Some(last));
        assert_eq!(of_millis(last.0 + 1), None);
    }

    #[test]
    fn a_fraction_has_any_length_and_is_rounded_down() {
        for (fraction, millis) in [("", 0), (".1", 100), (".12", 120), (".123", 123), (".123999999", 123), (".0009", 0)]
        {
            assert_eq!(parse(&format!("1970-01-01T00:00:00{fraction}Z")), Some(Timestamp(millis)), "{fraction:?}");
        }
    }

    #[test]
    fn an_offset_says_how_far_ahead_of_utc_the_clock_is() {
        let utc = parse("2024-11-22T10:11:12Z");
        for same in ["2024-11-22T12:11:12+02:00", "2024-11-21T23:41:12-10:30", "2024-11-22T10:11:12-00:00"] {
            assert_eq!(parse(same), utc, "{same}");
        }
        assert_eq!(parse("1970-01-01T00:30:00+01:00"), None, "before the epoch");
        assert_eq!(parse("1969-12-31T23:30:00-01:00"), Some(Timestamp(1_800_000)));
    }

    #[test]
    fn what_is_no_such_time_is_refused() {
        let not = "|2024|2024-11-22|2024-11-22T10:11:12|2024-11-22 10:11:12Z|2024-11-22t10:11:12z|2024-13-01T00:00:00Z\
            |2024-00-01T00:00:00Z|2023-02-29T00:00:00Z|2100-02-29T00:00:00Z|2024-04-31T00:00:00Z|2024-11-00T00:00:00Z\
            |2024-11-22T24:00:00Z|2024-11-22T10:60:00Z|2024-11-22T10:11:60Z|2024-11-22T10:11:12.Z|2024-11-22T10:11:12,5Z\
            |2024-11-22T10:11:12+0200|2024-11-22T10:11:12+24:00|2024-11-22T10:11:12+02:60|2024-11-22T10:11:12Zulu\
            |2024-11-22T1x:11:12Z|+024-11-22T10:11:12Z|2024-11-22T10:11:12é|éééééééééé|1969-12-31T23:59:59.999Z";
        for text in not.split('|') {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
