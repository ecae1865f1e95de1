//! `netverdict matrix`: who reaches whom, on what.

use std::io::Write;

use policy_core::compile::CompiledPolicy;
use policy_core::query::{Filter, Selection, classes, matrix, pairs};
use policy_core::wire;
use policy_report::{MatrixView, csv_row, matrix_markdown, matrix_text, pair_row};

use crate::Exit;
use crate::args::{Format, MatrixArguments};
use crate::input;
use crate::output::{Failure, columns, print, stdout, style};

pub(crate) fn run(arguments: &MatrixArguments) -> Result<Exit, Failure> {
    let common = &arguments.common;
    let mut input = input::read(common, false)?;
    input.note(common)?;
    let policy = input.compile(common, &arguments.reading);
    drop(input);
    let filter = filter(&policy, arguments)?;
    match (arguments.output, arguments.pairs) {
        (Format::Json, false) => blocks(&policy, &filter)?,
        (Format::Json, true) => rows(&policy, &filter, |from, to, cell| {
            let mut line = serde_json::to_vec(&wire::pair(from, to, cell)).unwrap_or_default();
            line.push(b'\n');
            line
        })?,
        (Format::Csv, _) => {
            print(&csv_row(["from", "to", "allowed", "depends"]))?;
            rows(&policy, &filter, |from, to, cell| pair_row(from, to, cell).into_bytes())?;
        }
        (Format::Text, true) => rows(&policy, &filter, |from, to, cell| {
            let row = pair_row(from, to, cell);
            row.into_bytes()
        })?,
        (Format::Text, false) => {
            let view = MatrixView { columns: columns(), lines: arguments.lines };
            let style = style(common.color, &std::io::stdout());
            print(&matrix_text(&policy, &filter, view, style))?;
        }
        (Format::Markdown, _) => print(&matrix_markdown(&policy, &filter))?,
    }
    Ok(Exit::Done)
}

fn filter(policy: &CompiledPolicy, arguments: &MatrixArguments) -> Result<Filter, Failure> {
    let cluster = policy.cluster();
    if !arguments.only_namespace.is_empty() {
        for name in &arguments.only_namespace {
            if cluster.find_namespace(name).is_none() {
                return Err(Failure::Said(format!("namespace `{name}` was not read")));
            }
        }
        let chosen = Selection::of_namespaces(cluster, &arguments.only_namespace);
        return Ok(Filter { from: Some(chosen.clone()), to: Some(chosen) });
    }
    let side = |names: &[String]| match names {
        [] => Ok(None),
        names => match Selection::of(cluster, names) {
            Ok(chosen) => Ok(Some(chosen)),
            Err(error) => Err(Failure::Said(error.to_string())),
        },
    };
    Ok(Filter { from: side(&arguments.from)?, to: side(&arguments.to)? })
}

/// The document of classes, blocks and counts, streamed.
fn blocks(policy: &CompiledPolicy, filter: &Filter) -> Result<(), Failure> {
    let mut out = stdout();
    write!(out, "{{\"apiVersion\":\"{}\",\"classes\":[", wire::API_VERSION)?;
    for (at, class) in classes(policy, filter).iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut out, &wire::class(class, policy.cluster()))?;
    }
    out.write_all(b"\n],\"blocks\":[")?;
    let mut first = true;
    let mut failed = None;
    let counts = matrix(policy, filter, |block| {
        if failed.is_some() {
            return;
        }
        let start: &[u8] = if first { b"\n" } else { b",\n" };
        first = false;
        let written = out.write_all(start).and_then(|()| wire::write_block(&mut out, block));
        failed = written.err();
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    out.write_all(b"\n],\"counts\":")?;
    serde_json::to_writer(&mut out, &wire::counts(counts))?;
    out.write_all(b"}\n")?;
    out.flush()?;
    Ok(())
}

fn rows(
    policy: &CompiledPolicy,
    filter: &Filter,
    line: impl Fn(
        &policy_core::query::PairEnd<'_>,
        &policy_core::query::PairEnd<'_>,
        &policy_core::compile::Cell,
    ) -> Vec<u8>,
) -> Result<(), Failure> {
    let mut out = stdout();
    let mut failed = None;
    pairs(policy, filter, |from, to, cell| {
        if failed.is_none() {
            failed = out.write_all(&line(from, to, cell)).err();
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    out.flush()?;
    Ok(())
}
