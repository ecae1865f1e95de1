//! YAML to a tree. The only file that knows the YAML parser.

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Tag};

use super::scalar::{Plain, resolve};
use super::tree::{Builder, Dropped, NodeId, Scalar, Scratch, SyntaxError, Text, Tree};
use super::{Slice, Span};
use crate::limits;
use crate::map::Map;

/// Reads a slice as YAML; none if there is no document in it.
pub(super) fn parse<'s>(
    source: &'s str,
    slice: &Slice,
    scratch: &mut Scratch,
) -> Result<Option<Tree<'s>>, SyntaxError> {
    let base = slice.start as usize;
    let text = source.get(base..slice.end as usize).unwrap_or("");
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    let mut walk = Walk {
        base,
        text,
        builder: Builder::new(source, scratch),
        anchors: Map::default(),
        keys: Vec::new(),
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| walk.scan_error(&error))?;
        let start = span.start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(start);
        let span = Span::new(base + start, base + end);
        if matches!(event, Event::DocumentEnd) {
            // What follows is not read, as the API machinery does not.
            walk.note_rest(end);
            break;
        }
        walk.event(event, span)?;
    }
    walk.builder.finish(scratch)
}

struct Walk<'s> {
    base: usize,
    text: &'s str,
    builder: Builder<'s>,
    anchors: Map<usize, NodeId>,
    /// For each open map: whether the value that comes next is merged into it.
    keys: Vec<bool>,
}

impl Walk<'_> {
    /// Notes what follows the end of the document, if it is more than comments.
    fn note_rest(&mut self, end: usize) {
        let is_more = |line: &&str| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#') && line != "..." && line != "---"
        };
        let rest = self.text.get(end..).unwrap_or("");
        let mut at = self.base + end;
        for line in rest.split_inclusive('\n') {
            if is_more(&line) {
                let start = at + (line.len() - line.trim_start().len());
                self.builder.drop(Dropped::AfterEnd, Span::new(start, at + line.trim_end().len()));
                return;
            }
            at += line.len();
        }
    }

    fn scan_error(&self, error: &ScanError) -> SyntaxError {
        let at = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let at = (0..=at).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let length = self
            .text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .map_or(0, |c| if c == '\n' { 0 } else { c.len_utf8() });
        let start = self.base + at;
        SyntaxError { span: Span::new(start, start + length), message: error.info() }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(_, anchor, _) => self.start(false, anchor, span),
            Event::MappingStart(_, anchor, _) => self.start(true, anchor, span),
            Event::SequenceEnd => self.end(span),
            Event::MappingEnd => {
                self.keys.pop();
                self.end(span)
            }
            Event::Alias(id) => {
                if self.builder.wants_key() {
                    return Err(error(span, "a key cannot be an alias"));
                }
                let Some(&node) = self.anchors.get(&id) else {
                    return Err(error(span, "unknown anchor referenced"));
                };
                if self.takes_merge() {
                    return self.merge(node, span);
                }
                if self.builder.alias(node) {
                    Ok(())
                } else {
                    Err(error(span, "the value of an anchor contains itself"))
                }
            }
            Event::UnresolvedAlias(name) => {
                Err(error(span, &format!("unknown anchor `{name}` referenced")))
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, is_map: bool, anchor: usize, span: Span) -> Result<(), SyntaxError> {
        if self.builder.wants_key() {
            return Err(error(span, "a key must be a string, a number or a boolean"));
        }
        if self.builder.depth() >= limits::DEPTH_LEVELS {
            let message = format!("nested more than {} levels deep", limits::DEPTH_LEVELS);
            return Err(error(span, &message));
        }
        let node = self.builder.start(is_map, span);
        if is_map {
            self.keys.push(false);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), SyntaxError> {
        // An indented collection ends where the next thing begins: leave out what is between.
        let before = self.text.get(..(span.end as usize).saturating_sub(self.base)).unwrap_or("");
        let end = self.base + before.trim_end().len();
        let is_merged = |walk: &Self| walk.keys.last() == Some(&true) && walk.builder.is_in_map();
        let node = self.builder.end(Span::new(0, end).end);
        match node {
            Some(node) if is_merged(self) => {
                self.builder.take_back(node);
                self.merge(node, span)
            }
            _ => Ok(()),
        }
    }

    fn takes_merge(&self) -> bool {
        self.builder.is_in_map() && self.keys.last() == Some(&true)
    }

    fn merge(&mut self, node: NodeId, span: Span) -> Result<(), SyntaxError> {
        if let Some(last) = self.keys.last_mut() {
            *last = false;
        }
        if self.builder.merge(node) {
            Ok(())
        } else {
            Err(error(span, "map merge requires map or sequence of maps as the value"))
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), SyntaxError> {
        let meaning = meaning(text, style, tag, span)?;
        if self.builder.wants_key() {
            if matches!(meaning, Meaning::Merge)
                && let Some(last) = self.keys.last_mut()
            {
                *last = true;
            }
            let key = match meaning {
                Meaning::Scalar(Scalar::Bool(value)) => value.to_string(),
                Meaning::Scalar(Scalar::Int(value)) => value.to_string(),
                Meaning::Scalar(Scalar::Uint(value)) => value.to_string(),
                Meaning::Scalar(Scalar::Float(value)) => value.to_string(),
                Meaning::Scalar(Scalar::Null) => {
                    return Err(error(span, "a key must not be null"));
                }
                Meaning::Decoded(decoded) => decoded,
                Meaning::Scalar(Scalar::String(_)) | Meaning::Merge => text.to_owned(),
            };
            let key = self.keep(&key, span);
            self.builder.key(key, span);
            return Ok(());
        }
        if self.takes_merge() {
            return Err(error(span, "map merge requires map or sequence of maps as the value"));
        }
        let scalar = match meaning {
            Meaning::Scalar(Scalar::String(_)) | Meaning::Merge => {
                Scalar::String(self.keep(text, span))
            }
            Meaning::Decoded(decoded) => Scalar::String(self.keep(&decoded, span)),
            Meaning::Scalar(other) => other,
        };
        let node = self.builder.scalar(scalar, span);
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
        Ok(())
    }

    /// A string: where it stands in the source, if it stands there as it is.
    fn keep(&mut self, text: &str, span: Span) -> Text {
        let start = (span.start as usize).saturating_sub(self.base);
        let here = self.text.get(start..).unwrap_or("");
        let skip = usize::from(here.starts_with(['"', '\'']));
        if here.get(skip..).is_some_and(|here| here.starts_with(text)) {
            let start = span.start as usize + skip;
            return Text::Source(Span::new(start, start + text.len()));
        }
        self.builder.decoded(text)
    }
}

enum Meaning {
    Scalar(Scalar),
    Decoded(String),
    Merge,
}

fn error(span: Span, message: &str) -> SyntaxError {
    SyntaxError { span, message: message.to_owned() }
}

/// A string, whose text is kept later.
const STRING: Meaning = Meaning::Scalar(Scalar::String(Text::Source(Span { start: 0, end: 0 })));

fn meaning(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    span: Span,
) -> Result<Meaning, SyntaxError> {
    let core = tag.map(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:"));
    let of_plain = |plain: Plain| match plain {
        Plain::Null => Ok(Meaning::Scalar(Scalar::Null)),
        Plain::Bool(value) => Ok(Meaning::Scalar(Scalar::Bool(value))),
        Plain::Int(value) => Ok(Meaning::Scalar(Scalar::Int(value))),
        Plain::Uint(value) => Ok(Meaning::Scalar(Scalar::Uint(value))),
        Plain::Float(value) => Ok(Meaning::Scalar(Scalar::Float(value))),
        Plain::NotInJson(value) => Err(error(span, &format!("json: unsupported value: {value}"))),
        Plain::String => Ok(STRING),
        Plain::Merge => Ok(Meaning::Merge),
    };
    match core.as_ref().map(|suffix| suffix.as_deref()) {
        None if style == ScalarStyle::Plain => of_plain(resolve(text)),
        None | Some(None) | Some(Some("str")) => Ok(STRING),
        Some(Some("binary")) => match base64(text) {
            Some(decoded) => Ok(Meaning::Decoded(decoded)),
            None => Err(error(span, "!!binary value contains invalid base64 data")),
        },
        Some(Some("merge")) => Ok(Meaning::Merge),
        Some(Some(wanted @ ("bool" | "int" | "float" | "null"))) => {
            let plain = resolve(text);
            let fits = match plain {
                Plain::Null => wanted == "null",
                Plain::Bool(_) => wanted == "bool",
                Plain::Int(_) | Plain::Uint(_) => matches!(wanted, "int" | "float"),
                Plain::Float(_) | Plain::NotInJson(_) => wanted == "float",
                Plain::String | Plain::Merge => false,
            };
            if fits {
                of_plain(plain)
            } else {
                Err(error(span, &format!("cannot decode `{text}` as a !!{wanted}")))
            }
        }
        Some(Some(_)) => Ok(STRING),
    }
}

/// Base64 in the standard alphabet, padded, spaces aside; bytes that are no UTF-8 are replaced as
/// Go's JSON encoder does.
fn base64(text: &str) -> Option<String> {
    let symbols: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !symbols.len().is_multiple_of(4) {
        return None;
    }
    let padding = symbols.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(symbols.len() / 4 * 3);
    for group in symbols.chunks(4) {
        let mut bits = 0_u32;
        for symbol in group {
            let six = match symbol {
                b'A'..=b'Z' => symbol - b'A',
                b'a'..=b'z' => symbol - b'a' + 26,
                b'0'..=b'9' => symbol - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => 0,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
        }
        bytes.extend(bits.to_be_bytes().into_iter().skip(1));
    }
    bytes.truncate(bytes.len().saturating_sub(padding));
    let misplaced = symbols.iter().rev().skip(padding).any(|byte| *byte == b'=');
    (!misplaced).then(|| String::from_utf8_lossy(&bytes).into_owned())
}
