use super::level::LEVELS;
use super::*;

/// All levels, with these seeds.
fn sheets(seeds: std::ops::Range<u64>) -> impl Iterator<Item = Sheet> {
    let of_seed = |seed| LEVELS.map(|level| Sheet::new(level, seed));
    seeds.flat_map(of_seed)
}

#[test]
fn every_seed_is_a_sheet_whose_drawing_has_each_letter_once() {
    for sheet in sheets(0..100) {
        let drawing = sheet.drawing();
        assert!(!drawing.contains("<title>"));
        for question in &sheet.questions {
            let letter = format!("[{}]", question.letter);
            let drawn = drawing.matches(&letter).count();
            let is_last = question.text.contains("Who enters");
            assert_eq!(drawn, usize::from(!is_last), "{}: {letter}", sheet.title());
        }
    }
}

#[test]
fn a_sheet_of_each_level_asks_what_the_level_is_about() {
    let asked = |level: Level, about: &str| {
        let texts = (0..50).flat_map(|seed| Sheet::new(level, seed).questions);
        texts
            .filter(|question| question.text.contains(about))
            .count()
    };
    assert!(asked(Level::Clocks, "clock") >= 350);
    assert_eq!(asked(Level::Order, "Who enters first?"), 50);
    assert_eq!(asked(Level::Deferral, "Who enters next?"), 50);
    assert!(asked(Level::Deferral, "defer its reply") >= 100);
    assert!(asked(Level::Loss, "not ask") >= 50);
    assert!(asked(Level::Restart, "count for") >= 50);
}

/// Every choice of a question is another one, and each place is the right one in some sheet.
#[test]
fn the_place_of_the_right_choice_tells_nothing() {
    let mut places = [0; 4];
    for sheet in sheets(0..100) {
        for question in &sheet.questions {
            let mut choices = question.choices.clone();
            choices.sort();
            choices.dedup();
            assert_eq!(choices.len(), question.choices.len());
            if let [_, _, _, _] = question.choices[..] {
                places[usize::try_from(question.right).unwrap()] += 1;
            }
        }
    }
    let all: usize = places.iter().sum();
    assert!(places.iter().all(|count| count * 8 > all), "{places:?}");
}

#[test]
fn the_same_seed_is_the_same_sheet_and_another_one_is_another() {
    let sheet = |seed| Sheet::new(Level::Deferral, seed);
    assert_eq!(sheet(7).svg(), sheet(7).svg());
    assert_ne!(sheet(7).drawing(), sheet(8).drawing());
}

#[test]
fn a_wrong_level_is_answered_with_all_of_them() {
    assert_eq!("5".parse(), Ok(Level::Restart));
    let told = "6".parse::<Level>().unwrap_err().to_string();
    assert_eq!(
        told,
        "the levels are 1 to 5: 1 Lamport clocks, 2 who enters first, 3 deferred replies, 4 lost \
         datagrams and kept permissions, 5 a node starts again"
    );
}
