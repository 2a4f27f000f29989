//! What an audience is asked before a packet is shown, without giving away what it is.

use super::reach::Reach;
use std::fmt::Write;

/// The question before the next packet, from what can be known by then.
#[must_use]
pub fn what_next(reach: Option<[Reach; 2]>) -> String {
    ask(
        "What comes next? Who sends it, and with which flags?",
        reach,
    )
}

/// The question before the next event on a wire, where both ends are seen.
#[must_use]
pub fn what_happens_next(reach: Option<[Reach; 2]>) -> String {
    ask(
        "What happens next? At which end, and does a packet leave there or arrive?",
        reach,
    )
}

fn ask(question: &str, reach: Option<[Reach; 2]>) -> String {
    let mut question = question.to_owned();
    let [client, server] = reach.unwrap_or_default().map(|reach| reach.next);
    // Writing to a String cannot fail.
    let _ = match (client, server) {
        (Some(client), Some(server)) => write!(
            question,
            " The client's next number would be {client}, the server's {server}."
        ),
        (Some(client), None) => write!(question, " The client's next number would be {client}."),
        (None, Some(server)) => write!(question, " The server's next number would be {server}."),
        (None, None) => Ok(()),
    };
    question
}

/// The question when no packet follows.
#[must_use]
pub const fn how_it_ends() -> &'static str {
    "No packet follows. How did it end, and in which state is each end?"
}
