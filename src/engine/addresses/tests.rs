use super::place::PATIENCE;
use super::*;

const OLD: &str = "10.0.0.7:7001";
const NEW: &str = "10.0.0.9:7001";
const ELSEWHERE: &str = "192.0.2.66:40000";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn all(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| at(text)).collect()
}

/// A member that is listed by name, and a clock.
struct World {
    place: Place,
    now: Instant,
    steps: Vec<Step>,
}

impl World {
    fn of(means: Means, addresses: &[&str]) -> Self {
        let now = Instant::now();
        let listed = all(addresses);
        let used = listed.first().copied();
        World {
            place: Place::new(means, true, used, listed, now),
            now,
            steps: Vec::new(),
        }
    }

    /// Lets time pass, and does what is due at its moment.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.place.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let steps = self.place.go_on(self.now);
            self.steps.extend(steps);
        }
        self.now = end;
    }

    fn hear(&mut self, from: &str) {
        let steps = self.place.heard(at(from), self.now);
        self.steps.extend(steps);
    }

    fn find(&mut self, addresses: &[&str]) {
        let steps = self.place.found(all(addresses), self.now);
        self.steps.extend(steps);
    }

    fn respond(&mut self, nonce: u64) {
        let steps = self.place.response(nonce, self.now);
        self.steps.extend(steps);
    }

    /// The steps since the last call.
    fn done(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    fn look_ups(&mut self) -> usize {
        let done = self.done();
        done.iter().filter(|step| **step == Step::LookUp).count()
    }

    fn moves(&mut self) -> Vec<SocketAddr> {
        let moves = self.done().into_iter().filter_map(|step| match step {
            Step::Use(address) => Some(address),
            _ => None,
        });
        moves.collect()
    }

    /// The nonce with which this address was challenged since the last call.
    fn nonce(&mut self, address: &str) -> Option<u64> {
        let challenge = |step: Step| match step {
            Step::Challenge(to, nonce) if to == at(address) => Some(nonce),
            _ => None,
        };
        self.done().into_iter().find_map(challenge)
    }
}

#[test]
fn a_member_that_is_heard_is_not_looked_up() {
    let mut world = World::of(Means::Source, &[OLD]);
    for _ in 0..100 {
        world.hear(OLD);
        world.place.asked(world.now);
        world.pass(PATIENCE / 2);
    }
    assert_eq!(world.done(), []);
}

#[test]
fn a_member_that_is_asked_and_silent_is_looked_up_with_growing_pauses() {
    let mut world = World::of(Means::Source, &[OLD]);
    world.hear(OLD);
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.look_ups(), 0, "nobody needs it");
    world.place.asked(world.now);
    world.pass(PATIENCE + Duration::from_millis(1));
    assert_eq!(world.look_ups(), 1);
    world.pass(Duration::from_secs(60));
    assert!((3..=6).contains(&world.look_ups()));
    world.pass(Duration::from_secs(3600));
    assert!((45..=85).contains(&world.look_ups()), "one a minute");
}

#[test]
fn without_a_key_a_member_is_where_its_name_leads() {
    let mut world = World::of(Means::Source, &[OLD]);
    world.hear(OLD);
    world.place.suspect();
    world.pass(PATIENCE);
    assert_eq!(world.look_ups(), 1);
    world.find(&[NEW]);
    assert_eq!(world.moves(), all(&[NEW]));
    world.hear(NEW);
    world.place.asked(world.now);
    assert!(world.place.others(world.now).is_empty());
}

#[test]
fn a_flood_from_elsewhere_causes_a_look_up_every_few_seconds() {
    let mut world = World::of(Means::Source, &[OLD]);
    for _ in 0..1000 {
        world.hear(OLD);
        world.place.suspect();
        world.pass(Duration::from_millis(100));
    }
    let look_ups = world.look_ups();
    assert!((15..=21).contains(&look_ups), "{look_ups} in 100 s");
}

#[test]
fn of_several_addresses_all_are_sent_to_until_one_has_answered() {
    let mut world = World::of(Means::Source, &[OLD, NEW]);
    assert_eq!(world.place.others(world.now), all(&[NEW]));
    world.hear(NEW);
    assert_eq!(world.moves(), all(&[NEW]));
    assert_eq!(world.place.others(world.now), []);
    // One that answers is not left for another of the same host.
    world.hear(OLD);
    assert_eq!(world.moves(), []);
    world.place.asked(world.now);
    world.pass(PATIENCE);
    assert_eq!(world.place.others(world.now), all(&[OLD]));
    world.hear(OLD);
    assert_eq!(world.moves(), all(&[OLD]));
}

#[test]
fn with_a_key_an_address_counts_when_it_has_answered_a_nonce() {
    let mut world = World::of(Means::Challenge, &[OLD]);
    world.hear(OLD);
    world.hear(NEW);
    let nonce = world.nonce(NEW).unwrap();
    world.respond(nonce ^ 1);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.moves(), [], "that was another nonce");

    world.hear(NEW);
    let fresh = world.nonce(NEW).unwrap();
    assert_ne!(fresh, nonce);
    world.respond(nonce);
    world.respond(fresh);
    assert_eq!(world.moves(), [], "the address in use has time to answer");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.moves(), all(&[NEW]));
}

#[test]
fn an_address_in_use_that_answers_is_not_left_for_another_that_answers() {
    let mut world = World::of(Means::Challenge, &[OLD]);
    world.hear(OLD);
    world.hear(ELSEWHERE);
    let done = world.done();
    let [Step::Challenge(first, one), Step::Challenge(second, other)] = done[..] else {
        panic!("{done:?}");
    };
    assert_eq!([first, second], [at(ELSEWHERE), at(OLD)]);
    world.respond(one);
    world.respond(other);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.moves(), []);
    world.hear(ELSEWHERE);
    assert_eq!(world.done(), [], "it is not tried again for a while");
    world.pass(Duration::from_secs(61));
    world.hear(ELSEWHERE);
    assert!(world.nonce(ELSEWHERE).is_some());
}

#[test]
fn a_stranger_gets_at_most_one_challenge_for_a_datagram_and_four_a_second() {
    let mut world = World::of(Means::Challenge, &[OLD]);
    world.hear(OLD);
    world.hear(ELSEWHERE);
    world.pass(Duration::from_secs(10));
    let to = |world: &mut World, address: &str| {
        let is_it = |step: &&Step| matches!(step, Step::Challenge(to, _) if *to == at(address));
        world.steps.iter().filter(is_it).count()
    };
    assert_eq!(to(&mut world, ELSEWHERE), 1);
    assert_eq!(to(&mut world, OLD), 4);
    world.done();
    for port in 0..10_000 {
        world.hear(&format!("192.0.2.66:{}", 40_000 + port));
        world.pass(Duration::from_millis(1));
    }
    let challenges = world.done().len();
    assert!(challenges <= 10 * (4 + 2) + 4, "{challenges} in 10 s");
    assert_eq!(world.place.others(world.now), []);
}

#[test]
fn an_address_of_the_name_is_preferred_as_soon_as_it_answers() {
    let mut world = World::of(Means::Challenge, &[OLD]);
    world.hear(ELSEWHERE);
    let nonce = world.nonce(ELSEWHERE).unwrap();
    world.respond(nonce);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.moves(), all(&[ELSEWHERE]));
    // It is looked up from time to time, and what is found is tried.
    world.pass(Duration::from_secs(70));
    assert!(world.look_ups() >= 1);
    world.find(&[NEW]);
    let nonce = world.nonce(NEW).unwrap();
    world.hear(ELSEWHERE);
    world.respond(nonce);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.moves(), all(&[NEW]));
}

#[test]
fn an_unknown_name_has_an_address_as_soon_as_it_is_found_or_answers() {
    for means in [Means::Source, Means::Challenge] {
        let mut world = World::of(means, &[]);
        world.pass(PATIENCE);
        assert!(world.look_ups() >= 1);
        world.find(&[]);
        assert_eq!(world.moves(), []);
        world.find(&[NEW]);
        assert_eq!(world.moves(), all(&[NEW]));
    }
    let mut world = World::of(Means::Challenge, &[]);
    world.hear(NEW);
    let nonce = world.nonce(NEW).unwrap();
    world.respond(nonce);
    assert_eq!(world.moves(), all(&[NEW]));
}

#[test]
fn with_a_key_an_address_that_the_name_no_longer_has_is_given_up_if_it_is_silent() {
    let mut world = World::of(Means::Challenge, &[OLD]);
    world.hear(OLD);
    world.place.asked(world.now);
    world.pass(PATIENCE);
    world.find(&[NEW]);
    assert_eq!(world.place.others(world.now), all(&[NEW]));
    assert_eq!(world.moves(), []);
    world.pass(Duration::from_secs(2));
    assert_eq!(
        world.moves(),
        all(&[NEW]),
        "an older turno answers no challenge"
    );
}

#[test]
fn the_name_of_a_member_that_answers_no_challenge_is_looked_up_when_it_is_heard_elsewhere() {
    let mut world = World::of(Means::Challenge, &[OLD]);
    world.hear(OLD);
    for _ in 0..10 {
        world.hear(NEW);
        world.pass(Duration::from_secs(1));
    }
    assert!(world.look_ups() >= 1);
    world.find(&[NEW]);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.moves(), all(&[NEW]));
}

#[test]
fn members_with_addresses_instead_of_names_need_no_search() {
    for (has_key, count) in [(false, 0), (true, 2)] {
        let addresses = Addresses::new(&Group::on_loopback(1, &[1, 2, 3]), has_key, Instant::now());
        assert_eq!(addresses.places.len(), count);
        assert_eq!(addresses.next_timeout(), None);
    }
}
