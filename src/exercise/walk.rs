//! The run of a sheet: drawn at random, along a plot that shows what the level is about.

use fastrand::Rng;

use super::level::Level;
use crate::mutex::NodeId;
use crate::play::{Command, Game, Lane, Which};

const MEMBERS: u16 = 3;

/// How many clocks a restart skips on a sheet. turno itself skips a million.
const SKIPPED: u64 = 100;

/// A run for this level.
pub(super) fn run(level: Level, random: &mut Rng) -> Game {
    let mut walk = Walk {
        game: Game::that_skips(SKIPPED),
        random,
    };
    walk.does(Command::Group {
        members: MEMBERS,
        keeps_permissions: level.keeps_permissions(),
        original: None,
    });
    match level {
        Level::Clocks => walk.clocks(),
        Level::Order => walk.order(),
        Level::Deferral => walk.deferral(),
        Level::Loss => walk.loss(),
        Level::Restart => walk.restart(),
    }
    walk.game
}

struct Walk<'a> {
    game: Game,
    random: &'a mut Rng,
}

impl Walk<'_> {
    /// Two enter, one after the other, while clocks tick.
    fn clocks(&mut self) {
        let [first, second, _] = self.shuffled();
        self.tick_up_to(3);
        self.enter(first);
        self.does(Command::Leave(first));
        self.tick_up_to(2);
        self.enter(second);
    }

    /// One enters; then two ask at the same moment, and their requests arrive.
    fn order(&mut self) {
        let [first, second, third] = self.shuffled();
        self.tick_up_to(2);
        self.enter(first);
        self.does(Command::Leave(first));
        let pair = match self.random.bool() {
            true => [second, third],
            false => [first, third],
        };
        if self.random.bool() {
            self.does(Command::Tick(pair[0]));
        }
        self.does(Command::Ask(pair[0]));
        self.does(Command::Ask(pair[1]));
        let [one, other] = pair;
        self.does(Command::Deliver(Which::Oldest {
            from: one,
            to: other,
        }));
        self.does(Command::Deliver(Which::Oldest {
            from: other,
            to: one,
        }));
    }

    /// One is in the section, and two wait in the order of their requests.
    fn deferral(&mut self) {
        let [first, second, third] = self.shuffled();
        self.tick_up_to(2);
        self.enter(first);
        self.does(Command::Ask(second));
        if self.random.bool() {
            self.deliver_some(1);
        }
        self.does(Command::Ask(third));
        self.deliver_rest();
    }

    /// One enters twice, on the permissions that it keeps; the second time of another one a
    /// datagram is lost.
    fn loss(&mut self) {
        let [first, second, _] = self.shuffled();
        self.enter(first);
        self.does(Command::Leave(first));
        self.does(Command::Ask(second));
        self.lose_one();
        self.deliver_rest();
        self.does(Command::Timer(second));
        self.deliver_rest();
        self.does(Command::Leave(second));
        self.does(Command::Ask(first));
        self.deliver_rest();
    }

    /// One crashes while it waits, starts again and asks; the replies to its first request
    /// arrive late.
    fn restart(&mut self) {
        let [first, second, _] = self.shuffled();
        if self.random.bool() {
            self.does(Command::Tick(second));
        }
        self.does(Command::Ask(first));
        self.deliver_rest_to_others(first);
        self.does(Command::Crash(first));
        let late: Vec<u16> = self.numbers();
        self.does(Command::Start(first));
        self.deliver_but(&late);
        self.does(Command::Ask(first));
        for number in late {
            self.does(Command::Deliver(Which::Number(number)));
        }
        self.deliver_rest();
    }

    /// Every command of a plot is possible.
    fn does(&mut self, command: Command) {
        let done = self.game.execute(command);
        done.unwrap_or_else(|why| panic!("{command:?}: {why}"));
    }

    fn shuffled(&mut self) -> [NodeId; MEMBERS as usize] {
        let mut ids = [1, 2, 3].map(NodeId);
        self.random.shuffle(&mut ids);
        ids
    }

    fn tick_up_to(&mut self, max: usize) {
        for _ in 0..self.random.usize(1..=max) {
            let id = NodeId(self.random.u16(1..=MEMBERS));
            self.does(Command::Tick(id));
        }
    }

    /// A member asks, and datagrams arrive until it is in the section.
    fn enter(&mut self, id: NodeId) {
        self.does(Command::Ask(id));
        while self.game.lane(id) != Lane::Held {
            self.deliver_some(1);
        }
    }

    fn numbers(&self) -> Vec<u16> {
        self.game.in_transit().map(|it| it.number).collect()
    }

    /// In any order, but between two members as they were sent.
    fn deliver_some(&mut self, count: usize) {
        for _ in 0..count {
            let ends: Vec<Which> = self
                .game
                .in_transit()
                .map(|it| Which::Oldest {
                    from: it.from,
                    to: it.to,
                })
                .collect();
            let Some(which) = self.random.choice(&ends) else {
                return;
            };
            self.does(Command::Deliver(*which));
        }
    }

    fn deliver_rest(&mut self) {
        while self.game.in_transit().next().is_some() {
            self.deliver_some(1);
        }
    }

    /// What is under way to the others.
    fn deliver_rest_to_others(&mut self, than: NodeId) {
        loop {
            let others = self.game.in_transit().filter(|it| it.to != than);
            let numbers: Vec<u16> = others.map(|it| it.number).collect();
            let Some(number) = self.random.choice(&numbers) else {
                return;
            };
            self.does(Command::Deliver(Which::Number(*number)));
        }
    }

    /// All but these, in the order in which they were sent.
    fn deliver_but(&mut self, late: &[u16]) {
        while let Some(number) = self.numbers().into_iter().find(|it| !late.contains(it)) {
            self.does(Command::Deliver(Which::Number(number)));
        }
    }

    fn lose_one(&mut self) {
        let numbers = self.numbers();
        let number = self
            .random
            .choice(&numbers)
            .expect("a request is under way");
        self.does(Command::Lose(Which::Number(*number)));
    }
}
