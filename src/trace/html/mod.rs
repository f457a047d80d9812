//! A diagram as one HTML file to explore: the SVG, the events as data, and a script that
//! connects both. It loads nothing else, from a server or a file.

mod steps;

use super::diagram::Diagram;
use super::history::{History, TraceError};
use super::svg::svg;
use steps::Steps;

const PAGE: &str = include_str!("viewer.html");
const STYLE: &str = include_str!("viewer.css");
const SCRIPT: &str = include_str!("viewer.js");

/// The diagram of a history as a page for a browser.
pub fn html(history: &History, diagram: &Diagram) -> Result<String, TraceError> {
    let steps = Steps::new(history, diagram)?;
    let steps = serde_json::to_string(&steps).expect("text, numbers and lists of them");
    let (drawing, steps) = (svg(diagram), inert(&steps));
    Ok(filled(PAGE, |slot| match slot {
        "style" => STYLE,
        "svg" => &drawing,
        "steps" => &steps,
        "script" => SCRIPT,
        _ => panic!("viewer.html has an unknown slot, {slot}"),
    }))
}

/// The template with its slots, `{{name}}`, filled. The text in a slot is not searched
/// for others: a lock may be named `{{script}}`.
pub(crate) fn filled<'a>(template: &str, slot: impl Fn(&str) -> &'a str) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("a slot ends");
        page.push_str(before);
        page.push_str(slot(name));
        rest = after;
    }
    page.push_str(rest);
    page
}

/// JSON for a script block: no text in it ends the block or opens a comment, and it is
/// valid JavaScript. The escaped characters occur in strings only.
pub(crate) fn inert(json: &str) -> String {
    json.replace('<', r"\u003c")
        .replace('>', r"\u003e")
        .replace('&', r"\u0026")
        .replace('\u{2028}', r"\u2028")
        .replace('\u{2029}', r"\u2029")
}
