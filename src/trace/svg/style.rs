//! How the drawing looks: on paper, on a screen, and on a dark screen.
//!
//! Request and reply differ for everybody: by colour also under deuteranopia and
//! protanopia, and by dash and arrowhead on a black and white print.

pub(super) const STYLE: &str = "\
text{font:11px system-ui,sans-serif;fill:#222;paint-order:stroke;stroke:#fff;stroke-width:2px;stroke-linejoin:round}\
.title{font-weight:bold;font-size:13px}\
.name{font-weight:bold;font-size:14px}\
.clock{font-size:10px;fill:#444;text-anchor:middle}\
.said{font-size:10px;fill:#333}\
.inside{stroke:#f1e3f5}\
.token{font-weight:bold;fill:#fff;stroke:#3b3b46;stroke-width:3px;text-anchor:middle}\
.life{stroke:#777;stroke-width:1.5}\
.wait{fill:url(#hatch);stroke:#a36a00}\
.held{fill:#3b3b46;stroke:#17171c}\
.deferral{fill:#f1e3f5;stroke:#7b3f91}\
.dot{fill:#222;stroke:#fff;stroke-width:.7}\
.many{opacity:.45}\
.request{stroke:#b3540d;stroke-width:1.3;fill:none}\
.reply{stroke:#0a68b4;stroke-width:1.3;fill:none;stroke-dasharray:6 3}\
.again{stroke-dasharray:1 3}\
.lost{stroke:#c01515;stroke-width:1.6;fill:none}";

/// Of the time axis, and of the names of locks and members.
pub(super) const AXIS_STYLE: &str = "\
.called{font-size:10px}\
.lock{font-weight:bold;font-size:13px}\
.axis{stroke:#bbb;stroke-width:.8}\
.time{font-size:10px;fill:#444;text-anchor:middle}";

/// On a dark screen. The sheet and the parts of patterns have no class: they are named by
/// what they are in.
pub(super) const DARK: &str = "\
@media screen and (prefers-color-scheme:dark){\
.sheet{fill:#17191c}\
text{fill:#e6e6e6;stroke:#17191c}\
.clock,.said,.time,.view,.mark{fill:#bdbdbd}\
.inside{fill:#e6e6e6;stroke:#43304b}\
.token{fill:#fff;stroke:#565c69}\
.life{stroke:#8a8a8a}\
.held{fill:#565c69;stroke:#c9ced8}\
.deferral{fill:#43304b;stroke:#c08fd4}\
.dot{fill:#e6e6e6;stroke:#17191c}\
.request,#open path{stroke:#f09a55}\
.reply{stroke:#62b5f5}#full path{fill:#62b5f5}\
.lost,.over{stroke:#ff6b6b}\
#hatch rect{fill:#3d3420}\
#none rect{fill:#17191c}#none path,.axis{stroke:#3a3d42}\
.view0{fill:#1c2a40}.view1{fill:#1c3325}.view2{fill:#3b2d1b}\
.joined,.takeover{stroke:#a2a2a2}.vote{stroke:#e6e6e6}}";

/// The hatching of WAIT and the arrowheads.
pub(super) const DEFINITIONS: &str = r##"<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" fill="#fff3d6"/><path d="M0 0V5" stroke="#e0a93b" stroke-width="2"/></pattern><marker id="open" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto"><path d="M1 1L8 4L1 7" fill="none" stroke="#b3540d"/></marker><marker id="full" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto"><path d="M1 1L8 4L1 7Z" fill="#0a68b4"/></marker>"##;

#[cfg(test)]
mod tests {
    use super::*;

    /// Red, green and blue, linear.
    type Colour = [f64; 3];

    fn colour(style: &str, class: &str, property: &str) -> Colour {
        let rule = style
            .split(class)
            .nth(1)
            .and_then(|rest| rest.split('}').next());
        let rule = rule.unwrap_or_else(|| panic!("there is no {class}"));
        let (_, value) = rule.split_once(&format!("{property}:#")).unwrap();
        let digits: Vec<u32> = value.chars().map_while(|c| c.to_digit(16)).collect();
        let linear = |place: usize| {
            // #fff is #ffffff.
            let part = match digits.len() {
                3 => digits[place] * 17,
                _ => digits[2 * place] * 16 + digits[2 * place + 1],
            };
            let part = f64::from(part) / 255.0;
            match part <= 0.04045 {
                true => part / 12.92,
                false => ((part + 0.055) / 1.055).powf(2.4),
            }
        };
        [0, 1, 2].map(linear)
    }

    /// As it is seen with severe deuteranopia or protanopia: Machado, Oliveira and
    /// Fernandes, "A Physiologically-based Model for Simulation of Color Vision
    /// Deficiency", 2009.
    const DEUTERANOPIA: [Colour; 3] = [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ];
    const PROTANOPIA: [Colour; 3] = [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ];
    const NO_DEFICIENCY: [Colour; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

    fn seen(colour: Colour, matrix: [Colour; 3]) -> Colour {
        matrix.map(|row| (0..3).map(|place| row[place] * colour[place]).sum())
    }

    /// The distance of two colours: 1 from black to white.
    fn distance(one: Colour, other: Colour) -> f64 {
        let gamma = |part: f64| part.clamp(0.0, 1.0).powf(1.0 / 2.2);
        let squares = (0..3).map(|place| (gamma(one[place]) - gamma(other[place])).powi(2));
        (squares.sum::<f64>() / 3.0).sqrt()
    }

    /// WCAG 2.2, 1.4.3.
    fn contrast(one: Colour, other: Colour) -> f64 {
        let luminance =
            |colour: Colour| 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2] + 0.05;
        let (one, other) = (luminance(one), luminance(other));
        one.max(other) / one.min(other)
    }

    #[test]
    fn request_and_reply_differ_in_colour_for_the_colour_blind_too() {
        for style in [STYLE, DARK] {
            let request = colour(style, ".request", "stroke");
            let reply = colour(style, ".reply", "stroke");
            for matrix in [NO_DEFICIENCY, DEUTERANOPIA, PROTANOPIA] {
                let far = distance(seen(request, matrix), seen(reply, matrix));
                assert!(far > 0.25, "{far}");
            }
        }
    }

    /// The green that replies had before: under deuteranopia it is the requests' colour.
    #[test]
    fn green_and_orange_would_not_differ() {
        let green = colour(".reply{stroke:#1b7340}", ".reply", "stroke");
        let request = colour(STYLE, ".request", "stroke");
        let far = distance(seen(green, DEUTERANOPIA), seen(request, DEUTERANOPIA));
        assert!(far < 0.2, "{far}");
    }

    #[test]
    fn lines_and_text_stand_out_from_the_sheet() {
        let white = [1.0; 3];
        let dark = colour(DARK, ".sheet", "fill");
        for (style, sheet) in [(STYLE, white), (DARK, dark)] {
            for class in [".request", ".reply", ".lost"] {
                assert!(
                    contrast(colour(style, class, "stroke"), sheet) > 4.5,
                    "{class}"
                );
            }
            assert!(contrast(colour(style, "text", "fill"), sheet) > 7.0);
            let token = colour(style, ".token", "fill");
            assert!(contrast(token, colour(style, ".held", "fill")) > 4.5);
        }
    }
}
