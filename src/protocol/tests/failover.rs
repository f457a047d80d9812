use super::*;
use crate::mutex::ViewNumber;
use crate::views::{self, Beat, Lease, Moment, Nonce, ViewMessage};

const NOW: Moment = Moment(1_000_000);

/// Member 1 of 3 with failover and a state that is new.
fn new_member(synced: bool) -> Member {
    let (below, own) = (1, config(1, 3));
    let own = Config {
        durability: Durability::Durable { below, synced },
        ..own
    };
    let lease = Lease::new(Duration::from_secs(1)).unwrap();
    let views = views::Config {
        is_amnesiac: true,
        ..views::Config::new(&own, lease)
    };
    Member::with_failover(own, views, NOW)
}

fn handle(member: &mut Member, event: &Event) -> Output {
    let mut output = Output::default();
    member.handle_at(NOW, event, &mut output).unwrap();
    output
}

fn sets_view_timer(output: &Output) -> bool {
    let mut effects = output.effects.iter();
    effects.any(|effect| matches!(effect, Effect::SetTimer { timer, .. } if *timer == Timer::View))
}

/// The first beat of a peer, which has heard member 1.
fn beat(from: u16) -> Event {
    let incarnation = PEERS;
    let nonce = Nonce {
        incarnation,
        counter: 1,
    };
    let heard = Nonce {
        incarnation: NONCE,
        counter: 1,
    };
    let message = ViewMessage::Beat(Beat {
        nonce,
        view: ViewNumber::FIRST,
        promised: ViewNumber::FIRST,
        below: 100,
        heard: [(NodeId(1), heard)].into(),
        takes_part: true,
        removes: None,
    });
    let from = NodeId(from);
    Event::ReceivedView { from, message }
}

#[test]
fn the_views_set_no_timer_before_all_clocks_are_known() {
    let mut member = new_member(false);
    assert!(!sets_view_timer(&handle(&mut member, &Event::Start)));
    assert!(!sets_view_timer(&handle(&mut member, &welcome(1, 2))));
    assert!(sets_view_timer(&handle(&mut member, &welcome(1, 3))));
}

#[test]
fn a_member_with_a_new_state_needs_the_permission_of_all_others_in_its_first_view() {
    let mut member = new_member(true);
    handle(&mut member, &Event::Start);
    handle(&mut member, &Event::Expired(Timer::View));
    assert_eq!(member.views().unwrap().view(), None);
    handle(&mut member, &beat(2));
    let joins = handle(&mut member, &beat(3));
    assert!(joins.effects.contains(&Effect::Join));
    handle(&mut member, &acquire());
    let State::Wait { missing, .. } = member.state(&LockName::default()) else {
        panic!("it does not wait");
    };
    assert_eq!(*missing, [NodeId(2), NodeId(3)].into());
}
