//! Forms: how is a change asked for, so that nobody makes it by a slip?
//! Fields to fill in, the last of which must be the pool's name, typed.

use leasehold_core::occupancy::Overridden;
use leasehold_core::{LeaseId, Limit, PoolName};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::backend::crossterm::to_input_request;
use tui_input::{Input as LineInput, InputRequest};

use super::input::DashboardEffect;
use super::text;

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
    /// What is wrong with what was given.
    pub wrong: Option<String>,
    change: FormChange,
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
    Limit(PoolName, Limit),
    Release(LeaseId),
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
    /// For another limit; `to` is what the field starts with.
    pub fn limit(prefix: PoolName, from: Limit, to: u32, live: Option<&Overridden>) -> Form {
        let hint = format!("0 to 10000, now {from}");
        let fields = vec![
            FormField::new("New limit", to.to_string(), hint),
            FormField::new("Reason", String::new(), "kept with the change, for the next who looks".into()),
            confirmation(&prefix),
        ];
        let mut about = vec![
            "An override: it wins over the pool's settings and outlives a deploy.".into(),
            "Lowered, held leases end in their own time, and slots above count as held for two quiet periods.".into(),
        ];
        if let Some(Overridden { who, why, .. }) = live {
            about[0] =
                format!("An override is in force, by {who}: {why}. To end it: leasehold pool limit {prefix} --end");
        }
        Form {
            title: format!("Change the limit of {prefix}"),
            about,
            fields,
            at: 0,
            wrong: None,
            change: FormChange::Limit(prefix, from),
        }
    }

    /// For freeing a lease by force.
    pub fn release(lease: LeaseId, holder: &str) -> Form {
        let about = vec![
            format!("Held by {holder}, {}.", lease.fence),
            "Its holder is not told. If it still works, it works without a lease.".into(),
        ];
        let title = format!("Free {} of {} by force", lease.slot, lease.prefix);
        let fields = vec![confirmation(&lease.prefix)];
        Form { title, about, fields, at: 0, wrong: None, change: FormChange::Release(lease) }
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
            InputRequest::InsertChar(c) if c.is_control() => {}
            request => field.edit(request, longest),
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
        match &self.change {
            FormChange::Release(lease) => FormResult::Done(DashboardEffect::Release(lease.clone())),
            FormChange::Limit(prefix, _) => match self.new_limit() {
                Some(limit) => {
                    let why = self.fields[1].value().trim().to_owned();
                    FormResult::Done(DashboardEffect::ChangeLimit { prefix: prefix.clone(), limit, why })
                }
                None => FormResult::NotYet,
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
            FormChange::Limit(prefix, from) => {
                match at {
                    0 if self.new_limit().is_none() => return Some("a whole number from 0 to 10000".into()),
                    0 if self.new_limit() == Some(*from) => return Some(format!("the limit is {from} already")),
                    1 if value.is_empty() => return Some("a reason, in a few words".into()),
                    _ => {}
                }
                (prefix, 2)
            }
            FormChange::Release(lease) => (&lease.prefix, 0),
        };
        (at == confirm && value != prefix.as_str())
            .then(|| format!("type {} to confirm", text::shorten(prefix.as_str(), 40)))
    }
}

fn confirmation(prefix: &PoolName) -> FormField {
    FormField::new("Confirm", String::new(), format!("type {prefix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::limit("batch".parse().expect("a prefix"), Limit::try_from(5).expect("a limit"), 6, None)
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
        let filled = types(&mut form, "++\nend of month\nbatch\n");
        let limit = Limit::try_from(8).expect("a limit");
        let expected = DashboardEffect::ChangeLimit {
            prefix: "batch".parse().expect("a prefix"),
            limit,
            why: "end of month".into(),
        };
        assert_eq!(filled, FormResult::Done(expected));
    }

    #[test]
    fn nothing_is_done_without_the_exact_name() {
        let mut form = form();
        assert_eq!(types(&mut form, "\nbecause\nbatc\n"), FormResult::NotYet);
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
        press(&mut form, [KeyCode::Tab]);
        assert_eq!(types(&mut form, "batch\n"), FormResult::NotYet);
        assert_eq!(form.at, 1);
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
    fn a_release_needs_the_pools_name_and_escape_ends_it() {
        let lease: LeaseId = "batch:3:7".parse().expect("a lease");
        let mut form = Form::release(lease.clone(), "somebody");
        assert_eq!(types(&mut form, "yes\n"), FormResult::NotYet);
        assert_eq!(press(&mut form, [KeyCode::Esc]), FormResult::Never);
        let mut form = Form::release(lease.clone(), "somebody");
        assert_eq!(types(&mut form, "batch\n"), FormResult::Done(DashboardEffect::Release(lease)));
    }
}
