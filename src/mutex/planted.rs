//! Bugs that can be planted in the algorithm, to see that the proofs find them.
//! They exist in tests only: elsewhere [`planted!`] is `false`.

#[cfg(test)]
macro_rules! planted_bugs {
    ($($(#[doc = $meaning:literal])+ $bug:ident,)+) => {
        /// One planted bug. What breaks is said with each; `src/proofs.rs` says
        /// what finds it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Planted {
            $($(#[doc = $meaning])+ $bug,)+
        }

        impl Planted {
            /// All of them.
            pub(crate) const ALL: &[Planted] = &[$(Planted::$bug),+];
        }
    };
}

#[cfg(test)]
planted_bugs! {
    /// A reply counts whatever request it answers (rule 2).
    NoEcho,
    /// A reply is one less to wait for, whoever sent it (rule 3).
    RepliesCounted,
    /// A reply carries a clock past the request's, not the replier's own
    /// (rule 4).
    EchoWithoutClock,
    /// The clock goes up to the received one and not past it (rule 4).
    NoTickPast,
    /// A restarted member begins at clock 1 and hears nobody (rule 6).
    ClockForgotten,
    /// Of two requests with one clock neither goes first (rule 5).
    NoTieBreak,
    /// The clock of a request that was given up serves the next one (rule 1).
    ClockReused,
    /// Whoever waits replies at once, even if its own request is older.
    RepliesWhileWaiting,
    /// Leaving answers nobody.
    QueueForgotten,
    /// A reply that comes while FREE counts for the next request.
    LateReplyAccepted,
    /// A seed peer's reply counts for the current request, wherever it arrives.
    SeedReplyRepeated,
    /// The member list of the sender is not looked at.
    ForeignListAccepted,
    /// Of a seed peer one request is kept, the latest to arrive.
    OneRequestOfASeed,
    /// A peer's clock is taken as heard from whatever it sends, however old.
    HeardFromAnything,
    /// The clock on disk is not moved on.
    NeverReserved,
    /// The clock on disk is moved on after the requests went out.
    ReservedLate,
    /// A request is never sent again.
    NeverResent,
    /// A request is sent again with a new clock (rule 1).
    ResentWithNewClock,
    /// While waiting, whoever's request is younger is replied to (the order is
    /// turned round).
    OrderTurned,
    /// A seed peer's reply goes to its own port, not to where it asked from.
    SeedAnsweredAtItsPort,
    /// Who replies keeps the other one's permission all the same.
    KeptThoughGivenAway,
    /// Who waits and gives a kept permission away does not wait for it again.
    GivenAwayForGood,
    /// A member that is started anew takes all permissions for its own.
    KeptInACrash,
    /// A clock gets ahead of all others without end.
    NeverHeard,
    /// Whoever asks is replied to, though an entry of an earlier run goes on here.
    ResumedAndReplies,
    /// When all clocks are heard those who asked are answered, though an entry of an
    /// earlier run goes on here.
    ResumedAndAnswersAll,
    /// The clock stays behind the token of an entry of an earlier run.
    ResumedBehind,
    /// To an entry of an earlier run tokens are lent before all clocks are heard.
    ResumedLendsUnheard,
    /// Whoever leaves an entry of an earlier run answers before all clocks are heard.
    ResumedAnswersUnheard,
    /// Rule 2: a barred member's beat is acknowledged.
    BarredAcknowledged,
    /// Rule 2: a beat's bound is not durable when it is acknowledged.
    BoundNotNoted,
    /// Rule 3: a member has a lease by its own acknowledgment.
    LeaseWithoutMajority,
    /// Rule 4: a member votes a second time for one number.
    VotesTwice,
    /// Rule 4: a member votes for a view that it is not in.
    VoterOutside,
    /// Rule 4: a member votes though one outside of the view still counts on it.
    VotesWhileCountedOn,
    /// Rule 4: the promise is forgotten in a restart.
    PromiseNotDurable,
    /// Rule 4: a later vote lifts the bar of the members that are in it.
    BarLifted,
    /// Rule 5: a restarted member counts no acknowledgment of its earlier run.
    RestartForgetsAcknowledgments,
    /// Rule 5: a restarted member bars nobody.
    RestartForgetsBars,
    /// Rule 5: a restarted member is in the first view.
    RestartIntoFirstView,
    /// Rule 6: one vote decides.
    DecidedWithoutMajority,
    /// Rule 7: a member joins a view before its promise.
    JoinsBeforePromise,
    /// Rule 10: an old word of leaving counts.
    OldLeaveCounts,
}

/// Whether this bug is planted in what has this configuration.
macro_rules! planted {
    ($config:expr, $bug:ident) => {{
        #[cfg(test)]
        {
            $config.planted == Some($crate::mutex::planted::Planted::$bug)
        }
        #[cfg(not(test))]
        {
            let _ = &$config;
            false
        }
    }};
}

pub(crate) use planted;
