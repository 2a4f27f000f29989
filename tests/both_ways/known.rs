//! What a tracker says, as text that can be compared, whichever way it took.

use std::fmt::Write as _;

use handshake_watch::tcp::Side;
use handshake_watch::track::Connection;

/// All that a connection tells to others.
pub(crate) fn known(connection: &Connection) -> String {
    let mut text = String::new();
    for side in [Side::Client, Side::Server] {
        let _ = write!(
            text,
            "{:?} {:?} {:?} {:?} ",
            connection.endpoint(side),
            connection.peer(side),
            connection.state_before(side),
            connection.goodput(side),
        );
    }
    let _ = write!(
        text,
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} ",
        connection.id(),
        connection.roles(),
        connection.handshake(),
        connection.negotiated(),
        connection.frames(),
        connection.start(),
        connection.end(),
        connection.verdict(),
    );
    let _ = write!(
        text,
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {} {} {}",
        connection.opened(),
        connection.ended(),
        connection.closed_by(),
        connection.evidence(),
        connection.troubles(),
        connection.longest_wait(),
        connection.icmp_error(),
        connection.originator(),
        connection.conn_state(),
        connection.history(),
        connection.completeness(),
        connection.evicted(),
    );
    text
}
