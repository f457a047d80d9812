//! Money: exact decimals, never floats.
//!
//! 0.1 added ten times is 1.0, and a sum is read as it was written. There are two grammars:
//! a strict one for the requests of clients, and one for files, which a program that
//! computes with floats may have written.

use std::fmt;

use rust_decimal::Decimal;

/// The largest sum, positive or negative: fifteen digits, which the original's floats keep
/// exactly. An account never holds more.
const MAX: Decimal = Decimal::from_parts(2_764_472_319, 232_830, 0, false, 2);

/// How many digits an amount may have before the point.
const MAX_DIGITS: usize = 13;

/// How far a number in a file may be from whole cents: the rounding error of floats
/// (0.30000000000000004), but not an intended part of a cent.
const ROUNDING_ERROR: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// A sum of money in whole cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(Decimal);

impl Money {
    /// The amount of a request: more than zero, digits with at most two after a point. No
    /// sign, no exponent, no `nan`.
    pub fn amount(text: &str) -> Option<Self> {
        let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(cents) {
            return None;
        }
        if whole.len() > MAX_DIGITS || cents.len() > 2 {
            return None;
        }
        let money = Money::of_cents(text.parse().ok()?)?;
        (money.0 > Decimal::ZERO).then_some(money)
    }

    /// The balance in an account file: a JSON number of whole cents, except for the rounding
    /// error of floats.
    pub fn balance(number: &str) -> Option<Self> {
        // `1e-17` and the like have too many digits for `parse`.
        let exact = Decimal::from_scientific(number)
            .or_else(|_| number.parse())
            .ok()?;
        let cents = exact.round_dp(2);
        if (exact - cents).abs() > ROUNDING_ERROR {
            return None;
        }
        Money::of_cents(cents)
    }

    /// The sum, if it is not too large.
    pub fn plus(self, other: Self) -> Option<Self> {
        Money::of_cents(self.0 + other.0)
    }

    /// The difference, if it is not too large.
    pub fn minus(self, other: Self) -> Option<Self> {
        Money::of_cents(self.0 - other.0)
    }

    fn of_cents(decimal: Decimal) -> Option<Self> {
        (decimal.abs() <= MAX).then(|| Money(decimal.normalize()))
    }
}

/// Like a float of the original: at least one digit after the point.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.scale() {
            0 => write!(f, "{:.1}", self.0),
            _ => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(text: &str) -> Option<String> {
        Money::balance(text).map(|money| money.to_string())
    }

    #[test]
    fn a_tenth_added_ten_times_is_one() {
        let tenth = Money::amount("0.1").unwrap();
        let sum = (0..10).try_fold(Money::default(), |sum, _| sum.plus(tenth));
        assert_eq!(sum.unwrap().to_string(), "1.0");
    }

    #[test]
    fn an_amount_is_shown_as_the_original_shows_it() {
        for (text, shown) in [
            ("15", "15.0"),
            ("15.0", "15.0"),
            ("15.00", "15.0"),
            ("10.5", "10.5"),
            ("10.50", "10.5"),
            ("0.01", "0.01"),
            ("007", "7.0"),
            ("9999999999999.99", "9999999999999.99"),
        ] {
            assert_eq!(Money::amount(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn only_a_positive_sum_of_cents_is_an_amount() {
        let forty = "1".repeat(40);
        for text in [
            "",
            ".",
            "0",
            "0.0",
            "0.00",
            "-1",
            "+1",
            "-0.01",
            "nan",
            "NaN",
            "inf",
            "-inf",
            "Infinity",
            "1e400",
            "1e2",
            "0x10",
            "1_000",
            "1,5",
            "0.001",
            "1.000",
            "1.",
            ".5",
            " 1",
            "1 ",
            "1.2.3",
            "١",
            "10000000000000",
            &forty,
        ] {
            assert_eq!(Money::amount(text), None, "{text}");
        }
    }

    #[test]
    fn the_rounding_error_of_floats_in_a_file_is_not_money() {
        assert_eq!(balance("0.30000000000000004").unwrap(), "0.3");
        assert_eq!(balance("10.299999999999999").unwrap(), "10.3");
        assert_eq!(balance("5.551115123125783e-17").unwrap(), "0.0");
        assert_eq!(balance("-5.551115123125783e-17").unwrap(), "0.0");
        assert_eq!(balance("1E+3").unwrap(), "1000.0");
        assert_eq!(balance("-20.5").unwrap(), "-20.5");
        assert_eq!(balance("0.005"), None);
        assert_eq!(balance("1e16"), None);
        assert_eq!(balance("1e400"), None);
        assert_eq!(balance("\"10\""), None);
        assert_eq!(balance("NaN"), None);
    }

    #[test]
    fn no_sum_exceeds_the_exact_range_of_a_float() {
        let max = Money::amount("9999999999999.99").unwrap();
        assert_eq!(max, Money(MAX));
        assert_eq!(max.plus(Money::amount("0.01").unwrap()), None);
        assert_eq!(max.minus(max), Some(Money::default()));
        assert_eq!(9_999_999_999_999.99_f64.to_string(), max.to_string());
    }
}
