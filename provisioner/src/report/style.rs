//! Colours, live lines and widths: what narration may use.

/// How narration looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Colours may be used.
    pub colour: bool,
    /// Live lines may be drawn.
    pub live: bool,
    /// Columns of the terminal that data is printed on; off a terminal nothing is cut.
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
    /// For what succeeded or is added.
    good => "32",
    /// For what failed or is deleted.
    bad => "31",
    /// For what wants attention or is changed.
    warn => "33",
    /// For what one may skip.
    dim => "2",
    /// For headings and names.
    strong => "1",
}
