//! A sheet for print: the drawing, and below it the questions with room for the answers.

use super::Sheet;
use super::question::Question;
use crate::play::folded;
use crate::trace::xml;

const MARGIN: f64 = 24.0;
/// A line of text, in pixels.
const LINE: f64 = 19.0;
/// The width of a letter, in pixels.
const LETTER: f64 = 6.6;

const STYLE: &str = "\
.ask{font:13px system-ui,sans-serif;fill:#222}\
.ask.title{font-weight:bold;font-size:16px}\
.ask.letter{font-weight:bold}\
.line{stroke:#777;stroke-width:1}\
.box{fill:none;stroke:#555;stroke-width:1}";

impl Sheet {
    /// The sheet as an SVG for print.
    pub(crate) fn svg(&self) -> String {
        let drawing = self.drawing();
        let (drawn_width, drawn_height) = size(&drawing);
        let width = drawn_width.max(620.0) + 2.0 * MARGIN;
        let mut page = Page {
            text: String::new(),
            y: MARGIN + 8.0,
            letters: ((width - 2.0 * MARGIN) / LETTER) as usize,
        };
        page.line("ask title", MARGIN, &self.title());
        page.paragraph(self.level.introduction());
        let place = format!(r#"<svg x="{MARGIN}" y="{:.0}""#, page.y - 8.0);
        page.text += &drawing.replacen("<svg", &place, 1);
        page.text.push('\n');
        page.y += drawn_height + LINE;
        for question in &self.questions {
            page.question(question);
        }
        let (height, text) = (page.y, page.text);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}">
<title>{}</title>
<style>{STYLE}</style>
<rect class="sheet" width="100%" height="100%" fill="#fff"/>
{text}</svg>
"##,
            xml(&self.title())
        )
    }
}

struct Page {
    text: String,
    /// The base of the next line.
    y: f64,
    /// So many fit into a line.
    letters: usize,
}

impl Page {
    fn line(&mut self, class: &str, x: f64, text: &str) {
        let (y, text) = (self.y, xml(text));
        self.text += &format!(r#"<text class="{class}" x="{x:.0}" y="{y:.0}">{text}</text>"#);
        self.text.push('\n');
        self.y += LINE;
    }

    fn paragraph(&mut self, text: &str) {
        for line in folded(text, self.letters) {
            self.line("ask", MARGIN, &line);
        }
    }

    fn question(&mut self, question: &Question) {
        let base = self.y;
        self.line("ask letter", MARGIN, &question.letter);
        self.y = base;
        self.line("ask", MARGIN + 20.0, &question.text);
        if question.choices.is_empty() {
            let left = MARGIN + 30.0 + question.text.chars().count() as f64 * LETTER;
            let (right, y) = (left + 70.0, base + 3.0);
            self.text += &format!(r#"<path class="line" d="M{left:.0} {y:.0}H{right:.0}"/>"#);
            self.text.push('\n');
        }
        for choice in &question.choices {
            let (left, top) = (MARGIN + 22.0, self.y - 10.0);
            self.text += &format!(
                r#"<rect class="box" x="{left:.0}" y="{top:.0}" width="11" height="11"/>"#
            );
            self.line("ask", MARGIN + 40.0, choice);
        }
        self.y += 5.0;
    }
}

/// The width and the height that a drawing says it has.
fn size(svg: &str) -> (f64, f64) {
    let number = |name: &str| {
        let (_, after) = svg.split_once(name)?;
        after.split('"').next()?.parse().ok()
    };
    let size = number(" width=\"").zip(number(" height=\""));
    size.expect("a drawing begins with its size")
}
