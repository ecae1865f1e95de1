//! A source to the texts of its documents, before anything is parsed: as `kubectl` does, so that
//! a broken document never voids the next one.

use super::{Source, Span};

/// The text of one document in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its index in the source, from 0.
    pub document: u32,
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

/// The documents of a source: between lines that are `---` (a comment may follow), and one for
/// each value of a stream of JSON.
pub fn split(source: &Source) -> Vec<Slice> {
    let text = source.text.as_str();
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let parts = json_values(text, start).unwrap_or_else(|| by_separator(text, start));
    (0..)
        .zip(parts)
        .map(|(document, span)| Slice { document, start: span.start, end: span.end })
        .collect()
}

fn by_separator(text: &str, start: usize) -> Vec<Span> {
    let mut parts = Vec::new();
    let (mut from, mut at) = (start, start);
    for line in text.get(start..).unwrap_or("").split_inclusive('\n') {
        let rest = line.strip_prefix("---").map(str::trim);
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#')) {
            // What stands before the first separator is a document only if anything is there.
            if at > from {
                parts.push(Span::new(from, at));
            }
            from = at + line.len();
        }
        at += line.len();
    }
    if at > from {
        parts.push(Span::new(from, at));
    }
    parts
}

/// The values of a stream of JSON objects, which `---` may separate too; none if it is not one.
fn json_values(text: &str, start: usize) -> Option<Vec<Span>> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let mut at = start;
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        if !parts.is_empty() && bytes.get(at..).is_some_and(|rest| rest.starts_with(b"---")) {
            at += 3;
            continue;
        }
        match bytes.get(at) {
            None if parts.is_empty() => return None,
            None => return Some(parts),
            Some(b'{') => {}
            Some(_) => return None,
        }
        let end = end_of_value(bytes, at)?;
        parts.push(Span::new(at, end));
        at = end;
    }
}

/// The byte behind the brace that closes the one here.
fn end_of_value(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}'))?;
        match bytes.get(at)? {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => loop {
                at += 1;
                let rest = bytes.get(at..)?;
                at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
                if bytes.get(at) == Some(&b'"') {
                    break;
                }
                at += 1;
            },
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let source = Source { name: "t".into(), text: text.into() };
        let parts: Vec<&str> = split(&source)
            .iter()
            .map(|slice| Span { start: slice.start, end: slice.end }.of(text).trim())
            .collect();
        assert_eq!(parts, expected, "{text:?}");
    }

    #[test]
    fn as_kubectl() {
        check("", &[]);
        check("a: 1\n---\nb: 2\n", &["a: 1", "b: 2"]);
        check("--- # first\na: 1\n---   \nb: 2", &["a: 1", "b: 2"]);
        check("---\n---\na: 1\n", &["a: 1"]);
        check("a: |\n  ---\n  b\n", &["a: |\n  ---\n  b"]);
        check("a: 1\r\n---\r\nb: 2\r\n", &["a: 1", "b: 2"]);
        check("a: 1\n---b: 2\n", &["a: 1\n---b: 2"]);
        check("\u{feff}a: 1\n", &["a: 1"]);
        check("{\"a\": \"}\"}{\"b\": 2}\n", &["{\"a\": \"}\"}", "{\"b\": 2}"]);
        check("{\"a\": \"\\\"}\"}\n---\n{}\n", &["{\"a\": \"\\\"}\"}", "{}"]);
        check("{a: '}'}\n---\nb: 1\n", &["{a: '}'}", "b: 1"]);
    }
}
