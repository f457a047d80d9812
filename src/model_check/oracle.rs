//! The critical section as it is, whatever the members say of it: who is inside,
//! and which tokens there were. It judges every entry.

/// What must never be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    TwoHolders,
    TokenDidNotRise,
    /// The clock of whoever is inside is less than its token.
    ClockBehindToken,
    /// Somebody asks and does not enter, though the network loses nothing any
    /// more and nobody crashes.
    NeverEnters,
}

/// The critical section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Oracle {
    /// Who is inside.
    pub(super) stay: Option<SectionStay>,
    /// The largest token so far; 0 if none can be as large any more.
    pub(super) last_token: u64,
}

/// A stay in the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SectionStay {
    pub(super) place: usize,
    pub(super) token: u64,
    /// In which life of its node it began.
    pub(super) life: u8,
}

impl Oracle {
    /// Somebody enters.
    pub(super) fn enter(&mut self, stay: SectionStay) -> Result<(), Violation> {
        if self.stay.is_some() {
            return Err(Violation::TwoHolders);
        }
        self.rises(stay.token, stay.token)?;
        self.stay = Some(stay);
        Ok(())
    }

    /// Tokens are lent, from the first to the last. Nobody can be inside who was not
    /// when this one entered.
    pub(super) fn delegate(&mut self, first: u64, last: u64) -> Result<(), Violation> {
        self.rises(first, last)
    }

    fn rises(&mut self, first: u64, last: u64) -> Result<(), Violation> {
        if first <= self.last_token {
            return Err(Violation::TokenDidNotRise);
        }
        self.last_token = last;
        Ok(())
    }

    /// What is done inside at this place is over.
    pub(super) fn leave(&mut self, place: usize) {
        self.stay.take_if(|stay| stay.place == place);
    }

    /// Who is inside, if it is at this place.
    pub(super) fn stay_at(&self, place: usize) -> Option<SectionStay> {
        self.stay.filter(|stay| stay.place == place)
    }

    /// As it would be if all had happened so much earlier.
    pub(super) fn shift(&mut self, by: u64) {
        self.last_token = self.last_token.saturating_sub(by);
        if let Some(stay) = &mut self.stay {
            stay.token = stay.token.saturating_sub(by);
        }
    }
}
