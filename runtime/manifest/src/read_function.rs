//! `[function.NAME]` → a draft of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::model::{Function, Grant, Instances, Limits, Secret};
use crate::problem::{Report, Span};
use crate::read::plain;
use crate::section::{Field, Section};
use crate::values;

/// A function, and where that stands which is checked later.
pub(crate) struct DraftFunction {
    pub(crate) function: Function,
    /// Where the module is named, or else the function.
    pub(crate) module: Span,
    pub(crate) grants: Span,
    pub(crate) secrets: Span,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const MILLISECOND: Duration = Duration::from_millis(1);
/// A page, and what a worker grants at most.
const MEMORY: std::ops::RangeInclusive<u64> = 1 << 16..=1 << 30;

pub(crate) fn all(report: &mut Report<'_>, root: &mut Section<'_>, dir: &Path) -> BTreeMap<String, DraftFunction> {
    let mut functions = BTreeMap::new();
    let Some(field) = root.field("function") else { return functions };
    let Some(table) = field.value.get_ref().as_table() else {
        field.problem(report, "must be a table by name", "write [function.NAME]");
        return functions;
    };
    for (key, value) in table {
        let name = key.get_ref().to_string();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
            let message = format!("is no name for a function: {}", crate::section::quoted(&name));
            report.add(&key.span(), message, "use at most 100 letters, digits, `_`, `-`");
            continue;
        }
        let label = format!("[function.{name}]");
        let Some(table) = value.get_ref().as_table() else {
            let field = Field { label, prefix: String::new(), value };
            field.problem(report, "must be a table", "write [function.NAME] with `module` and the rest");
            continue;
        };
        let section = Section::new(label, key.span(), Some(table));
        functions.insert(name.clone(), function(report, section, &name, dir));
    }
    functions
}

fn function(report: &mut Report<'_>, mut section: Section<'_>, name: &str, dir: &Path) -> DraftFunction {
    let header = section.at.clone();
    let module = section.get(report, "module", values::at(values::text("\"target/wasm32-wasip2/release/NAME.wasm\"")));
    let build = section.get(report, "build", values::text("\"cargo build --release --target wasm32-wasip2\""));
    let watch = section.get(report, "watch", values::list("[\"src\"]", values::path(dir, "\"src\"")));
    let emits = section.get(report, "emits", values::list("[\"invoices\"]", values::topic));
    let instances =
        section.get(report, "instances", values::choice(&[("reuse", Instances::Reuse), ("fresh", Instances::Fresh)]));
    let limits = limits(report, &mut section);
    let grants = section.get(report, "cassandra", values::at(values::map("{ stock = \"read\" }", grant)));
    let vars = section.get(
        report,
        "vars",
        values::map("{ warehouse = \"eu-1\" }", |report, field| match field.value.get_ref().as_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                field.expected(report, "a string", "\"…\"");
                None
            }
        }),
    );
    let secrets = section.get(
        report,
        "secrets",
        values::at(values::map("{ token = { env = \"TOKEN\" } }", |report, field| secret(report, field, dir))),
    );
    section.finish(report);

    // A module of one's own is made in a way of one's own: Cargo's defaults go together.
    let is_default = module.is_none();
    let (module, module_at) = match module {
        Some(module) => (values::resolve(dir, &module.value), module.at),
        None => {
            let file = name.replace('-', "_");
            (values::resolve(dir, &format!("target/wasm32-wasip2/release/{file}.wasm")), header.clone())
        }
    };
    let default_build = || is_default.then(|| format!("cargo build --release --target wasm32-wasip2 -p {name}"));
    let default_watch = || if is_default { vec![values::resolve(dir, &format!("{name}/src"))] } else { Vec::new() };
    DraftFunction {
        module: module_at,
        grants: grants.as_ref().map_or(header.clone(), |grants| grants.at.clone()),
        secrets: secrets.as_ref().map_or(header, |secrets| secrets.at.clone()),
        function: Function {
            module,
            build: build.or_else(default_build),
            watch: watch.map_or_else(default_watch, plain),
            emits: emits.map_or_else(Vec::new, plain),
            instances: instances.unwrap_or(Instances::Reuse),
            limits,
            cassandra: grants.map(|grants| grants.value).unwrap_or_default(),
            vars: vars.unwrap_or_default(),
            secrets: secrets.map(|secrets| secrets.value).unwrap_or_default(),
        },
    }
}

fn limits(report: &mut Report<'_>, function: &mut Section<'_>) -> Limits {
    let mut section = function.table(report, "limits", "{ memory = \"64MiB\", cpu = \"200ms\" }");
    let memory = section.get(report, "memory", values::bytes(MEMORY, "\"64MiB\""));
    let cpu = section.get(report, "cpu", values::duration(MILLISECOND..=HOUR, "\"200ms\""));
    let deadline = section.get(report, "deadline", values::duration(MILLISECOND..=DAY, "\"30s\""));
    section.finish(report);
    Limits {
        memory: memory.map_or(64 << 20, std::num::NonZero::get),
        cpu: cpu.unwrap_or(Duration::from_millis(200)),
        deadline: deadline.unwrap_or(Duration::from_secs(30)),
    }
}

fn grant(report: &mut Report<'_>, field: &Field<'_>) -> Option<Grant> {
    let table = field.label.trim_matches('`');
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if table.len() > 222 || !table.chars().all(fits) {
        let fix = "write the table's name alone: letters, digits and `_`; it is one of [cassandra] `keyspace`";
        field.problem(report, "is no name for a table", fix);
        return None;
    }
    values::choice(&[("read", Grant::Read), ("write", Grant::Write), ("read-write", Grant::ReadWrite)])(report, field)
}

fn secret(report: &mut Report<'_>, field: &Field<'_>, dir: &Path) -> Option<Secret> {
    const EXAMPLE: &str = "{ env = \"STOCK_TOKEN\" }";
    let Some(table) = field.value.get_ref().as_table() else {
        // What stands here may be the secret itself: it is not repeated.
        let fix = format!("write for example `{}{EXAMPLE}` or `{{ file = \"…\" }}`", field.prefix);
        field.problem(report, "must be a table that says where the secret is, not the secret", fix);
        return None;
    };
    let mut section = Section::new(format!("secret {}", field.label), field.value.span(), Some(table));
    let env = section.get(report, "env", values::name("an environment variable", "_", 255, "\"STOCK_TOKEN\""));
    let file = section.get(report, "file", values::path(dir, "\"/run/secrets/stock\""));
    section.finish(report);
    if table.contains_key("env") == table.contains_key("file") {
        field.problem(
            report,
            "must have either `env` or `file`",
            format!("write for example `{}{EXAMPLE}`", field.prefix),
        );
        return None;
    }
    env.map(Secret::Env).or(file.map(Secret::File))
}
