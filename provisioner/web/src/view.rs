//! Pages as HTML. Templates are checked by the compiler, and whatever is not markup is escaped (maud).

pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod format;
pub(crate) mod health;
mod icon;
pub(crate) mod record;
pub(crate) mod record_fields;
pub(crate) mod records;

use maud::{DOCTYPE, Markup, html};
use provisioner_model::text::clean;

use crate::assets::{ICON, SCRIPT, STYLE};
use crate::pipeline::{About, Tone};

/// The pages of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Upload,
    Records,
    FailedEvents,
    Health,
    /// A page that the navigation does not have.
    Elsewhere,
}

const NAVIGATION: [(Place, &str, &str); 4] = [
    (Place::Upload, "/", "Upload"),
    (Place::Records, "/records", "Records"),
    (Place::FailedEvents, "/failed-events", "Failed events"),
    (Place::Health, "/health", "Health"),
];

/// A page: its title, where it is in the navigation, and its content. `about` is `None` for who is not signed in.
pub(crate) fn page(about: Option<&About>, place: Place, title: &str, content: &Markup) -> Markup {
    html! { (before(about, place, title)) (content) (after()) }
}

/// Everything before the content, so that it can be sent before the content is known. Without `about`, nothing names the
/// stack, and there is no navigation.
pub(crate) fn before(about: Option<&About>, place: Place, title: &str) -> Markup {
    let title = format!("{} · {}", clean(title), about.map_or("provisioner", |about| &about.stack));
    html! {
        (DOCTYPE)
        (maud::PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            link rel="stylesheet" href=(STYLE.path());
            link rel="icon" href=(ICON.path()) type="image/svg+xml";
            script type="module" src=(SCRIPT.path()) {}
        }
        (maud::PreEscaped("<body>"))
        a.skip href="#main" { "Skip to content" }
        header.bar {
            div.bar-inside {
                a.brand href="/" {
                    (icon::brand())
                    span.stack { (about.map_or("provisioner", |about| &about.stack)) }
                }
                @if let Some(about) = about {
                    span.where title=(about.place) { (about.place) }
                    nav aria-label="Pages" {
                        ul {
                            @for (of, path, name) in NAVIGATION {
                                li { a href=(path) aria-current=[(of == place).then_some("page")] { (name) } }
                            }
                        }
                    }
                    p #live.live role="status" hidden { span.dot {} span.live-text { "Live" } }
                }
            }
        }
        (maud::PreEscaped("<main id=\"main\" tabindex=\"-1\">"))
    }
}

/// Everything after the content.
pub(crate) fn after() -> Markup {
    html! {
        (maud::PreEscaped("</main>"))
        p #announce.unseen role="status" aria-live="polite" {}
        (maud::PreEscaped("</body></html>"))
    }
}

/// What went wrong, and what to do.
pub(crate) struct Problem<'a> {
    pub(crate) title: &'a str,
    pub(crate) message: &'a str,
    pub(crate) causes: &'a [String],
    pub(crate) hint: Option<&'a str>,
}

/// The page of who has just signed in by a link of another page.
pub(crate) fn signed_in() -> Markup {
    let content = html! {
        div.narrow { h1 { "You are signed in" } p { a.button href="/" { "To the start page" } } }
    };
    page(None, Place::Upload, "Signed in", &content)
}

/// The page of an error. `about` is `None` for who is not signed in.
pub(crate) fn problem(about: Option<&About>, problem: &Problem<'_>) -> Markup {
    let content = html! {
        div.narrow { (problem_box(problem)) p { a.button href="/" { "To the start page" } } }
    };
    page(about, Place::Elsewhere, problem.title, &content)
}

/// An error within a page.
pub(crate) fn problem_box(problem: &Problem<'_>) -> Markup {
    html! {
        section.problem role="alert" {
            (icon::tone(Tone::Bad))
            div {
                h1 { (problem.title) }
                p { (problem.message) }
                @for cause in problem.causes { p.dim { (cause) } }
                @if let Some(hint) = problem.hint {
                    @for line in hint.lines() { p.hint { (line) } }
                }
            }
        }
    }
}

/// The class of a tone.
pub(crate) fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "neutral",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "bad",
    }
}

/// A short state with its icon.
pub(crate) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span.badge.(tone_class(tone)) { (icon::tone(tone)) (text) } }
}

/// What to see and do where there is nothing yet.
pub(crate) fn empty(title: &str, text: &Markup) -> Markup {
    html! { div.empty { (icon::empty()) h2 { (title) } p { (text) } } }
}

/// A page that is sent before its content is known: what is shown meanwhile. The style sheet hides it once the content
/// follows.
pub(crate) fn loading(text: &str) -> Markup {
    html! {
        div.loading role="status" {
            span.spinner aria-hidden="true" {}
            (text)
        }
    }
}
