//! A sheet as a page for a browser, which checks what is filled in.

use super::Sheet;
use crate::trace::{filled, inert, xml};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

impl Sheet {
    /// The sheet as one HTML file, which loads nothing else.
    pub(crate) fn html(&self) -> String {
        let questions = serde_json::to_string(&self.questions);
        let questions = inert(&questions.expect("text and numbers"));
        let (title, drawing) = (xml(&self.title()), self.drawing());
        filled(PAGE, |slot| match slot {
            "title" => &title,
            "introduction" => self.level.introduction(),
            "style" => STYLE,
            "svg" => &drawing,
            "questions" => &questions,
            "script" => SCRIPT,
            _ => panic!("page.html has an unknown slot, {slot}"),
        })
    }
}
