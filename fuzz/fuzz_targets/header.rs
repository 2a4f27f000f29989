//! A TCP header of any bytes, drawn as the RFC draws it.

#![no_main]

use handshake_watch_fuzz::chance::Chance;
use handshake_watch_fuzz::drive::Manner;
use handshake_watch_fuzz::story;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut chance = Chance::Given(data);
    let manner = Manner::any(&mut chance);
    story::header(&mut chance, &manner);
});
