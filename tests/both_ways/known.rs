//! What a tracker says, as text that can be compared, whichever way it took.

use handshake_watch::explain;
use handshake_watch::render::json;
use handshake_watch::tcp::Side;
use handshake_watch::track::Connection;

/// All that a connection tells to others: what JSON has of it, and what else there is. Other words about it are made of
/// the same.
pub(crate) fn known(connection: &Connection) -> String {
    let mut text = Vec::new();
    explain::with_connection_facts(connection, |facts| json::connection(&mut text, facts));
    let sides = [Side::Client, Side::Server];
    format!(
        "{}{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        String::from_utf8_lossy(&text),
        sides.map(|side| (connection.peer(side), connection.state_before(side))),
        sides.map(|side| (connection.last_state(side), connection.goodput(side))),
        sides.map(|side| connection.may_have_received(side)),
        connection.reset_without_ack(),
        connection.handshake(),
        connection.negotiated(),
        connection.troubles(),
        connection.syn_heard(),
        connection.end(),
        connection.longest_wait(),
        connection.icmp_error(),
        connection.is_self(),
    )
}
