//! Printing.

use std::fmt::Write as _;

use super::{DateFormat, Item, Kind};
use crate::cdate::{MONTHS, WEEKDAYS};
use crate::datetime::{Civil, DateTime};

impl DateFormat {
    /// Prints a moment.
    pub(crate) fn print(&self, moment: DateTime, kind: Kind) -> String {
        let civil = moment.civil();
        let mut text = String::with_capacity(self.items.len() * 3);
        for item in &self.items {
            print_item(item, moment, &civil, kind, &mut text);
        }
        text
    }
}

fn print_item(item: &Item, moment: DateTime, civil: &Civil, kind: Kind, text: &mut String) {
    let month = usize::try_from(civil.month).unwrap_or(1) - 1;
    let weekday = usize::try_from(moment.weekday()).unwrap_or(0);
    match *item {
        Item::Day(4) => text.push_str(WEEKDAYS[weekday]),
        Item::Day(3) => text.push_str(&WEEKDAYS[weekday][..3]),
        Item::Day(width) => number(civil.day, width, text),
        Item::Month(4) => text.push_str(MONTHS[month]),
        Item::Month(3) => text.push_str(&MONTHS[month][..3]),
        Item::Month(width) => number(civil.month, width, text),
        Item::Year(width) => {
            let year = civil.year.unsigned_abs();
            number(if width <= 2 { year % 100 } else { year }, width, text);
        }
        Item::Hour12(width) => number((civil.hour + 11) % 12 + 1, width, text),
        Item::Hour24(width) => number(civil.hour, width, text),
        Item::Minute(width) => number(civil.minute, width, text),
        Item::Second(width) => number(civil.second, width, text),
        Item::Fraction(width) => text.push_str(&format!("{:07}", civil.ticks)[..width]),
        Item::ShortFraction(width) => {
            let digits = format!("{:07}", civil.ticks);
            let digits = digits[..width].trim_end_matches('0');
            if digits.is_empty() && text.ends_with('.') {
                text.pop();
            }
            text.push_str(digits);
        }
        Item::Half(width) => text.push_str(&(if civil.hour < 12 { "AM" } else { "PM" })[..width]),
        Item::Era => text.push_str("A.D."),
        Item::Zone => text.push_str(match kind {
            Kind::Unspecified => "",
            Kind::Utc => "Z",
            Kind::Local => "+00:00",
        }),
        Item::Offset(width) => text.push_str(["+0", "+00", "+00:00"][width - 1]),
        Item::Utc => text.push('Z'),
        Item::Literal(c) => text.push(c),
    }
}

fn number(value: u32, width: usize, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{value:0width$}");
}
