//! The gate's own log lines: one JSON object a line, or readable text on a terminal.
