//! What could have been meant by a line that is no command.

use super::command::{FORMS, OF_THE_PROMPT, is_placeholder};

/// The command that is most like these words, if one is like them.
pub(super) fn suggestion(words: &[&str]) -> Option<String> {
    let written = words.join(" ").to_lowercase();
    if written.len() > 60 {
        return None;
    }
    let forms = FORMS.iter().map(|form| form.words);
    let candidates = forms.chain(OF_THE_PROMPT.iter().copied());
    let filled = candidates.map(|form| filled(form, words));
    let nearest = filled.min_by_key(|form| distance(&form.to_lowercase(), &written))?;
    // At most a third of it is wrong, and one or two characters of a short one.
    let limit = (nearest.len() / 3).max(2);
    (distance(&nearest.to_lowercase(), &written) <= limit).then_some(nearest)
}

/// A form with the numbers of the line, in order, in the places for numbers.
fn filled(form: &str, words: &[&str]) -> String {
    let numbers = words.iter().map(|word| {
        let digits: String = word.chars().filter(char::is_ascii_digit).collect();
        digits
    });
    let mut numbers = numbers.filter(|digits| !digits.is_empty());
    let words = form.split(' ').map(|word| match is_placeholder(word) {
        true => numbers.next().unwrap_or_else(|| word.to_owned()),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How many characters must be inserted, removed, replaced or swapped with their
/// neighbour (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let width = other.len() + 1;
    let mut table = vec![0; (one.len() + 1) * width];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            let at = |i: usize, j: usize| table[i * width + j];
            let best = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let change = usize::from(one[i - 1] != other[j - 1]);
                    let mut best = (at(i - 1, j) + 1)
                        .min(at(i, j - 1) + 1)
                        .min(at(i - 1, j - 1) + change);
                    let is_swapped =
                        i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
                    if is_swapped {
                        best = best.min(at(i - 2, j - 2) + 1);
                    }
                    best
                }
            };
            table[i * width + j] = best;
        }
    }
    table[one.len() * width + other.len()]
}
