//! What is asked about a run.

use std::collections::HashMap;

use fastrand::Rng;

use super::level::Level;
use super::question::{ECHO, KEPT, NEXT, PRIORITY, Question, RECEIVE, TICK, TOKEN};
use crate::mutex::NodeId;
use crate::play::{Command, Game, Lane};
use crate::trace::{Arrow, Diagram, EventKind, EventLabel, MessageKind, Phase, Record};

/// The questions about a run, and its drawing with their letters.
pub(super) fn questions(game: &Game, level: Level, random: &mut Rng) -> (Diagram, Vec<Question>) {
    let (records, diagram) = game.drawn().expect("a run was played");
    let mut asking = Asking {
        records,
        diagram,
        random,
        blanks: Vec::new(),
    };
    if level != Level::Clocks {
        asking.tokens();
        asking.deferrals();
        asking.kept();
        asking.answers();
    }
    asking.clocks(level);
    asking.hide(level);
    asking.lettered(next(game))
}

/// A question about what is drawn there.
struct Blank {
    at: f64,
    lane: usize,
    place: Place,
    question: Question,
}

/// What the letter stands in for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The clock of this dot.
    Clock(usize),
    /// Beside the clock of this dot.
    Beside(usize),
    /// The token of this bar.
    Token(usize),
    /// The reason of this deferral.
    Reason(usize),
}

struct Asking<'a> {
    /// The records, by run.
    records: Vec<Vec<Record>>,
    diagram: Diagram,
    random: &'a mut Rng,
    blanks: Vec<Blank>,
}

impl Asking<'_> {
    fn record(&self, event: EventLabel) -> &Record {
        &self.records[event.run][event.record]
    }

    fn blank(&mut self, at: f64, lane: usize, place: Place, question: Question) {
        self.blanks.push(Blank {
            at,
            lane,
            place,
            question,
        });
    }

    /// Clocks that follow from what is drawn.
    fn clocks(&mut self, level: Level) {
        let clocks: HashMap<EventLabel, u64> = (self.diagram.lanes.iter())
            .flat_map(|lane| &lane.dots)
            .map(|dot| (dot.event, self.record(dot.event).clock))
            .collect();
        let mut found = Vec::new();
        for (place, lane) in self.diagram.lanes.iter().enumerate() {
            for (index, pair) in lane.dots.windows(2).enumerate() {
                let [before, dot] = pair else { continue };
                let has_letter =
                    |blank: &Blank| (blank.lane, blank.place) == (place, Place::Beside(index + 1));
                // A run that begins has no clock yet.
                if before.event.run != dot.event.run || self.blanks.iter().any(has_letter) {
                    continue;
                }
                let arrived = |arrow: &&Arrow| arrow.received.map(|it| it.1) == Some(dot.event);
                let mut arrows = self.diagram.arrows.iter().filter(arrived);
                let (own, now) = (clocks[&before.event], clocks[&dot.event]);
                let rule = match (arrows.next(), arrows.next()) {
                    (None, _) if now == own + 1 => TICK,
                    (Some(arrow), None) => {
                        let sent = arrow.sent.and_then(|it| clocks.get(&it.1));
                        let record = self.record(dot.event);
                        let carried = record.message.as_ref().map(|message| message.clock);
                        match sent {
                            Some(sent) if Some(*sent) == carried && now == own.max(*sent) + 1 => {
                                RECEIVE
                            }
                            _ => continue,
                        }
                    }
                    _ => continue,
                };
                let question = number(
                    format!("The clock of {} after this event", lane.id),
                    now,
                    rule,
                );
                found.push((dot.at, place, Place::Clock(index + 1), question));
            }
        }
        self.random.shuffle(&mut found);
        for (at, lane, place, question) in found.into_iter().take(level.max_clocks()) {
            self.blank(at, lane, place, question);
        }
    }

    fn tokens(&mut self) {
        for (place, lane) in self.diagram.lanes.clone().iter().enumerate() {
            for (index, span) in lane.states.iter().enumerate() {
                let (Phase::Held, Some(token)) = (span.phase, span.number) else {
                    continue;
                };
                let text = format!("The token of the entry of {}", lane.id);
                let question = number(text, token, TOKEN);
                self.blank(span.from, place, Place::Token(index), question);
            }
        }
    }

    /// Why a reply is deferred.
    fn deferrals(&mut self) {
        for (place, lane) in self.diagram.lanes.clone().iter().enumerate() {
            for (index, deferral) in lane.deferrals.iter().enumerate() {
                let (id, peer) = (lane.id, deferral.peer);
                let inside = format!("{id} is in the critical section");
                let older = format!("{id} waits, and its request comes first");
                let right = match self.record(deferral.event).state {
                    Phase::Held => inside.clone(),
                    Phase::Wait => older.clone(),
                    Phase::Free => continue,
                };
                let others = [
                    inside,
                    older,
                    format!("the clock of {id} is larger than that of {peer}"),
                    format!("the id of {id} is smaller than that of {peer}"),
                ];
                let text = format!("Why does {id} defer its reply to {peer}?");
                let question = self.choice(text, right, others, PRIORITY);
                self.blank(deferral.from, place, Place::Reason(index), question);
            }
        }
    }

    /// Why a request goes to some members only.
    fn kept(&mut self) {
        let lanes = self.diagram.lanes.clone();
        for (place, lane) in lanes.iter().enumerate() {
            for (index, dot) in lane.dots.iter().enumerate() {
                let record = self.record(dot.event);
                if record.event != EventKind::Acquire {
                    continue;
                }
                let asked: Vec<u16> = (record.sent.iter())
                    .filter(|message| message.kind == MessageKind::Request)
                    .map(|message| message.peer)
                    .collect();
                let peers = lanes.iter().map(|lane| lane.id).filter(|id| *id != lane.id);
                let spared: Vec<u16> = peers.filter(|id| !asked.contains(id)).collect();
                let ([peer], id) = (&spared[..], lane.id) else {
                    continue;
                };
                let right = format!("{id} keeps the permission of {peer}");
                let others = [
                    right.clone(),
                    format!("{peer} is down"),
                    format!("the request to {peer} is lost"),
                    format!("{peer} does not want the critical section"),
                ];
                let text = format!("Why does {id} not ask {peer}?");
                let question = self.choice(text, right, others, KEPT);
                self.blank(dot.at, place, Place::Beside(index), question);
            }
        }
    }

    /// Whether a reply counts.
    fn answers(&mut self) {
        for (place, lane) in self.diagram.lanes.clone().iter().enumerate() {
            for (index, dot) in lane.dots.iter().enumerate() {
                let record = self.record(dot.event);
                let kind = record.message.as_ref().map(|message| message.kind);
                let has_late = lane.runs.len() > 1;
                if kind != Some(MessageKind::Reply) || !has_late {
                    continue;
                }
                let (yes, no) = (
                    "yes: it answers the request for which the node waits".to_owned(),
                    "no: it answers a request that the node has forgotten".to_owned(),
                );
                let right = if record.ignored.is_some() { &no } else { &yes };
                let text = format!("Does this reply count for {}?", lane.id);
                let question = self.choice(text, right.clone(), [yes.clone(), no.clone()], ECHO);
                self.blank(dot.at, place, Place::Beside(index), question);
            }
        }
    }

    /// Leaves out what would say too much, or something wrong.
    fn hide(&mut self, level: Level) {
        if level == Level::Clocks {
            // The token is the clock at the entry.
            let spans = self
                .diagram
                .lanes
                .iter_mut()
                .flat_map(|lane| &mut lane.states);
            spans.for_each(|span| span.label.clear());
        }
        if level != Level::Loss {
            // What has not arrived is still under way.
            let arrows = self.diagram.arrows.iter_mut();
            arrows.for_each(|arrow| arrow.is_lost = false);
        }
    }

    fn choice<const N: usize>(
        &mut self,
        text: String,
        right: String,
        mut choices: [String; N],
        rule: &'static str,
    ) -> Question {
        self.random.shuffle(&mut choices);
        let place = choices.iter().position(|choice| *choice == right);
        Question {
            letter: String::new(),
            text,
            choices: choices.into(),
            right: place.expect("the right one is among them") as u64,
            rule,
        }
    }

    /// The drawing with letters, in the order of time, and the questions.
    fn lettered(mut self, last: Option<Question>) -> (Diagram, Vec<Question>) {
        self.blanks.sort_by(|one, other| {
            (one.at, one.lane)
                .partial_cmp(&(other.at, other.lane))
                .expect("positions are numbers")
        });
        let mut letters = ('A'..='Z').map(String::from);
        let mut questions = Vec::new();
        for blank in self.blanks {
            let Some(letter) = letters.next() else { break };
            let (shown, lane) = (format!("[{letter}]"), &mut self.diagram.lanes[blank.lane]);
            match blank.place {
                Place::Clock(dot) => lane.dots[dot].label = shown,
                Place::Beside(dot) => {
                    let label = &mut lane.dots[dot].label;
                    *label = format!("{label} {shown}");
                }
                Place::Token(span) => lane.states[span].label = shown,
                Place::Reason(deferral) => lane.deferrals[deferral].because = shown,
            }
            questions.push(Question {
                letter,
                ..blank.question
            });
        }
        questions.extend(
            last.zip(letters.next())
                .map(|(question, letter)| Question { letter, ..question }),
        );
        (self.diagram, questions)
    }
}

/// Who enters next, as the rest of the run shows. `None` unless two wait.
fn next(game: &Game) -> Option<Question> {
    let ids: Vec<NodeId> = game.ids().collect();
    let waiting = ids.iter().filter(|id| game.lane(**id) == Lane::Wait);
    if waiting.count() < 2 {
        return None;
    }
    let mut rest = game.clone();
    let holder = ids.iter().find(|id| game.lane(**id) == Lane::Held);
    let text = match holder {
        Some(holder) => {
            rest.execute(Command::Leave(*holder)).ok()?;
            format!("{holder} leaves the critical section. Who enters next?")
        }
        None => "All datagrams arrive. Who enters first?".to_owned(),
    };
    rest.execute(Command::DeliverAll).ok()?;
    let first = ids.iter().find(|id| rest.lane(**id) == Lane::Held)?;
    let others = ids.iter().map(|id| format!("node {id}"));
    let others: Vec<String> = others.collect();
    let right = others
        .iter()
        .position(|name| *name == format!("node {first}"))?;
    Some(Question {
        letter: String::new(),
        text,
        choices: others,
        right: right as u64,
        rule: NEXT,
    })
}

fn number(text: String, right: u64, rule: &'static str) -> Question {
    Question {
        letter: String::new(),
        text,
        choices: Vec::new(),
        right,
        rule,
    }
}
