//! The gate's own log lines: one JSON object a line, or readable text on a terminal. Written by the same thread as the access lines, so
//! that they never mix and never block a request.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::access_log::timestamp;
use super::escape::{push_escaped, push_json, push_text};
use super::{Level, LineFormat, LineWriter};
use crate::clock::SystemClock;

/// Bound in bytes of a message and of a field.
const MAX_MESSAGE: usize = 4096;
const MAX_FIELD: usize = 1024;

/// Makes every `tracing` event of this process a line of `writer`. False: something else had been installed before, and stays.
pub fn install(level: Level, format: LineFormat, writer: LineWriter) -> bool {
    tracing::subscriber::set_global_default(subscriber(level, format, writer)).is_ok()
}

fn subscriber(
    level: Level,
    format: LineFormat,
    writer: LineWriter,
) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry()
        .with(LevelFilter::from(level))
        .with(Lines { format, writer })
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

struct Lines {
    format: LineFormat,
    writer: LineWriter,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said {
            format: self.format,
            message: String::new(),
            fields: String::new(),
        };
        event.record(&mut said);
        self.writer
            .line(said.line(event.metadata().level(), SystemClock::wall_milliseconds()));
    }
}

/// An event's message, and its fields as they will stand in the line.
struct Said {
    format: LineFormat,
    message: String,
    fields: String,
}

impl Said {
    fn line(&self, level: &tracing::Level, time: i64) -> String {
        let mut line = String::with_capacity(128 + self.message.len() + self.fields.len());
        let level = match *level {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        // Writing to a String cannot fail.
        match self.format {
            LineFormat::Json => {
                let _ = write!(
                    line,
                    "{{\"timestamp\":\"{}\",\"level\":\"{level}\",\"message\":",
                    timestamp(time)
                );
                push_json(&mut line, &self.message, MAX_MESSAGE);
                line.push_str(&self.fields);
                line.push('}');
            }
            LineFormat::Text => {
                let _ = write!(line, "{} {:>5} ", timestamp(time), level.to_uppercase());
                push_escaped(&mut line, &self.message, MAX_MESSAGE);
                line.push_str(&self.fields);
            }
        }
        line
    }

    /// `value` is JSON already: a number or a truth value.
    fn bare(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        let _ = write!(self.fields, "{value}");
    }

    fn string(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
            return;
        }
        self.name(field);
        match self.format {
            LineFormat::Json => push_json(&mut self.fields, value, MAX_FIELD),
            LineFormat::Text => push_text(&mut self.fields, value, MAX_FIELD),
        }
    }

    fn name(&mut self, field: &Field) {
        match self.format {
            LineFormat::Json => {
                self.fields.push(',');
                push_json(&mut self.fields, field.name(), MAX_FIELD);
                self.fields.push(':');
            }
            LineFormat::Text => {
                self.fields.push(' ');
                self.fields.push_str(field.name());
                self.fields.push('=');
            }
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.string(field, &format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.bare(field, value);
        } else {
            self.string(field, &value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::writer::tests::kept;
    use super::*;

    fn said(level: Level, format: LineFormat, say: impl FnOnce()) -> String {
        let (writer, kept) = kept();
        tracing::subscriber::with_default(subscriber(level, format, writer.clone()), say);
        assert!(writer.flush(Duration::from_secs(10)));
        kept.text()
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let line = said(Level::Info, LineFormat::Json, || {
            tracing::warn!(
                issuer = "staff",
                keys = 3,
                ok = true,
                ratio = 0.5,
                "keys {}",
                "fetched"
            );
        });
        let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "warn");
        assert_eq!(line["message"], "keys fetched");
        assert_eq!(line["issuer"], "staff");
        assert_eq!(line["keys"], 3);
        assert_eq!(line["ok"], true);
        assert_eq!(line["ratio"], 0.5);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line.len(), 7);
    }

    #[test]
    fn text_is_readable() {
        let line = said(Level::Info, LineFormat::Text, || {
            tracing::info!(address = %"0.0.0.0:8080", why = "a b", "listening");
        });
        assert!(
            line.ends_with("Z  INFO listening address=0.0.0.0:8080 why=\"a b\"\n"),
            "{line}"
        );
    }

    #[test]
    fn a_lower_level_is_not_written() {
        assert_eq!(
            said(Level::Warn, LineFormat::Json, || tracing::info!("quiet")),
            ""
        );
    }

    #[test]
    fn h15_an_error_text_from_an_issuer_cannot_forge_a_line() {
        for format in [LineFormat::Json, LineFormat::Text] {
            let lines = said(Level::Info, format, || {
                tracing::warn!(error = %"a\n{\"level\":\"error\"}\x1b[2J", "bad\r\ndocument");
            });
            assert_eq!(lines.lines().count(), 1);
            assert!(!lines.contains('\x1b'));
        }
    }
}
