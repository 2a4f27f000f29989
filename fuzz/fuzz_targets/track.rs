//! Segments and ICMP errors of the fuzzer's choice, tracked to the end; the books have to balance.

#![no_main]

use handshake_watch_fuzz::chance::Chance;
use handshake_watch_fuzz::drive::Manner;
use handshake_watch_fuzz::scene;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut chance = Chance::Given(data);
    let mut manner = Manner::any(&mut chance);
    // Rendering has targets of its own.
    manner.told = 16;
    scene::play(&mut chance, &manner, 400);
});
