//! A whole connection as a [`Story`].

use super::step::{Narrator, Wording};
use super::story::{Story, Title};
use super::verdict::conclusion;
use super::words::Count;
use crate::tcp::{Segment, Side};
use crate::track::{Change, Connection, Roles, Verdict};

/// Tells a connection that is over from its kept segments, which may be fewer than it had.
pub fn story<'a>(
    connection: &Connection,
    interface: Option<&str>,
    kept: impl IntoIterator<Item = (&'a Segment, &'a Change)>,
    wording: Wording,
) -> Story {
    let mut narrator = Narrator::afterwards(wording);
    let steps = kept
        .into_iter()
        .map(|(segment, change)| narrator.step(segment, change, connection))
        .collect();
    Story {
        title: title(connection, interface, true),
        client_before: connection.state_before(Side::Client),
        server_before: connection.state_before(Side::Server),
        steps,
        conclusion: conclusion(connection),
    }
}

/// The line above a connection's ladder. `over`: its packets can be counted.
#[must_use]
pub fn title(connection: &Connection, interface: Option<&str>, over: bool) -> Title {
    let assumed = connection.roles() == Roles::Assumed;
    let packets =
        connection.peer(Side::Client).counts.packets + connection.peer(Side::Server).counts.packets;
    let mut remark = interface.map_or_else(String::new, |name| format!("on {name}"));
    if over {
        let comma = if remark.is_empty() { "" } else { ", " };
        remark = format!("{remark}{comma}{}", Count(packets, "packet"));
    }
    Title {
        id: connection.id(),
        client: connection.endpoint(Side::Client),
        client_role: if assumed { "client, assumed" } else { "client" },
        server: connection.endpoint(Side::Server),
        server_role: match connection.verdict() {
            Verdict::Refused if over => "no server",
            _ if assumed => "server, assumed",
            _ => "server",
        },
        remark,
    }
}
