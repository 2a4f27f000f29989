//! The built-in server and client against each other and against peers of other makes, without capturing.

#[macro_use]
mod skipped;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use handshake_watch::calls::{Call, CallName};
use handshake_watch::lab::LabError;
use handshake_watch::lab::client::{self, Ending, Errand};
use handshake_watch::lab::scenario::{Scenario, TIME_LIMIT};
use handshake_watch::lab::server::{Report, Server};
use handshake_watch::tcp::Side;

/// More than any of these exchanges needs, and less than anyone waits.
const PATIENCE: Duration = Duration::from_secs(20);

fn server_on(port: u16) -> Result<(Server, Receiver<Report>), LabError> {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    let listener = Arc::new(move |report| {
        let _ = sender.lock().expect("no test panics here").send(report);
    });
    Ok((Server::start(port, listener)?, receiver))
}

fn any_server() -> (Server, Receiver<Report>) {
    server_on(0).expect("some port is free")
}

/// The first report that `wanted` picks.
fn wait_for<T>(reports: &Receiver<Report>, mut wanted: impl FnMut(&Report) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let report = reports.recv_timeout(left).expect("the server reports it");
        if let Some(found) = wanted(&report) {
            return found;
        }
    }
}

fn message(report: &Report) -> Option<Vec<u8>> {
    match report {
        Report::Message(_, bytes) => Some(bytes.clone()),
        _ => None,
    }
}

fn closed(report: &Report) -> Option<SocketAddr> {
    match report {
        Report::Closed(peer) => Some(*peer),
        _ => None,
    }
}

/// An errand to 127.0.0.1 only.
fn errand(port: u16) -> Errand {
    Errand {
        addresses: vec![(Ipv4Addr::LOCALHOST, port).into()],
        ..Errand::local(port)
    }
}

fn run(errand: &Errand) -> (Result<client::Outcome, LabError>, Vec<Call>) {
    let mut calls = Vec::new();
    let outcome = client::run(errand, &mut |call| calls.push(call));
    (outcome, calls)
}

#[test]
fn the_server_tells_what_the_client_said_and_that_it_closed() {
    let (server, reports) = any_server();
    let (outcome, calls) = run(&errand(server.port()));
    let outcome = outcome.expect("the server accepts");
    assert_eq!(outcome.ending, Ending::Closed);
    assert_eq!(outcome.answer, b"");
    assert_eq!(wait_for(&reports, message), b"Hello server!");
    assert_eq!(Some(wait_for(&reports, closed)), outcome.local);

    let names: Vec<CallName> = calls.iter().map(|call| call.call).collect();
    assert_eq!(
        names,
        [
            CallName::Socket,
            CallName::Connect,
            CallName::Send,
            CallName::Shutdown,
            CallName::Recv,
            CallName::Close
        ]
    );
    assert!(calls.iter().all(|call| call.side == Side::Client));
    assert!(calls.windows(2).all(|two| two[0].time <= two[1].time));
    assert_eq!(calls[2].result, Some(13));
    let ends = calls[1].socket.expect("connected");
    assert_eq!(ends.destination.port, server.port());
}

#[test]
fn the_server_reports_its_calls_in_order() {
    let (server, reports) = any_server();
    run(&errand(server.port())).0.expect("the server accepts");
    let both = server.addresses().len();
    let mut names = Vec::new();
    wait_for(&reports, |report| {
        if let Report::Call(call) = report {
            names.push(call.call);
        }
        closed(report)
    });
    let opening = [CallName::Socket, CallName::Bind].repeat(both);
    let opening = [opening, [CallName::Listen].repeat(both)].concat();
    assert_eq!(names[..3 * both], opening);
    assert_eq!(
        names[3 * both..],
        [
            CallName::Accept,
            CallName::Recv,
            CallName::Recv,
            CallName::Close
        ]
    );
}

#[test]
fn a_long_message_is_read_in_pieces_of_at_most_1024_bytes() {
    let (server, reports) = any_server();
    let long = Errand {
        message: vec![b'x'; 5000],
        ..errand(server.port())
    };
    run(&long).0.expect("the server accepts");
    let mut total = 0;
    wait_for(&reports, |report| {
        if let Report::Message(_, bytes) = report {
            assert!(bytes.len() <= 1024);
            total += bytes.len();
        }
        closed(report)
    });
    assert_eq!(total, 5000);
}

#[test]
fn several_clients_are_served_at_once() {
    let (server, reports) = any_server();
    let address = (Ipv4Addr::LOCALHOST, server.port());
    // The first one connects and says nothing until the second is done.
    let mut first = TcpStream::connect(address).expect("accepted");
    let mut second = TcpStream::connect(address).expect("accepted");
    second.write_all(b"second").expect("sent");
    drop(second);
    assert_eq!(wait_for(&reports, message), b"second");
    wait_for(&reports, closed);
    first.write_all(b"first").expect("sent");
    assert_eq!(wait_for(&reports, message), b"first");
}

#[test]
fn stopping_frees_the_port_at_once_even_with_clients_and_time_wait() {
    let (server, reports) = any_server();
    let port = server.port();
    run(&errand(port)).0.expect("the server accepts");
    let mut idle = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("accepted");
    let own = idle.local_addr().expect("connected");
    // One that the server has not accepted yet would be reset by its kernel instead.
    wait_for(&reports, |report| {
        (*report == Report::Connected(own)).then_some(())
    });
    server.stop();
    assert_eq!(idle.read(&mut [0; 8]).expect("closed in order"), 0);
    let (again, _reports) = server_on(port).expect("the port is free again");
    assert_eq!(again.port(), port);
}

#[test]
fn a_taken_port_is_reported_as_taken() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
    let port = taken.local_addr().expect("bound").port();
    match server_on(port) {
        Err(LabError::PortBusy { address }) => assert_eq!(address.port(), port),
        other => panic!("expected a busy port, got {:?}", other.err()),
    }
}

#[test]
fn nobody_listening_is_a_refusal_of_the_first_address() {
    // Bound, so that nobody else takes it, and not listening.
    let holder =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    holder.bind(&any.into()).expect("some port is free");
    let address = holder.local_addr().expect("bound").as_socket().expect("IP");
    let (outcome, calls) = run(&errand(address.port()));
    match outcome {
        Err(LabError::NotConnected { address: to, error }) => {
            assert_eq!(to, address);
            assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
    let connect = calls.last().expect("it tried");
    assert_eq!(connect.call, CallName::Connect);
    assert_eq!(connect.errno_name(), Some("ECONNREFUSED"));
}

#[test]
fn the_second_address_is_tried_when_the_first_refuses() {
    let Ok(only_v6) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        skipped!("this machine has no ::1");
        return;
    };
    let port = only_v6.local_addr().expect("bound").port();
    let closer = std::thread::spawn(move || drop(only_v6.accept()));
    let (outcome, calls) = run(&Errand::local(port));
    closer.join().expect("accepted");
    let connects: Vec<bool> = calls
        .iter()
        .filter(|call| call.call == CallName::Connect)
        .map(|call| call.errno.is_none())
        .collect();
    // Some other program could listen on 127.0.0.1 at this number, and then the second address is not needed.
    if connects == [true] {
        skipped!("another program has port {port} on 127.0.0.1");
        return;
    }
    assert_eq!(connects, [false, true]);
    assert!(outcome.expect("accepted on ::1").server.is_ipv6());
}

#[test]
fn a_server_that_never_closes_is_given_up() {
    let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
    let hurried = Errand {
        timeout: Duration::from_millis(200),
        ..errand(mute.local_addr().expect("bound").port())
    };
    // The kernel completes the handshake; nobody ever accepts.
    let (outcome, calls) = run(&hurried);
    assert_eq!(outcome.expect("connected").ending, Ending::GivenUp);
    assert_eq!(
        calls.last().map(|call| call.call),
        Some(CallName::Close),
        "it lets go"
    );
}

#[test]
fn both_scenarios_play_within_their_time() {
    for name in ["handshake", "refused"] {
        let scenario = Scenario::named(name).expect("in the catalogue");
        // Below the ports that this system hands out by itself, so that no other test can be given it meanwhile.
        let port = 21_712;
        let begin = Instant::now();
        let stage = scenario
            .prepare(port, Arc::new(|_| ()))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        scenario
            .play(&stage)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(begin.elapsed() < TIME_LIMIT);
    }
}

/// A server that reads to the end, answers, and closes.
const PYTHON_SERVER: &str = r#"
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 0))
listener.listen(1)
print(listener.getsockname()[1], flush=True)
peer, _ = listener.accept()
data = b""
while piece := peer.recv(1024):
    data += piece
peer.sendall(b"you said " + data)
peer.close()
"#;

const PYTHON_CLIENT: &str = r#"
import socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10)
peer.sendall(b"Hello from Python")
peer.close()
"#;

fn python(script: &str, argument: &str) -> Option<Child> {
    let child = Command::new("python3")
        .args(["-c", script, argument])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    match child {
        Ok(child) => Some(child),
        Err(error) => {
            skipped!("python3 cannot be started ({error}); install it to run this test");
            None
        }
    }
}

#[test]
fn a_python_server_is_listened_to() {
    let Some(mut child) = python(PYTHON_SERVER, "") else {
        return;
    };
    let mut port = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.as_mut().expect("piped")),
        &mut port,
    )
    .expect("it says its port");
    let (outcome, _) = run(&errand(port.trim().parse().expect("a number")));
    child.wait().expect("it ends");
    let outcome = outcome.expect("the server accepts");
    assert_eq!(outcome.answer, b"you said Hello server!");
    assert_eq!(outcome.ending, Ending::Closed);
}

#[test]
fn a_python_client_is_served() {
    let (server, reports) = any_server();
    let Some(mut child) = python(PYTHON_CLIENT, &server.port().to_string()) else {
        return;
    };
    assert_eq!(wait_for(&reports, message), b"Hello from Python");
    wait_for(&reports, closed);
    assert!(child.wait().expect("it ends").success());
}
