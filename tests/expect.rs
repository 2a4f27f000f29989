//! `--expect` on the sample captures: every kind of expectation holds, and fails with the connection and the frame named.

#[expect(dead_code, reason = "other tests use the rest")]
mod samples;

use std::process::Output;

/// A capture, an expectation that holds, one that does not, and what is said about that.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "handshake.pcapng",
        "verdict=closed",
        "verdict=reset",
        "it is closed (frame 8)",
    ),
    (
        "refused.pcapng",
        "verdict=refused",
        "verdict=closed",
        "it is refused (frame 2)",
    ),
    (
        "no-answer.pcapng",
        "verdict=no_answer",
        "verdict=refused",
        "it is no_answer (frame 4)",
    ),
    (
        "handshake.pcapng",
        "opened=handshake",
        "opened=none",
        "opened is handshake (frame 1)",
    ),
    (
        "self-connect.pcapng",
        "opened=self_connect",
        "opened=simultaneous",
        "opened is self_connect (frame 1)",
    ),
    (
        "refused.pcapng",
        "opened=none",
        "opened=handshake",
        "opened is none (frame 1)",
    ),
    (
        "handshake.pcapng",
        "ended=fin",
        "ended=reset",
        "ended is fin (frame 8)",
    ),
    (
        "reset.pcapng",
        "ended=reset",
        "ended=none",
        "ended is reset (frame 6)",
    ),
    (
        "reset.pcapng",
        "closed_by=client",
        "closed_by=server",
        "closed_by is client (frame 6)",
    ),
    (
        "unread.pcapng",
        "closed_by=server",
        "closed_by=none",
        "closed_by is server (frame 6)",
    ),
    (
        "handshake.pcapng",
        "retransmissions=0",
        "retransmissions>0",
        "there are 0",
    ),
    (
        "no-answer.pcapng",
        "retransmissions<=3",
        "retransmissions<3",
        "there are 3, the first in frame 2",
    ),
    (
        "zero-window.pcapng",
        "label=zero_window",
        "no-label=zero_window",
        "frame 7 has it",
    ),
    (
        "keep-alive.pcapng",
        "label=keep_alive",
        "no-label=keep_alive",
        "frame 6 has it",
    ),
    (
        "handshake.pcapng",
        "no-label=duplicate_ack",
        "label=duplicate_ack",
        "no segment has it (frames up to 8)",
    ),
    (
        "handshake.pcapng",
        "trouble=none",
        "trouble=server_silent",
        "there is no such trouble (frames up to 8)",
    ),
    (
        "zero-window.pcapng",
        "trouble=receiver_full",
        "trouble=none",
        "there is receiver_full (frames 7 to 11)",
    ),
    (
        "handshake.pcapng",
        "SYN, SYN-ACK, ACK",
        "SYN, SYN-ACK, RST",
        "frame 3 is ACK instead of RST",
    ),
    (
        "refused.pcapng",
        "SYN, RST-ACK",
        "SYN, RST-ACK, SYN",
        "it ends after frame 2",
    ),
    (
        "handshake.pcapng",
        "SYN, SYN-ACK, ACK, ACK",
        "SYN, SYN-ACK, PSH-ACK",
        "frame 3 is ACK instead of PSH-ACK",
    ),
    (
        "four-packets.pcapng",
        "SYN, SYN-ACK, ACK, PSH-ACK, ACK, FIN-ACK, ACK, FIN-ACK, ACK",
        "SYN, SYN-ACK, ACK, PSH-ACK, ACK, FIN-ACK, FIN-ACK, ACK",
        "frame 7 is ACK instead of FIN-ACK",
    ),
];

#[test]
fn what_holds_ends_with_0_and_what_does_not_with_1() {
    for (capture, holds, fails, found) in CASES {
        let output = expect(capture, &[], &[holds]);
        assert_eq!(output.status.code(), Some(0), "{capture} {holds}");
        assert_eq!(errors(&output), "", "{capture} {holds}");

        let output = expect(capture, &[], &[fails]);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{capture} {fails}: {errors}");
        assert!(
            errors.contains("connection 1 (127.0.0.1:")
                && errors.contains(&format!("expected {fails}, but {found}")),
            "{capture} {fails}: {errors}"
        );
        assert_eq!(errors.lines().count(), 1, "{capture} {fails}: {errors}");
    }
}

/// The result itself is the same, whatever was expected of it.
#[test]
fn standard_output_does_not_change() {
    let without = expect("handshake.pcapng", &[], &[]);
    assert!(!without.stdout.is_empty());
    for expectation in ["verdict=closed", "verdict=reset"] {
        let output = expect("handshake.pcapng", &[], &[expectation]);
        assert_eq!(output.stdout, without.stdout, "{expectation}");
    }
}

#[test]
fn every_expectation_must_hold() {
    let all = [
        "verdict=closed",
        "closed_by=server",
        "trouble=none",
        "ended=reset",
    ];
    let output = expect("handshake.pcapng", &[], &all);
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(errors.lines().count(), 2, "{errors}");
    assert!(errors.contains("closed_by is client"), "{errors}");
    assert!(errors.contains("ended is fin"), "{errors}");
}

#[test]
fn every_selected_connection_is_meant() {
    let output = expect("several.pcapng", &[], &["verdict=closed"]);
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.lines().count(), 2, "{said}");
    for part in [
        "connection 3 (127.0.0.1:",
        "to 127.0.0.1:1713): expected verdict=closed, but it is refused (frame 10)",
        "connection 4 (127.0.0.1:",
        "expected verdict=closed, but it is reset",
    ] {
        assert!(said.contains(part), "{said}");
    }
    for selection in [
        &["--connection", "1", "--connection", "2"][..],
        &["--verdict", "closed"],
        &["--filter", "ip6"],
    ] {
        let output = expect("several.pcapng", selection, &["verdict=closed"]);
        assert_eq!(output.status.code(), Some(0), "{selection:?}");
        assert_eq!(errors(&output), "", "{selection:?}");
    }
    let output = expect(
        "several.pcapng",
        &["--connection", "3"],
        &["verdict=closed"],
    );
    assert_eq!(output.status.code(), Some(1));
}

/// A test that looks at nothing must not pass.
#[test]
fn nothing_selected_is_not_as_expected() {
    for selection in [&["--verdict", "open"][..], &["--filter", "port 9"]] {
        let output = expect("handshake.pcapng", selection, &["trouble=none"]);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{selection:?}: {errors}");
        assert!(errors.contains("no connection was selected"), "{errors}");
    }
}

fn expect(capture: &str, selection: &[&str], expectations: &[&str]) -> Output {
    let file = format!("captures/{capture}");
    let mut arguments = vec!["replay", &file, "--format", "json"];
    arguments.extend(selection);
    for expectation in expectations {
        arguments.extend(["--expect", expectation]);
    }
    samples::run(&arguments)
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}
