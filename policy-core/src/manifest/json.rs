//! JSON to a tree, without the YAML parser.

use super::tree::{Builder, Scalar, Scratch, SyntaxError, Text, Tree};
use super::{Slice, Span};
use crate::limits;

/// Reads a slice as JSON; none if it is not JSON.
pub(super) fn parse<'s>(
    source: &'s str,
    slice: &Slice,
    scratch: &mut Scratch,
) -> Option<Result<Tree<'s>, SyntaxError>> {
    let text = source.get(..slice.end as usize)?;
    let mut reader = Reader { bytes: text.as_bytes(), text, at: slice.start as usize };
    let mut builder = Builder::new(source, scratch);
    reader.document(&mut builder)?;
    builder.finish(scratch).transpose()
}

struct Reader<'s> {
    bytes: &'s [u8],
    text: &'s str,
    at: usize,
}

impl Reader<'_> {
    fn document(&mut self, builder: &mut Builder<'_>) -> Option<()> {
        loop {
            self.skip_space();
            // A value, or the end of the list or map that is open.
            let start = self.at;
            match self.peek()? {
                b'{' | b'[' => {
                    if builder.depth() >= limits::DEPTH_LEVELS {
                        return None;
                    }
                    let is_map = self.peek() == Some(b'{');
                    self.at += 1;
                    builder.start(is_map, Span::new(start, start));
                    self.skip_space();
                    let close = if is_map { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        self.at += 1;
                        builder.end(Span::new(0, self.at).end);
                    } else {
                        if is_map {
                            self.key(builder)?;
                        }
                        continue;
                    }
                }
                b'"' => {
                    let (text, span) = self.string(builder)?;
                    builder.scalar(Scalar::String(text), span);
                }
                b't' => self.word("true", Scalar::Bool(true), builder)?,
                b'f' => self.word("false", Scalar::Bool(false), builder)?,
                b'n' => self.word("null", Scalar::Null, builder)?,
                b'-' | b'0'..=b'9' => self.number(builder)?,
                _ => return None,
            }
            // What follows a value.
            loop {
                self.skip_space();
                if builder.depth() == 0 {
                    return self.peek().is_none().then_some(());
                }
                let byte = self.peek()?;
                self.at += 1;
                match (byte, builder.is_in_map()) {
                    (b',', true) => {
                        self.skip_space();
                        self.key(builder)?;
                        break;
                    }
                    (b',', false) => break,
                    (b'}', true) | (b']', false) => {
                        builder.end(Span::new(0, self.at).end);
                    }
                    _ => return None,
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn key(&mut self, builder: &mut Builder<'_>) -> Option<()> {
        let (text, span) = self.string(builder)?;
        builder.key(text, span);
        self.skip_space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn word(&mut self, word: &str, scalar: Scalar, builder: &mut Builder<'_>) -> Option<()> {
        let start = self.at;
        if !self.bytes.get(start..)?.starts_with(word.as_bytes()) {
            return None;
        }
        self.at += word.len();
        builder.scalar(scalar, Span::new(start, self.at));
        Some(())
    }

    fn number(&mut self, builder: &mut Builder<'_>) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        if digits.len() > 1 && digits.starts_with('0') && plain {
            return None;
        }
        let scalar = if let Ok(int) = text.parse::<i64>() {
            Scalar::Int(int)
        } else if let Ok(uint) = text.parse::<u64>() {
            Scalar::Uint(uint)
        } else {
            Scalar::Float(serde_json::from_str::<f64>(text).ok()?)
        };
        builder.scalar(scalar, Span::new(start, self.at));
        Some(())
    }

    /// A string, from its first quote to behind its last.
    fn string(&mut self, builder: &mut Builder<'_>) -> Option<(Text, Span)> {
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        self.at += length;
        if self.peek()? == b'"' {
            self.at += 1;
            let text = Text::Source(Span::new(start + 1, self.at - 1));
            return Some((text, Span::new(start, self.at)));
        }
        // Something is escaped: find the end, and let the library decode.
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let quoted = self.text.get(start..self.at)?;
        let decoded: String = serde_json::from_str(quoted).ok()?;
        Some((builder.decoded(&decoded), Span::new(start, self.at)))
    }
}
