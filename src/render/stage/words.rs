//! The few words of a screen that are not about TCP: keys, counters, what is folded.

use crate::render::quantity::Plural;

/// The state line says how many rows have scrolled away.
pub(super) fn above(rows: u64) -> String {
    format!("{} above", Plural(rows, "row"))
}

/// Key lines for a packet that is held, from the longest to the shortest.
pub(super) const NEXT: [&str; 4] = [
    "Space next   Backspace back   ? what does this mean   r restart   q quit",
    "Space next  Backspace back  ? meaning  r restart  q quit",
    "Space next  Backspace  ? r q",
    "Space ? q",
];

/// Where nothing follows.
pub(super) const LAST: [&str; 4] = [
    "the end   Backspace back   ? what does this mean   r restart   q quit",
    "the end  Backspace back  ? meaning  r restart  q quit",
    "the end  Backspace  ? r q",
    "end ? r q",
];

/// Where the next packet has not been captured yet.
pub(super) const WAIT: [&str; 4] = [
    "waiting for packets   Backspace back   ? what does this mean   q quit",
    "waiting for packets  Backspace back  ? meaning  q quit",
    "waiting  Backspace  ? q",
    "waiting q",
];

/// Where packets come by themselves.
pub(super) const PLAYS: [&str; 4] = [
    "Space holds   Backspace back   ? what does this mean   r restart   q quit",
    "Space holds  Backspace back  ? meaning  r restart  q quit",
    "Space holds  ? r q",
    "Space ? q",
];

/// Where packets would come by themselves, and are held.
pub(super) const HELD: [&str; 4] = [
    "Space next   p plays on   Backspace back   ? meaning   r restart   q quit",
    "Space next  p plays on  Backspace back  ? help  q quit",
    "Space next  p plays  ? r q",
    "Space p ? q",
];

/// While words are explained and there are more of them.
pub(super) const HELP: [&str; 3] = [
    "Space more   Esc back to the packets",
    "Space more  Esc back",
    "Esc back",
];

/// While the last words are explained.
pub(super) const HELP_END: [&str; 2] = ["Esc back to the packets", "Esc back"];

/// Before the other keys where the explanation goes on.
pub(super) const MORE: &str = "↓ more  ";
/// The same in ASCII.
pub(super) const MORE_ASCII: &str = "v more  ";
