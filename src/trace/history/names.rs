//! The names of a trace, of locks and of runs, each kept once and numbered.

use std::collections::HashMap;

/// The number of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::trace) struct NameId(u32);

impl NameId {
    /// The name of the original's lock, and of the run of a process of the original.
    pub(in crate::trace) const NONE: NameId = NameId(0);
    /// No number is greater.
    pub(in crate::trace) const LAST: NameId = NameId(u32::MAX);
}

#[derive(Debug, Default)]
pub(super) struct Names {
    /// The name with number 1 first.
    all: Vec<String>,
    numbers: HashMap<String, NameId>,
}

impl Names {
    /// Returns the number of a name, and adds the name if it is new. No name is
    /// [`NameId::NONE`].
    pub(super) fn number(&mut self, name: Option<&str>) -> NameId {
        let name = name.unwrap_or_default();
        if let Some(number) = self.known(name) {
            return number;
        }
        self.all.push(name.to_owned());
        let number = NameId(u32::try_from(self.all.len()).expect("names are fewer than bytes"));
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The number of a name that was added before.
    pub(super) fn known(&self, name: &str) -> Option<NameId> {
        match name {
            "" => Some(NameId::NONE),
            name => self.numbers.get(name).copied(),
        }
    }

    pub(super) fn name(&self, number: NameId) -> &str {
        let index = (number.0 as usize).checked_sub(1);
        index.map_or("", |index| &self.all[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_no_name_is_the_empty_name() {
        let mut names = Names::default();
        let (one, other) = (names.number(Some("one")), names.number(Some("other")));
        assert!(one != other && one == names.number(Some("one")));
        assert_eq!(names.name(other), "other");
        assert_eq!(names.number(None), names.number(Some("")));
        assert_eq!((names.known("one"), names.known("none")), (Some(one), None));
    }
}
