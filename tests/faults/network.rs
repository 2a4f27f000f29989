//! The network changes while it is watched.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

use super::saved::packets;
use super::watching::{Server, Watching};
use super::{in_private_network, skipped, tool};

/// Whoever restarts an interface wants to see what happens then.
#[test]
fn an_interface_may_go_down_and_come_up_again() {
    in_private_network(|| {
        let server = Server::new();
        let mut watching = Watching::start(server.port(), &[]);
        server.exchange();
        watching.line_with("\"FIN\"");
        for state in ["down", "up"] {
            if !tool(&["ip", "link", "set", "lo", state]) {
                return;
            }
        }
        assert!(watching.is_running());
        server.exchange();
        watching.line_with("\"connection\":2,");
        watching.signal(Signal::SIGINT);
        let end = watching.end();
        assert_eq!(end.status.code(), Some(0), "{}", end.errors);
        assert_eq!(end.total("connections"), 2);
    });
}

#[test]
fn an_interface_that_disappears_ends_the_watch_and_says_so() {
    in_private_network(|| {
        let device = ["ip", "tuntap", "add", "name", "gone0", "mode", "tun"];
        if !tool(&device) || !tool(&["ip", "link", "set", "gone0", "up"]) {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("frames.pcapng");
        let file = path.to_str().expect("a plain name");
        let watching = Watching::start(1712, &["-i", "gone0", "-w", file]);
        assert!(tool(&["ip", "link", "delete", "gone0"]));
        let end = watching.end();
        assert_eq!(end.status.code(), Some(3), "{}", end.errors);
        assert_eq!(end.errors.lines().count(), 1, "{}", end.errors);
        assert_eq!(end.total("frames"), 0);
        assert!(packets(&path).is_empty(), "a valid capture of nothing");
    });
}

#[test]
fn ten_thousand_connections_at_once_are_all_told() {
    const CONNECTIONS: u64 = 10_000;
    in_private_network(|| {
        // Both ends of each, and what the test has open otherwise.
        let needed = 2 * CONNECTIONS + 200;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        if soft < needed && setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard).is_err()
            || hard < needed
        {
            return skipped("not enough descriptors: ulimit -n");
        }
        let server = Server::new();
        let watching = Watching::start(server.port(), &["-o", "/dev/stdout"]);
        let ends: Vec<_> = (0..CONNECTIONS).map(|_| server.connection()).collect();
        watching.signal(Signal::SIGINT);
        let end = watching.end();
        drop(ends);
        assert_eq!(end.status.code(), Some(0), "{}", end.errors);
        assert_eq!(end.total("connections"), CONNECTIONS);
        assert_eq!(end.total("tcp_segments"), 3 * CONNECTIONS);
        assert_eq!(end.total("capture_dropped") + end.total("evicted"), 0);
        let open = |line: &&String| line.contains("\"verdict\":\"open\"");
        let count = end.of_type("connection").filter(open).count();
        assert_eq!(count as u64, CONNECTIONS);
    });
}
