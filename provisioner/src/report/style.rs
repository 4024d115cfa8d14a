//! Colours, live lines and widths of messages.

/// Colours and width of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Colours may be used.
    pub colour: bool,
    /// Live lines may be drawn.
    pub live: bool,
    /// Columns of the terminal that data is printed on; without a terminal nothing is truncated.
    pub width: usize,
}

macro_rules! paint {
    ($($(#[doc = $doc:literal])+ $name:ident => $code:literal,)+) => {
        impl Style { $(
            $(#[doc = $doc])+
            pub fn $name(self, text: &str) -> String {
                if self.colour { format!(concat!("\u{1b}[", $code, "m{}\u{1b}[0m"), text) } else { text.to_owned() }
            }
        )+ }
    };
}

paint! {
    /// Success, additions.
    good => "32",
    /// Failures, deletions.
    bad => "31",
    /// Warnings, changes.
    warn => "33",
    /// Secondary text.
    dim => "2",
    /// Headings, names.
    strong => "1",
}
