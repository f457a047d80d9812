//! A group on a bad network whose users ask again and again, and whose
//! processes are killed and started anew.

use std::time::Instant;

use super::Program;
use super::random::Random;
use super::relay::Faults;
use super::relayed::Relayed;

/// What a process prints as it asks, enters and leaves.
pub const ASKS: &str = "x: ";
pub const ENTERED: &str = "Process entered CS";
pub const EXITED: &str = "Process exited CS";

pub const BAD: Faults = Faults {
    lost: 30,
    repeated: 10,
    held_back: 25,
};

pub struct Players {
    pub group: Relayed,
    pub players: Vec<Player>,
    began: Instant,
}

/// A member, through all runs of its process.
pub struct Player {
    pub id: usize,
    options: Vec<String>,
    /// The present run; none while it is dead.
    run: Option<Program>,
    /// How often it was asked for the section in this run.
    asked: usize,
    /// How often it said in earlier runs that it entered, and how many those are.
    entered_before: usize,
    kills: usize,
}

impl Players {
    /// So many, each with the options that it is given here.
    pub fn start(
        members: usize,
        random: &mut Random,
        options: impl Fn(usize) -> Vec<String>,
    ) -> Self {
        let began = Instant::now();
        let group = Relayed::of(members, BAD, random.split());
        let player = |id| {
            let mut player = Player {
                id,
                options: options(id),
                run: None,
                asked: 0,
                entered_before: 0,
                kills: 0,
            };
            player.revive(&group);
            player
        };
        Players {
            players: group.ids().map(player).collect(),
            group,
            began,
        }
    }

    pub fn player(&mut self, id: usize) -> &mut Player {
        &mut self.players[id - 1]
    }

    pub fn kill(&mut self, id: usize) {
        self.players[id - 1].kill(&self.group);
    }

    pub fn revive(&mut self, id: usize) {
        self.players[id - 1].revive(&self.group);
    }

    pub fn all_ask(&mut self) {
        self.players.iter_mut().for_each(Player::ask);
    }

    /// Waits until all who asked have entered and left.
    pub fn all_leave(&self) {
        for player in self.players.iter().filter(|player| player.asked > 0) {
            player.has_said(EXITED);
        }
    }

    /// Judges what the section heard, and tells of it.
    pub fn finish(self) {
        self.all_leave();
        let entries = self.group.entries();
        for player in &self.players {
            let said = player.entered_before + player.run().count(ENTERED);
            let heard = entries.get(&player.id).copied().unwrap_or(0);
            // It says so first: whoever is killed between the two never enters.
            assert!(
                heard <= said && said <= heard + player.kills,
                "{} says that it entered {said} times, the section {heard}",
                player.id
            );
            assert_eq!(player.run().count(EXITED), player.asked);
        }
        let kills: usize = self.players.iter().map(|player| player.kills).sum();
        let figures = self.group.relay.figures();
        let seconds = self.began.elapsed().as_secs_f32();
        eprintln!("entries {entries:?}, kills {kills}, in {seconds:.1} s; {figures}");
    }
}

impl Player {
    pub fn run(&self) -> &Program {
        self.run.as_ref().expect("it is alive")
    }

    pub fn ask(&mut self) {
        self.asked += 1;
        self.run.as_mut().expect("it is alive").say("x");
    }

    /// Waits until it prints this about what it was asked last.
    pub fn has_said(&self, text: &str) {
        self.run().wait_for_nth(self.asked, text);
    }

    fn kill(&mut self, group: &Relayed) {
        let run = self.run.take().expect("it is alive");
        let lines = group.kill(self.id, run);
        let entered = lines.iter().filter(|line| line.contains(ENTERED));
        self.entered_before += entered.count();
        self.kills += 1;
        self.asked = 0;
    }

    fn revive(&mut self, group: &Relayed) {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        let process = group.process(self.id, &options);
        process.wait_for("listens at");
        self.run = Some(process);
    }
}
