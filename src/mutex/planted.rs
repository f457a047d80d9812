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
    /// A waiting writer answers a younger shared request at once.
    WriterLetsReadersPass,
    /// A waiting reader answers a younger exclusive request at once.
    ReaderLetsWritersPass,
    /// A writer in the section answers a shared request.
    HeldWriterLetsReadersIn,
    /// A reader in the section answers an exclusive request.
    HeldReaderLetsWritersIn,
    /// The reply to a shared request leaves an exclusive permission.
    SharedReplyKeptAsExclusive,
    /// An exclusive entry needs no more than kept shared permissions.
    SharedPermissionServesWriter,
    /// A reply to an exclusive request leaves the replier a shared permission.
    SharedPermissionKeptAfterReply,
    /// A reply to a shared request leaves the replier the other one's exclusive permission.
    ExclusiveKeptAfterSharedReply,
    /// A writer counts a reply to an earlier request of its own, which may have been
    /// shared.
    EarlierReplyCountsForWriter,
    /// A waiting writer that gives a permission away asks for a shared one.
    WriterAsksAgainAsReader,
    /// A resumed exclusive entry is taken for a shared one.
    ResumedWriterTakenForReader,
    /// A try enters with kept permissions, unasked.
    TryKeepsPermissions,
    /// A member that has left grants tries that were made before.
    LateTryGranted,
    /// A note ends a try that it does not answer.
    NoteOfAnyRequest,
    /// A try that was refused is granted on leaving.
    RefusedTryGranted,
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
    /// A barred member's beat is acknowledged (failover, rule 2).
    BarredAcknowledged,
    /// A later vote lifts the bar of the members that are in it (failover, rule 2).
    BarLifted,
    /// A beat is acknowledged before its bound is durable (failover, rule 2).
    BoundNotNoted,
    /// A member's own acknowledgment is enough for a lease (failover, rule 3).
    LeaseWithoutMajority,
    /// A hold does not end with the lease (failover, rule 3).
    HoldOutlivesLease,
    /// A member votes though one outside of the view counts on it (failover, rule 4).
    VotesWhileCountedOn,
    /// A member votes for a view that it is not in (failover, rule 4).
    VoterOutside,
    /// A member votes a second time for one number (failover, rule 4).
    VotesTwice,
    /// A restart forgets the promise (failover, rule 4).
    PromiseNotDurable,
    /// A restart forgets the acknowledgments of the earlier run (failover, rule 5).
    RestartForgetsAcknowledgments,
    /// A restarted member bars no other (failover, rule 5).
    RestartForgetsBars,
    /// A restarted member is in the first view (failover, rule 5).
    RestartIntoFirstView,
    /// One vote decides (failover, rule 6).
    DecidedWithoutMajority,
    /// A member joins a view before its promise (failover, rule 7).
    JoinsBeforePromise,
    /// Permissions survive the joining of a view (failover, rule 7).
    PermissionsSurviveView,
    /// A holder that joins a view does not defer (failover, rule 7).
    HolderRepliesInView,
    /// The clock may stay behind the floor of a view (failover, rule 7).
    FloorIgnored,
    /// A reply of another view counts (failover, rule 8).
    ReplyOfOtherView,
    /// A member enters with the permissions of a majority (failover, rule 9).
    EntersWithMajority,
    /// A member enters without a lease (failover, rule 9).
    EntersWithoutLease,
    /// A token needs no bound that a majority has noted (failover, rule 9).
    TokenBeyondBound,
    /// A delegated token needs no bound that a majority has noted (failover, rule 9).
    DelegatedBeyondBound,
    /// A late word of leaving counts (failover, rule 10).
    OldLeaveCounts,
    /// A word of leaving voids what other runs count on (failover, rule 10).
    LeaveOfAllRuns,
    /// A lease counts from the arrival of the acknowledgment (failover, rule 3).
    LeaseFromArrival,
    /// A deadline counts from the moment at which the supervisor is told (failover).
    DeadlineFromTelling,
    /// A resumed command goes on with a lease that came after its deadline (failover).
    ResumedTooLate,
    /// A clock stands still while its machine is suspended (failover).
    SuspendNotCounted,
    /// What was acknowledged ends without the time that a command needs to die
    /// (failover).
    NoGrace,
    /// A changed list skips no clock.
    ListChangedWithoutSkip,
    /// A member takes part in a changed list before it has heard the others.
    ListChangedUnheard,
    /// A group that had failover changes its list with the states of a minority.
    ListChangedByMinority,
    /// A change of the members is not durable before it is used (failover, D1).
    AdoptionNotDurable,
    /// A member votes for a view of other members than those that it adopted last
    /// (failover, D2).
    VotesOnOtherBase,
    /// Several members change at once (failover, D3).
    TwoAtOnce,
    /// A change is decided by a majority of the members before it alone (failover, D4).
    MajorityOfOldOnly,
    /// A change is decided by a majority of the members after it alone (failover, D4).
    MajorityOfNewOnly,
    /// A change is decided before all members of its view have voted (failover, D5).
    DecidedWithoutAllOfView,
    /// A member votes for a change in a view from before the last change (failover, D5).
    VotesForChangeFromOldView,
    /// A change is adopted though a rival of it may be decided (failover, D1).
    RivalAdopted,
    /// The bound of the clock stays behind the floor of a change (failover, D1).
    AdoptedWithoutFloor,
    /// A lease needs a majority of the founders (failover, rule 3).
    LeaseOfListedMajority,
    /// A delegated lock is entered after the lease has ended (failover).
    DelegationOutlivesLease,
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
