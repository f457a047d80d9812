//! The bugs that can be planted in the algorithm, to show that the checks find them.
//! They exist in tests only: elsewhere [`planted!`] is `false`. Each is planted in the
//! function of its rule, in [`super::rules`]; two are in [`crate::transport`].

#[cfg(test)]
macro_rules! planted_bugs {
    ($($(#[doc = $meaning:literal])+ $bug:ident,)+) => {
        /// One planted bug. `src/mutation_tests.rs` says which check finds it.
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
    /// The next request has the clock of a cancelled one (rule 1).
    ClockReused,
    /// A request is never sent again (rule 1).
    NeverResent,
    /// A request is sent again with a new clock (rule 1).
    ResentWithNewClock,
    /// A reply counts whatever request it answers (rule 2).
    EchoIgnored,
    /// A reply that arrives while FREE counts for the next request (rule 2).
    LateReplyCounted,
    /// An original peer's reply counts for the current request, whichever socket it
    /// arrives at (rule 2).
    OriginalReplyAnywhere,
    /// A second reply of a sender counts for another one (rule 3).
    RepliesCounted,
    /// A reply carries a clock past the request's, not the replier's own (rule 4).
    ReplyWithoutOwnClock,
    /// The clock goes up to the received one and not past it (rule 4).
    NoTickOnReceive,
    /// Of two requests with equal clocks neither goes first (rule 5).
    NoTieBreak,
    /// The younger request goes first (rule 5).
    OrderReversed,
    /// A waiting member replies at once, even if its own request is older.
    RepliesWhileWaiting,
    /// Deferred requests are not answered on leaving.
    QueueForgotten,
    /// One request of an original peer is deferred, the latest to arrive.
    OneRequestPerOriginal,
    /// The reply to an original peer goes to its listed port, not to the requesting
    /// socket.
    OriginalAnsweredAtListedPort,
    /// A reply leaves the replier the other one's permission.
    PermissionKeptAfterReply,
    /// A waiting member gives away a permission and does not ask for it again.
    PermissionNotRequestedAgain,
    /// A restarted member starts with all permissions.
    PermissionsSurviveCrash,
    /// A clock gets ahead of all others without a bound.
    AheadWithoutBound,
    /// A restarted member starts at clock 1 and asks for no peer's clock (rule 6).
    ClockForgotten,
    /// Any message of a peer, even an old one, tells its clock (rule 6).
    SyncedByAnyMessage,
    /// The clock on disk is never moved on (rule 6).
    NeverReserved,
    /// The clock on disk is moved on after the requests were sent (rule 6).
    ReservedLate,
    /// The clock stays behind the token of a resumed entry.
    ClockBehindResumedToken,
    /// A resumed entry does not defer requests.
    ResumedEntryReplies,
    /// As the last clock becomes known, a resumed entry answers the deferred requests.
    ResumedEntryAnswersQueue,
    /// A resumed entry is delegated tokens before all clocks are known.
    ResumedEntryDelegatesUnsynced,
    /// Leaving a resumed entry answers requests before all clocks are known.
    ResumedEntryLeavesUnsynced,
    /// The sender's member list is not compared.
    ForeignListAccepted,
}

/// Whether this bug is planted in a value with this configuration.
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
