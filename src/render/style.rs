//! How output looks: its width, its characters, its colours, and how much is said.
//!
//! Comes in: what the user asked for, or what the terminal can do, decided elsewhere. Goes out: plain values. Meaning
//! never rests on colour: whatever has an [`Ink`] also has a word or a shape.

use anstyle::{AnsiColor, Effects};

/// Everything that renderers may ask about the wanted output.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent switch of the command line"
)]
pub struct Style {
    /// No line is wider than this.
    pub width: Width,
    /// Which characters drawings are made of.
    pub glyphs: Glyphs,
    /// Whether to write ANSI colours.
    pub color: bool,
    /// How much is explained under a packet.
    pub explain: Explain,
    /// What the time column shows.
    pub time: TimeColumn,
    /// Whether uneventful stretches are folded into one row.
    pub fold: bool,
    /// Whether payload bytes are wanted under each packet; whoever has the bytes asks this.
    pub payload: bool,
    /// For the last row of a lecture hall: bold, the arrows wide, nothing beside them but the states.
    pub big: bool,
    /// Whether column names stand above a ladder; the second ladder in a row needs none.
    pub legend: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            width: Width::default(),
            glyphs: Glyphs::Unicode,
            color: false,
            explain: Explain::Brief,
            time: TimeColumn::Relative,
            fold: true,
            payload: false,
            big: false,
            legend: true,
        }
    }
}

/// Columns of a line, 20 to 1000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Width(usize);

impl Width {
    /// Narrower than this no sentence can be read.
    pub const MIN: usize = 20;
    /// Wider than this no line is filled; it also bounds the memory of one line.
    pub const MAX: usize = 1000;

    /// The nearest permitted width.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self(columns.clamp(Self::MIN, Self::MAX))
    }

    /// The number of columns.
    #[must_use]
    pub const fn columns(self) -> usize {
        self.0
    }
}

impl Default for Width {
    /// The width of a terminal that nobody changed, and of text in a document.
    fn default() -> Self {
        Self(80)
    }
}

/// Which characters drawings are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Glyphs {
    /// Lines, arrows and signs of Unicode.
    Unicode,
    /// Nothing but ASCII, text included.
    Ascii,
}

/// A glyph of one column, many times, so that a line of it is one copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    text: &'static str,
    /// Bytes of one glyph.
    glyph: usize,
}

/// Glyphs in a run: as many as the longest arrow has.
const RUN: usize = 64;

/// A run of one character.
macro_rules! run {
    ($glyph:literal) => {{
        const GLYPH: &[u8] = $glyph.as_bytes();
        const BYTES: [u8; RUN * GLYPH.len()] = {
            let mut bytes = [0; RUN * GLYPH.len()];
            let mut at = 0;
            while at < bytes.len() {
                bytes[at] = GLYPH[at % GLYPH.len()];
                at += 1;
            }
            bytes
        };
        const TEXT: &str = match std::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("whole characters"),
        };
        Run {
            text: TEXT,
            glyph: GLYPH.len(),
        }
    }};
}

/// Spaces, in every set.
pub(super) const SPACES: Run = run!(" ");

impl Run {
    /// Appends `count` glyphs.
    #[inline]
    pub(super) fn push_to(self, text: &mut String, mut count: usize) {
        while count > RUN {
            text.push_str(self.text);
            count -= RUN;
        }
        text.push_str(&self.text[..count * self.glyph]);
    }
}

/// The characters of one set.
#[derive(Debug)]
pub(super) struct GlyphSet {
    pub(super) rule: Run,
    pub(super) heavy: Run,
    pub(super) to_right: &'static str,
    pub(super) to_left: &'static str,
    pub(super) lost: &'static str,
    pub(super) dots: &'static str,
    pub(super) ellipsis: &'static str,
    pub(super) arrow: &'static str,
    pub(super) delta: &'static str,
    pub(super) good: &'static str,
    pub(super) bad: &'static str,
    pub(super) neutral: &'static str,
}

static UNICODE: GlyphSet = GlyphSet {
    rule: run!("─"),
    heavy: run!("━"),
    to_right: "▶",
    to_left: "◀",
    lost: "╳",
    dots: "···",
    ellipsis: "…",
    arrow: "→",
    delta: "Δ",
    good: "✔",
    bad: "✗",
    neutral: "·",
};

static ASCII: GlyphSet = GlyphSet {
    rule: run!("-"),
    heavy: run!("="),
    to_right: ">",
    to_left: "<",
    lost: "X",
    dots: "...",
    ellipsis: "...",
    arrow: "->",
    delta: "delta",
    good: "ok",
    bad: "x",
    neutral: "-",
};

impl Glyphs {
    /// The characters themselves.
    pub(super) fn set(self) -> &'static GlyphSet {
        match self {
            Self::Unicode => &UNICODE,
            Self::Ascii => &ASCII,
        }
    }
}

/// How much is explained under a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Explain {
    /// Nothing but the packets
    None,
    /// One clause, and only where there is trouble.
    #[value(skip)]
    AtTrouble,
    /// One clause a packet
    Brief,
    /// A paragraph a packet, made from its numbers
    Full,
}

/// What the time column shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum TimeColumn {
    /// Since the connection's first packet
    #[default]
    Relative,
    /// Since the connection's previous packet
    Delta,
    /// Time of day in UTC
    Absolute,
}

/// What a piece of text is, as far as its colour depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ink {
    /// Ordinary text.
    Plain,
    /// Numbers and times that should not compete with the drawing.
    Quiet,
    /// Titles, headings and states.
    Strong,
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// What is wrong.
    Problem,
}

impl Ink {
    /// One of the sixteen ANSI colours, so that the user's own palette decides; blue and yellow are told apart by all
    /// common kinds of colour vision, and both are readable on dark and on light ground.
    ///
    /// `big` makes everything bold that is not meant to stand back.
    pub(super) fn ansi(self, big: bool) -> anstyle::Style {
        match self {
            Self::Quiet => self.usual(),
            _ if big => self.usual().bold(),
            _ => self.usual(),
        }
    }

    const fn usual(self) -> anstyle::Style {
        let style = anstyle::Style::new();
        match self {
            Self::Plain => style,
            Self::Quiet => style.effects(Effects::DIMMED),
            Self::Strong => style.effects(Effects::BOLD),
            Self::ToServer => AnsiColor::Blue.on_default().effects(Effects::BOLD),
            Self::ToClient => AnsiColor::Yellow.on_default(),
            Self::Problem => AnsiColor::Magenta.on_default().effects(Effects::BOLD),
        }
    }
}
