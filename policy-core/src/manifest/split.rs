//! A source to the texts of its documents, before anything is parsed: as `kubectl` does, so that
//! a broken document never voids the next one.

use super::{Source, Span};
use crate::limits;

/// The text of one document in its source, or of one item of a large JSON List.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its index in the source, from 0.
    pub document: u32,
    /// The item's index, and what its List says, where the List was taken apart.
    pub item: Option<Item>,
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

/// An item of a List that was taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its index, from 0.
    pub index: u32,
    /// Where the List's `kind` stands, without quotes.
    pub kind: Span,
    /// Where its `apiVersion` stands; empty if there is none.
    pub api_version: Span,
}

/// The slice that holds an object: that of its document, or its own.
pub(super) fn find(slices: &[Slice], document: u32, item: Option<u32>) -> Option<Slice> {
    let index = |slice: &Slice| slice.item.map(|item| item.index);
    let whole = |slice: &&Slice| slice.document == document && slice.item.is_none();
    let own = slices.binary_search_by_key(&(document, item), |one| (one.document, index(one)));
    let own = own.ok().and_then(|at| slices.get(at));
    own.or_else(|| {
        let from = slices.partition_point(|slice| slice.document < document);
        slices.get(from).filter(whole)
    })
    .copied()
}

/// The documents of a source: between lines that are `---` (a comment may follow), and one for
/// each value of a stream of JSON, of a large List one for each of its items.
pub fn split(source: &Source) -> Vec<Slice> {
    let text = source.text.as_str();
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let parts = json_values(text, start).unwrap_or_else(|| by_separator(text, start));
    let mut slices = Vec::with_capacity(parts.len());
    for (document, Span { start, end }) in (0..).zip(parts) {
        let is_large = (end - start) as usize > limits::LIST_BYTES_READ_WHOLE;
        let list = is_large.then(|| list_items(text, start as usize, end as usize)).flatten();
        let Some(list) = list else {
            slices.push(Slice { document, item: None, start, end });
            continue;
        };
        for (index, span) in (0..).zip(list.items) {
            let item = Item { index, kind: list.kind, api_version: list.api_version };
            slices.push(Slice { document, item: Some(item), start: span.start, end: span.end });
        }
    }
    slices
}

/// A JSON List in its parts.
struct List {
    kind: Span,
    api_version: Span,
    items: Vec<Span>,
}

/// The items of a JSON List, if the value is one and every field of it stands there once.
fn list_items(text: &str, start: usize, end: usize) -> Option<List> {
    let bytes = text.as_bytes().get(..end)?;
    let mut at = start + 1;
    let skip = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    let (mut kind, mut api_version, mut items) = (None, None, None);
    loop {
        at = skip(at);
        let key_end = end_of_string(bytes, at)?;
        let key = bytes.get(at + 1..key_end - 1)?;
        at = skip(key_end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = skip(at + 1);
        let value = at;
        match (key, bytes.get(at)?) {
            (b"items", b'[') if items.is_none() => {
                let mut found = Vec::new();
                at = skip(at + 1);
                while bytes.get(at) != Some(&b']') {
                    if bytes.get(at) != Some(&b'{') {
                        return None;
                    }
                    let item_end = end_of_value(bytes, at)?;
                    found.push(Span::new(at, item_end));
                    at = skip(item_end);
                    match bytes.get(at)? {
                        b',' => {
                            at = skip(at + 1);
                            if bytes.get(at) == Some(&b']') {
                                return None;
                            }
                        }
                        b']' => {}
                        _ => return None,
                    }
                }
                at += 1;
                items = Some(found);
            }
            (b"items", _) => return None,
            (_, b'"') => {
                at = end_of_string(bytes, at)?;
                let inner = Span::new(value + 1, at - 1);
                let is_plain = !inner.of(text).contains('\\');
                let field = match key {
                    b"kind" => Some(&mut kind),
                    b"apiVersion" => Some(&mut api_version),
                    _ => None,
                };
                if let Some(field) = field
                    && (!is_plain || field.replace(inner).is_some())
                {
                    return None;
                }
            }
            (b"kind" | b"apiVersion", _) => return None,
            (_, b'{') => at = end_of_value(bytes, at)?,
            // Lists hold nothing else.
            _ => return None,
        }
        at = skip(at);
        match bytes.get(at)? {
            b',' => at += 1,
            b'}' => break,
            _ => return None,
        }
    }
    let kind = kind.filter(|kind: &Span| kind.of(text).ends_with("List"))?;
    Some(List { kind, api_version: api_version.unwrap_or_default(), items: items? })
}

/// The byte behind the quote that ends the string that begins here.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start) != Some(&b'"') {
        return None;
    }
    let mut at = start + 1;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
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

/// The values of a stream of JSON objects, which `---` may separate too, and what breaks it off as
/// YAML; none if it does not begin as one.
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
            Some(_) => return rest_as_yaml(text, parts, at),
        }
        let Some(end) = end_of_value(bytes, at) else { return rest_as_yaml(text, parts, at) };
        parts.push(Span::new(at, end));
        at = end;
    }
}

/// What begins as a stream of JSON and goes on otherwise: if the first value is JSON, the rest are
/// documents of their own.
fn rest_as_yaml(text: &str, mut parts: Vec<Span>, at: usize) -> Option<Vec<Span>> {
    let first = parts.first()?.of(text);
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok();
    // A line of its own: what a value and a comma before it are the beginning of is one document.
    let is_apart = parts.last().is_some_and(|last| {
        let between = text.get(last.end as usize..at).unwrap_or("");
        between.contains('\n')
    });
    if !is_json || (parts.len() == 1 && !is_apart) {
        return None;
    }
    parts.extend(by_separator(text, at));
    Some(parts)
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
            _ => at = end_of_string(bytes, at)? - 1,
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_its_parts() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let list = list_items(text, 0, text.len());
            let items: Option<Vec<&str>> =
                list.map(|list| list.items.iter().map(|span| span.of(text)).collect());
            assert_eq!(items.as_deref(), expected, "{text}");
        };
        check(
            r#"{"kind":"List","items":[{"a":"]}"}, {"b":1}]}"#,
            Some(&[r#"{"a":"]}"}"#, r#"{"b":1}"#]),
        );
        check(r#"{"items": [], "metadata": {"x": "}"}, "kind": "PodList"}"#, Some(&[]));
        check(r#"{"items":[{}],"kind":"Pod"}"#, None);
        check(r#"{"items":[{}],"items":[],"kind":"List"}"#, None);
        check(r#"{"items":[{},],"kind":"List"}"#, None);
        check(r#"{"items":[1],"kind":"List"}"#, None);
        check(r#"{"items":null,"kind":"List"}"#, None);
        check(r#"{"kind":"List"}"#, None);
        check(r#"{"kind":"Li"#, None);
    }

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
        check("{\"a\": 1}\n{\"b\": 2} c\n", &["{\"a\": 1}", "{\"b\": 2}", "c"]);
        check("{\"a\": 1}\n---\nb: 1\n---\nc: 1\n", &["{\"a\": 1}", "b: 1", "c: 1"]);
    }
}
