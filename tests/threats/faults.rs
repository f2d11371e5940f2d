//! The page of faults: what fails, what comes of it, and the tests that make it fail. Tests keep their own names; each that a row names must exist.
//! `CLAIMGATE_BLESS=1 cargo test --test threats` writes `docs/faults.md` anew.

use std::fmt::Write as _;
use std::path::Path;

use crate::found;

struct Fault {
    fault: &'static str,
    outcome: &'static str,
    tests: &'static [&'static str],
}

/// Title and rows, in the order of the page.
const SECTIONS: &[(&str, &[Fault])] = &[
    ("The issuer", ISSUER),
    ("The application", APPLICATION),
    ("Clients", CLIENTS),
    ("The machine, and operating it", MACHINE),
];

macro_rules! faults {
    ($($name:ident { $($fault:literal => $outcome:literal: $($test:ident)+;)* })*) => {
        $(const $name: &[Fault] = &[$(Fault { fault: $fault, outcome: $outcome, tests: &[$(stringify!($test)),+] }),*];)*
    };
}

faults! {
ISSUER {
"away at the start"
    => "503 `keys_unavailable` with `Retry-After`; alive and not ready; used at most 31 s after it comes up, or at once with the keys of the last run":
    k12_an_issuer_that_is_down_at_start
    k12_an_issuer_that_comes_up_a_minute_after_the_gate_has_been_asked_31_seconds_later
    k12_a_gate_that_is_started_while_the_issuer_is_away_serves_with_the_keys_of_its_last_run;
"away later"
    => "known keys are trusted for `max_stale`, then 503; ready as before":
    k06_the_last_good_set_is_trusted_for_max_stale_and_then_there_is_none
    test_an_issuer_that_is_down_at_start_and_later;
"slow, or hangs"
    => "left after 5 s (2 s to connect); known keys are not held up; one fetch at a time":
    k04_an_issuer_that_hangs_or_dribbles_is_left_in_time
    k04_a_host_that_drops_every_packet_is_left_in_time
    k04_a_stalling_issuer_holds_up_no_known_key
    k04_k05_a_flood_on_an_issuer_that_hangs_or_is_away_costs_it_no_more_than_its_failures_do;
"flaps"
    => "no answer with a known key is lost; a new key is used within a few refetches":
    an_issuer_that_flaps_costs_a_known_key_nothing_and_a_new_one_a_few_tries;
"wrong keys, HTML, nothing, an error, half a document, one without end"
    => "the last good set stays; a key that cannot be used is left out alone":
    k06_each_poisoned_body_keeps_the_last_good_set
    k06_no_poisoned_answer_takes_the_last_good_keys_away
    k06_one_bad_key_is_skipped_alone_and_shown;
"keys rotate with overlap"
    => "no false 401":
    test_rotation_with_overlap_costs_no_false_refusal
    test_ten_thousand_mixed_requests_while_keys_rotate_twice;
"keys rotate with a hard cut"
    => "401 `unknown_key` until the next refetch, `refetch_interval` at most":
    a_hard_cut_of_keys_is_over_with_the_next_refetch;
"another key under the same `kid`"
    => "found by the next refresh, or with `refetch_interval` by the first token that it signed":
    k08_a_new_key_under_an_old_kid_is_found
    k08_a_new_key_under_the_old_kid_takes_its_place;
"a key is removed"
    => "dead at the next refresh, remembered tokens too (`retention` longer)":
    k07_a_removed_key_is_dead_at_the_next_refresh
    k07_c05_a_removed_key_dies_with_the_next_fetch_cached_or_not;
"all of these together, in any order"
    => "every promise above, in thousands of simulated lives":
    k05_k06_k07_k08_k12_every_promise_holds_in_thousands_of_lives
    k02_k03_k04_k11_every_promise_holds_in_a_hundred_lives_of_the_whole_shell;
"a clock that is wrong, steps, or goes back"
    => "within `leeway` nothing changes; beyond it 401 `issued_in_future` or 401 `token_expired`; no panic":
    j29_a_wrong_clock_refuses_and_does_not_panic
    k06_a_clock_that_was_set_back_makes_no_snapshot_younger_on_the_same_start_of_the_machine;
}
APPLICATION {
"refuses the connection"
    => "502 `upstream_unreachable`; counted `unreachable`":
    an_application_that_is_not_there_is_a_502
    an_application_that_refuses_resets_or_stalls_is_not_a_refusal;
"a name that cannot be resolved"
    => "502 `upstream_unreachable`":
    a_name_that_nobody_knows_is_a_502_and_a_known_one_is_looked_up;
"closes or resets before its head is whole"
    => "502 `upstream_reset`; counted `reset`":
    an_answer_that_is_cut_anywhere_is_a_502_before_its_head_is_whole_and_never_whole_after
    a_fresh_connection_that_dies_is_not_tried_again;
"closes or resets in its answer"
    => "the client's connection is cut: no answer looks whole that is not; counted `reset`":
    an_answer_that_is_cut_anywhere_is_a_502_before_its_head_is_whole_and_never_whole_after
    a_truncated_answer_is_never_completed;
"answers with garbage, or with two readings"
    => "502 `upstream_reset`, or cut":
    an_answer_of_garbage_is_a_502_and_garbage_in_it_never_completes_it
    s14_an_answer_with_two_readings_is_a_502;
"closes its half of the connection after the answer"
    => "the answer is whole, the connection is not used again":
    an_application_that_only_closes_its_half_after_the_answer_is_answered_for
    connection_close_of_the_application_is_honoured_and_not_passed_on;
"stalls"
    => "504 `upstream_timeout` after `response_timeout`; its connection is given up; counted `timeout`":
    an_application_that_stalls_in_its_head_is_a_504_and_loses_its_connection
    an_application_that_does_not_answer_in_time_is_a_504_and_loses_its_connection
    the_response_timeout_runs_from_the_end_of_the_body;
"is slow, byte by byte and late, on both sides of the gate"
    => "no byte is changed":
    a_network_that_slices_and_delays_changes_no_byte;
"closes a kept connection while a request is on its way"
    => "a `GET`, `HEAD` or `OPTIONS` without a body, or what was never written, is tried once more; everything else is a 502":
    a_dead_reused_connection_is_tried_again_once_for_a_safe_request
    a_dead_reused_connection_is_not_tried_again_with_a_body_or_an_unsafe_method
    a_started_answer_is_not_tried_again
    an_application_that_closes_after_each_answer_loses_no_request;
"is killed under load"
    => "502 while it is away, served within a second when it is back":
    an_application_that_is_killed_under_load_costs_502_and_a_new_one_serves_at_once;
}
CLIENTS {
"leave: in the head, in the body, before the answer, in it; by FIN or reset"
    => "the request at the application is aborted at once, never completed; no descriptor stays open; counted `client_gone`":
    a_client_that_leaves_in_any_phase_takes_its_request_along_and_leaves_nothing_open
    a_client_that_leaves_in_the_middle_of_its_body_aborts_the_request
    a_client_that_leaves_before_the_answer_or_in_it_aborts_the_request
    a_client_that_stops_in_the_middle_of_its_body_completes_nothing;
"send nothing, slowly, or read nothing"
    => "closed by the limits of [http.md](http.md)":
    d01_a_silent_connection_ends_after_the_head_timeout
    d02_a_client_that_reads_nothing_is_cut_after_the_write_stall;
}
MACHINE {
"few file descriptors"
    => "fewer connections are let in, clients wait in the kernel's queue, open connections go on":
    d08_with_few_descriptors_clients_wait_and_open_connections_go_on
    d08_at_the_connection_limit_clients_wait_instead_of_being_turned_away;
"no file descriptor left"
    => "accepting pauses 100 ms at a time, open connections go on, and it recovers":
    d08_when_descriptors_run_out_accepting_pauses_and_recovers;
"nobody reads the log, or its disk is full"
    => "requests go on; lines are dropped and counted (`claimgate_log_lines_dropped_total`), none is torn":
    a_log_that_nobody_reads_costs_lines_and_no_request
    an_output_that_fails_counts_lines_as_dropped_and_the_writer_lives_on;
"a disk that takes no snapshot of keys"
    => "a warning":
    a_disk_that_fails_is_told_and_tried_again_and_nothing_else_notices
    a_directory_that_cannot_be_used_is_a_warning_and_never_a_failure;
"SIGTERM with requests, uploads and downloads under way"
    => "no new connection, not ready, what is under way ends, exit 0":
    sigterm_lets_requests_uploads_and_downloads_end_and_takes_no_new_ones
    test_sigterm_under_load_fails_no_request
    a_connection_that_the_kernel_let_in_before_the_drain_is_served;
"`shutdown.drain_timeout` is over"
    => "the rest is cut and never looks whole, exit 0":
    what_is_not_done_when_the_drain_is_over_is_cut_and_never_looks_whole;
"a second SIGTERM"
    => "ends at once, exit 1":
    a_second_sigterm_ends_now_with_1;
"a panic in a request"
    => "500 for that request, the others go on":
    a_panic_ends_one_request_only;
}
}

#[test]
fn the_page_of_faults_says_what_is_tested() {
    let files = found::names();
    let mut page = String::from(
        "# Faults\n\nWhat happens when a peer, the network or the machine fails: each row is made to happen by the tests that it names, and they ask for \
         exactly that outcome. Counters are those of `claimgate_upstream_requests_total{outcome}`.\n",
    );
    let mut missing = Vec::new();
    for (title, faults) in SECTIONS {
        write!(
            page,
            "\n## {title}\n\n| fault | outcome | tests |\n| --- | --- | --- |\n"
        )
        .unwrap();
        for row in *faults {
            let mut links = Vec::new();
            for test in row.tests {
                match files.get(*test) {
                    Some(file) => links.push(format!("[{test}](../{file})")),
                    None => missing.push(*test),
                }
            }
            writeln!(
                page,
                "| {} | {} | {} |",
                row.fault,
                row.outcome,
                links.join("<br>")
            )
            .unwrap();
        }
    }
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    if std::env::var_os("CLAIMGATE_BLESS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap_or_default() == page,
        "docs/faults.md: CLAIMGATE_BLESS=1 cargo test --test threats"
    );
}
