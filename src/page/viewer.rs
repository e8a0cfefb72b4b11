//! The 3-D view as it stands in a page. Everything it says is in words too:
//! legend, buttons for every drag, a text in the picture's place.

use maud::{Markup, html};

use super::{Language, Text};

/// Two bones to be shown in 3-D. Addresses are those of the page's server.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// Both bones (GLB, meshes `radius` and `ulna`).
    pub scene: Option<String>,
    /// The radius alone (STL), shown where the scene cannot be read.
    pub radius: Option<String>,
    /// The ulna alone (STL).
    pub ulna: Option<String>,
    /// The thumb lies toward negative x: a left forearm in its own frame.
    pub thumb_negative: bool,
    /// What the picture shows, in words, for readers who do not see it.
    pub twin: String,
}

impl Viewer {
    /// The view with its legend and its buttons. The frame of the files: z
    /// toward the hand, y to the back of the hand, x to the thumb's side (of a
    /// right forearm).
    #[must_use]
    pub fn markup(&self, language: Language) -> Markup {
        let say = |text: Text| text.say(language);
        let turns = [
            ("pa", say(Text::ViewPa), say(Text::ViewPa)),
            ("lateral", say(Text::ViewLateral), say(Text::ViewLateral)),
            ("reset", say(Text::Reset), say(Text::Reset)),
            ("in", "+", say(Text::ZoomIn)),
            ("out", "−", say(Text::ZoomOut)),
            ("left", "←", say(Text::TurnLeft)),
            ("right", "→", say(Text::TurnRight)),
            ("up", "↑", say(Text::TurnUp)),
            ("down", "↓", say(Text::TurnDown)),
        ];
        html! {
            figure.viewer data-viewer
                data-scene=[self.scene.as_ref()]
                data-radius=[self.radius.as_ref()] data-ulna=[self.ulna.as_ref()]
                data-thumb=(if self.thumb_negative { "-1 0 0" } else { "1 0 0" })
                data-dorsal="0 1 0" data-distal="0 0 1" {
                div.stage data-stage aria-label=(self.twin) {
                    span.bone-label.radius data-label="radius" hidden { (say(Text::Radius)) }
                    span.bone-label.ulna data-label="ulna" hidden { (say(Text::Ulna)) }
                }
                p.notice-line data-message="webgl" hidden { (say(Text::NoWebGl)) }
                p.notice-line data-message="load" hidden { (say(Text::SceneUnreadable)) }
                noscript { p.notice-line { (say(Text::NoScriptViewer)) } }
                div.tools role="group" aria-label=(say(Text::ViewControls)) {
                    @for (way, face, name) in turns {
                        button type="button" data-turn=(way) aria-label=(name) title=(name) { (face) }
                    }
                }
                div.legend role="group" aria-label=(say(Text::Legend)) {
                    @for (bone, name) in [("radius", Text::Radius), ("ulna", Text::Ulna)] {
                        button type="button" data-show=(bone) aria-pressed="true"
                            title=(say(Text::ShowOrHide)) {
                            span.swatch.(bone) aria-hidden="true" {} (say(name))
                        }
                    }
                }
                figcaption { (self.twin) }
            }
        }
    }
}
