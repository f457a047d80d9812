//! Money: exact decimals, never floats.
//!
//! 0.1 added ten times is 1.0, and what was written is what is read. Two
//! grammars: what a client may ask for is strict, what stands in a file is what
//! a program that does reckon in floats may have left there.

use std::fmt;

use rust_decimal::Decimal;

/// The largest sum, in either direction: fifteen digits, for so many the
/// original's floats keep exactly. An account never holds more.
const MOST: Decimal = Decimal::from_parts(2_764_472_319, 232_830, 0, false, 2);

/// How many digits of an amount may stand before the point.
const MOST_DIGITS: usize = 13;

/// How far a number in a file may be from whole cents and be taken for them: what
/// floats leave behind (0.30000000000000004), and no part of a cent by intent.
const DUST: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// A sum of money in whole cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(Decimal);

impl Money {
    /// What a client may ask to be moved: more than nothing, digits with at most
    /// two after a point. No sign, no exponent, no `nan`.
    pub fn amount(text: &str) -> Option<Self> {
        let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(cents) {
            return None;
        }
        if whole.len() > MOST_DIGITS || cents.len() > 2 {
            return None;
        }
        let money = Money::of_cents(text.parse().ok()?)?;
        (money.0 > Decimal::ZERO).then_some(money)
    }

    /// What stands in an account file: a number of JSON that is whole cents but
    /// for the dust of floats.
    pub fn balance(number: &str) -> Option<Self> {
        // Of `1e-17` and the like the digits alone would be too many.
        let exact = Decimal::from_scientific(number)
            .or_else(|_| number.parse())
            .ok()?;
        let cents = exact.round_dp(2);
        if (exact - cents).abs() > DUST {
            return None;
        }
        Money::of_cents(cents)
    }

    /// The sum of both, if it is not too large to be kept.
    pub fn plus(self, other: Self) -> Option<Self> {
        Money::of_cents(self.0 + other.0)
    }

    /// The difference, if it is not too large to be kept.
    pub fn minus(self, other: Self) -> Option<Self> {
        Money::of_cents(self.0 - other.0)
    }

    fn of_cents(decimal: Decimal) -> Option<Self> {
        (decimal.abs() <= MOST).then(|| Money(decimal.normalize()))
    }
}

/// As the original shows a float: at least one digit after the point.
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
    fn what_is_no_positive_sum_of_cents_is_no_amount() {
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
    fn the_dust_of_floats_in_a_file_is_not_money() {
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
    fn no_sum_grows_beyond_what_a_float_keeps() {
        let most = Money::amount("9999999999999.99").unwrap();
        assert_eq!(most, Money(MOST));
        assert_eq!(most.plus(Money::amount("0.01").unwrap()), None);
        assert_eq!(most.minus(most), Some(Money::default()));
        assert_eq!(9_999_999_999_999.99_f64.to_string(), most.to_string());
    }
}
