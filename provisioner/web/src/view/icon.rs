//! Icons, drawn inline: lines of 1.5 on a square of 16.

use maud::{Markup, html};

use crate::pipeline::Tone;

fn icon(paths: &[&str]) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" aria-hidden="true" {
            @for path in paths { path d=(path) {} }
        }
    }
}

pub(crate) fn brand() -> Markup {
    html! {
        svg.mark viewBox="0 0 16 16" aria-hidden="true" {
            rect width="16" height="16" rx="4" {}
            path d="M8 11.5V5m0 0L5.2 7.8M8 5l2.8 2.8" {}
        }
    }
}

pub(crate) fn upload() -> Markup {
    icon(&["M8 10.5v-8m0 0L4.8 5.7M8 2.5l3.2 3.2", "M2.5 10.5v2a1 1 0 0 0 1 1h9a1 1 0 0 0 1-1v-2"])
}

pub(crate) fn download() -> Markup {
    icon(&["M8 2.5v8m0 0L4.8 7.3M8 10.5l3.2-3.2", "M2.5 10.5v2a1 1 0 0 0 1 1h9a1 1 0 0 0 1-1v-2"])
}

pub(crate) fn empty() -> Markup {
    icon(&["M3.5 2.5h6l3 3v8h-9z", "M9.5 2.5v3h3", "M6 9.5h4M6 11.5h2.5"])
}

pub(crate) fn tone(tone: Tone) -> Markup {
    match tone {
        Tone::Neutral => icon(&["M8 5v3.5l2 1.5", "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z"]),
        Tone::Good => icon(&["M5.2 8.2l2 2 3.6-4.2", "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z"]),
        Tone::Warning => icon(&["M8 2.2L14.3 13H1.7z", "M8 6.5v3M8 11.4v.1"]),
        Tone::Bad => icon(&["M8 4.8v3.7M8 11v.1", "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z"]),
    }
}
