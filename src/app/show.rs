//! The sink for packets that are shown as they happen: `live` and `demo`.

use super::json::JsonSink;
use super::output::{self, Output};
use super::pipeline::Sink;
use super::stream::StreamSink;
use crate::cli::{Format, Only, OutputChoice};
use crate::explain::Wording;
use crate::render::Explain;

/// What shows the packets. `source` is named in the header of JSON, `interface` in the titles of ladders.
pub(crate) fn as_it_happens(
    choice: &OutputChoice,
    output: Output,
    source: &str,
    interface: Option<&str>,
) -> Box<dyn Sink> {
    if choice.format == Some(Format::Json) {
        return Box::new(JsonSink::new(
            output,
            source,
            choice.only != Some(Only::Connections),
            choice.only != Some(Only::Segments),
        ));
    }
    let style = output::style(choice, &output, Explain::Brief);
    let wording = Wording {
        full: style.explain == Explain::Full,
        raw_seq: choice.raw_seq,
    };
    Box::new(StreamSink::new(
        output,
        style,
        wording,
        interface.map(ToOwned::to_owned),
    ))
}
