//! Forms: how is a change asked for, so that nobody makes it by a slip?
//! Fields to fill in, the last of which must be the pool's name, typed.

mod about_limit;

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{ExpectedOverride, LeaseId, Limit, Millis, PoolName, is_harmless};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::backend::crossterm::to_input_request;
use tui_input::{Input as LineInput, InputRequest};

use self::about_limit::SeenLimit;
use super::input::{DashboardEffect, LimitRules};
use super::session::TableChoice;
use super::text;
use crate::duration;

/// The longest reason, in characters.
const LONGEST: usize = 200;

/// The most digits that a limit has.
const LIMIT_DIGITS: usize = 5;

/// A form on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// What it is for.
    pub title: String,
    /// What should be known before.
    pub about: Vec<String>,
    /// What is to be filled in.
    pub fields: Vec<FormField>,
    /// Which of them is being filled in.
    pub at: usize,
    /// What is wrong with what was given, or with what it is about.
    pub wrong: Option<String>,
    change: FormChange,
    /// What was seen of the pool when it was last looked at; none: nothing yet.
    seen: Option<SeenLimit>,
    rules: Option<LimitRules>,
}

/// Something to fill in.
#[derive(Clone, Debug)]
pub struct FormField {
    /// What it is.
    pub name: &'static str,
    /// What is expected.
    pub hint: String,
    line: LineInput,
}

impl FormField {
    fn new(name: &'static str, value: String, hint: String) -> FormField {
        FormField { name, hint, line: LineInput::new(value) }
    }

    /// What was typed.
    pub fn value(&self) -> &str {
        self.line.value()
    }

    /// Before which of its characters the cursor stands.
    pub fn cursor(&self) -> usize {
        self.line.cursor()
    }

    fn set(&mut self, value: String) {
        self.line = LineInput::new(value);
    }

    /// Edits it, unless it would be longer than this.
    fn edit(&mut self, request: InputRequest, longest: usize) {
        let mut line = self.line.clone();
        line.handle(request);
        if line.value().chars().count() <= longest {
            self.line = line;
        }
    }
}

impl PartialEq for FormField {
    fn eq(&self, other: &Self) -> bool {
        let seen = |field: &FormField| (field.name, field.value().to_owned(), field.cursor(), field.hint.clone());
        seen(self) == seen(other)
    }
}

/// The change it is for. What it is about was fixed when the form opened, whatever happens meanwhile.
#[derive(Clone, Debug, PartialEq)]
enum FormChange {
    Limit(PoolName),
    End(PoolName),
    Release(LeaseId),
    Table,
}

/// What became of a form after a key.
#[derive(Clone, Debug, PartialEq)]
pub enum FormResult {
    /// It stays.
    NotYet,
    /// It was put away.
    Never,
    /// It is complete: do this.
    Done(DashboardEffect),
}

impl Form {
    /// For another limit; `to` is what the field starts with, `from` the limit as far as it is known.
    pub fn limit(prefix: PoolName, from: Limit, to: u32, seen: Option<&Occupancy>, rules: Option<LimitRules>) -> Form {
        let fields = vec![
            FormField::new("New limit", to.to_string(), format!("0 to 10000, now {from}")),
            FormField::new("Reason", String::new(), "kept with the change, for the next who looks".into()),
            FormField::new("For", String::new(), "until it is ended; or so long: 30m, 2h".into()),
            confirmation(&prefix),
        ];
        let title = format!("Override the limit of {prefix}");
        Form::about_limit(title, fields, FormChange::Limit(prefix), seen, rules)
    }

    /// For the end of an override.
    pub fn end(prefix: PoolName, seen: &Occupancy, rules: Option<LimitRules>) -> Form {
        let reason = FormField::new("Reason", String::new(), "kept in the history; may be left out".into());
        let fields = vec![reason, confirmation(&prefix)];
        let title = format!("End the override of {prefix}");
        Form::about_limit(title, fields, FormChange::End(prefix), Some(seen), rules)
    }

    fn about_limit(
        title: String,
        fields: Vec<FormField>,
        change: FormChange,
        seen: Option<&Occupancy>,
        rules: Option<LimitRules>,
    ) -> Form {
        let seen = seen.map(SeenLimit::of);
        let mut form = Form { title, about: vec![], fields, at: 0, wrong: None, change, seen, rules };
        form.tell();
        form
    }

    fn expected(&self) -> ExpectedOverride {
        self.seen.as_ref().map_or(ExpectedOverride::Any, |seen| ExpectedOverride::Made(seen.made_at()))
    }

    /// For freeing a lease by force.
    pub fn release(lease: LeaseId, holder: &str) -> Form {
        let about = vec![
            format!("Held by {holder}, {}.", lease.fence),
            "Its holder is not told. If it still works, it works without a lease.".into(),
        ];
        let title = format!("Free {} of {} by force", lease.slot, lease.prefix);
        let fields = vec![confirmation(&lease.prefix)];
        Form { title, about, fields, at: 0, wrong: None, change: FormChange::Release(lease), seen: None, rules: None }
    }

    /// For another table. Nothing is changed by it, so nothing is to be confirmed.
    pub fn table(now: &TableChoice) -> Form {
        let fields = vec![
            FormField::new("Table", now.table.clone(), "its name, or its ARN".into()),
            FormField::new("Region", now.region.clone(), "left empty: the profile's".into()),
            FormField::new("Profile", now.profile.clone(), "left empty: the credentials of the environment".into()),
        ];
        let about = vec![
            "This table stays on screen until the other one has answered. Profiles are those of ~/.aws/config.".into(),
        ];
        let (title, change) = ("Watch another table".into(), FormChange::Table);
        Form { title, about, fields, at: 0, wrong: None, change, seen: None, rules: None }
    }

    /// What a key does to it.
    pub fn key(&mut self, key: KeyEvent) -> FormResult {
        self.wrong = None;
        let last = self.fields.len() - 1;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return FormResult::Never,
            KeyCode::Char('c') if control => return FormResult::Never,
            KeyCode::Tab | KeyCode::Down => self.at = (self.at + 1).min(last),
            KeyCode::BackTab | KeyCode::Up => self.at = self.at.saturating_sub(1),
            KeyCode::Enter => return self.enter(),
            _ => {
                if let Some(request) = to_input_request(&Event::Key(key)) {
                    self.edit(request);
                }
            }
        }
        FormResult::NotYet
    }

    fn edit(&mut self, request: InputRequest) {
        let numeric = self.at == 0 && matches!(self.change, FormChange::Limit(..));
        let (at, longest) = (self.at, if numeric { LIMIT_DIGITS } else { LONGEST });
        let field = &mut self.fields[at];
        match request {
            InputRequest::InsertChar(c) if numeric && !c.is_ascii_digit() => {
                let number: u32 = field.value().parse().unwrap_or(0);
                match c {
                    '+' | '=' => field.set(number.saturating_add(1).min(10_000).to_string()),
                    '-' | '_' => field.set(number.saturating_sub(1).to_string()),
                    _ => {}
                }
            }
            // As where something was pasted.
            InputRequest::InsertChar(c) if !is_harmless(c) => {
                self.wrong =
                    text::hidden_character(&c.to_string()).map(|wrong| wrong.replacen("character 1", "that", 1));
            }
            request => field.edit(request, longest),
        }
        if numeric {
            self.tell();
        }
    }

    fn enter(&mut self) -> FormResult {
        // What is wrong up to here is told here; what comes after is still to come.
        for at in 0..=self.at {
            if let Some(wrong) = self.flaw(at) {
                (self.at, self.wrong) = (at, Some(wrong));
                return FormResult::NotYet;
            }
        }
        if self.at + 1 < self.fields.len() {
            self.at += 1;
            return FormResult::NotYet;
        }
        let (text, expected) = (|at: usize| self.fields[at].value().trim().to_owned(), self.expected());
        match &self.change {
            FormChange::Release(lease) => FormResult::Done(DashboardEffect::Release(lease.clone())),
            FormChange::End(prefix) => {
                FormResult::Done(DashboardEffect::EndOverride { prefix: prefix.clone(), why: text(0), expected })
            }
            FormChange::Table => {
                let (table, region, profile) = (text(0), text(1), text(2));
                FormResult::Done(DashboardEffect::Choose(TableChoice { table, region, profile }))
            }
            FormChange::Limit(prefix) => match (self.new_limit(), lasts(&text(2))) {
                (Some(limit), Ok(lasts)) => {
                    let (prefix, why) = (prefix.clone(), text(1));
                    FormResult::Done(DashboardEffect::ChangeLimit { prefix, limit, why, lasts, expected })
                }
                _ => FormResult::NotYet,
            },
        }
    }

    fn new_limit(&self) -> Option<Limit> {
        Limit::try_from(self.fields[0].value().parse::<u64>().ok()?).ok()
    }

    /// What is wrong with a field.
    fn flaw(&self, at: usize) -> Option<String> {
        let value = self.fields[at].value().trim();
        let (prefix, confirm) = match &self.change {
            FormChange::Limit(prefix) => {
                let same =
                    self.seen.as_ref().filter(|seen| Some(seen.limit) == self.new_limit() && seen.live.is_none());
                match at {
                    0 if self.new_limit().is_none() => return Some("a whole number from 0 to 10000".into()),
                    0 if same.is_some() => return same.map(|seen| format!("the limit is {} already", seen.limit)),
                    1 if value.is_empty() => return Some("a reason, in a few words".into()),
                    2 if lasts(value).is_err() => return lasts(value).err(),
                    _ => {}
                }
                (prefix, 3)
            }
            FormChange::End(prefix) => (prefix, 1),
            FormChange::Release(lease) => (&lease.prefix, 0),
            FormChange::Table => return (at == 0 && value.is_empty()).then(|| "the table's name".into()),
        };
        (at == confirm && value != prefix.as_str())
            .then(|| format!("type {} to confirm", text::shorten(prefix.as_str(), 40)))
    }
}

/// How long an override lasts; nothing: until it is ended.
fn lasts(text: &str) -> Result<Option<Millis>, String> {
    const EXPECTED: &str = "nothing, or a time from 1m to 366d, as in 30m or 2h";
    match text {
        "" => Ok(None),
        // As the option --for reads it: a bare number is of seconds.
        text => duration::at_least(Millis::seconds(60), text).map(Some).map_err(|_| EXPECTED.into()),
    }
}

fn confirmation(prefix: &PoolName) -> FormField {
    FormField::new("Confirm", String::new(), format!("type {prefix}"))
}

#[cfg(test)]
mod tests {
    use leasehold_core::occupancy::Overridden;
    use leasehold_core::{Settings, Snapshot, Timestamp};

    use super::*;

    fn rules() -> Option<LimitRules> {
        Some(LimitRules { limit: limit(5), settles_for: Millis::seconds(75), settling_from: None })
    }

    fn form() -> Form {
        Form::limit("batch".parse().expect("a prefix"), limit(5), 6, Some(&pool(5, None)), rules())
    }

    fn limit(count: u64) -> Limit {
        Limit::try_from(count).expect("a limit")
    }

    /// The pool with this limit, by an override of this person, made so late.
    fn pool(count: u64, by: Option<(&str, u64)>) -> Occupancy {
        let settings = Settings::new("batch".parse().expect("a prefix"), limit(count));
        let snapshot = Snapshot { at: Timestamp(9), limit: settings.limit, slots: vec![], queue: vec![], more: false };
        let live =
            |(who, at): (&str, u64)| Overridden { at: Timestamp(at), who: who.into(), why: "slow".into(), until: None };
        Occupancy { overridden: by.map(live), ..Occupancy::of(&snapshot, &settings) }
    }

    fn press(form: &mut Form, codes: impl IntoIterator<Item = KeyCode>) -> FormResult {
        let filled = codes.into_iter().map(|code| form.key(KeyEvent::new(code, KeyModifiers::NONE)));
        filled.last().expect("a key")
    }

    fn types(form: &mut Form, text: &str) -> FormResult {
        press(form, text.chars().map(|c| if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) }))
    }

    #[test]
    fn a_limit_needs_a_number_a_reason_and_the_pools_name() {
        let mut form = form();
        let filled = types(&mut form, "++\nend of month\n7200\nbatch\n");
        let expected = DashboardEffect::ChangeLimit {
            prefix: "batch".parse().expect("a prefix"),
            limit: limit(8),
            why: "end of month".into(),
            lasts: Some(Millis::seconds(7_200)),
            expected: ExpectedOverride::Made(None),
        };
        assert_eq!(filled, FormResult::Done(expected));
    }

    #[test]
    fn a_rise_is_at_once_and_a_lowering_says_how_long_it_settles() {
        let mut form = form();
        assert_eq!(form.about[2], "The limit becomes 6 at once; held leases stay.");
        types(&mut form, "--");
        let lowered = "The limit becomes 4. For 75 s few or no slots may be had; held leases stay.";
        assert_eq!(form.about[2], lowered);
        types(&mut form, "----");
        let drained =
            "The limit becomes 0. For 75 s somebody may still follow the old one and be let in; held leases stay.";
        assert_eq!(form.about[2], drained);
        types(&mut form, "++++");
        // Somebody else raised it meanwhile: the same number is another change.
        form.follow(&pool(3, Some(("ann", 7))));
        assert_eq!(form.about[2], "The limit becomes 4 at once; held leases stay.");
        let ended = |from| Form::end("batch".parse().expect("a prefix"), &pool(from, Some(("ann", 7))), rules()).about;
        assert_eq!(ended(2)[2], "The limit becomes 5 at once; held leases stay.");
        let lowered = "The limit becomes 5. For 75 s few or no slots may be had; held leases stay.";
        assert_eq!((ended(9)[2].as_str(), ended(5)[2].as_str()), (lowered, "The limit stays 5; held leases stay."));
    }

    #[test]
    fn nothing_is_done_without_the_exact_name() {
        let mut form = form();
        assert_eq!(types(&mut form, "\nbecause\n\nbatc\n"), FormResult::NotYet);
        assert_eq!(form.wrong.as_deref(), Some("type batch to confirm"));
        assert!(matches!(types(&mut form, "h\n"), FormResult::Done(_)));
    }

    #[test]
    fn what_is_missing_is_told_where_it_is_missing() {
        let mut form = form();
        press(&mut form, [KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!((form.at, form.wrong.as_deref()), (0, Some("a whole number from 0 to 10000")));
        types(&mut form, "5\n");
        assert_eq!(form.wrong.as_deref(), Some("the limit is 5 already"));
        types(&mut form, "0\n\n");
        assert_eq!((form.at, form.wrong.as_deref()), (1, Some("a reason, in a few words")));
        // Skipping ahead does not help.
        press(&mut form, [KeyCode::Tab, KeyCode::Tab]);
        assert_eq!(types(&mut form, "batch\n"), FormResult::NotYet);
        assert_eq!(form.at, 1);
    }

    #[test]
    fn what_changed_meanwhile_is_told_and_confirmed_again() {
        let mut form = form();
        types(&mut form, "\nbecause\n\nbatch");
        // The same as before.
        form.follow(&pool(5, None));
        assert_eq!((form.wrong.as_deref(), form.fields[3].value()), (None, "batch"));
        form.follow(&pool(2, Some(("ann", 7))));
        assert_eq!(form.wrong.as_deref(), Some("the limit was changed meanwhile by ann: it is 2 now"));
        assert_eq!(form.about[0], "The limit is 2, by an override of ann: slow.");
        assert_eq!(form.about[1], "Yours replaces that one, and outlives a deploy.");
        // One that ends by itself takes its end with it.
        let until = Some(Timestamp(1_000));
        let ending = pool(2, Some(("ann", 7)));
        let ending = Occupancy { overridden: ending.overridden.map(|live| Overridden { until, ..live }), ..ending };
        let mut told = form.clone();
        told.follow(&ending);
        assert_eq!(told.about[0], "The limit is 2, by an override of ann until 1970-01-01 00:00:01 UTC: slow.");
        assert_eq!(told.about[1], "Yours replaces that one and its end: without For it stays until it is ended.");
        assert_eq!(types(&mut form, "\n"), FormResult::NotYet, "the name is asked for again");
        let FormResult::Done(DashboardEffect::ChangeLimit { expected, .. }) = types(&mut form, "batch\n") else {
            panic!("{form:?}")
        };
        assert_eq!(expected, ExpectedOverride::Made(Some(Timestamp(7))));
    }

    #[test]
    fn a_form_says_that_its_pool_was_retired() {
        let batch: PoolName = "batch".parse().expect("a prefix");
        let lease = "batch:3:5".parse().expect("a lease's id");
        for mut form in
            [form(), Form::end(batch.clone(), &pool(2, Some(("ann", 7))), rules()), Form::release(lease, "x")]
        {
            form.lose(&"other".parse().expect("a prefix"));
            assert_eq!(form.wrong, None);
            form.lose(&batch);
            let told = form.wrong.expect("what is wrong");
            assert_eq!(told, "pool batch was retired meanwhile: there is nothing to change");
        }
    }

    #[test]
    fn an_override_is_ended_as_it_was_seen() {
        let mut form = Form::end("batch".parse().expect("a prefix"), &pool(2, Some(("ann", 7))), rules());
        let (prefix, why) = ("batch".parse().expect("a prefix"), String::new());
        let expected = ExpectedOverride::Made(Some(Timestamp(7)));
        let ends = DashboardEffect::EndOverride { prefix, why, expected };
        assert_eq!(types(&mut form, "\nbatch\n"), FormResult::Done(ends));
    }

    #[test]
    fn an_override_that_is_over_is_not_said_to_end() {
        let mut form = Form::end("batch".parse().expect("a prefix"), &pool(2, Some(("ann", 7))), rules());
        assert_eq!(form.about[1], "Ended, the limit of the settings is in force again.");
        form.follow(&pool(5, None));
        assert_eq!(form.about[1], "The override is over already: nothing is to be ended.");
    }

    #[test]
    fn a_rise_while_a_lowering_settles_is_not_said_to_be_at_once() {
        let mut form = form();
        assert_eq!(form.about[2], "The limit becomes 6 at once; held leases stay.");
        let settling = Occupancy { limit_was: Some(limit(9)), ..pool(1, Some(("ann", 8))) };
        form.follow(&settling);
        let still = "The limit becomes 6; slots up to 9 still count as held, so few or none may be had yet.";
        assert_eq!(form.about[2], still);
        form.follow(&pool(1, Some(("ann", 8))));
        assert_eq!(form.about[2], "The limit becomes 6 at once; held leases stay.");
    }

    #[test]
    fn an_override_lasts_a_minute_at_least() {
        let mut form = form();
        types(&mut form, "\nbecause\n10s\n");
        assert_eq!((form.at, form.wrong.is_some()), (2, true));
    }

    #[test]
    fn a_reason_is_edited_where_the_cursor_stands() {
        let mut form = form();
        types(&mut form, "\nend of moth");
        press(&mut form, [KeyCode::Left, KeyCode::Left, KeyCode::Char('n'), KeyCode::Home, KeyCode::Delete]);
        assert_eq!((form.fields[1].value(), form.fields[1].cursor()), ("nd of month", 0));
    }

    #[test]
    fn a_limit_has_five_digits_at_most_and_a_reason_200_letters() {
        let mut form = form();
        types(&mut form, "1234567a");
        assert_eq!(form.fields[0].value(), "61234");
        press(&mut form, [KeyCode::Tab]);
        types(&mut form, &"x".repeat(300));
        assert_eq!(form.fields[1].value().len(), LONGEST);
    }

    #[test]
    fn a_reason_takes_no_character_that_is_not_seen() {
        let mut form = form();
        types(&mut form, "\nab\u{202e}");
        assert_eq!(form.fields[1].value(), "ab");
        let wrong = form.wrong.clone().unwrap_or_default();
        assert_eq!(wrong, "that is U+202E, which turns the direction of the text: leave it out");
    }

    #[test]
    fn a_release_needs_the_pools_name_and_escape_ends_it() {
        let lease: LeaseId = "batch:3:7".parse().expect("a lease");
        let mut form = Form::release(lease.clone(), "somebody");
        assert_eq!(types(&mut form, "yes\n"), FormResult::NotYet);
        assert_eq!(press(&mut form, [KeyCode::Esc]), FormResult::Never);
        let mut form = Form::release(lease.clone(), "somebody");
        assert_eq!(types(&mut form, "batch\n"), FormResult::Done(DashboardEffect::Release(lease)));
    }
}
