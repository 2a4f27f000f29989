//! Arguments in, exit code out.

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let own = !arguments.iter().any(|argument| argument == "wireshark");
    handshake_watch::app::replay(arguments[2].as_ref(), own)
}
