//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    handshake_watch::app::main(std::env::args_os()).into()
}
