#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    claimgate::fuzzing::path(input);
});
