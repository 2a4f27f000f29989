//! Lines of JSON with hostile text in them: they parse, and give the text back.

#![no_main]

use handshake_watch_fuzz::chance::Chance;
use handshake_watch_fuzz::story;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    story::json(&mut Chance::Given(data));
});
