//! A story of a wire whose every text is hostile, drawn with both of its ends.

#![no_main]

use handshake_watch_fuzz::chance::Chance;
use handshake_watch_fuzz::drive::Manner;
use handshake_watch_fuzz::story;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut chance = Chance::Given(data);
    let manner = Manner::any(&mut chance);
    story::on_wire(&mut chance, &manner);
});
