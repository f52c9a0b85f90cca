//! Functions on dates.

use std::sync::Arc;

use super::{Eval, Evaluator, Stop, fail};
use crate::date_format::{DateFormat, Kind, Styles};
use crate::datetime::DateTime;
use crate::interval::{CODES, Interval};
use crate::node::{Call, Prepared};
use crate::value::Value;

impl<'a> Evaluator<'a> {
    fn interval(&self, call: &'a Call) -> Result<Interval, Stop> {
        if let Prepared::Interval(interval) = call.prepared {
            return Ok(interval);
        }
        match Interval::find(&self.text_or_empty(call, 0)?) {
            Some(interval) => Ok(interval),
            None => fail(format!("the interval is unknown; use one of {CODES}")),
        }
    }

    #[inline(never)]
    pub(super) fn date_add(&self, call: &'a Call) -> Eval<'a> {
        let interval = self.interval(call)?;
        let count = self.integer(call, 1)?;
        match interval.add(self.date(call, 2)?, count) {
            Some(moment) => Ok(Value::DateTime(moment)),
            None => fail("the result lies outside the years 1 to 9999"),
        }
    }

    #[inline(never)]
    pub(super) fn date_diff(&self, call: &'a Call) -> Eval<'a> {
        let interval = self.interval(call)?;
        Ok(Value::integer(interval.between(self.date(call, 1)?, self.date(call, 2)?)))
    }

    #[inline(never)]
    pub(super) fn date_from_num(&self, call: &'a Call) -> Eval<'a> {
        match DateTime::from_file_time(self.integer(call, 0)?) {
            Some(moment) => Ok(Value::DateTime(moment)),
            None => fail("the file time lies outside the years 1601 to 9999 (or means `never`)"),
        }
    }

    #[inline(never)]
    pub(super) fn num_from_date(&self, call: &'a Call) -> Eval<'a> {
        match self.date(call, 0)?.file_time() {
            Some(file_time) => Ok(Value::integer(file_time)),
            None => fail("file times begin in 1601"),
        }
    }

    /// Four arguments, or three without dateTimeStyles.
    #[inline(never)]
    pub(super) fn format_date_time(&self, call: &'a Call) -> Eval<'a> {
        let current = call.arguments.len() == 4;
        let (input_at, output_at) = if current { (2, 3) } else { (1, 2) };
        let source = self.argument(call, 0)?;
        // [U] Nothing to format is no value.
        if source.is_null() {
            return Ok(Value::Null);
        }
        let styles = match call.argument(1).filter(|_| current) {
            None => Styles::default(),
            Some(_) => match Styles::parse(&self.text_or_empty(call, 1)?) {
                Some(styles) => styles,
                None => {
                    return fail(
                        "`dateTimeStyles` holds an unknown name, or names that contradict each other",
                    );
                }
            },
        };
        let (input, output) = match &call.prepared {
            Prepared::Formats { input, output } => (input.as_ref(), output.as_ref()),
            _ => (None, None),
        };
        let input = self.date_format(call, input_at, input)?;
        let output = self.date_format(call, output_at, output)?;
        let typed = match &source {
            Value::DateTime(moment) => Some(*moment),
            _ => None,
        };
        self.map(source, |text| match input.read(&text, styles, self.environment.now) {
            Some((moment, kind)) => Ok(output.print(moment, kind).into()),
            // [U] A date value whose printed text has another form is used itself.
            None => match typed {
                Some(moment) => Ok(output.print(moment, Kind::Utc).into()),
                None => fail(format!(
                    "text of the form `{}` does not match the input format",
                    crate::error::form_of(&text)
                )),
            },
        })
    }

    fn date_format(
        &self,
        call: &'a Call,
        position: usize,
        prepared: Option<&Arc<DateFormat>>,
    ) -> Result<Arc<DateFormat>, Stop> {
        if let Some(prepared) = prepared {
            return Ok(Arc::clone(prepared));
        }
        match DateFormat::new(&self.text_or_empty(call, position)?) {
            Ok(format) => Ok(Arc::new(format)),
            Err(reason) => fail(format!("the date format cannot be used: {reason}")),
        }
    }
}
