//! Licences and sources of all dependencies, by the lists of `deny.toml`: holds also where cargo-deny is not installed.

use std::process::Command;

use serde_json::Value;
use veltrix_tests::build::root;

#[test]
fn every_dependency_has_an_allowed_licence_and_source_and_a_version() {
    let rules = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml is there");
    let rules: toml::Table = rules.parse().expect("deny.toml is TOML");
    let list = |section: &str, key: &str| -> Vec<String> {
        let values = rules[section][key].as_array().expect("a list");
        values.iter().map(|value| value.as_str().expect("a list of strings").to_owned()).collect()
    };
    let licences = list("licenses", "allow");
    let sources: Vec<String> = list("sources", "allow-registry").iter().map(|url| format!("registry+{url}")).collect();

    let mut refused = Vec::new();
    for package in packages() {
        let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
        if !allowed(text(&package["license"]), &licences) {
            refused.push(format!("{name}: licence {}", package["license"]));
        }
        let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ours = package["source"].is_null();
        for wild in dependencies.iter().filter(|on| ours && text(&on["req"]) == "*" && on["path"].is_null()) {
            refused.push(format!("{name}: any version of {}", wild["name"]));
        }
    }
    // Of all platforms; a package of this workspace has no source.
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is there");
    let lock: toml::Table = lock.parse().expect("Cargo.lock is TOML");
    for package in lock["package"].as_array().expect("a list of packages") {
        let source = package.get("source").and_then(toml::Value::as_str);
        if source.is_some_and(|source| !sources.iter().any(|known| known == source)) {
            refused.push(format!("{}: source {source:?}", package["name"]));
        }
    }
    assert!(refused.is_empty(), "not allowed by deny.toml:\n{}", refused.join("\n"));
}

#[test]
fn licence_expressions_are_read_as_written() {
    let allow = ["MIT".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    for good in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND Apache-2.0 WITH LLVM-exception"] {
        assert!(allowed(good, &allow), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR GPL-3.0) AND GPL-3.0", "MIT AND", "(MIT"] {
        assert!(!allowed(bad, &allow), "{bad}");
    }
}

/// What a build on this platform uses; the rest may not be downloaded.
fn packages() -> Vec<Value> {
    let rustc = output(Command::new("rustc").arg("-vV"));
    let rustc = String::from_utf8(rustc).expect("rustc prints UTF-8");
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let metadata = output(
        Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host])
            .current_dir(root()),
    );
    let mut metadata: Value = serde_json::from_slice(&metadata).expect("cargo metadata prints JSON");
    let Value::Array(packages) = metadata["packages"].take() else { panic!("cargo metadata lists packages") };
    packages
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("a tool of Rust runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether an SPDX expression can be met with the licences of `allow` alone.
fn allowed(expression: &str, allow: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, allow) == Some(true) && rest.is_empty()
}

fn any(words: &mut &[&str], allow: &[String]) -> Option<bool> {
    let mut met = all(words, allow)?;
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        met |= all(words, allow)?;
    }
    Some(met)
}

fn all(words: &mut &[&str], allow: &[String]) -> Option<bool> {
    let mut met = one(words, allow)?;
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        met &= one(words, allow)?;
    }
    Some(met)
}

fn one(words: &mut &[&str], allow: &[String]) -> Option<bool> {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let met = any(words, allow)?;
            let [")", rest @ ..] = *words else { return None };
            *words = rest;
            Some(met)
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            Some(allow.iter().any(|known| *known == format!("{licence} WITH {exception}")))
        }
        [licence, rest @ ..] => {
            *words = rest;
            Some(allow.iter().any(|known| known == licence))
        }
        [] => None,
    }
}
