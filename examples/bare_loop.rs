//! Reads a capture file with libpcap, one packet after the other, and does nothing with them: what `make bench` compares
//! with. `bare_loop FILE` prints packets and captured bytes.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::process::ExitCode;

use pcap::{Capture, Error};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: bare_loop FILE");
        return ExitCode::FAILURE;
    };
    match read(path.as_ref()) {
        Ok((packets, bytes)) => {
            println!("{packets} {bytes}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &std::path::Path) -> Result<(u64, u64), Error> {
    let mut capture = Capture::from_file(path)?;
    let (mut packets, mut bytes) = (0, 0);
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                packets += 1;
                bytes += packet.data.len() as u64;
            }
            Err(Error::NoMorePackets) => return Ok((packets, bytes)),
            Err(error) => return Err(error),
        }
    }
}
