//! The files of a project, from those under `templates/`.

use std::path::Path;

use clap::ValueEnum;

use super::sdk;

/// Cassandra takes no longer names of keyspaces.
const MOST_KEYSPACE: usize = 48;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// Events in, events out
    Handler,
    /// The same, with rows read and written in Cassandra
    Cassandra,
}

/// A file of the project.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the project's folder.
    pub(crate) path: &'static str,
    pub(crate) text: String,
}

impl Template {
    /// The topic that its function reads; a file beside it has events for it.
    pub(crate) fn input(self) -> &'static str {
        match self {
            Self::Handler => "visitors",
            Self::Cassandra => "readings",
        }
    }

    fn files(self) -> &'static [(&'static str, &'static str)] {
        macro_rules! files {
            ($template:literal: $($path:literal)*) => {
                &[
                    ("Cargo.toml", include_str!("../../../templates/Cargo.toml.in")),
                    (".gitignore", include_str!("../../../templates/gitignore")),
                    $(($path, include_str!(concat!("../../../templates/", $template, "/", $path)))),*
                ]
            };
        }
        match self {
            Self::Handler => files!("handler":
                "README.md" "veltrix.toml" "src/lib.rs" "visitors.jsonl"
                "cases/greets/in.jsonl" "cases/greets/out.jsonl"
                "cases/nobody/in.jsonl" "cases/nobody/out.jsonl"),
            Self::Cassandra => files!("cassandra":
                "README.md" "veltrix.toml" "schema.cql" "src/lib.rs" "readings.jsonl"
                "cases/usual-limit/in.jsonl" "cases/usual-limit/out.jsonl"
                "cases/own-limit/rows.jsonl" "cases/own-limit/in.jsonl" "cases/own-limit/out.jsonl"),
        }
    }
}

/// All files of a project of that name, with the SDK in that folder.
pub(crate) fn files(template: Template, name: &str, sdk: &Path) -> Vec<File> {
    let crate_name = name.replace('-', "_");
    let keyspace: String = crate_name.chars().take(MOST_KEYSPACE).collect();
    // A string of JSON is one of TOML, too.
    let path = serde_json::Value::from(sdk.to_string_lossy()).to_string();
    let holes = [("{{name}}", name), ("{{crate}}", &crate_name), ("{{keyspace}}", &keyspace), ("{{sdk}}", &path)];
    let fill = |text: &str| holes.iter().fold(text.to_owned(), |text, (hole, value)| text.replace(hole, value));
    let mut files: Vec<File> = template.files().iter().map(|&(path, text)| File { path, text: fill(text) }).collect();
    files.extend(sdk::lock(sdk).map(|text| File { path: "Cargo.lock", text }));
    files
}

#[cfg(test)]
mod tests {
    use veltrix_manifest::Grant;

    use super::*;

    #[test]
    fn every_hole_is_filled_and_the_manifest_is_good() {
        for template in [Template::Handler, Template::Cassandra] {
            let name = "a-".repeat(30) + "b";
            let files = files(template, &name, Path::new("/x/a \"b\"/sdk/rust"));
            let text = |path: &str| files.iter().find(|file| file.path == path).unwrap().text.as_str();
            assert!(files.iter().all(|file| !file.text.contains("{{")), "{files:?}");
            assert!(text("Cargo.toml").contains(r#"path = "/x/a \"b\"/sdk/rust""#));
            let manifest = veltrix_manifest::parse(text("veltrix.toml"), Path::new("p")).unwrap();
            let function = &manifest.functions[&name];
            assert!(function.module.ends_with(format!("{}.wasm", name.replace('-', "_"))), "{function:?}");
            assert_eq!(manifest.bindings[0].topics, [template.input()]);
            assert!(files.iter().any(|file| file.path == format!("{}.jsonl", template.input())));
            if let Some(cassandra) = manifest.cassandra {
                assert_eq!(cassandra.keyspace.len(), MOST_KEYSPACE);
                assert_eq!(function.cassandra["latest"], Grant::Write);
            }
        }
    }
}
