//! `Guid` and `RandomString`, on the generator of the environment.

use std::fmt::Write as _;

use super::{Eval, Evaluator, Stop, fail};
use crate::environment::Random;
use crate::node::Call;
use crate::value::Value;

/// Longest random text.
const MAXIMUM_LENGTH: i64 = 256;

const DIGITS: &str = "0123456789";
const SPECIAL: &str = r##"'-!"#$%&()*,./:;?@[]^_`{|}~+<=>"##;
const CAPITAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

/// A random GUID (version 4) in lower case.
pub(super) fn guid(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl<'a> Evaluator<'a> {
    #[inline(never)]
    pub(super) fn random_string(&self, call: &'a Call) -> Eval<'a> {
        let length = self.integer(call, 0)?;
        let minimums =
            [self.integer(call, 1)?, self.integer(call, 2)?, self.integer(call, 3)?, self.integer(call, 4)?];
        let avoided = self.text_or_empty(call, 5)?;
        if !(0..=MAXIMUM_LENGTH).contains(&length) {
            return fail(format!("`Length` lies between 0 and {MAXIMUM_LENGTH}"));
        }
        if minimums.iter().any(|minimum| *minimum < 0) {
            return fail("the minimums must not be negative");
        }
        let sum = minimums.iter().fold(0_i64, |sum, minimum| sum.saturating_add(*minimum));
        if sum > length {
            return fail(format!("the minimums add up to {sum}, more than the length of {length}"));
        }
        let kinds = [DIGITS, SPECIAL, CAPITAL, LOWER]
            .map(|kind| kind.chars().filter(|c| !avoided.contains(*c)).collect::<Vec<char>>());
        let mut text = Vec::new();
        for (kind, minimum) in kinds.iter().zip(minimums) {
            self.draw_into(&mut text, kind, minimum)?;
        }
        // [U] What the minimums leave open comes from all kinds.
        self.draw_into(&mut text, &kinds.concat(), length - sum)?;
        for last in (1..text.len()).rev() {
            text.swap(last, self.below(last + 1));
        }
        Ok(Value::from(text.into_iter().collect::<String>()))
    }

    fn draw_into(&self, text: &mut Vec<char>, allowed: &[char], count: i64) -> Result<(), Stop> {
        if count > 0 && allowed.is_empty() {
            return fail("`CharactersToAvoid` leaves no character of a kind that is needed");
        }
        for _ in 0..count {
            text.push(allowed[self.below(allowed.len())]);
        }
        Ok(())
    }

    /// An even choice of a number below `bound`, which is at most 256.
    fn below(&self, bound: usize) -> usize {
        let limit = 256 / bound.max(1) * bound.max(1);
        // The chance to go on is below one half each time; a generator that repeats itself must not hang us.
        let mut byte = [0];
        for _ in 0..1000 {
            self.environment.random.fill(&mut byte);
            if usize::from(byte[0]) < limit {
                break;
            }
        }
        usize::from(byte[0]) % bound.max(1)
    }
}
